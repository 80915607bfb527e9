-- Who sends how many bytes to whom across Availability Zones, and what it costs: the three hours before :until, one row for each
-- hour, source and destination.
--
-- Tables (traffic/glue has their columns)
--   flow_logs   VPC Flow Logs of the cluster's subnets
--   pods        the listings of extract-pods. Each object is a whole listing of the cluster's nodes and pods
-- Parameters, replaced in the text before it runs
--   :until        the end of the window, a full hour in UTC, such as 2026-05-04 12:00:00
--   :usd_per_gb   the price of a GB (2^30 bytes) that leaves an AZ, and again of a GB that enters another, such as 0.01
--
-- The rules. A test in traffic/proof covers each one:
--   * A record belongs to the pod that held the address when the record's first packet was seen (`start`). The pods' start and end times
--     tell, and the listings that have the pod or no longer have it. An address has one holder at any time: the rows of `holders_in_time`
--     cannot overlap, so no join multiplies a byte.
--   * A pod with hostNetwork holds no address. Its node does, and is a group of its own.
--   * The query reads pkt_srcaddr and pkt_dstaddr. srcaddr and dstaddr have the first address of an interface, even if the pod has another.
--   * A record counts only if the interface of one of its two ends made it. A record of a NAT gateway or a load balancer between
--     the ends repeats the same bytes. `instance_id` tells; for an interface without an instance (a pod's own), its address tells.
--   * Both nodes log a flow between them. Each byte counts once: by the records of the source's interface. The records of the
--     destination's interface count for a pair of addresses and an hour in which they have more bytes: the source's interface has no flow
--     log, or its records were skipped, or lack a field that the query needs.
--   * The zone of an end is the zone of its node, whether the end ever sends or not. If no listing tells, it is the zone of the interface
--     that logged.
--   * An address at one of the cluster's nodes that is in no listing is `(unknown)` at that node. An address at none of the nodes is outside.
--     `scope` says whether a row is traffic of the cluster, egress or ingress. Only traffic of the cluster has a price here.
--   * A reply is a flow of its own, in its own direction.
--   * A record whose `flow_direction` is missing has the direction that its instance tells: the instance is at one of the two ends.
--
-- One statement for Athena (engine version 3) and DuckDB: it uses only what both have, and what means the same in both. So max_by has a
-- filter: without it, Athena takes a null of the newest listing, and DuckDB passes over it. Athena scans a table once for each mention,
-- so the query mentions flow_logs once. The partition conditions are constants when the statement is planned, one list for each column:
-- only then does partition projection not list every partition. Partitions are by the time of delivery, not by the time of the traffic.
-- So the conditions reach beyond :until: by three hours, which is up to now when the schedule runs the statement; and by two days in a
-- run that is later than that, so that late files count.
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
  -- A node may lack the label with the zone's ID. Within one account, a zone's name always stands for the same zone.
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
  -- `who` is the namespace, the kind of group and the group in one text, so that all three come from the same record.
  SELECT
    a.ip, p.uid, p.namespace || chr(31) || p.group_kind || chr(31) || p.group_name AS who, n.instance_id,
    coalesce(p.az, n.az) AS az, coalesce(p.az_id, n.az_id, z.az_id) AS az_id, p.start_s, p.end_s, p.seen_s
  FROM lines AS p
  -- The node is from the same listing: a node's name comes from its address, and the next instance with the address has the same name.
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
    ip, uid, max_by(who, seen_s) FILTER (WHERE who IS NOT NULL) AS who,
    max_by(instance_id, seen_s) FILTER (WHERE instance_id IS NOT NULL) AS instance_id, max_by(az, seen_s) FILTER (WHERE az IS NOT NULL) AS az,
    max_by(az_id, seen_s) FILTER (WHERE az_id IS NOT NULL) AS az_id, min(start_s) AS start_s, max(end_s) AS end_s, max(seen_s) AS last_seen_s
  FROM addresses
  GROUP BY ip, uid
),
holders_in_time AS (
  -- A holder begins at its start, but not within half a minute after the end of the previous holder: a pod may have a start time before it
  -- has its address, and the VPC CNI does not reuse an address for that long. A holder ends a minute after its end, or after the first
  -- listing without it, because `start` of a record may be late by a minute; but it ends no later than the next holder begins.
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
    CASE flow_direction WHEN 'egress' THEN true WHEN 'ingress' THEN false END AS at_source, pkt_srcaddr, pkt_dstaddr, start, "end", bytes,
    srcaddr = pkt_srcaddr AS first_of_source, dstaddr = pkt_dstaddr AS first_of_destination,
    nullif(instance_id, '-') AS instance_id, nullif(az_id, '-') AS az_id, traffic_path
  FROM flow_logs
  WHERE year IN (substr(CAST(TIMESTAMP ':until' - INTERVAL '3' HOUR AS varchar), 1, 4),
                 substr(CAST(TIMESTAMP ':until' + INTERVAL '48' HOUR AS varchar), 1, 4))
    AND month IN (substr(CAST(TIMESTAMP ':until' - INTERVAL '3' HOUR AS varchar), 6, 2),
                  substr(CAST(TIMESTAMP ':until' + INTERVAL '48' HOUR AS varchar), 6, 2))
    AND day IN (substr(CAST(TIMESTAMP ':until' - INTERVAL '3' HOUR AS varchar), 9, 2),
                substr(CAST(TIMESTAMP ':until' AS varchar), 9, 2),
                substr(CAST(TIMESTAMP ':until' + INTERVAL '24' HOUR AS varchar), 9, 2),
                substr(CAST(TIMESTAMP ':until' + INTERVAL '48' HOUR AS varchar), 9, 2))
    AND (hour IN (substr(CAST(TIMESTAMP ':until' - INTERVAL '3' HOUR AS varchar), 12, 2),
                  substr(CAST(TIMESTAMP ':until' - INTERVAL '2' HOUR AS varchar), 12, 2),
                  substr(CAST(TIMESTAMP ':until' - INTERVAL '1' HOUR AS varchar), 12, 2),
                  substr(CAST(TIMESTAMP ':until' AS varchar), 12, 2),
                  substr(CAST(TIMESTAMP ':until' + INTERVAL '1' HOUR AS varchar), 12, 2),
                  substr(CAST(TIMESTAMP ':until' + INTERVAL '2' HOUR AS varchar), 12, 2))
         OR TIMESTAMP ':until' < CAST(current_timestamp AS timestamp) - INTERVAL '3' HOUR)
    AND year || '-' || month || '-' || day || ' ' || hour BETWEEN substr(CAST(TIMESTAMP ':until' - INTERVAL '3' HOUR AS varchar), 1, 13)
                                                              AND substr(CAST(TIMESTAMP ':until' + INTERVAL '48' HOUR AS varchar), 1, 13)
    -- Ten minutes more at both ends: the two records of one flow may be on two sides of the full hour.
    AND start >= date_diff('second', TIMESTAMP '1970-01-01 00:00:00', TIMESTAMP ':until') - 11400
    AND start < date_diff('second', TIMESTAMP '1970-01-01 00:00:00', TIMESTAMP ':until') + 600
    AND log_status = 'OK' AND action = 'ACCEPT'
),
placed AS (
  SELECT
    r.start - mod(r.start, 3600) AS hour_s, r.start, r."end", r.pkt_srcaddr, r.pkt_dstaddr, r.bytes, r.traffic_path,
    r.instance_id, r.az_id, r.first_of_source, r.first_of_destination,
    s.uid AS src_uid, s.who AS src_who, s.instance_id AS src_instance_id, s.az AS src_az, s.az_id AS src_az_id,
    d.uid AS dst_uid, d.who AS dst_who, d.instance_id AS dst_instance_id, d.az AS dst_az, d.az_id AS dst_az_id,
    n.instance_id IS NOT NULL AS at_a_node, n.az AS node_az, n.az_id AS node_az_id,
    -- The end that logged. If the record does not say it, an instance that holds one address is at that end, and an instance that does not
    -- hold the other is at this one.
    coalesce(r.at_source, CASE
      WHEN s.instance_id = r.instance_id THEN true
      WHEN d.instance_id = r.instance_id THEN false
      WHEN s.uid IS NULL AND d.instance_id <> r.instance_id THEN true
      WHEN d.uid IS NULL AND s.instance_id <> r.instance_id THEN false
    END) AS at_source
  FROM records AS r
  LEFT JOIN holders_in_time AS s ON s.ip = r.pkt_srcaddr AND r.start >= s.from_s AND r.start < s.until_s
  LEFT JOIN holders_in_time AS d ON d.ip = r.pkt_dstaddr AND r.start >= d.from_s AND r.start < d.until_s
  LEFT JOIN instances AS n ON n.instance_id = r.instance_id
),
ends AS (
  SELECT
    hour_s, start, "end", at_source, pkt_srcaddr, pkt_dstaddr, bytes, traffic_path,
    src_uid, src_who, src_az, src_az_id, dst_uid, dst_who, dst_az, dst_az_id,
    -- Which end logged. If the listings name another instance for the address than the one that logged, they do not know the holder.
    CASE
      WHEN at_source AND coalesce(src_instance_id, instance_id, '') = coalesce(instance_id, src_instance_id, '') AND src_uid IS NOT NULL
        THEN src_who
      WHEN NOT at_source AND coalesce(dst_instance_id, instance_id, '') = coalesce(instance_id, dst_instance_id, '') AND dst_uid IS NOT NULL
        THEN dst_who
      ELSE chr(31) || 'Unknown' || chr(31) || '(unknown)'
    END AS own_who,
    coalesce(node_az, CASE WHEN at_source THEN src_az ELSE dst_az END) AS own_az,
    coalesce(node_az_id, CASE WHEN node_az IS NULL AND at_source THEN src_az_id WHEN node_az IS NULL THEN dst_az_id END, az_id) AS own_az_id
  FROM placed
  WHERE at_source IS NOT NULL
    AND (at_a_node
         OR instance_id IS NULL AND CASE WHEN at_source THEN first_of_source AND src_uid IS NOT NULL ELSE first_of_destination AND dst_uid IS NOT NULL END)
),
pairs AS (
  SELECT
    hour_s, at_source, pkt_srcaddr, pkt_dstaddr, src_uid, dst_uid, src_who, src_az, src_az_id, dst_who, dst_az, dst_az_id, own_who,
    max(own_az) AS own_az, max(own_az_id) AS own_az_id, max(traffic_path) AS traffic_path, CAST(sum(bytes) AS bigint) AS bytes,
    -- The bytes that the other end may have logged in the hour before, or in the hour after.
    CAST(sum(CASE WHEN start < hour_s + 120 THEN bytes ELSE 0 END) AS bigint) AS first_bytes,
    CAST(sum(CASE WHEN "end" >= hour_s + 3540 THEN bytes ELSE 0 END) AS bigint) AS last_bytes
  FROM ends
  GROUP BY
    hour_s, at_source, pkt_srcaddr, pkt_dstaddr, src_uid, dst_uid, src_who, src_az, src_az_id, dst_who, dst_az, dst_az_id, own_who
),
joined AS (
  -- For each end: what this record says, if it was made at this end; else what other records say that were made at this end; else the
  -- listings. This covers all hours that were read, because one of the two records of a flow may be in the next hour.
  SELECT
    hour_s, at_source, bytes, traffic_path,
    CASE WHEN at_source THEN own_who ELSE coalesce(max(CASE WHEN at_source THEN own_who END) OVER flow, src_who) END AS src_who,
    CASE WHEN at_source THEN own_az ELSE coalesce(max(CASE WHEN at_source THEN own_az END) OVER flow, src_az) END AS src_az,
    CASE WHEN at_source THEN own_az_id ELSE coalesce(max(CASE WHEN at_source THEN own_az_id END) OVER flow, src_az_id) END AS src_az_id,
    CASE WHEN at_source THEN coalesce(max(CASE WHEN NOT at_source THEN own_who END) OVER flow, dst_who) ELSE own_who END AS dst_who,
    CASE WHEN at_source THEN coalesce(max(CASE WHEN NOT at_source THEN own_az END) OVER flow, dst_az) ELSE own_az END AS dst_az,
    CASE WHEN at_source THEN coalesce(max(CASE WHEN NOT at_source THEN own_az_id END) OVER flow, dst_az_id) ELSE own_az_id END AS dst_az_id,
    -- The end whose records count in this hour. The source's records near the full hours may be the same bytes as the destination's.
    sum(CASE WHEN at_source THEN bytes ELSE -bytes END) OVER (PARTITION BY pkt_srcaddr, pkt_dstaddr, hour_s)
      + coalesce(sum(CASE WHEN at_source THEN last_bytes END) OVER (before_and_after RANGE BETWEEN 3600 PRECEDING AND 3600 PRECEDING), 0)
      + coalesce(sum(CASE WHEN at_source THEN first_bytes END) OVER (before_and_after RANGE BETWEEN 3600 FOLLOWING AND 3600 FOLLOWING), 0)
      >= 0 AS source_counts
  FROM pairs
  WINDOW
    flow AS (PARTITION BY pkt_srcaddr, pkt_dstaddr, src_uid, dst_uid),
    before_and_after AS (PARTITION BY pkt_srcaddr, pkt_dstaddr ORDER BY hour_s)
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
  WHERE at_source = source_counts
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
  -- All values are doubles: a product of decimals would be cut to as many digits as its factors have.
  CASE WHEN cross_az THEN CAST(bytes AS double) / 1073741824 * CAST(':usd_per_gb' AS double) ELSE CAST(0 AS double) END AS usd_out,
  CASE WHEN cross_az THEN CAST(bytes AS double) / 1073741824 * CAST(':usd_per_gb' AS double) ELSE CAST(0 AS double) END AS usd_in,
  -- The share that stayed in its zone, of all bytes that the source's group sent within the cluster in this hour.
  CASE WHEN scope = 'cluster' THEN
    CAST(sum(CASE WHEN scope = 'cluster' AND NOT cross_az THEN bytes ELSE 0 END)
      OVER (PARTITION BY hour, src_namespace, src_group_kind, src_group) AS double)
    / nullif(CAST(sum(CASE WHEN scope = 'cluster' THEN bytes ELSE 0 END)
      OVER (PARTITION BY hour, src_namespace, src_group_kind, src_group) AS double), 0)
  END AS in_zone_share
FROM totals
