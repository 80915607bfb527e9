-- Bytes and cost within each cluster from each Availability Zone to each other. The chart of zones draws these rows.
--   :from, :to   the time range; of the named query the last 24 hours
--   :cluster     the cluster; (all) for all of them
SELECT cluster, src_az_id, dst_az_id, sum(bytes) AS bytes, sum(usd_out + usd_in) AS usd
FROM cross_az_traffic
WHERE scope = 'cluster' AND hour >= :from AND hour < :to AND ':cluster' IN ('(all)', cluster)
GROUP BY cluster, src_az_id, dst_az_id
ORDER BY cluster, src_az_id, dst_az_id
