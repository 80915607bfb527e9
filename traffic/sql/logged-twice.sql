-- Interfaces that two flow logs log at the same time, in what was delivered in the last 24 hours to the folder that is read. The table has
-- their bytes and dollars twice. No row means that each is logged once. docs/cross-az-traffic/existing-flow-logs.md says what to do.
--
-- A file has the ID of its flow log in its name (VPC User Guide, "Flow log files"), and "$path" is the file of a row (Trino documentation,
-- "Hive connector", special columns).
-- A flow log that took the place of another begins after the other's last record, so it is not here.
WITH
logs AS (
  SELECT
    interface_id, regexp_extract("$path", '_vpcflowlogs_[^/]*_(fl-[0-9a-f]+)_', 1) AS flow_log_id,
    min(start) AS first_s, max("end") AS last_s, count(*) AS records
  FROM flow_logs
  WHERE year IN (substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 1, 4), substr(CAST(current_timestamp AS varchar), 1, 4))
    AND month IN (substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 6, 2), substr(CAST(current_timestamp AS varchar), 6, 2))
    AND day IN (substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 9, 2), substr(CAST(current_timestamp AS varchar), 9, 2))
    AND year || '-' || month || '-' || day || ' ' || hour
      BETWEEN substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 1, 13) AND substr(CAST(current_timestamp AS varchar), 1, 13)
    AND log_status = 'OK' AND action = 'ACCEPT'
    --vpc AND coalesce(nullif(vpc_id, '-'), ':vpc_id') = ':vpc_id'
  GROUP BY interface_id, regexp_extract("$path", '_vpcflowlogs_[^/]*_(fl-[0-9a-f]+)_', 1)
),
beside AS (
  -- With the one that lasts longest of those that began before. Not a join of logs with itself: Athena would scan twice.
  SELECT
    interface_id, flow_log_id, first_s, last_s, records,
    max_by(flow_log_id, last_s) OVER earlier AS earlier_flow_log_id, max(last_s) OVER earlier AS earlier_last_s
  FROM logs
  WINDOW earlier AS (PARTITION BY interface_id ORDER BY first_s, flow_log_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT
  interface_id, earlier_flow_log_id, flow_log_id,
  TIMESTAMP '1970-01-01 00:00:00' + first_s * INTERVAL '1' SECOND AS since,
  TIMESTAMP '1970-01-01 00:00:00' + least(last_s, earlier_last_s) * INTERVAL '1' SECOND AS until, records
FROM beside
WHERE first_s < earlier_last_s
ORDER BY since, interface_id, flow_log_id
