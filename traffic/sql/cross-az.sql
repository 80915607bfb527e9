-- Who talked to whom across Availability Zones, how much, and what it costs: the three hours before :until, a row for each
-- hour, source and destination.
--
-- Tables (traffic/glue has their columns)
--   flow_logs   VPC Flow Logs of the cluster's subnets
--   pods        what extract-pods wrote: each object a whole listing of the cluster's nodes and pods
-- Parameters, put into the text before it is run
--   :until        the end of the window, a full hour in UTC, as 2026-05-04 12:00:00
--   :usd_per_gb   the price of a GB (2^30 bytes) that leaves an AZ, and again of one that enters another, as 0.01
--
-- What it goes by, each held by a test in traffic/proof:
--   * A record belongs to the pod that held the address when the record's first packet was seen (`start`), by the pods' start and
--     end times and by the listings that have it or no longer have it. An address has one holder at any time: `holders_in_time`
--     cannot overlap, so no join multiplies a byte.
--   * Pods with hostNetwork hold no address. Their node does, and is a group of its own.
--   * pkt_srcaddr and pkt_dstaddr are asked: srcaddr and dstaddr show an interface's first address where a pod has another one.
--   * A record counts only where it was made at the interface of one of its two ends: one made at a NAT gateway or a load balancer
--     on the way tells of the same bytes again. `instance_id` tells; interfaces without an instance (a pod's own) by their address.
--   * A flow between two nodes is logged at both. Each byte counts once: what the source's interface logged, and only where that
--     logged nothing at all of a pair of addresses, what the destination's did.
--   * The zone of an end is its node's, whether it ever sends or not. Only where no listing tells, it is that of the interface that logged.
--   * Whoever is in no listing, at one of our nodes, is `(unknown)` there. Whoever is at none of them is outside: `scope` says
--     whether a row is traffic of the cluster, egress or ingress. Only the first has a price here.
--   * A reply is a flow of its own, in its own direction.
--
-- One statement for Athena (engine version 3) and DuckDB: it keeps to what both know. Each mention of a table is a scan of it, so
-- flow_logs stands here once. The partition conditions are constants when the statement is planned, a list for each column,
-- because only such lists keep partition projection from listing everything. They reach two hours beyond :until: records are filed by
-- the time of delivery, not of the traffic.
WITH
lines AS (
  SELECT
    kind, namespace, name, uid, ips, node, az, az_id, instance_id, host_network, group_kind, group_name,
    date_diff('second', TIMESTAMP '1970-01-01 00:00:00',
      CAST(replace(replace(CAST(start_time AS varchar), 'T', ' '), 'Z', '') AS timestamp)) AS start_s,
    date_diff('second', TIMESTAMP '1970-01-01 00:00:00',
      CAST(replace(replace(CAST(end_time AS varchar), 'T', ' '), 'Z', '') AS timestamp)) AS end_s,
    date_diff('second', TIMESTAMP '1970-01-01 00:00:00',
      CAST(replace(replace(CAST(observed_at AS varchar), 'T', ' '), 'Z', '') AS timestamp)) AS seen_s
  FROM pods
  WHERE dt BETWEEN substr(CAST(TIMESTAMP ':until' - INTERVAL '4' HOUR AS varchar), 1, 10)
               AND substr(CAST(TIMESTAMP ':until' + INTERVAL '2' HOUR AS varchar), 1, 10)
    AND dt || ' ' || hour BETWEEN substr(CAST(TIMESTAMP ':until' - INTERVAL '4' HOUR AS varchar), 1, 13)
                              AND substr(CAST(TIMESTAMP ':until' + INTERVAL '2' HOUR AS varchar), 1, 13)
),
listings AS (
  SELECT seen_s, lead(seen_s) OVER (ORDER BY seen_s) AS next_seen_s
  FROM (SELECT DISTINCT seen_s FROM lines) AS runs
),
zones AS (
  -- Nodes may lack the label of the zone's ID; what a zone's name means is the same for all of an account.
  SELECT az, max(az_id) AS az_id
  FROM lines
  WHERE kind = 'node'
  GROUP BY az
),
instances AS (
  SELECT n.instance_id, max(n.az) AS az, max(coalesce(n.az_id, z.az_id)) AS az_id
  FROM lines AS n
  LEFT JOIN zones AS z ON z.az = n.az
  WHERE n.kind = 'node' AND n.instance_id IS NOT NULL
  GROUP BY n.instance_id
),
addresses AS (
  -- `who` is namespace, kind of group and group in one text, so that they stay together whichever record they are taken from.
  SELECT
    a.ip, p.uid, p.namespace || chr(31) || p.group_kind || chr(31) || p.group_name AS who, n.instance_id,
    coalesce(p.az, n.az) AS az, coalesce(p.az_id, n.az_id, z.az_id) AS az_id, p.start_s, p.end_s, p.seen_s
  FROM lines AS p
  -- Of the same listing: a node's name comes from its address, and the next instance to get the address gets the name.
  LEFT JOIN lines AS n ON n.kind = 'node' AND n.name = p.node AND n.seen_s = p.seen_s
  LEFT JOIN zones AS z ON z.az = coalesce(p.az, n.az)
  CROSS JOIN UNNEST(p.ips) AS a (ip)
  WHERE p.kind = 'pod' AND NOT p.host_network
  UNION ALL
  SELECT
    a.ip, n.uid, chr(31) || 'Node' || chr(31) || '(nodes)' AS who, n.instance_id,
    n.az, coalesce(n.az_id, z.az_id) AS az_id, n.start_s, CAST(NULL AS bigint) AS end_s, n.seen_s
  FROM lines AS n
  LEFT JOIN zones AS z ON z.az = n.az
  CROSS JOIN UNNEST(n.ips) AS a (ip)
  WHERE n.kind = 'node'
),
holders AS (
  SELECT
    ip, uid, max_by(who, seen_s) AS who, max_by(instance_id, seen_s) AS instance_id, max_by(az, seen_s) AS az,
    max_by(az_id, seen_s) AS az_id, min(start_s) AS start_s, max(end_s) AS end_s, max(seen_s) AS last_seen_s
  FROM addresses
  GROUP BY ip, uid
),
holders_in_time AS (
  -- From its start, but not before the one before it has been over for half a minute: a pod may have its start time before it has its
  -- address, and the VPC CNI lets an address rest that long. Until a minute after its end, or after the first listing without it, as
  -- `start` of a record may be late by that; but not beyond the beginning of the next one.
  SELECT
    h.ip, h.uid, h.who, h.instance_id, h.az, h.az_id,
    greatest(h.start_s, coalesce(
      max(h.end_s) OVER (PARTITION BY h.ip ORDER BY h.start_s, h.uid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) + 30,
      h.start_s)) AS from_s,
    least(
      coalesce(h.end_s, 253402300799) + 60,
      coalesce(l.next_seen_s, 253402300799) + 60,
      greatest(
        coalesce(lead(h.start_s) OVER (PARTITION BY h.ip ORDER BY h.start_s, h.uid), 253402300799),
        coalesce(
          max(h.end_s) OVER (PARTITION BY h.ip ORDER BY h.start_s, h.uid ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) + 30,
          0))) AS until_s
  FROM holders AS h
  LEFT JOIN listings AS l ON l.seen_s = h.last_seen_s
),
records AS (
  SELECT
    flow_direction = 'egress' AS at_source, pkt_srcaddr, pkt_dstaddr, start, bytes,
    CASE WHEN flow_direction = 'egress' THEN srcaddr = pkt_srcaddr ELSE dstaddr = pkt_dstaddr END AS first_address,
    nullif(instance_id, '-') AS instance_id, nullif(az_id, '-') AS az_id, traffic_path
  FROM flow_logs
  WHERE year IN (substr(CAST(TIMESTAMP ':until' - INTERVAL '3' HOUR AS varchar), 1, 4),
                 substr(CAST(TIMESTAMP ':until' + INTERVAL '2' HOUR AS varchar), 1, 4))
    AND month IN (substr(CAST(TIMESTAMP ':until' - INTERVAL '3' HOUR AS varchar), 6, 2),
                  substr(CAST(TIMESTAMP ':until' + INTERVAL '2' HOUR AS varchar), 6, 2))
    AND day IN (substr(CAST(TIMESTAMP ':until' - INTERVAL '3' HOUR AS varchar), 9, 2),
                substr(CAST(TIMESTAMP ':until' + INTERVAL '2' HOUR AS varchar), 9, 2))
    AND hour IN (substr(CAST(TIMESTAMP ':until' - INTERVAL '3' HOUR AS varchar), 12, 2),
                 substr(CAST(TIMESTAMP ':until' - INTERVAL '2' HOUR AS varchar), 12, 2),
                 substr(CAST(TIMESTAMP ':until' - INTERVAL '1' HOUR AS varchar), 12, 2),
                 substr(CAST(TIMESTAMP ':until' AS varchar), 12, 2),
                 substr(CAST(TIMESTAMP ':until' + INTERVAL '1' HOUR AS varchar), 12, 2),
                 substr(CAST(TIMESTAMP ':until' + INTERVAL '2' HOUR AS varchar), 12, 2))
    -- Ten minutes more at both ends: the two records of one flow may stand on two sides of the full hour.
    AND start >= date_diff('second', TIMESTAMP '1970-01-01 00:00:00', TIMESTAMP ':until') - 11400
    AND start < date_diff('second', TIMESTAMP '1970-01-01 00:00:00', TIMESTAMP ':until') + 600
    AND log_status = 'OK' AND action = 'ACCEPT' AND flow_direction IN ('egress', 'ingress')
),
ends AS (
  SELECT
    r.start - mod(r.start, 3600) AS hour_s, r.at_source, r.pkt_srcaddr, r.pkt_dstaddr, r.bytes, r.traffic_path,
    s.uid AS src_uid, s.who AS src_who, s.az AS src_az, s.az_id AS src_az_id,
    d.uid AS dst_uid, d.who AS dst_who, d.az AS dst_az, d.az_id AS dst_az_id,
    -- Who logged. Where the listings name another instance for the address than the one that logged, they do not know who had it.
    CASE
      WHEN r.at_source AND coalesce(s.instance_id, r.instance_id, '') = coalesce(r.instance_id, s.instance_id, '') AND s.uid IS NOT NULL
        THEN s.who
      WHEN NOT r.at_source AND coalesce(d.instance_id, r.instance_id, '') = coalesce(r.instance_id, d.instance_id, '') AND d.uid IS NOT NULL
        THEN d.who
      ELSE chr(31) || 'Unknown' || chr(31) || '(unknown)'
    END AS own_who,
    coalesce(n.az, CASE WHEN r.at_source THEN s.az ELSE d.az END) AS own_az,
    coalesce(n.az_id, CASE WHEN n.az IS NULL AND r.at_source THEN s.az_id WHEN n.az IS NULL THEN d.az_id END, r.az_id) AS own_az_id
  FROM records AS r
  LEFT JOIN holders_in_time AS s ON s.ip = r.pkt_srcaddr AND r.start >= s.from_s AND r.start < s.until_s
  LEFT JOIN holders_in_time AS d ON d.ip = r.pkt_dstaddr AND r.start >= d.from_s AND r.start < d.until_s
  LEFT JOIN instances AS n ON n.instance_id = r.instance_id
  WHERE n.instance_id IS NOT NULL
     OR r.instance_id IS NULL AND r.first_address AND CASE WHEN r.at_source THEN s.uid ELSE d.uid END IS NOT NULL
),
pairs AS (
  SELECT
    hour_s, at_source, pkt_srcaddr, pkt_dstaddr, src_uid, dst_uid, src_who, src_az, src_az_id, dst_who, dst_az, dst_az_id, own_who,
    max(own_az) AS own_az, max(own_az_id) AS own_az_id, max(traffic_path) AS traffic_path, CAST(sum(bytes) AS bigint) AS bytes
  FROM ends
  GROUP BY
    hour_s, at_source, pkt_srcaddr, pkt_dstaddr, src_uid, dst_uid, src_who, src_az, src_az_id, dst_who, dst_az, dst_az_id, own_who
),
joined AS (
  -- Of each end, what the record itself says when it was made there; else what the records say that were made there; else the
  -- listings. Over all hours that were read, as of two records of one flow one may be in the next hour.
  SELECT
    hour_s, at_source, bytes, traffic_path,
    CASE WHEN at_source THEN own_who ELSE coalesce(max(CASE WHEN at_source THEN own_who END) OVER flow, src_who) END AS src_who,
    CASE WHEN at_source THEN own_az ELSE coalesce(max(CASE WHEN at_source THEN own_az END) OVER flow, src_az) END AS src_az,
    CASE WHEN at_source THEN own_az_id ELSE coalesce(max(CASE WHEN at_source THEN own_az_id END) OVER flow, src_az_id) END AS src_az_id,
    CASE WHEN at_source THEN coalesce(max(CASE WHEN NOT at_source THEN own_who END) OVER flow, dst_who) ELSE own_who END AS dst_who,
    CASE WHEN at_source THEN coalesce(max(CASE WHEN NOT at_source THEN own_az END) OVER flow, dst_az) ELSE own_az END AS dst_az,
    CASE WHEN at_source THEN coalesce(max(CASE WHEN NOT at_source THEN own_az_id END) OVER flow, dst_az_id) ELSE own_az_id END AS dst_az_id,
    bool_or(at_source) OVER (PARTITION BY pkt_srcaddr, pkt_dstaddr) AS source_logs
  FROM pairs
  WINDOW flow AS (PARTITION BY pkt_srcaddr, pkt_dstaddr, src_uid, dst_uid)
),
counted AS (
  SELECT
    CAST(TIMESTAMP '1970-01-01 00:00:00' + hour_s * INTERVAL '1' SECOND AS timestamp(6)) AS hour, bytes,
    CASE
      WHEN src_who IS NULL THEN 'ingress'
      WHEN dst_who IS NULL THEN 'egress'
      ELSE 'cluster'
    END AS scope,
    coalesce(src_who, chr(31) || 'Outside' || chr(31) || '(outside)') AS src_who,
    coalesce(dst_who, chr(31) || 'Outside' || chr(31) || CASE traffic_path
      WHEN 1 THEN '(in or through the VPC)'
      WHEN 2 THEN '(internet or gateway endpoint)'
      WHEN 3 THEN '(virtual private gateway)'
      WHEN 4 THEN '(peering in the region)'
      WHEN 5 THEN '(peering to another region)'
      WHEN 6 THEN '(local gateway)'
      WHEN 7 THEN '(gateway endpoint)'
      WHEN 8 THEN '(internet gateway)'
      ELSE '(outside)'
    END) AS dst_who,
    coalesce(src_az_id, src_az, '') AS src_az_id, coalesce(dst_az_id, dst_az, '') AS dst_az_id,
    CASE
      WHEN src_who IS NULL OR dst_who IS NULL THEN NULL
      WHEN src_az_id IS NOT NULL AND dst_az_id IS NOT NULL THEN src_az_id <> dst_az_id
      WHEN src_az IS NOT NULL AND dst_az IS NOT NULL THEN src_az <> dst_az
    END AS cross_az
  FROM joined
  WHERE at_source = source_logs
),
totals AS (
  SELECT
    hour, scope, split_part(src_who, chr(31), 1) AS src_namespace, split_part(src_who, chr(31), 2) AS src_group_kind,
    split_part(src_who, chr(31), 3) AS src_group, src_az_id, split_part(dst_who, chr(31), 1) AS dst_namespace,
    split_part(dst_who, chr(31), 2) AS dst_group_kind, split_part(dst_who, chr(31), 3) AS dst_group, dst_az_id,
    bool_or(cross_az) AS cross_az, CAST(sum(bytes) AS bigint) AS bytes
  FROM counted
  WHERE hour >= TIMESTAMP ':until' - INTERVAL '3' HOUR AND hour < TIMESTAMP ':until'
  GROUP BY hour, scope, src_who, src_az_id, dst_who, dst_az_id
)
SELECT
  hour, scope, src_namespace, src_group_kind, src_group, src_az_id, dst_namespace, dst_group_kind, dst_group, dst_az_id,
  cross_az, bytes,
  -- Doubles throughout: a product of decimals would be cut to as many digits as its factors have.
  CASE WHEN cross_az THEN CAST(bytes AS double) / 1073741824 * CAST(':usd_per_gb' AS double) ELSE CAST(0 AS double) END AS usd_out,
  CASE WHEN cross_az THEN CAST(bytes AS double) / 1073741824 * CAST(':usd_per_gb' AS double) ELSE CAST(0 AS double) END AS usd_in,
  -- Of all that the source's group sent within the cluster in this hour, the part that stayed in its zone.
  CASE WHEN scope = 'cluster' THEN
    CAST(sum(CASE WHEN scope = 'cluster' AND NOT cross_az THEN bytes ELSE 0 END)
      OVER (PARTITION BY hour, src_namespace, src_group_kind, src_group) AS double)
    / nullif(CAST(sum(CASE WHEN scope = 'cluster' THEN bytes ELSE 0 END)
      OVER (PARTITION BY hour, src_namespace, src_group_kind, src_group) AS double), 0)
  END AS in_zone_share
FROM totals
