-- What each group of pods pays for crossing Availability Zones: for what it sends the price of leaving a zone, for what it receives that of
-- entering one. The group is a label, such as one of teams, or a workload (docs/cross-az-traffic/deploy.md, `groupLabels`).
--   :from, :to   the time range; of the named query the last 30 days
--   :cluster     the cluster; (all) for all of them
-- What a service in the VPC pays for its own end is paid by the group that uses it.
SELECT
  cluster, namespace, kind, workload,
  CAST(sum(bytes) AS bigint) AS bytes,
  CAST(sum(CASE WHEN cross_az THEN bytes ELSE 0 END) AS bigint) AS cross_az_bytes,
  round(CAST(sum(CASE WHEN NOT cross_az THEN bytes ELSE 0 END) AS double)
    / nullif(CAST(sum(CASE WHEN cross_az IS NOT NULL THEN bytes ELSE 0 END) AS double), 0), 4) AS in_zone_share,
  round(sum(CASE WHEN scope = 'cluster' THEN usd ELSE 0 END), 4) AS usd_in_the_cluster,
  round(sum(CASE WHEN scope IN ('egress', 'ingress') THEN usd ELSE 0 END), 4) AS usd_with_services,
  round(sum(CASE WHEN scope = 'clusters' THEN usd ELSE 0 END), 4) AS usd_with_clusters,
  round(sum(usd), 4) AS usd
FROM (
  SELECT
    cluster, src_namespace AS namespace, src_group_kind AS kind, src_group AS workload, scope, cross_az, bytes,
    CASE WHEN scope IN ('cluster', 'clusters') THEN usd_out ELSE usd_out + usd_in END AS usd
  FROM cross_az_traffic
  WHERE scope IN ('cluster', 'clusters', 'egress') AND hour >= :from AND hour < :to
  UNION ALL
  SELECT
    CASE scope WHEN 'clusters' THEN peer_cluster ELSE cluster END AS cluster, dst_namespace AS namespace, dst_group_kind AS kind, dst_group AS workload, scope, cross_az, bytes,
    CASE WHEN scope IN ('cluster', 'clusters') THEN usd_in ELSE usd_out + usd_in END AS usd
  FROM cross_az_traffic
  WHERE scope IN ('cluster', 'clusters', 'ingress') AND hour >= :from AND hour < :to
) AS ends
WHERE ':cluster' IN ('(all)', cluster)
GROUP BY cluster, namespace, kind, workload
ORDER BY usd DESC, cluster, namespace, workload, kind
