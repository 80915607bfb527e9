-- For each pair of groups of one cluster with traffic across Availability Zones: what it costs a month, both directions together, and how much of that
-- would stay in its zone if the pods of one asked pods of the other in their own zone, where there are any. That is what trafficDistribution
-- on the Service does (PreferClose; from Kubernetes 1.34 on also by its new name, PreferSameZone).
--   :from, :to   the time range; of the named query the last 30 days
--   :cluster     the cluster; (all) for all of them
-- `a_saves_usd` is for a Service in front of `a`, which `b` calls; `b_saves_usd` for one in front of `b`. Only you know who calls whom. A group
-- is in a zone if it sent or received there in the time range. A month has 730 hours; the range has as many hours as the table has of it.
-- `a_service` and `b_service` name the Services that select the group, and say what there is to do with each, those first with which there is. The
-- Services are those of the cluster's newest listing that has any, in the last day of the range. If none has, they say why.
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
),
selections AS (
  -- A row for each group of a Service, and one for a group without a name: that there is one of a cluster shows that its Services are listed,
  -- or why they are not. Also one for each controller of pods whose group is a label, whose text begins with that of the group.
  SELECT
    l.cluster, CASE g.selected WHEN '' THEN '' ELSE
      l.namespace || chr(31) || split_part(g.selected, '/', 1) || chr(31) || split_part(g.selected, '/', 2) END AS who,
    l.namespace || '/' || l.name AS service, l.traffic_distribution, g.selected LIKE '%/%/%' AS is_controller,
    CASE WHEN g.selected LIKE 'StatefulSet/%' THEN split_part(g.selected, '/', 2) WHEN g.selected LIKE '%/%/StatefulSet/%' THEN split_part(g.selected, '/', 4) END AS stateful_set,
    CASE
      WHEN l.kind = 'missing' THEN l.phase
      -- kube-proxy does not handle a headless Service. Local and the annotation take precedence over trafficDistribution.
      WHEN l.headless THEN 'headless'
      WHEN l.internal_traffic_policy = 'Local' THEN 'local'
      WHEN l.topology_mode IN ('Auto', 'auto') THEN 'annotated'
      WHEN l.traffic_distribution IS NOT NULL THEN 'set'
      ELSE 'not set'
    END AS state,
    min(l.cluster) OVER () = max(l.cluster) OVER () AS in_the_only_cluster
  FROM (
    SELECT
      kind, cluster, namespace, name, headless, traffic_distribution, internal_traffic_policy, topology_mode, selected_groups, selected_controllers, phase,
      rank() OVER (PARTITION BY cluster, kind ORDER BY observed_at DESC) AS age_rank
    -- Not max: DuckDB 2.0 then takes it over all partitions.
    FROM pods
    WHERE (kind = 'service' OR kind = 'missing' AND name = 'services')
      AND dt BETWEEN substr(CAST(:to - INTERVAL '1' DAY AS varchar), 1, 10) AND substr(CAST(:to AS varchar), 1, 10)
      AND dt || ' ' || hour BETWEEN substr(CAST(:to - INTERVAL '1' DAY AS varchar), 1, 13) AND substr(CAST(:to AS varchar), 1, 13)
  ) AS l
  CROSS JOIN UNNEST(coalesce(l.selected_groups || l.selected_controllers, l.selected_groups, ARRAY['']) || ARRAY['']) AS g (selected)
  WHERE l.age_rank = 1
),
services AS (
  -- If some of the pods are a StatefulSet's, callers of the Service need one of these.
  SELECT
    cluster, who, service, traffic_distribution, is_controller, in_the_only_cluster, max(stateful_set) OVER (PARTITION BY cluster, service, who) AS stateful_set,
    CASE WHEN state NOT IN ('refused', 'failed', 'headless') AND max(stateful_set) OVER (PARTITION BY cluster, service, who) IS NOT NULL THEN 'of a StatefulSet' ELSE state END AS state
  FROM selections
),
fronts AS (
  SELECT
    cluster, who, service, traffic_distribution, state, in_the_only_cluster, stateful_set, max(stateful_set) OVER (PARTITION BY cluster, who) AS stateful_set_of_the_group,
    row_number() OVER (
      PARTITION BY cluster, who ORDER BY CASE WHEN state IN ('not set', 'annotated') THEN 0 WHEN state IN ('refused', 'failed') THEN 2 ELSE 1 END, service
    ) AS place,
    count(*) OVER (PARTITION BY cluster, who) AS services
  FROM services
  WHERE NOT is_controller
),
told AS (
  -- For each pair, its two groups and the group without a name: what there is to do with each Service of it.
  SELECT
    p.cluster, p.a, p.b, p.cross_az_bytes, p.usd, p.a_saves_usd, p.b_saves_usd, s.side, f.place, f.services, f.state, f.stateful_set_of_the_group,
    CASE f.state
      WHEN 'headless' THEN f.service || ' is headless: its clients choose the pod'
      WHEN 'of a StatefulSet' THEN f.service || ' is in front of the StatefulSet ' || f.stateful_set || ', whose pods are not alike'
      WHEN 'local' THEN f.service || ' has internalTrafficPolicy: Local: what crosses zones did not come through it'
      ELSE CASE
        WHEN CASE s.side WHEN 'a' THEN p.a_saves_usd ELSE p.b_saves_usd END = 0
          THEN f.service || coalesce(' has trafficDistribution: ' || f.traffic_distribution, '') || ': no zone of its callers has a pod of it'
        WHEN f.state = 'annotated'
          THEN 'remove service.kubernetes.io/topology-mode and set trafficDistribution: PreferClose on the Service ' || f.service
        WHEN f.state = 'set' THEN f.service || ' has trafficDistribution: ' || f.traffic_distribution
          || ' already: look for callers that go around it, and for zones without a ready pod'
        ELSE 'set trafficDistribution: PreferClose on the Service ' || f.service
      END
    END AS text
  FROM pairs AS p
  CROSS JOIN (VALUES ('a'), ('b'), ('')) AS s (side)
  -- Rows from before the table had clusters are of the only one, if there still is one only.
  LEFT JOIN fronts AS f ON (f.cluster = p.cluster OR p.cluster = '' AND f.in_the_only_cluster) AND f.who = CASE s.side WHEN 'a' THEN p.a WHEN 'b' THEN p.b ELSE '' END AND f.place <= 3
),
advice AS (
  -- The pairs again, now with this. To join them instead would scan the tables twice.
  SELECT
    cluster, a, b, cross_az_bytes, usd, a_saves_usd, b_saves_usd, coalesce(bool_or(side = '' AND state NOT IN ('refused', 'failed')), false) AS are_listed,
    CASE max(CASE WHEN side = '' AND state IN ('refused', 'failed') THEN state END)
      WHEN 'refused' THEN 'the cluster refuses to list its Services: apply extract-pods-role.yaml again'
      WHEN 'failed' THEN 'its Services could not be listed: the log of extract-pods says why'
      ELSE 'no Services are listed'
    END AS not_listed,
    coalesce(bool_or(side <> '' AND stateful_set_of_the_group IS NOT NULL), false) AS is_stateful,
    coalesce(bool_or(side = 'a' AND state IN ('not set', 'annotated')), false) AS a_can_be_set,
    coalesce(bool_or(side = 'b' AND state IN ('not set', 'annotated')), false) AS b_can_be_set,
    nullif(concat_ws('; ',
      max(CASE WHEN side = 'a' AND place = 1 THEN text END), max(CASE WHEN side = 'a' AND place = 2 THEN text END),
      max(CASE WHEN side = 'a' AND place = 3 THEN text END),
      max(CASE WHEN side = 'a' AND services > 3 THEN CAST(services - 3 AS varchar) || ' more' END)), '') AS a_service,
    nullif(concat_ws('; ',
      max(CASE WHEN side = 'b' AND place = 1 THEN text END), max(CASE WHEN side = 'b' AND place = 2 THEN text END),
      max(CASE WHEN side = 'b' AND place = 3 THEN text END),
      max(CASE WHEN side = 'b' AND services > 3 THEN CAST(services - 3 AS varchar) || ' more' END)), '') AS b_service
  FROM told
  GROUP BY cluster, a, b, cross_az_bytes, usd, a_saves_usd, b_saves_usd
)
SELECT
  cluster, split_part(a, chr(31), 1) AS a_namespace, split_part(a, chr(31), 3) AS a_group,
  split_part(b, chr(31), 1) AS b_namespace, split_part(b, chr(31), 3) AS b_group,
  cross_az_bytes, round(usd, 2) AS usd_a_month, round(a_saves_usd, 2) AS a_saves_usd, round(b_saves_usd, 2) AS b_saves_usd,
  CASE
    -- A label may name the group of its pods. Its Services tell then.
    WHEN is_stateful OR split_part(a, chr(31), 2) = 'StatefulSet' OR split_part(b, chr(31), 2) = 'StatefulSet'
      THEN 'zone-aware routing in the client: the pods of a StatefulSet are not alike'
    WHEN a_saves_usd = 0 AND b_saves_usd = 0 THEN 'pods in more zones: they have none in common'
    WHEN are_listed AND NOT (a_can_be_set AND a_saves_usd > 0) AND NOT (b_can_be_set AND b_saves_usd > 0)
      THEN 'nothing to set: a_service and b_service say why'
    WHEN a_saves_usd < 0.8 * usd AND b_saves_usd < 0.8 * usd THEN 'trafficDistribution, and pods in more zones'
    ELSE 'trafficDistribution'
  END AS what_to_do,
  coalesce(a_service, CASE WHEN are_listed THEN 'no Service selects it' ELSE not_listed END) AS a_service,
  coalesce(b_service, CASE WHEN are_listed THEN 'no Service selects it' ELSE not_listed END) AS b_service
FROM advice
ORDER BY usd DESC, cluster, a, b
LIMIT 50
