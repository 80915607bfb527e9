-- For each pair of groups of one cluster with traffic across Availability Zones: what it costs a month, both directions together, and how much of that
-- would stay in its zone if the pods of one asked pods of the other in their own zone, where there are any. That is what trafficDistribution
-- (PreferClose, in Kubernetes 1.34 also PreferSameZone) on the Service does.
--   :from, :to   the time range; of the named query the last 30 days
--   :cluster     the cluster; (all) for all of them
-- `a_saves_usd` is for a Service in front of `a`, which `b` calls; `b_saves_usd` for one in front of `b`. Only you know who calls whom. A group
-- is in a zone if it sent or received there in the time range. A month has 730 hours; the range has as many hours as the table has of it.
WITH
traffic AS (
  SELECT
    coalesce(cluster, '') AS cluster, hour, src_namespace || chr(31) || src_group_kind || chr(31) || src_group AS src, src_az_id,
    dst_namespace || chr(31) || dst_group_kind || chr(31) || dst_group AS dst, dst_az_id, cross_az, bytes, usd_out + usd_in AS usd
  FROM cross_az_traffic
  WHERE scope = 'cluster' AND src_group_kind NOT IN ('Node', 'Unknown') AND dst_group_kind NOT IN ('Node', 'Unknown')
    AND hour >= :from AND hour < :to AND ':cluster' IN ('(all)', cluster)
),
places AS (
  SELECT cluster, src AS who, src_az_id AS az_id FROM traffic
  UNION
  SELECT cluster, dst AS who, dst_az_id AS az_id FROM traffic
),
stored AS (
  -- Also hours in which no pod talked to another.
  SELECT CAST(count(DISTINCT hour) AS double) AS hours
  FROM cross_az_traffic
  WHERE hour >= :from AND hour < :to
),
crossing AS (
  -- Both directions of a pair are one row, with the smaller name as `a`.
  SELECT
    cluster, CASE WHEN src <= dst THEN src ELSE dst END AS a, CASE WHEN src <= dst THEN src_az_id ELSE dst_az_id END AS a_az_id,
    CASE WHEN src <= dst THEN dst ELSE src END AS b, CASE WHEN src <= dst THEN dst_az_id ELSE src_az_id END AS b_az_id,
    sum(bytes) AS bytes, sum(usd) AS usd
  FROM traffic
  WHERE cross_az
  GROUP BY
    cluster, CASE WHEN src <= dst THEN src ELSE dst END, CASE WHEN src <= dst THEN src_az_id ELSE dst_az_id END,
    CASE WHEN src <= dst THEN dst ELSE src END, CASE WHEN src <= dst THEN dst_az_id ELSE src_az_id END
),
pairs AS (
  SELECT
    c.cluster, c.a, c.b, CAST(sum(c.bytes) AS bigint) AS cross_az_bytes,
    730 / max(s.hours) * sum(c.usd) AS usd,
    730 / max(s.hours) * sum(CASE WHEN near_b.who IS NULL THEN 0 ELSE c.usd END) AS a_saves_usd,
    730 / max(s.hours) * sum(CASE WHEN near_a.who IS NULL THEN 0 ELSE c.usd END) AS b_saves_usd
  FROM crossing AS c
  CROSS JOIN stored AS s
  LEFT JOIN places AS near_b ON near_b.cluster = c.cluster AND near_b.who = c.a AND near_b.az_id = c.b_az_id
  LEFT JOIN places AS near_a ON near_a.cluster = c.cluster AND near_a.who = c.b AND near_a.az_id = c.a_az_id
  GROUP BY c.cluster, c.a, c.b
)
SELECT
  cluster, split_part(a, chr(31), 1) AS a_namespace, split_part(a, chr(31), 3) AS a_group,
  split_part(b, chr(31), 1) AS b_namespace, split_part(b, chr(31), 3) AS b_group,
  cross_az_bytes, round(usd, 2) AS usd_a_month, round(a_saves_usd, 2) AS a_saves_usd, round(b_saves_usd, 2) AS b_saves_usd,
  CASE
    WHEN split_part(a, chr(31), 2) = 'StatefulSet' OR split_part(b, chr(31), 2) = 'StatefulSet'
      THEN 'zone-aware routing in the client: the pods of a StatefulSet are not alike'
    WHEN a_saves_usd = 0 AND b_saves_usd = 0 THEN 'pods in more zones: they have none in common'
    WHEN a_saves_usd < 0.8 * usd AND b_saves_usd < 0.8 * usd THEN 'trafficDistribution, and pods in more zones'
    ELSE 'trafficDistribution'
  END AS what_to_do
FROM pairs
ORDER BY usd DESC, cluster, a, b
LIMIT 50
