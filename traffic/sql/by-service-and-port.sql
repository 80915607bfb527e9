-- Which ports of which workloads the traffic goes to, in the three hours before the end of the range: for each port of each workload, the
-- Services of Kubernetes that lead to it, the team's label, the bytes to and from it, those across Availability Zones, and their cost at both ends.
--   :from, :to   the time range: the three full hours before :to, of these the ones from :from on. :to is a constant, because the files to read depend on it
--   :cluster     the cluster; (all) for all of them
--   the others   those of cross-az.sql, whose text takes the place of the line :cross_az, with the lines that begin with --port
--
-- The names are those of cross-az.sql, so a row of its answer is here one for each port. `port` is the server's: the one below 32768, if the other
-- is not (ports.sql says why). Replies are in the row of the port that they come from. If nothing tells which end serves, `port` is empty, and the
-- row is the receiver's.
-- `label` is the group, if it is a label of the pods, such as the team's (`groupLabels`). `workloads` are the controllers of its pods then, as far as
-- Services that select them show. `services` are those with this port as targetPort; `other_services` select the workload as well, with a
-- targetPort by a name, which only the pod knows, or by another number. Each byte is in one row, so rows add up if there are fewer than 500. What is outside has two rows for
-- a port: replies have no path in the records, and are from `(outside)`.
WITH
flows AS (
  SELECT
    hour, CASE scope WHEN 'clusters' THEN CASE split_part(port, '/', 1) WHEN 'src' THEN cluster ELSE peer_cluster END ELSE cluster END AS cluster,
    CASE split_part(port, '/', 1) WHEN 'src' THEN src_namespace ELSE dst_namespace END AS namespace,
    CASE split_part(port, '/', 1) WHEN 'src' THEN src_group_kind ELSE dst_group_kind END AS kind,
    CASE split_part(port, '/', 1) WHEN 'src' THEN src_group ELSE dst_group END AS name,
    split_part(port, '/', 2) AS port, split_part(port, '/', 3) AS protocol, cross_az, bytes, usd_out + usd_in AS usd
  FROM (
:cross_az
  ) AS f
),
served AS (
  SELECT
    cluster, namespace, kind, name, port, protocol, CAST(sum(bytes) AS bigint) AS bytes, CAST(sum(CASE WHEN cross_az THEN bytes ELSE 0 END) AS bigint) AS cross_az_bytes,
    sum(usd) AS usd
  FROM flows
  WHERE hour >= :from AND hour < :to AND ':cluster' IN ('(all)', cluster)
  GROUP BY cluster, namespace, kind, name, port, protocol
),
selections AS (
  -- A row for each group, and each controller of pods whose group is a label, of each port of a Service: those of the cluster's newest listing that
  -- has any, in the last day.
  SELECT
    l.cluster, l.namespace, l.namespace || '/' || l.name AS service, split_part(g.selected, '/', 1) AS kind, split_part(g.selected, '/', 2) AS group_name,
    CASE WHEN g.selected LIKE '%/%/%' THEN split_part(g.selected, '/', 3) || '/' || split_part(g.selected, '/', 4) END AS controller,
    split_part(split_part(p.port, ' ', 1), '/', 2) AS protocol, split_part(p.port, ' ', 2) AS target_port
  FROM (
    SELECT *, rank() OVER (PARTITION BY cluster ORDER BY observed_at DESC) AS age_rank
    FROM pods
    WHERE kind = 'service' AND ':cluster' IN ('(all)', cluster)
      AND dt BETWEEN substr(CAST(date_trunc('hour', :to) - INTERVAL '1' DAY AS varchar), 1, 10) AND substr(CAST(date_trunc('hour', :to) AS varchar), 1, 10)
      AND dt || ' ' || hour BETWEEN substr(CAST(date_trunc('hour', :to) - INTERVAL '1' DAY AS varchar), 1, 13) AND substr(CAST(date_trunc('hour', :to) AS varchar), 1, 13)
  ) AS l
  CROSS JOIN UNNEST(coalesce(l.selected_groups || l.selected_controllers, l.selected_groups)) AS g (selected)
  CROSS JOIN UNNEST(l.ports) AS p (port)
  WHERE l.age_rank = 1
)
SELECT
  cluster, namespace, CASE kind WHEN 'Label' THEN name END AS label,
  CASE kind WHEN 'Label' THEN array_agg(DISTINCT controller ORDER BY controller) FILTER (WHERE controller IS NOT NULL) ELSE ARRAY[kind || '/' || name] END AS workloads,
  array_agg(DISTINCT service ORDER BY service) FILTER (WHERE service IS NOT NULL AND controller IS NULL AND leads) AS services,
  array_agg(DISTINCT service ORDER BY service) FILTER (WHERE service IS NOT NULL AND controller IS NULL AND NOT leads) AS other_services,
  nullif(port, '') AS port, protocol, bytes, cross_az_bytes, round(usd, 4) AS usd
FROM (
  -- A row for each Service that selects the workload, with whether one of its ports leads to this one. `served` is mentioned once: it has the flow logs.
  SELECT
    s.cluster, s.namespace, s.kind, s.name, s.port, s.protocol, s.bytes, s.cross_az_bytes, s.usd, c.service, c.controller,
    bool_or(coalesce(c.target_port = s.port AND c.protocol = s.protocol, false)) AS leads
  FROM served AS s
  LEFT JOIN selections AS c ON c.cluster = s.cluster AND c.namespace = s.namespace AND c.kind = s.kind AND c.group_name = s.name
  GROUP BY s.cluster, s.namespace, s.kind, s.name, s.port, s.protocol, s.bytes, s.cross_az_bytes, s.usd, c.service, c.controller
) AS rows_of_services
GROUP BY cluster, namespace, kind, name, port, protocol, bytes, cross_az_bytes, usd
ORDER BY usd DESC, bytes DESC, cluster, namespace, kind, name, port, protocol
LIMIT 500
