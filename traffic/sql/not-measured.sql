-- What the flow logs report as not captured, by hour and interface, in what was delivered in the last 24 hours: records of status
-- SKIPDATA. Each stands for an interval with flows that were not captured. No row means that nothing was missed.
SELECT
  year || '-' || month || '-' || day || ' ' || hour AS delivered, interface_id, max(instance_id) AS instance_id, count(*) AS skipped
FROM flow_logs
WHERE log_status = 'SKIPDATA'
  --vpc AND coalesce(nullif(vpc_id, '-'), ':vpc_id') = ':vpc_id'
  AND year IN (substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 1, 4), substr(CAST(current_timestamp AS varchar), 1, 4))
  AND month IN (substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 6, 2), substr(CAST(current_timestamp AS varchar), 6, 2))
  AND day IN (substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 9, 2), substr(CAST(current_timestamp AS varchar), 9, 2))
  AND year || '-' || month || '-' || day || ' ' || hour
    BETWEEN substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 1, 13) AND substr(CAST(current_timestamp AS varchar), 1, 13)
GROUP BY year, month, day, hour, interface_id
ORDER BY skipped DESC, delivered, interface_id
