-- By namespace, for the last seven days: the share that stayed in its zone, of all bytes that the pods sent to the cluster's pods and
-- nodes. No flow log has traffic within a node, so the share does not count it.
SELECT
  src_namespace AS namespace,
  sum(bytes) AS bytes,
  sum(CASE WHEN cross_az THEN bytes ELSE 0 END) AS cross_az_bytes,
  round(CAST(sum(CASE WHEN NOT cross_az THEN bytes ELSE 0 END) AS double) / nullif(CAST(sum(bytes) AS double), 0), 4) AS in_zone_share,
  round(sum(usd_out + usd_in), 4) AS usd
FROM cross_az_traffic
WHERE scope = 'cluster' AND hour >= CAST(current_timestamp AS timestamp) - INTERVAL '7' DAY
GROUP BY src_namespace
ORDER BY usd DESC, namespace
