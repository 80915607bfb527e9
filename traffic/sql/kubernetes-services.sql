-- Each Kubernetes Service that selects pods: its ports, how it distributes traffic, and what the groups that it selects receive within the cluster:
-- the bytes, those across Availability Zones, and what these cost at both ends.
--   :from, :to   the time range; of the named query the last 30 days
--   :cluster     the cluster; (all) for all of them
-- The bytes are those of the groups, whether they came through the Service or not, and replies to the calls of a group are among them. A group that two
-- Services select counts in the row of each: `shared_groups` is how many of the groups another Service selects too, so rows with shared groups do not add up.
-- The Services are those of the cluster's newest listing that has any, in the last day of the range.
WITH
services AS (
  SELECT
    l.cluster, l.namespace, l.name, l.service_type, l.headless, l.ports, l.traffic_distribution, l.internal_traffic_policy, l.topology_mode,
    l.selected_groups, l.namespace || chr(31) || split_part(g.selected, '/', 1) || chr(31) || split_part(g.selected, '/', 2) AS who,
    count(*) OVER (PARTITION BY l.cluster, l.namespace, g.selected) AS services,
    min(l.cluster) OVER () = max(l.cluster) OVER () AS in_the_only_cluster
  FROM (
    SELECT *, rank() OVER (PARTITION BY cluster ORDER BY observed_at DESC) AS age_rank
    FROM pods
    WHERE kind = 'service' AND ':cluster' IN ('(all)', cluster)
      AND dt BETWEEN substr(CAST(:to - INTERVAL '1' DAY AS varchar), 1, 10) AND substr(CAST(:to AS varchar), 1, 10)
      AND dt || ' ' || hour BETWEEN substr(CAST(:to - INTERVAL '1' DAY AS varchar), 1, 13) AND substr(CAST(:to AS varchar), 1, 13)
  ) AS l
  CROSS JOIN UNNEST(l.selected_groups) AS g (selected)
  WHERE l.age_rank = 1
),
received AS (
  SELECT
    coalesce(cluster, '') AS cluster, dst_namespace || chr(31) || dst_group_kind || chr(31) || dst_group AS who, sum(bytes) AS bytes,
    sum(CASE WHEN cross_az THEN bytes ELSE 0 END) AS cross_az_bytes, sum(usd_out + usd_in) AS usd
  FROM cross_az_traffic
  WHERE scope = 'cluster' AND hour >= :from AND hour < :to AND ':cluster' IN ('(all)', cluster)
  GROUP BY cluster, dst_namespace || chr(31) || dst_group_kind || chr(31) || dst_group
)
SELECT
  s.cluster, s.namespace, s.name AS service, s.service_type AS type, s.ports, s.traffic_distribution, s.internal_traffic_policy, s.topology_mode, s.headless,
  s.selected_groups, count(DISTINCT CASE WHEN s.services > 1 THEN s.who END) AS shared_groups,
  CAST(sum(coalesce(r.bytes, 0)) AS bigint) AS bytes, CAST(sum(coalesce(r.cross_az_bytes, 0)) AS bigint) AS cross_az_bytes,
  round(sum(coalesce(r.usd, 0)), 4) AS usd
FROM services AS s
-- Rows from before the table had clusters are of the only one, if there still is one only.
LEFT JOIN received AS r ON r.who = s.who AND (r.cluster = s.cluster OR r.cluster = '' AND s.in_the_only_cluster)
GROUP BY
  s.cluster, s.namespace, s.name, s.service_type, s.ports, s.traffic_distribution, s.internal_traffic_policy, s.topology_mode, s.headless, s.selected_groups
ORDER BY usd DESC, s.cluster, s.namespace, s.name
LIMIT 200
