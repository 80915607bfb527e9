-- What leaves the VPC and comes back, by path: each NAT gateway, and internet, peering and other gateways. Beside the cost of crossing zones
-- to a NAT gateway: what the gateway costs for each GB that it processes, in both directions, and what data out to the internet costs.
--   :from, :to                the time range; of the named query the last 30 days
--   :cluster                  the cluster; (all) for all of them
--   :nat_usd_per_gb           the price of a GB that a NAT gateway processes; NULL if it is not known
--   :internet_usd_per_gb      the price of a GB to the internet, the first tier; NULL if it is not known
-- What goes to a public address through the VPC goes through a NAT gateway or an instance that is not known here: `usd_processed` is null, and
-- what comes back is among what comes from `(outside)`, as no record says which way that came.
-- What goes through a NAT gateway may stay at AWS, for example in S3, and then costs nothing on the internet. So `usd_internet` is the most it can be.
SELECT
  cluster, kind, path, src_namespace, src_group,
  CAST(sum(sent) AS bigint) AS sent_bytes, CAST(sum(received) AS bigint) AS received_bytes,
  round(sum(usd), 4) AS usd_across_zones,
  round(CASE WHEN kind = 'NatGateway' THEN CAST(sum(sent + received) AS double) / 1073741824 * CAST(:nat_usd_per_gb AS double)
    WHEN path <> '(public address, through the VPC)' THEN CAST(0 AS double) END, 4) AS usd_processed,
  round(CASE WHEN kind = 'NatGateway' OR path IN ('(internet gateway)', '(internet or gateway endpoint)', '(public address, through the VPC)')
    THEN CAST(sum(sent) AS double) / 1073741824 * CAST(:internet_usd_per_gb AS double) ELSE CAST(0 AS double) END, 4) AS usd_internet
FROM (
  SELECT cluster, dst_group_kind AS kind, dst_group AS path, src_namespace, src_group, bytes AS sent, CAST(0 AS bigint) AS received, usd_out + usd_in AS usd
  FROM cross_az_traffic
  WHERE scope = 'egress' AND dst_group_kind IN ('NatGateway', 'Outside') AND hour >= :from AND hour < :to AND ':cluster' IN ('(all)', cluster)
  UNION ALL
  SELECT cluster, src_group_kind AS kind, src_group AS path, dst_namespace AS src_namespace, dst_group AS src_group, CAST(0 AS bigint) AS sent, bytes AS received, usd_out + usd_in AS usd
  FROM cross_az_traffic
  WHERE scope = 'ingress' AND src_group_kind IN ('NatGateway', 'Outside') AND hour >= :from AND hour < :to AND ':cluster' IN ('(all)', cluster)
) AS ends
GROUP BY cluster, kind, path, src_namespace, src_group
ORDER BY sent_bytes + received_bytes DESC, cluster, path, src_namespace, src_group
LIMIT 100
