-- Each service in the VPC that pods talk to, by zone: databases, caches, brokers, load balancers, NAT gateways, endpoints, instances that are
-- no cluster's. What crosses zones to and from it, what that costs, and what there is to do about it.
--   :from, :to   the time range; of the named query the last 30 days
--   :cluster     the cluster; (all) for all of them
SELECT
  cluster, kind, name, az_id,
  CAST(sum(CASE WHEN scope = 'egress' THEN bytes ELSE 0 END) AS bigint) AS sent_bytes,
  CAST(sum(CASE WHEN scope = 'ingress' THEN bytes ELSE 0 END) AS bigint) AS received_bytes,
  CAST(sum(CASE WHEN cross_az THEN bytes ELSE 0 END) AS bigint) AS cross_az_bytes,
  round(sum(usd), 4) AS usd,
  CASE
    WHEN sum(usd) = 0 THEN ''
    WHEN kind = 'NatGateway' THEN 'a NAT gateway in each zone, and a route table for each'
    WHEN kind = 'NetworkLoadBalancer' THEN 'a node of the balancer in each zone, dns_record.client_routing_policy, no cross-zone load balancing'
    WHEN kind = 'MSK' THEN 'client.rack of consumers, with the replica selector RackAwareReplicaSelector'
    WHEN kind IN ('RDS', 'ElastiCache') THEN 'read from a replica in the zone'
    ELSE 'an end in each zone'
  END AS what_to_do
FROM (
  SELECT
    cluster, scope, CASE scope WHEN 'egress' THEN dst_group_kind ELSE src_group_kind END AS kind, CASE scope WHEN 'egress' THEN dst_group ELSE src_group END AS name,
    CASE scope WHEN 'egress' THEN dst_az_id ELSE src_az_id END AS az_id, bytes, cross_az, usd_out + usd_in AS usd
  FROM cross_az_traffic
  WHERE scope IN ('egress', 'ingress') AND hour >= :from AND hour < :to AND ':cluster' IN ('(all)', cluster)
) AS ends
WHERE kind <> 'Outside'
GROUP BY cluster, kind, name, az_id
ORDER BY usd DESC, cluster, kind, name, az_id
