-- The pairs of groups, also with services in the VPC, with the highest cost across Availability Zones.
-- `peer_cluster` is the receiver's, if it is another.
--   :from, :to   the time range; of the named query the last seven days
--   :cluster     the cluster of one of the two; (all) for all of them
SELECT
  cluster, src_namespace, src_group, peer_cluster, dst_namespace, dst_group,
  sum(bytes) AS cross_az_bytes,
  round(sum(usd_out + usd_in), 4) AS usd
FROM cross_az_traffic
WHERE cross_az AND hour >= :from AND hour < :to AND ':cluster' IN ('(all)', cluster, peer_cluster)
GROUP BY cluster, src_namespace, src_group, peer_cluster, dst_namespace, dst_group
ORDER BY usd DESC, cross_az_bytes DESC, cluster, src_namespace, src_group, dst_namespace, dst_group
LIMIT 20
