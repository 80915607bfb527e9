-- Stores the rows of cross-az.sql in cross_az_traffic (an Iceberg table). It replaces the hours :hours of the three before :until: it updates
-- rows that differ, inserts new rows, and deletes rows that the query no longer returns. It does not touch rows that are as they should
-- be, so a second run changes nothing. It is one statement, and so one commit: a reader sees the hours either before or after it, and a
-- failure leaves them as they were.
--
-- If two runs insert the same row at once, the table has it twice. MERGE refuses a row of the table that matches two rows of the source;
-- and no source row could tell the two apart. So the source has one row that deletes both, and one that matches nothing and is inserted.
-- A row that was stored before the table had the column `cluster` has none, so no row of the query is its like: it is deleted, and the row
-- with its cluster is inserted.
--
-- For Athena (engine version 3), where MERGE needs an Iceberg table. An INSERT would append the same hours again in each run.
-- The line `:cross_az` stands for the text of cross-az.sql. The parameters are those of that text, and
--   :hours   the hours to replace, as a list of SQL: the column `hours` of check-inputs.sql
MERGE INTO cross_az_traffic AS t
USING (
  SELECT
    coalesce(n.hour, o.hour) AS hour, coalesce(n.scope, o.scope) AS scope,
    coalesce(n.src_namespace, o.src_namespace) AS src_namespace, coalesce(n.src_group_kind, o.src_group_kind) AS src_group_kind,
    coalesce(n.src_group, o.src_group) AS src_group, coalesce(n.src_az_id, o.src_az_id) AS src_az_id,
    coalesce(n.dst_namespace, o.dst_namespace) AS dst_namespace, coalesce(n.dst_group_kind, o.dst_group_kind) AS dst_group_kind,
    coalesce(n.dst_group, o.dst_group) AS dst_group, coalesce(n.dst_az_id, o.dst_az_id) AS dst_az_id,
    coalesce(n.cluster, o.cluster) AS cluster, coalesce(n.peer_cluster, o.peer_cluster) AS peer_cluster,
    n.cross_az, n.bytes, n.usd_out, n.usd_in, n.in_zone_share, c.gone, NOT c.gone AND coalesce(o.copies, 0) <> 1 AS is_new
  FROM (
    SELECT *
    FROM (
:cross_az
    ) AS computed
    WHERE hour IN (:hours)
  ) AS n
  FULL OUTER JOIN (
    SELECT
      hour, scope, src_namespace, src_group_kind, src_group, src_az_id, dst_namespace, dst_group_kind, dst_group, dst_az_id,
      coalesce(cluster, '') AS cluster, coalesce(peer_cluster, '') AS peer_cluster, count(*) AS copies,
      bool_or(cross_az) AS cross_az, max(bytes) AS bytes, max(usd_out) AS usd_out, max(usd_in) AS usd_in, max(in_zone_share) AS in_zone_share
    FROM cross_az_traffic
    WHERE hour >= TIMESTAMP ':until' - INTERVAL '3' HOUR AND hour < TIMESTAMP ':until' AND hour IN (:hours)
    GROUP BY
      hour, scope, src_namespace, src_group_kind, src_group, src_az_id, dst_namespace, dst_group_kind, dst_group, dst_az_id,
      coalesce(cluster, ''), coalesce(peer_cluster, '')
  ) AS o
  ON n.hour = o.hour AND n.scope = o.scope
    AND n.src_namespace = o.src_namespace AND n.src_group_kind = o.src_group_kind AND n.src_group = o.src_group
    AND n.src_az_id = o.src_az_id
    AND n.dst_namespace = o.dst_namespace AND n.dst_group_kind = o.dst_group_kind AND n.dst_group = o.dst_group
    AND n.dst_az_id = o.dst_az_id AND n.cluster = o.cluster AND n.peer_cluster = o.peer_cluster
  CROSS JOIN (VALUES (true), (false)) AS c (gone)
  WHERE CASE WHEN c.gone THEN n.hour IS NULL OR o.copies > 1
    ELSE n.hour IS NOT NULL AND (
      coalesce(o.copies, 0) <> 1 OR n.bytes <> o.bytes OR n.cross_az IS DISTINCT FROM o.cross_az
      OR n.usd_out IS DISTINCT FROM o.usd_out OR n.usd_in IS DISTINCT FROM o.usd_in OR n.in_zone_share IS DISTINCT FROM o.in_zone_share)
    END
) AS s
-- The window again, as constants, so that Athena reads no more of the table.
ON t.hour >= TIMESTAMP ':until' - INTERVAL '3' HOUR AND t.hour < TIMESTAMP ':until' AND NOT s.is_new
  AND t.hour = s.hour AND t.scope = s.scope
  AND t.src_namespace = s.src_namespace AND t.src_group_kind = s.src_group_kind AND t.src_group = s.src_group
  AND t.src_az_id = s.src_az_id
  AND t.dst_namespace = s.dst_namespace AND t.dst_group_kind = s.dst_group_kind AND t.dst_group = s.dst_group
  AND t.dst_az_id = s.dst_az_id AND coalesce(t.cluster, '') = s.cluster AND coalesce(t.peer_cluster, '') = s.peer_cluster
WHEN MATCHED AND s.gone THEN DELETE
WHEN MATCHED THEN UPDATE SET
  cross_az = s.cross_az, bytes = s.bytes, usd_out = s.usd_out, usd_in = s.usd_in, in_zone_share = s.in_zone_share
WHEN NOT MATCHED AND NOT s.gone THEN INSERT (
  hour, scope, src_namespace, src_group_kind, src_group, src_az_id, dst_namespace, dst_group_kind, dst_group, dst_az_id,
  cross_az, bytes, usd_out, usd_in, in_zone_share, cluster, peer_cluster)
VALUES (
  s.hour, s.scope, s.src_namespace, s.src_group_kind, s.src_group, s.src_az_id, s.dst_namespace, s.dst_group_kind, s.dst_group,
  s.dst_az_id, s.cross_az, s.bytes, s.usd_out, s.usd_in, s.in_zone_share, s.cluster, s.peer_cluster)
