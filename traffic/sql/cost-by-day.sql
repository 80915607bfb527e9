-- The cost of traffic across Availability Zones by day, in the cluster and with services in the VPC, at the price with which each hour was
-- stored.
-- What crosses zones between two clusters is of the sender's.
--   :from, :to   the time range; of the named query the last thirty days
--   :cluster     the cluster; (all) for all of them
SELECT
  CAST(hour AS date) AS day, cluster,
  sum(CASE WHEN cross_az THEN bytes ELSE 0 END) AS cross_az_bytes,
  round(sum(usd_out), 4) AS usd_out,
  round(sum(usd_in), 4) AS usd_in,
  round(sum(CASE WHEN scope = 'cluster' THEN usd_out + usd_in ELSE 0 END), 4) AS usd_in_the_cluster,
  round(sum(usd_out + usd_in), 4) AS usd
FROM cross_az_traffic
WHERE hour >= :from AND hour < :to AND ':cluster' IN ('(all)', cluster)
GROUP BY CAST(hour AS date), cluster
ORDER BY day, cluster
