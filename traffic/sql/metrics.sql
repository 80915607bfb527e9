-- The values that the state machine puts into CloudWatch, of each cluster. For each of the three hours before :until: the bytes that crossed Availability
-- Zones, the bytes that did not, the cost, and the :pairs pairs of groups with the most bytes across zones. And of a run at the present,
-- with the time of the run, for alarms: how many records it read of the last hour, how old the newest record is, the share of bytes with
-- an `(unknown)` end, and the cost of the 24 hours before :until. The records are those of all clusters. What two clusters send to each other
-- is of the sender's, and only in the share and in the cost; if the sender's is not known, of the receiver's. What is of no known cluster, or was
-- stored before the table had clusters, is of the first one.
--
-- A row is a datum of PutMetricData. The value of an hour is the sum of the hour. A later run puts the same value again, or a larger one if
-- late files have arrived: use the statistic Maximum. An hour without traffic has zeros, so that a graph has no gap. An hour that is too
-- old has no row: CloudWatch refuses values that are older than two weeks.
--
-- Parameters, replaced in the text before it runs
--   :until     the end of the window, a full hour in UTC, such as 2026-05-04 12:00:00
--   :records   the records of the last hour, and
--   :age       the age of the newest record in seconds: columns of check-inputs.sql
--   :clusters  the clusters that are listed, as a list of SQL
--   :pairs     how many pairs for each hour and cluster
--   :days      the greatest age of an hour, in days
--
-- One statement for Athena (engine version 3) and DuckDB: it uses only what both have. It scans a day of the table, three times.
WITH
last_day AS (
  SELECT
    CASE
      WHEN cluster IS NULL OR cluster = '(unknown)' AND peer_cluster NOT IN (:clusters) THEN ARRAY[:clusters][1]
      WHEN cluster = '(unknown)' THEN peer_cluster
      ELSE cluster
    END AS cluster,
    hour, scope, cross_az, bytes, usd_out + usd_in AS usd, src_group_kind = 'Unknown' OR dst_group_kind = 'Unknown' AS is_unknown,
    CASE WHEN src_namespace = '' THEN src_group ELSE src_namespace || '/' || src_group END AS source,
    CASE WHEN dst_namespace = '' THEN dst_group ELSE dst_namespace || '/' || dst_group END AS destination,
    hour >= TIMESTAMP ':until' - INTERVAL '3' HOUR AS in_window
  FROM cross_az_traffic
  WHERE hour >= TIMESTAMP ':until' - INTERVAL '24' HOUR AND hour < TIMESTAMP ':until'
),
traffic AS (
  SELECT cluster, hour, cross_az, bytes, usd, source, destination
  FROM last_day
  WHERE in_window AND scope = 'cluster'
),
hours AS (
  SELECT c.cluster, CAST(TIMESTAMP ':until' - ago * INTERVAL '1' HOUR AS timestamp(6)) AS hour
  FROM (VALUES (1), (2), (3)) AS window_hours (ago)
  CROSS JOIN UNNEST(ARRAY[:clusters]) AS c (cluster)
  WHERE TIMESTAMP ':until' - ago * INTERVAL '1' HOUR > CAST(current_timestamp AS timestamp) - INTERVAL ':days' DAY
),
totals AS (
  SELECT
    hours.cluster, hours.hour,
    CAST(coalesce(sum(CASE WHEN cross_az THEN bytes END), 0) AS bigint) AS cross_az_bytes,
    CAST(coalesce(sum(CASE WHEN NOT cross_az THEN bytes END), 0) AS bigint) AS in_zone_bytes,
    coalesce(sum(usd), CAST(0 AS double)) AS usd
  FROM hours
  LEFT JOIN traffic ON traffic.hour = hours.hour AND traffic.cluster = hours.cluster
  GROUP BY hours.cluster, hours.hour
),
pairs AS (
  SELECT
    cluster, hour, source, destination, bytes,
    row_number() OVER (PARTITION BY cluster, hour ORDER BY bytes DESC, source, destination) AS place
  FROM (
    SELECT cluster, hour, source, destination, CAST(sum(bytes) AS bigint) AS bytes
    FROM traffic
    WHERE cross_az AND cluster IN (:clusters) AND hour IN (SELECT hour FROM hours)
    GROUP BY cluster, hour, source, destination
  ) AS sums
),
run AS (
  SELECT
    c.cluster, CAST(current_timestamp AS timestamp) AS moment, coalesce(sum(d.usd), CAST(0 AS double)) AS usd,
    100 * CAST(sum(CASE WHEN d.in_window AND d.is_unknown THEN d.bytes ELSE 0 END) AS double)
      / nullif(CAST(sum(CASE WHEN d.in_window THEN d.bytes ELSE 0 END) AS double), 0) AS unknown_percent
  FROM UNNEST(ARRAY[:clusters]) AS c (cluster)
  LEFT JOIN last_day AS d ON d.cluster = c.cluster
  GROUP BY c.cluster
),
data AS (
  SELECT hour AS moment, 'CrossAzBytes' AS metric, 'Bytes' AS unit, CAST(cross_az_bytes AS varchar) AS value, '(all)' AS source, '(all)' AS destination, cluster FROM totals
  UNION ALL
  SELECT hour AS moment, 'InZoneBytes' AS metric, 'Bytes' AS unit, CAST(in_zone_bytes AS varchar) AS value, '(all)' AS source, '(all)' AS destination, cluster FROM totals
  UNION ALL
  SELECT hour AS moment, 'CrossAzUsd' AS metric, 'None' AS unit, CAST(usd AS varchar) AS value, '(all)' AS source, '(all)' AS destination, cluster FROM totals
  UNION ALL
  SELECT hour AS moment, 'CrossAzBytes' AS metric, 'Bytes' AS unit, CAST(bytes AS varchar) AS value, source, destination, cluster FROM pairs WHERE place <= :pairs
  UNION ALL
  SELECT
    run.moment, m.metric, m.unit,
    CASE m.metric
      WHEN 'RecordsRead' THEN ':records'
      WHEN 'NewestRecordAge' THEN ':age'
      WHEN 'UnknownShare' THEN CAST(coalesce(run.unknown_percent, CAST(0 AS double)) AS varchar)
      ELSE CAST(run.usd AS varchar)
    END AS value,
    '(all)' AS source, '(all)' AS destination, run.cluster
  FROM run
  CROSS JOIN (VALUES ('RecordsRead', 'Count'), ('NewestRecordAge', 'Seconds'), ('UnknownShare', 'Percent'), ('CrossAzUsdLastDay', 'None')) AS m (metric, unit)
  WHERE TIMESTAMP ':until' > CAST(current_timestamp AS timestamp) - INTERVAL '3' HOUR
)
SELECT replace(substr(CAST(moment AS varchar), 1, 19), ' ', 'T') || 'Z' AS at, metric, unit, value, source, destination, cluster
FROM data
ORDER BY moment, cluster, metric, source, destination
