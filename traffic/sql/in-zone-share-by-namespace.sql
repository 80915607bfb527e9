-- By namespace: the share that stayed in its zone, of all bytes that the pods sent to the cluster's pods and nodes. No flow log has traffic
-- within a node, so the share does not count it.
--   :from, :to   the time range; of the named query the last seven days
--   :cluster     the cluster; (all) for all of them
SELECT
  cluster, src_namespace AS namespace,
  sum(bytes) AS bytes,
  sum(CASE WHEN cross_az THEN bytes ELSE 0 END) AS cross_az_bytes,
  round(CAST(sum(CASE WHEN NOT cross_az THEN bytes ELSE 0 END) AS double) / nullif(CAST(sum(bytes) AS double), 0), 4) AS in_zone_share,
  round(sum(usd_out + usd_in), 4) AS usd
FROM cross_az_traffic
WHERE scope = 'cluster' AND hour >= :from AND hour < :to AND ':cluster' IN ('(all)', cluster)
GROUP BY cluster, src_namespace
ORDER BY usd DESC, cluster, namespace
