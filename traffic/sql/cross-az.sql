-- Who sends how many bytes to whom across Availability Zones, and what it costs: the three hours before :until, one row for each
-- hour, source and destination.
--
-- Tables (traffic/glue has their columns)
--   flow_logs   VPC Flow Logs of the cluster's subnets
--   pods        the listings of extract-pods. Each object is a whole listing of one cluster's nodes, pods and EC2 instances with their interfaces, and of the
--               interfaces of everything else in its VPC. Several clusters may be listed. Their Kubernetes Services, which are listed too, hold
--               no address, and are not read here
-- Parameters, replaced in the text before it runs
--   :until        the end of the window, a full hour in UTC, such as 2026-05-04 12:00:00
--   :usd_per_gb   the price of a GB (2^30 bytes) that leaves an AZ, and again of a GB that enters another, such as 0.01
--   :interval     the longest aggregation interval of the flow logs in seconds, 60 or 600
--   :free_kinds   the kinds of services with which traffic across zones costs nothing, as a list of SQL
--   :half_kinds   the kinds of services with which only the cluster's end pays, as a list of SQL
--
-- The rules. A test in traffic/proof covers each one:
--   * A record belongs to the pod that held the address when the record's first packet was seen (`start`). A name is never a guess: it is
--     `(unknown)` unless a listing shows whose the address is (`spans` has the rules). An address has one holder at any time: the rows of
--     `holders_in_time` cannot overlap, so no join multiplies a byte.
--   * A pod with hostNetwork holds no address. Its node does, and is a group of its own. The first address of each further interface of a node is the
--     node's, unless a pod has it in these hours; the others are there for pods. An interface that moves to another instance is at each in its time.
--   * The query reads pkt_srcaddr and pkt_dstaddr. srcaddr and dstaddr have the first address of an interface, even if the pod has another.
--   * A record counts only if the interface of one of its two ends made it: a node's, a pod's, a service's, or that of an instance which no listing
--     shows. A record of a NAT gateway or a
--     load balancer between the ends repeats the same bytes. `instance_id` tells, or the interface; for a pod's own interface without an instance, its address tells.
--   * Both nodes log a flow between them. Each byte counts once: by the records of the source's interface. What the destination's interface
--     has more is added, for each pair of addresses and each hour: the source's interface has no flow log, or its records were skipped.
--   * The zone of an end is the zone of its node, whether the end ever sends or not. If no listing tells, it is the zone of the interface
--     that logged.
--   * An address at one of the clusters' nodes that is nobody's that is known is `(unknown)` at that node. At an instance of a cluster that
--     no listing has as a node, it is `(unlisted node)`. An address at none of the instances is outside. `scope` says whether a row is traffic of one
--     cluster, between two clusters, egress or ingress.
--   * An address has one holder among all clusters that are listed, and its name has the holder's cluster. Which cluster an `(unknown)` address
--     belongs to, the node tells that logged it; else it is told only if no other cluster has the address in these hours.
--   * An address outside that EC2 shows at an interface of the VPC has the name of the service. If an interface in the middle logs packets
--     between the cluster and an address that nobody has, such as a NAT gateway's, its service is the other end. While
--     such a service has an address, a pod that is listed with it is in an overlay network.
--   * Crossing zones to a service costs at both ends, at the cluster's end, or nothing: its kind says which.
--   * A reply is a flow of its own, in its own direction.
--   * A record whose `flow_direction` is missing has the direction that its instance tells, or its path, or its addresses. If nothing tells, it does not
--     count, but shows that its node is at one of the ends.
--   * A record of another VPC does not count, if the flow logs tell the VPC (--vpc, below). One that does not tell it counts.
--
-- by-service-and-port.sql takes this text with the lines that begin with --port. They are comments in all other places. So are those that begin with
-- --vpc, unless the flow logs are those of several VPCs and tell which one by the field vpc-id: then :vpc_id is the VPC that counts.
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
    cluster, kind, namespace, name, uid, ips, node, az, az_id, instance_id, host_network, phase, group_kind, group_name, interface_id,
    interface_ids,
    date_diff('second', TIMESTAMP '1970-01-01 00:00:00',
      CAST(replace(replace(CAST(start_time AS varchar), 'T', ' '), 'Z', '') AS timestamp)) AS start_s,
    date_diff('second', TIMESTAMP '1970-01-01 00:00:00',
      CAST(replace(replace(CAST(network_time AS varchar), 'T', ' '), 'Z', '') AS timestamp)) AS network_s,
    date_diff('second', TIMESTAMP '1970-01-01 00:00:00',
      CAST(replace(replace(CAST(end_time AS varchar), 'T', ' '), 'Z', '') AS timestamp)) AS end_s,
    date_diff('second', TIMESTAMP '1970-01-01 00:00:00',
      CAST(replace(replace(CAST(observed_at AS varchar), 'T', ' '), 'Z', '') AS timestamp)) AS seen_s
  FROM pods
  WHERE kind IN ('node', 'pod', 'deleted', 'instance', 'attached', 'interface')
    AND dt BETWEEN substr(CAST(TIMESTAMP ':until' - INTERVAL '4' HOUR AS varchar), 1, 10)
               AND substr(CAST(TIMESTAMP ':until' + INTERVAL '2' HOUR AS varchar), 1, 10)
    AND dt || ' ' || hour BETWEEN substr(CAST(TIMESTAMP ':until' - INTERVAL '4' HOUR AS varchar), 1, 13)
                              AND substr(CAST(TIMESTAMP ':until' + INTERVAL '2' HOUR AS varchar), 1, 13)
),
listings AS (
  -- Of each cluster, and of all together: a service is in the listing of each.
  SELECT cluster, seen_s, lead(seen_s) OVER (PARTITION BY cluster ORDER BY seen_s) AS next_seen_s
  FROM (
    SELECT DISTINCT c.cluster, l.seen_s
    FROM (SELECT DISTINCT cluster, seen_s FROM lines WHERE kind <> 'deleted') AS l
    CROSS JOIN UNNEST(ARRAY[l.cluster, '']) AS c (cluster)
  ) AS runs
),
zones AS (
  -- A node may lack the label with the zone's ID. Within one account, a zone's name always stands for the same zone.
  SELECT az, max(az_id) AS az_id
  FROM lines
  WHERE kind IN ('node', 'instance')
  GROUP BY az
),
folded AS (
  -- The lines of a pod or an interface that say the same are one, from the first listing to the last: what is listed twice is listed in between.
  -- The lines of nodes and instances stay, so that a node finds its instance of the same listing. A service is of no cluster.
  SELECT
    kind, CASE kind WHEN 'interface' THEN '' ELSE cluster END AS cluster, namespace, name, uid, ips, node, az, az_id, instance_id, host_network, phase,
    group_kind, group_name, interface_id, start_s, network_s, end_s, min(seen_s) AS first_s, max(seen_s) AS last_s
  FROM lines
  GROUP BY
    kind, CASE kind WHEN 'interface' THEN '' ELSE cluster END, namespace, name, uid, ips, node, az, az_id, instance_id, host_network, phase,
    group_kind, group_name, interface_id, start_s, network_s, end_s, CASE WHEN kind IN ('node', 'instance') THEN seen_s END
),
ip_lines AS (
  -- A row for each address of a line, and one without an address for each instance. An IPv6 address can be written in several ways. Here it has eight
  -- groups of four digits.
  SELECT
    cluster, kind, namespace, name, uid, node, az, az_id, instance_id, host_network, phase, group_kind, group_name, interface_id, start_s, network_s,
    end_s, first_s, last_s, kind = 'attached' OR kind = 'interface' AND group_kind = 'Instance' AS is_movable,
    CASE WHEN ip_groups IS NULL THEN ip
      ELSE lpad(split_part(ip_groups, ':', 1), 4, '0') || ':' || lpad(split_part(ip_groups, ':', 2), 4, '0') || ':'
      || lpad(split_part(ip_groups, ':', 3), 4, '0') || ':' || lpad(split_part(ip_groups, ':', 4), 4, '0') || ':'
      || lpad(split_part(ip_groups, ':', 5), 4, '0') || ':' || lpad(split_part(ip_groups, ':', 6), 4, '0') || ':'
      || lpad(split_part(ip_groups, ':', 7), 4, '0') || ':' || lpad(split_part(ip_groups, ':', 8), 4, '0')
    END AS ip
  FROM (
    SELECT
      l.*, a.ip,
      CASE WHEN strpos(a.ip, ':') > 0 THEN
        replace(lower(a.ip), '::', ':' || substr('0:0:0:0:0:0:0', 1, 15 - 2 * (length(a.ip) - length(replace(a.ip, ':', '')))) || ':')
      END AS ip_groups
    FROM folded AS l
    CROSS JOIN UNNEST(CASE WHEN l.kind IN ('node', 'instance') THEN coalesce(l.ips, ARRAY[CAST(NULL AS varchar)]) || ARRAY[CAST(NULL AS varchar)] ELSE l.ips END) AS a (ip)
  ) AS unnested
),
instances AS (
  -- The clusters' instances: those of their nodes, also of nodes that only a deleted pod tells of, and those that EC2 describes. `own_ip` and
  -- `own_ip_2` are the node's own addresses. If no listing has EC2's description, they are not known of a node with several InternalIPs: these may
  -- have pods' addresses among them.
  SELECT
    i.instance_id, row_number() OVER (ORDER BY i.instance_id) AS no, max(i.cluster) AS cluster, max(i.az) AS az, max(coalesce(i.az_id, z.az_id)) AS az_id,
    bool_or(i.kind IN ('node', 'deleted')) AS is_node,
    coalesce(min(i.ip) FILTER (WHERE i.kind = 'instance'),
      CASE WHEN min(i.ip) FILTER (WHERE i.kind = 'node') = max(i.ip) FILTER (WHERE i.kind = 'node') THEN min(i.ip) FILTER (WHERE i.kind = 'node') END) AS own_ip,
    max(i.ip) FILTER (WHERE i.kind = 'instance') AS own_ip_2, min(i.start_s) FILTER (WHERE i.kind = 'instance') AS start_s, max(i.end_s) FILTER (WHERE i.kind = 'instance') AS end_s
  FROM ip_lines AS i
  LEFT JOIN zones AS z ON z.az = i.az
  WHERE i.kind IN ('node', 'instance', 'deleted') AND i.instance_id IS NOT NULL
  GROUP BY i.instance_id
),
interfaces AS (
  -- Those of the clusters' instances, and those of services. If an interface has moved to another instance, its address tells in whose time a record is;
  -- and if it was at two instances of no cluster, none of them is the service.
  SELECT
    f.interface_id,
    CASE WHEN min(CASE WHEN i.kind = 'instance' THEN i.instance_id WHEN i.group_kind = 'Instance' THEN i.group_name END)
        = max(CASE WHEN i.kind = 'instance' THEN i.instance_id WHEN i.group_kind = 'Instance' THEN i.group_name END)
      THEN max(CASE WHEN i.kind = 'instance' THEN i.instance_id END) END AS instance_id,
    CASE WHEN NOT bool_or(i.kind = 'instance') AND min(i.group_kind || chr(31) || i.group_name) = max(i.group_kind || chr(31) || i.group_name)
      THEN max(chr(31) || chr(31) || i.group_kind || chr(31) || i.group_name) END AS service
  FROM lines AS i
  CROSS JOIN UNNEST(i.interface_ids) AS f (interface_id)
  WHERE i.kind IN ('instance', 'interface')
  GROUP BY f.interface_id
),
node_stays AS (
  -- The lines of a node that say the same are one here as well, from the first listing to the last, so that a pod meets its node once and not in each listing.
  -- No stay spans a listing in which the instance is gone: one that follows it and that EC2's description is missing in does not bring the node back.
  SELECT
    cluster, name, instance_id, az, az_id, start_s, is_gone, min(seen_s) AS first_s, max(seen_s) AS last_s
  FROM (
    SELECT
      n.*, coalesce(i.phase <> 'running', false) AS is_gone,
      count_if(i.phase <> 'running') OVER (PARTITION BY n.cluster, n.name, n.uid, n.instance_id ORDER BY n.seen_s) AS times_gone
    FROM lines AS n
    LEFT JOIN lines AS i ON i.kind = 'instance' AND i.instance_id = n.instance_id AND i.cluster = n.cluster AND i.seen_s = n.seen_s
    WHERE n.kind = 'node'
  )
  GROUP BY cluster, name, uid, instance_id, az, az_id, start_s, is_gone, times_gone
),
addresses AS (
  -- `who` is the cluster, the namespace, the kind of group and the group in one text, so that all come from the same record.
  -- What is an instance that a cluster has is no service, though the listings of the other clusters show its interfaces. `held_s` is the time
  -- of the listing if it shows that the holder has the address. It does not show that of a pod that has ended, or whose node is gone. That a pod was
  -- deleted shows when its network was ready, and its end if that is known; not when it was deleted.
  SELECT
    p.kind = 'deleted' AS is_deleted, p.kind = 'interface' AS is_service, p.kind = 'interface' AND p.group_kind NOT IN ('Interface', 'Instance') AS is_recognised,
    p.kind = 'attached' AS is_attached, p.is_movable, p.ip,
    -- An interface that moves from instance to instance is another holder at each.
    p.uid || CASE WHEN p.is_movable
      THEN chr(31) || coalesce(p.instance_id, p.group_name) || CASE WHEN p.start_s < p.first_s THEN chr(31) || CAST(p.start_s AS varchar) ELSE '' END ELSE '' END AS uid,
    p.cluster,
    CASE WHEN p.kind = 'attached' AND p.group_kind = 'Node' AND NOT c.is_node THEN p.cluster || chr(31) || chr(31) || 'Unknown' || chr(31) || '(unlisted node)'
      ELSE p.cluster || chr(31) || coalesce(p.namespace, '') || chr(31) || p.group_kind || chr(31) || p.group_name END AS who,
    coalesce(n.instance_id, p.instance_id, CASE WHEN p.kind = 'interface' AND p.group_kind = 'Instance' THEN p.group_name END) AS instance_id, p.interface_id,
    coalesce(p.az, n.az) AS az, coalesce(p.az_id, n.az_id, z.az_id) AS az_id,
    -- Another address than the first one of an interface may be younger than the interface.
    CASE WHEN p.kind = 'attached' AND p.group_kind = 'Unknown' THEN p.first_s ELSE p.start_s END AS start_s, p.network_s, p.end_s, p.first_s,
    CASE WHEN n.last_s < p.last_s THEN n.last_s ELSE p.last_s END AS seen_s, CASE WHEN p.kind = 'deleted' OR p.phase IN ('Succeeded', 'Failed') THEN NULL ELSE p.last_s END AS listed_s,
    CASE WHEN p.kind = 'deleted' THEN p.network_s
      WHEN p.phase IN ('Succeeded', 'Failed') OR p.node IS NOT NULL AND n.name IS NULL OR n.is_gone THEN NULL
      WHEN n.last_s < p.last_s THEN n.last_s ELSE p.last_s END AS held_s
  FROM ip_lines AS p
  -- The node is from the same listings, and older than the pod: a node's name comes from its address, and the next instance with the address
  -- has the same name. The pod may be listed longer than its node.
  LEFT JOIN node_stays AS n ON p.kind = 'pod' AND n.name = p.node AND n.cluster = p.cluster AND n.first_s <= p.last_s AND n.last_s >= p.first_s
    AND n.start_s <= p.start_s
  LEFT JOIN zones AS z ON z.az = coalesce(p.az, n.az)
  LEFT JOIN instances AS c ON c.instance_id = CASE WHEN p.kind = 'attached' THEN p.instance_id WHEN p.group_kind = 'Instance' THEN p.group_name END
  WHERE (p.kind IN ('pod', 'deleted') AND NOT p.host_network OR p.kind = 'attached' OR p.kind = 'interface' AND c.instance_id IS NULL) AND p.ip IS NOT NULL
  UNION ALL
  -- An instance and its node are one holder. Of a node that EC2 describes, only EC2's address counts; else only one that is known to be its
  -- own. A node on Fargate has the address of its one pod.
  SELECT
    false AS is_deleted, false AS is_service, false AS is_recognised, false AS is_attached, false AS is_movable, n.ip, coalesce(n.instance_id, n.uid) AS uid, n.cluster,
    n.cluster || CASE WHEN n.kind = 'node' OR o.is_node THEN chr(31) || chr(31) || 'Node' || chr(31) || '(nodes)'
      ELSE chr(31) || chr(31) || 'Unknown' || chr(31) || '(unlisted node)' END AS who,
    n.instance_id, CAST(NULL AS varchar) AS interface_id, n.az, coalesce(n.az_id, z.az_id) AS az_id, n.start_s,
    CAST(NULL AS bigint) AS network_s, o.end_s, n.first_s, n.last_s AS seen_s, n.last_s AS listed_s,
    CASE WHEN n.kind = 'node' OR n.phase = 'running' THEN n.last_s END AS held_s
  FROM ip_lines AS n
  LEFT JOIN lines AS i ON i.kind = 'instance' AND i.instance_id = n.instance_id AND i.cluster = n.cluster AND i.seen_s = n.last_s
  LEFT JOIN instances AS o ON o.instance_id = n.instance_id
  LEFT JOIN zones AS z ON z.az = n.az
  WHERE n.ip IS NOT NULL AND (
    n.kind = 'instance'
    OR n.kind = 'node' AND i.instance_id IS NULL AND n.name NOT LIKE 'fargate-%' AND (n.instance_id IS NULL OR n.ip IN (o.own_ip, o.own_ip_2)))
),
holders AS (
  -- A pod that is listed although its node is gone held its address as long as its instance existed. An interface of which EC2 does not tell the
  -- service may be a pod's own, as on Fargate: it has an address only if no pod and no node has it as its own in these hours. So has a node an address
  -- of its further interfaces. What is listed with an address while a service has it is in an overlay network: no packet in the VPC has its address.
  -- If an address has been at two interfaces, the one at an instance may be older than the address there. So it has the address from the first listing on.
  SELECT
    h.cluster,
    min(nullif(h.cluster, '')) OVER (PARTITION BY h.ip) = max(nullif(h.cluster, '')) OVER (PARTITION BY h.ip)
      AND NOT (bool_or(h.is_attached) OVER (PARTITION BY h.ip) AND bool_or(h.is_service) OVER (PARTITION BY h.ip)) AS in_one_cluster,
    bool_or(h.is_attached) OVER (PARTITION BY h.ip) AS at_a_node, h.is_service, h.is_attached, h.is_movable,
    CASE
      WHEN h.is_recognised THEN true
      WHEN h.is_service OR h.is_attached THEN bool_and(h.is_service OR h.is_attached) OVER (PARTITION BY h.ip)
      ELSE coalesce(h.begin_s >= h.service_until_s OR coalesce(h.end_s, h.held_s, h.begin_s) <= h.service_from_s, true)
    END AS counts,
    h.ip, h.uid, h.who, h.instance_id, h.interface_id, h.az, h.az_id, CASE WHEN h.is_reassigned THEN h.first_s ELSE h.begin_s END AS begin_s,
    CASE WHEN h.is_reassigned THEN h.first_s + 30 ELSE h.sure_s END AS sure_s, h.end_s,
    -- greatest and least mean different things in the two engines if a value is null.
    CASE WHEN o.end_s <= h.listed_s AND o.end_s > coalesce(h.held_s, 0) THEN o.end_s
      WHEN o.end_s > h.listed_s THEN h.listed_s
      ELSE coalesce(h.held_s, 0) END AS held_s
  FROM (
    SELECT
      *, min(CASE WHEN is_recognised THEN begin_s END) OVER (PARTITION BY ip) AS service_from_s,
      max(CASE WHEN is_recognised THEN held_s END) OVER (PARTITION BY ip) AS service_until_s,
      is_service AND is_movable AND min(CASE WHEN is_service OR is_attached THEN split_part(uid, chr(31), 1) END) OVER (PARTITION BY ip)
        <> max(CASE WHEN is_service OR is_attached THEN split_part(uid, chr(31), 1) END) OVER (PARTITION BY ip) AS is_reassigned
    FROM (
      SELECT
        is_service, ip, uid, bool_or(is_recognised) AS is_recognised, bool_or(is_attached) AS is_attached, bool_or(is_movable) AS is_movable, max(cluster) AS cluster, max_by(who, seen_s) FILTER (WHERE who IS NOT NULL) AS who,
        max_by(instance_id, seen_s) FILTER (WHERE instance_id IS NOT NULL) AS instance_id,
        max_by(interface_id, seen_s) FILTER (WHERE interface_id IS NOT NULL) AS interface_id,
        max_by(az, seen_s) FILTER (WHERE az IS NOT NULL) AS az, max_by(az_id, seen_s) FILTER (WHERE az_id IS NOT NULL) AS az_id,
        coalesce(min(network_s), min(start_s)) AS begin_s,
        coalesce(min(network_s), CASE WHEN bool_or(is_movable) THEN min(start_s) + 30 ELSE min(first_s) END) AS sure_s, max(end_s) AS end_s, min(first_s) AS first_s,
        max(held_s) AS held_s, max(listed_s) AS listed_s
      FROM addresses
      GROUP BY is_service, ip, uid
      -- Of a deleted pod that no listing has, and whose node was gone when its deletion was read, nothing tells where it was.
      HAVING NOT bool_and(is_deleted) OR max(instance_id) IS NOT NULL
    ) AS a
  ) AS h
  LEFT JOIN instances AS o ON o.instance_id = h.instance_id
),
spans AS (
  -- From `known_s` to `until_s` the address is the holder's and nobody else's. Before and after, from `begin_s` to `gone_s`, nothing shows
  -- whose it is. It rests for half a minute between two pods, because the VPC CNI does that; and `start` of a record may be late by a
  -- minute. So a pod's address is known until half a minute after its end, or after the last listing that shows it; and again from a minute
  -- after the latest time at which another pod can have had it, which is half a minute before the pod got it. An interface may be at another instance
  -- within seconds after the last listing that shows it, and begins there when it is attached.
  SELECT
    h.is_service AND NOT (h.is_movable AND h.at_a_node) AS is_service_only, h.is_service, h.is_attached, h.ip, h.uid, CASE WHEN h.in_one_cluster THEN h.cluster ELSE '(unknown)' END AS unknown_cluster, h.who, h.instance_id, h.interface_id,
    h.az, h.az_id, h.begin_s,
    coalesce(h.end_s, h.held_s) + CASE WHEN h.is_movable THEN 0 ELSE 30 END AS until_s,
    coalesce(h.end_s, l.next_seen_s, 253402300799) + 60 AS gone_s,
    greatest(h.begin_s, least(h.sure_s + 30, coalesce(
      max(coalesce(h.end_s, l.next_seen_s, 253402300799) + 60)
        OVER (PARTITION BY h.ip ORDER BY h.begin_s, h.uid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), h.begin_s))) AS known_s
  FROM holders AS h
  LEFT JOIN listings AS l ON l.cluster = h.cluster AND l.seen_s <= h.held_s AND (l.next_seen_s > h.held_s OR l.next_seen_s IS NULL)
  WHERE h.counts
),
holders_in_time AS (
  -- Three rows for each span: known, and unknown before and after it. They end where the next span begins, so that an address has one
  -- holder at any time. Between two holders on one instance, the address stays there. Before and after a service, the address is outside.
  -- `no` and `uid_no` stand for a holder below: numbers take less time to compare than names.
  SELECT
    ip, dense_rank() OVER (ORDER BY ip, uid) AS uid_no, dense_rank() OVER (ORDER BY ip, uid, who) AS no, who, is_known, is_service,
    instance_id, interface_id, az, az_id, from_s, until_s
  FROM (
    SELECT
      -- What a node's records tell of it holds before and after as well.
      ip, uid || CASE WHEN who LIKE '%' || chr(31) || chr(31) || 'Node' || chr(31) || '(nodes)' AND NOT is_attached THEN '' ELSE part END AS uid,
      CASE part WHEN '' THEN who ELSE unknown_cluster || chr(31) || chr(31) || 'Unknown' || chr(31) || '(unknown)' END AS who,
      part = '' AS is_known, is_service AND part = '' AS is_service,
      instance_id, interface_id, az, az_id,
      CASE part WHEN '' THEN known_s WHEN ' before' THEN greatest(begin_s, earlier_until_s) ELSE greatest(known_s, until_s) END AS from_s,
      CASE part WHEN '' THEN until_s WHEN ' before' THEN known_s
        ELSE greatest(known_s, CASE WHEN stays THEN next_begin_s ELSE least(gone_s, next_begin_s) END) END AS until_s
    FROM (
      SELECT
        is_service_only, is_service, is_attached, ip, uid, unknown_cluster, who, instance_id, interface_id, az, az_id, begin_s, known_s,
        least(until_s, coalesce(lead(known_s) OVER ip_in_time, until_s)) AS until_s,
        gone_s,
        coalesce(lead(begin_s) OVER ip_in_time, gone_s) AS next_begin_s,
        coalesce(lead(instance_id) OVER ip_in_time = instance_id, false) AS stays,
        coalesce(max(until_s) OVER (PARTITION BY ip ORDER BY begin_s, uid ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), begin_s)
          AS earlier_until_s
      FROM spans
      WINDOW ip_in_time AS (PARTITION BY ip ORDER BY begin_s, uid)
    ) AS s
    CROSS JOIN (VALUES (''), (' before'), (' after')) AS p (part)
    WHERE part = '' OR NOT is_service_only
  ) AS held
),
flows AS (
  SELECT
    CASE flow_direction WHEN 'egress' THEN true WHEN 'ingress' THEN false END AS at_source, start, "end", bytes,
    pkt_srcaddr,
    CASE WHEN strpos(pkt_srcaddr, ':') > 0 THEN
      replace(lower(pkt_srcaddr), '::', ':' || substr('0:0:0:0:0:0:0', 1, 15 - 2 * (length(pkt_srcaddr) - length(replace(pkt_srcaddr, ':', '')))) || ':')
    END AS pkt_srcaddr_groups,
    pkt_dstaddr,
    CASE WHEN strpos(pkt_dstaddr, ':') > 0 THEN
      replace(lower(pkt_dstaddr), '::', ':' || substr('0:0:0:0:0:0:0', 1, 15 - 2 * (length(pkt_dstaddr) - length(replace(pkt_dstaddr, ':', '')))) || ':')
    END AS pkt_dstaddr_groups,
    srcaddr = pkt_srcaddr AS first_of_source, dstaddr = pkt_dstaddr AS first_of_destination, interface_id,
    nullif(instance_id, '-') AS instance_id, CASE WHEN coalesce(instance_id, '-') = '-' THEN interface_id END AS interface_without_instance, nullif(az_id, '-') AS az_id, traffic_path
    --port , CASE WHEN protocol IN (6, 17) AND dstport < 32768 AND srcport >= 32768 THEN 'dst/' || CAST(dstport AS varchar)
    --port   WHEN protocol IN (6, 17) AND srcport < 32768 AND dstport >= 32768 THEN 'src/' || CAST(srcport AS varchar) ELSE '/' END
    --port   || CASE protocol WHEN 6 THEN '/TCP' WHEN 17 THEN '/UDP' ELSE coalesce('/' || CAST(protocol AS varchar), '/') END AS port
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
    -- Twelve minutes more at both ends: the two records of one flow may be on two sides of the full hour.
    AND start >= date_diff('second', TIMESTAMP '1970-01-01 00:00:00', TIMESTAMP ':until') - 11520
    AND start < date_diff('second', TIMESTAMP '1970-01-01 00:00:00', TIMESTAMP ':until') + 720
    AND log_status = 'OK' AND action = 'ACCEPT'
    -- A flow log that was there already may lack a field. Without these, nothing counts.
    AND pkt_srcaddr IS NOT NULL AND pkt_dstaddr IS NOT NULL AND bytes IS NOT NULL
    --vpc AND coalesce(nullif(vpc_id, '-'), ':vpc_id') = ':vpc_id'
),
records AS (
  SELECT
    f.at_source, f.start, f."end", f.bytes, f.first_of_source, f.first_of_destination, f.interface_id,
    coalesce(f.instance_id, i.instance_id) AS instance_id, i.service, f.az_id, f.traffic_path,
    CASE WHEN f.pkt_srcaddr_groups IS NULL THEN f.pkt_srcaddr
      ELSE lpad(split_part(f.pkt_srcaddr_groups, ':', 1), 4, '0') || ':' || lpad(split_part(f.pkt_srcaddr_groups, ':', 2), 4, '0') || ':'
      || lpad(split_part(f.pkt_srcaddr_groups, ':', 3), 4, '0') || ':' || lpad(split_part(f.pkt_srcaddr_groups, ':', 4), 4, '0') || ':'
      || lpad(split_part(f.pkt_srcaddr_groups, ':', 5), 4, '0') || ':' || lpad(split_part(f.pkt_srcaddr_groups, ':', 6), 4, '0') || ':'
      || lpad(split_part(f.pkt_srcaddr_groups, ':', 7), 4, '0') || ':' || lpad(split_part(f.pkt_srcaddr_groups, ':', 8), 4, '0')
    END AS pkt_srcaddr,
    CASE WHEN f.pkt_dstaddr_groups IS NULL THEN f.pkt_dstaddr
      ELSE lpad(split_part(f.pkt_dstaddr_groups, ':', 1), 4, '0') || ':' || lpad(split_part(f.pkt_dstaddr_groups, ':', 2), 4, '0') || ':'
      || lpad(split_part(f.pkt_dstaddr_groups, ':', 3), 4, '0') || ':' || lpad(split_part(f.pkt_dstaddr_groups, ':', 4), 4, '0') || ':'
      || lpad(split_part(f.pkt_dstaddr_groups, ':', 5), 4, '0') || ':' || lpad(split_part(f.pkt_dstaddr_groups, ':', 6), 4, '0') || ':'
      || lpad(split_part(f.pkt_dstaddr_groups, ':', 7), 4, '0') || ':' || lpad(split_part(f.pkt_dstaddr_groups, ':', 8), 4, '0')
    END AS pkt_dstaddr
    --port , f.port
  FROM flows AS f
  LEFT JOIN interfaces AS i ON i.interface_id = f.interface_without_instance
),
placed AS (
  SELECT
    r.start - mod(r.start, 3600) AS hour_s, r.start, r."end", r.pkt_srcaddr, r.pkt_dstaddr, r.bytes, r.traffic_path,
    r.interface_id, r.instance_id, r.service, r.az_id, r.first_of_source, r.first_of_destination,
    s.no AS src_no, s.uid_no AS src_uid_no, s.who AS src_who, s.is_known AS src_known, s.instance_id AS src_instance_id, s.interface_id AS src_interface_id,
    s.az AS src_az, s.az_id AS src_az_id,
    d.no AS dst_no, d.uid_no AS dst_uid_no, d.who AS dst_who, d.is_known AS dst_known, d.instance_id AS dst_instance_id, d.interface_id AS dst_interface_id,
    d.az AS dst_az, d.az_id AS dst_az_id,
    coalesce(s.is_service, false) AS src_is_service, coalesce(d.is_service, false) AS dst_is_service,
    n.instance_id IS NOT NULL AS at_a_node, n.no AS node_no, n.start_s AS node_start_s, n.cluster AS node_cluster, n.is_node, n.own_ip, n.own_ip_2, n.az AS node_az, n.az_id AS node_az_id,
    -- The end that logged. If the record does not say it, an instance that holds one address is at that end, and an instance that is known
    -- not to hold the other is at this one. A node is not at the end of a service. Only egress has a path, and only at the interface's own end can the packet have another address.
    coalesce(r.at_source, CASE
      WHEN s.instance_id = r.instance_id THEN true
      WHEN d.instance_id = r.instance_id THEN false
      WHEN n.instance_id IS NOT NULL AND d.is_service THEN true
      WHEN n.instance_id IS NOT NULL AND s.is_service THEN false
      WHEN d.is_known AND d.instance_id <> r.instance_id AND NOT coalesce(s.is_known, false) THEN true
      WHEN s.is_known AND s.instance_id <> r.instance_id AND NOT coalesce(d.is_known, false) THEN false
      WHEN r.traffic_path IS NOT NULL OR NOT r.first_of_source THEN true
      WHEN NOT r.first_of_destination THEN false
    END) AS at_source
    --port , r.port
  FROM records AS r
  LEFT JOIN holders_in_time AS s ON s.ip = r.pkt_srcaddr AND r.start >= s.from_s AND r.start < s.until_s
  LEFT JOIN holders_in_time AS d ON d.ip = r.pkt_dstaddr AND r.start >= d.from_s AND r.start < d.until_s
  LEFT JOIN instances AS n ON n.instance_id = r.instance_id
),
made AS (
  -- Whether a record was made at an end of the traffic: at a node, at a pod's own interface, at a service, or at an instance of which nothing is
  -- known. What a service logs counts only with the cluster's addresses, and with those that may be private: an internet-facing load balancer may
  -- have millions of clients, and none of them is the cluster's.
  SELECT
    *,
    coalesce(at_source IS NOT NULL
    AND (at_a_node
         OR instance_id IS NULL AND CASE
           WHEN at_source THEN first_of_source AND src_no IS NOT NULL AND (NOT src_is_service OR NOT dst_is_service AND (dst_no IS NOT NULL OR dst_may_be_private))
           ELSE first_of_destination AND dst_no IS NOT NULL AND (NOT dst_is_service OR NOT src_is_service AND (src_no IS NOT NULL OR src_may_be_private)) END
         -- An instance that no listing has as a node, at its own address, or at one that nobody has if EC2 does not describe it.
         OR instance_id IS NOT NULL AND CASE
           WHEN at_source THEN (src_no IS NULL OR src_is_service AND src_instance_id = instance_id OR NOT src_known AND first_of_source) AND dst_no IS NOT NULL AND NOT dst_is_service
           ELSE (dst_no IS NULL OR dst_is_service AND dst_instance_id = instance_id OR NOT dst_known AND first_of_destination) AND src_no IS NOT NULL AND NOT src_is_service END)
    -- A pod with a branch interface: the record of the trunk interface has the same bytes.
    AND coalesce(CASE WHEN at_source THEN src_interface_id ELSE dst_interface_id END, interface_id) = interface_id, false) AS at_an_end,
    -- An instance of which nothing is known, at an address that nobody has. Nobody has the other one either, but a node of the clusters may log there.
    at_source IS NOT NULL AND NOT at_a_node AND instance_id IS NOT NULL AND src_no IS NULL AND dst_no IS NULL AND src_may_be_private AND dst_may_be_private
      AS may_be_an_end
  FROM (
    SELECT
      *,
      pkt_srcaddr LIKE '10.%' OR pkt_srcaddr LIKE '172.%' OR pkt_srcaddr LIKE '192.168.%' OR pkt_srcaddr LIKE '100.%'
        OR pkt_srcaddr LIKE '198.18.%' OR pkt_srcaddr LIKE '198.19.%' AS src_may_be_private,
      pkt_dstaddr LIKE '10.%' OR pkt_dstaddr LIKE '172.%' OR pkt_dstaddr LIKE '192.168.%' OR pkt_dstaddr LIKE '100.%'
        OR pkt_dstaddr LIKE '198.18.%' OR pkt_dstaddr LIKE '198.19.%' AS dst_may_be_private
    FROM placed
  ) AS p
),
ends AS (
  -- The records that were made at an end. And without their bytes, those of an instance that may be one, which tell who it is and its zone if a node
  -- of the clusters logged at the other end; those that a service made in between: `service` is the service then, with its zone as a fifth part; and
  -- those that a node made at one of the two ends, of which nothing tells at which: `own` is set then, and `at_source` is not.
  SELECT
    hour_s, start, "end", CASE WHEN at_an_end OR may_be_an_end THEN at_source END AS at_source, pkt_srcaddr, pkt_dstaddr,
    CASE WHEN at_an_end THEN bytes WHEN NOT may_be_an_end THEN 0 END AS bytes, traffic_path,
    src_no, src_uid_no, src_who, src_az, src_az_id, dst_no, dst_uid_no, dst_who, dst_az, dst_az_id,
    CASE WHEN NOT at_an_end AND NOT may_be_an_end THEN service || chr(31) || coalesce(az_id, '') END AS service,
    -- Who the end is that logged. If the listings name another instance for the address than the one that logged, they do not know the holder.
    -- The node's own address is the node's as long as the instance exists.
    CASE
      WHEN at_source IS NULL AND at_a_node THEN CASE WHEN is_node THEN 'unknown' ELSE 'unlisted' END
      WHEN may_be_an_end THEN 'instance'
      WHEN NOT at_an_end THEN NULL
      WHEN at_source AND src_known AND coalesce(src_instance_id, instance_id, '') = coalesce(instance_id, src_instance_id, '') THEN 'holder'
      WHEN NOT at_source AND dst_known AND coalesce(dst_instance_id, instance_id, '') = coalesce(instance_id, dst_instance_id, '') THEN 'holder'
      WHEN is_node AND CASE WHEN at_source THEN pkt_srcaddr ELSE pkt_dstaddr END IN (own_ip, own_ip_2) THEN 'node'
      WHEN NOT at_a_node AND CASE WHEN at_source THEN src_no ELSE dst_no END IS NULL THEN 'instance'
      WHEN NOT is_node THEN 'unlisted'
      ELSE 'unknown'
    END AS own,
    node_cluster, node_no, node_start_s, instance_id,
    CASE WHEN at_an_end THEN coalesce(node_az, CASE WHEN at_source THEN src_az ELSE dst_az END) WHEN at_source IS NULL THEN node_az END AS own_az,
    CASE WHEN at_source IS NULL THEN node_az_id WHEN at_an_end THEN
      coalesce(node_az_id, CASE WHEN node_az IS NULL AND at_source THEN src_az_id WHEN node_az IS NULL THEN dst_az_id END, az_id)
      WHEN may_be_an_end THEN az_id END AS own_az_id
    --port , port
  FROM made
  WHERE at_an_end OR may_be_an_end
    OR at_source IS NULL AND at_a_node
    OR service IS NOT NULL AND NOT src_is_service AND NOT dst_is_service AND (src_no IS NULL OR dst_no IS NULL)
),
by_flow AS (
  -- The hours beside each other, so that the windows below need no order: of the three hours the bytes, and of the hours around each what the
  -- other end may have logged in it: its record may be as long as an interval, and late by a minute. `ago` is how many hours before the end of the window
  -- the hour begins.
  SELECT
    at_source, pkt_srcaddr, pkt_dstaddr, src_no, dst_no, own, CASE own WHEN 'instance' THEN instance_id ELSE node_cluster END AS own_of, node_no, service,
    arbitrary(src_uid_no) AS src_uid_no, arbitrary(src_who) AS src_who, arbitrary(src_az) AS src_az, arbitrary(src_az_id) AS src_az_id,
    arbitrary(dst_uid_no) AS dst_uid_no, arbitrary(dst_who) AS dst_who, arbitrary(dst_az) AS dst_az, arbitrary(dst_az_id) AS dst_az_id,
    max(own_az) AS own_az, max(own_az_id) AS own_az_id, arbitrary(node_start_s) AS node_start_s, max(start) AS last_s,
    CAST(sum(CASE ago WHEN 3 THEN bytes END) AS bigint) AS bytes_3, CAST(sum(CASE ago WHEN 2 THEN bytes END) AS bigint) AS bytes_2,
    CAST(sum(CASE ago WHEN 1 THEN bytes END) AS bigint) AS bytes_1,
    max(CASE ago WHEN 3 THEN traffic_path END) AS path_3, max(CASE ago WHEN 2 THEN traffic_path END) AS path_2,
    max(CASE ago WHEN 1 THEN traffic_path END) AS path_1,
    CAST(sum(CASE WHEN ago = 4 AND is_last OR ago = 2 AND is_first THEN bytes END) AS bigint) AS around_3,
    CAST(sum(CASE WHEN ago = 3 AND is_last OR ago = 1 AND is_first THEN bytes END) AS bigint) AS around_2,
    CAST(sum(CASE WHEN ago = 2 AND is_last OR ago = 0 AND is_first THEN bytes END) AS bigint) AS around_1
    --port , port
  FROM (
    SELECT
      *, CAST((date_diff('second', TIMESTAMP '1970-01-01 00:00:00', TIMESTAMP ':until') - hour_s) / 3600 AS bigint) AS ago,
      start < hour_s + 60 + :interval AS is_first, "end" >= hour_s + 3540 AS is_last
    FROM ends
  ) AS e
  GROUP BY at_source, pkt_srcaddr, pkt_dstaddr, src_no, dst_no, own, CASE own WHEN 'instance' THEN instance_id ELSE node_cluster END, node_no, service
    --port , port
),
flow_names AS (
  SELECT
    *, CASE WHEN at_source THEN own_who END AS src_own_who, CASE WHEN NOT at_source THEN own_who END AS dst_own_who,
    CASE WHEN at_source THEN nullif(split_part(own_who, chr(31), 1), '') END AS src_own_cluster,
    CASE WHEN NOT at_source THEN nullif(split_part(own_who, chr(31), 1), '') END AS dst_own_cluster,
    -- The node that is at one of the ends, if all records of which nothing tells at which are of one node.
    CASE WHEN min(CASE WHEN at_source IS NULL THEN node_no END) OVER whole_pair = max(CASE WHEN at_source IS NULL THEN node_no END) OVER whole_pair
      THEN max(CASE WHEN at_source IS NULL THEN node_no END) OVER whole_pair END AS either_no,
    max(CASE WHEN at_source IS NULL THEN node_start_s END) OVER whole_pair AS either_start_s,
    max(CASE WHEN at_source IS NULL THEN last_s END) OVER whole_pair AS either_last_s,
    max(CASE WHEN at_source IS NULL THEN own_who END) OVER whole_pair AS either_who,
    max(CASE WHEN at_source IS NULL THEN own_az END) OVER whole_pair AS either_az,
    max(CASE WHEN at_source IS NULL THEN own_az_id END) OVER whole_pair AS either_az_id
  FROM (
    SELECT
      *,
      CASE own
        WHEN 'holder' THEN CASE WHEN at_source THEN src_who ELSE dst_who END
        WHEN 'node' THEN own_of || chr(31) || chr(31) || 'Node' || chr(31) || '(nodes)'
        WHEN 'instance' THEN chr(31) || chr(31) || 'Instance' || chr(31) || own_of
        WHEN 'unlisted' THEN own_of || chr(31) || chr(31) || 'Unknown' || chr(31) || '(unlisted node)'
        WHEN 'unknown'
          THEN coalesce(own_of, split_part(CASE WHEN at_source THEN src_who ELSE dst_who END, chr(31), 1)) || chr(31) || chr(31) || 'Unknown' || chr(31) || '(unknown)'
      END AS own_who
    FROM by_flow
  ) AS f
  WINDOW whole_pair AS (PARTITION BY pkt_srcaddr, pkt_dstaddr)
),
joined AS (
  -- For each end: what this record says, if it was made at this end; else what other records say that were made at this end; else the
  -- listings; else, if other records were made there, that it is at one of the nodes; else, if a node made a record at one of the ends, and another
  -- node made this one here, that it is at the first node. This covers all hours that were read, because one of
  -- the two records of a flow may be in the next hour. If records of two clusters' nodes say something of an end, its cluster is not known. If those of
  -- two instances of no cluster do, such as NAT instances of which one takes over, it is an instance, and not known which.
  SELECT
    at_source, bytes_3, bytes_2, bytes_1, path_3, path_2, path_1,
    -- An IPv4 address that is not of a private network, and not multicast. Of IPv6, the VPC's own addresses are public too.
    CASE
      WHEN strpos(pkt_dstaddr, ':') > 0 OR pkt_dstaddr LIKE '10.%' OR pkt_dstaddr LIKE '192.168.%' OR pkt_dstaddr LIKE '169.254.%'
        OR pkt_dstaddr LIKE '198.18.%' OR pkt_dstaddr LIKE '198.19.%' OR pkt_dstaddr LIKE '___.%' AND substr(pkt_dstaddr, 1, 3) BETWEEN '224' AND '255' THEN false
      WHEN pkt_dstaddr LIKE '172.%' THEN CAST(split_part(pkt_dstaddr, '.', 2) AS integer) NOT BETWEEN 16 AND 31
      WHEN pkt_dstaddr LIKE '100.%' THEN CAST(split_part(pkt_dstaddr, '.', 2) AS integer) NOT BETWEEN 64 AND 127
      ELSE true
    END AS dst_is_public,
    min(service) OVER whole_pair AS first_service, max(service) OVER whole_pair AS last_service,
    CASE WHEN at_source THEN own_who
      ELSE coalesce(
        CASE WHEN split_part(min(src_own_who) OVER flow, chr(31), 1) = split_part(max(src_own_who) OVER flow, chr(31), 1)
            AND (split_part(max(src_own_who) OVER flow, chr(31), 1) <> '' OR min(src_own_who) OVER flow = max(src_own_who) OVER flow)
          THEN max(src_own_who) OVER flow
          WHEN split_part(max(src_own_who) OVER flow, chr(31), 1) = '' THEN chr(31) || chr(31) || 'Instance' || chr(31) || '(unknown)'
          WHEN max(src_own_who) OVER flow IS NOT NULL THEN '(unknown)' || chr(31) || chr(31) || 'Unknown' || chr(31) || '(unknown)' END,
        src_who,
        CASE WHEN min(src_own_cluster) OVER whole_pair = max(src_own_cluster) OVER whole_pair THEN max(src_own_cluster) OVER whole_pair
          WHEN max(src_own_cluster) OVER whole_pair IS NOT NULL THEN '(unknown)' END || chr(31) || chr(31) || 'Unknown' || chr(31) || '(unknown)',
        CASE WHEN is_of_other_end THEN either_who END) END AS src_who,
    CASE WHEN at_source THEN own_az
      ELSE coalesce(CASE WHEN min(CASE WHEN at_source THEN own_az END) OVER flow = max(CASE WHEN at_source THEN own_az END) OVER flow
          THEN max(CASE WHEN at_source THEN own_az END) OVER flow END, src_az,
        max(CASE WHEN src_own_cluster IS NOT NULL THEN own_az END) OVER whole_pair,
        CASE WHEN is_of_other_end THEN either_az END) END AS src_az,
    CASE WHEN at_source THEN own_az_id
      ELSE coalesce(CASE WHEN min(CASE WHEN at_source THEN own_az_id END) OVER flow = max(CASE WHEN at_source THEN own_az_id END) OVER flow
          THEN max(CASE WHEN at_source THEN own_az_id END) OVER flow END, src_az_id,
        max(CASE WHEN src_own_cluster IS NOT NULL THEN own_az_id END) OVER whole_pair,
        CASE WHEN is_of_other_end THEN either_az_id END) END AS src_az_id,
    CASE WHEN at_source
      THEN coalesce(
        CASE WHEN split_part(min(dst_own_who) OVER flow, chr(31), 1) = split_part(max(dst_own_who) OVER flow, chr(31), 1)
            AND (split_part(max(dst_own_who) OVER flow, chr(31), 1) <> '' OR min(dst_own_who) OVER flow = max(dst_own_who) OVER flow)
          THEN max(dst_own_who) OVER flow
          WHEN split_part(max(dst_own_who) OVER flow, chr(31), 1) = '' THEN chr(31) || chr(31) || 'Instance' || chr(31) || '(unknown)'
          WHEN max(dst_own_who) OVER flow IS NOT NULL THEN '(unknown)' || chr(31) || chr(31) || 'Unknown' || chr(31) || '(unknown)' END,
        dst_who,
        CASE WHEN min(dst_own_cluster) OVER whole_pair = max(dst_own_cluster) OVER whole_pair THEN max(dst_own_cluster) OVER whole_pair
          WHEN max(dst_own_cluster) OVER whole_pair IS NOT NULL THEN '(unknown)' END || chr(31) || chr(31) || 'Unknown' || chr(31) || '(unknown)',
        CASE WHEN is_of_other_end THEN either_who END)
      ELSE own_who END AS dst_who,
    CASE WHEN at_source
      THEN coalesce(CASE WHEN min(CASE WHEN NOT at_source THEN own_az END) OVER flow = max(CASE WHEN NOT at_source THEN own_az END) OVER flow
          THEN max(CASE WHEN NOT at_source THEN own_az END) OVER flow END, dst_az,
        max(CASE WHEN dst_own_cluster IS NOT NULL THEN own_az END) OVER whole_pair,
        CASE WHEN is_of_other_end THEN either_az END)
      ELSE own_az END AS dst_az,
    CASE WHEN at_source
      THEN coalesce(CASE WHEN min(CASE WHEN NOT at_source THEN own_az_id END) OVER flow = max(CASE WHEN NOT at_source THEN own_az_id END) OVER flow
          THEN max(CASE WHEN NOT at_source THEN own_az_id END) OVER flow END, dst_az_id,
        max(CASE WHEN dst_own_cluster IS NOT NULL THEN own_az_id END) OVER whole_pair,
        CASE WHEN is_of_other_end THEN either_az_id END)
      ELSE own_az_id END AS dst_az_id,
    -- What the destination logged in each hour, and what the source did. A record of the source that is near the hour's ends may be of the
    -- same bytes as one of the destination on the other side.
    CAST(sum(CASE WHEN at_source THEN 0 ELSE bytes_3 END) OVER whole_pair AS double) AS at_destination_3,
    CAST(coalesce(sum(CASE WHEN at_source THEN bytes_3 END) OVER whole_pair, 0) + coalesce(sum(CASE WHEN at_source THEN around_3 END) OVER whole_pair, 0)
      AS double) AS at_source_3,
    CAST(sum(CASE WHEN at_source THEN 0 ELSE bytes_2 END) OVER whole_pair AS double) AS at_destination_2,
    CAST(coalesce(sum(CASE WHEN at_source THEN bytes_2 END) OVER whole_pair, 0) + coalesce(sum(CASE WHEN at_source THEN around_2 END) OVER whole_pair, 0)
      AS double) AS at_source_2,
    CAST(sum(CASE WHEN at_source THEN 0 ELSE bytes_1 END) OVER whole_pair AS double) AS at_destination_1,
    CAST(coalesce(sum(CASE WHEN at_source THEN bytes_1 END) OVER whole_pair, 0) + coalesce(sum(CASE WHEN at_source THEN around_1 END) OVER whole_pair, 0)
      AS double) AS at_source_1
    --port , port
  FROM (
    -- Each of the two nodes was there when the other one logged. So the address did not pass from one to the other, and they are two ends.
    SELECT *, either_no <> node_no AND either_start_s + 60 <= last_s AND node_start_s + 60 <= either_last_s AS is_of_other_end
    FROM flow_names
  ) AS f
  WINDOW
    flow AS (PARTITION BY pkt_srcaddr, pkt_dstaddr, src_uid_no, dst_uid_no),
    whole_pair AS (PARTITION BY pkt_srcaddr, pkt_dstaddr)
),
by_hour AS (
  SELECT
    n.ago, at_source, dst_is_public, first_service, last_service, src_who, src_az, src_az_id, dst_who, dst_az, dst_az_id,
    CASE n.ago WHEN 3 THEN bytes_3 WHEN 2 THEN bytes_2 ELSE bytes_1 END AS bytes,
    CASE n.ago WHEN 3 THEN path_3 WHEN 2 THEN path_2 ELSE path_1 END AS traffic_path,
    CASE n.ago WHEN 3 THEN at_destination_3 WHEN 2 THEN at_destination_2 ELSE at_destination_1 END AS at_destination_bytes,
    CASE n.ago WHEN 3 THEN at_source_3 WHEN 2 THEN at_source_2 ELSE at_source_1 END AS at_source_bytes
    --port , port
  FROM joined
  CROSS JOIN (VALUES (3), (2), (1)) AS n (ago)
  WHERE at_source IS NOT NULL AND CASE n.ago WHEN 3 THEN bytes_3 WHEN 2 THEN bytes_2 ELSE bytes_1 END IS NOT NULL
),
named AS (
  -- An end outside that is not known has the name and the zone of the service in between, if these are always the same.
  SELECT
    ago, at_source, dst_is_public, bytes, traffic_path, at_destination_bytes, at_source_bytes,
    CASE
      WHEN coalesce(src_is_outside, true) THEN 'ingress'
      WHEN coalesce(dst_is_outside, true) THEN 'egress'
      WHEN split_part(src_who, chr(31), 1) = split_part(dst_who, chr(31), 1) AND split_part(src_who, chr(31), 1) <> '(unknown)' THEN 'cluster'
      ELSE 'clusters'
    END AS scope,
    coalesce(src_who, service) AS src_who, src_az, coalesce(src_az_id, CASE WHEN src_who IS NULL THEN service_az_id END) AS src_az_id,
    coalesce(dst_who, service) AS dst_who, dst_az, coalesce(dst_az_id, CASE WHEN dst_who IS NULL THEN service_az_id END) AS dst_az_id
    --port , port
  FROM (
    SELECT
      *,
      -- A service is of no cluster. Null: nobody is known.
      split_part(src_who, chr(31), 1) = '' AS src_is_outside, split_part(dst_who, chr(31), 1) = '' AS dst_is_outside,
      CASE WHEN split_part(first_service, chr(31), 3) = split_part(last_service, chr(31), 3) AND split_part(first_service, chr(31), 4) = split_part(last_service, chr(31), 4)
        THEN chr(31) || chr(31) || split_part(first_service, chr(31), 3) || chr(31) || split_part(first_service, chr(31), 4) END AS service,
      CASE WHEN first_service = last_service THEN nullif(split_part(first_service, chr(31), 5), '') END AS service_az_id
    FROM by_hour
  ) AS j
  -- Traffic between a service and an address outside is not a cluster's.
  WHERE NOT src_is_outside OR NOT dst_is_outside
),
counted AS (
  SELECT
    CAST(TIMESTAMP ':until' - ago * INTERVAL '1' HOUR AS timestamp(6)) AS hour,
    -- The source's records count. Of the destination's count the bytes that the source did not log.
    CASE WHEN at_source THEN bytes
      ELSE CAST(floor(bytes * ((at_destination_bytes - at_source_bytes) / at_destination_bytes)) AS bigint) END AS bytes,
    scope,
    coalesce(src_who, chr(31) || chr(31) || 'Outside' || chr(31) || '(outside)') AS src_who,
    coalesce(dst_who, chr(31) || chr(31) || 'Outside' || chr(31) || CASE traffic_path
      WHEN 1 THEN CASE WHEN dst_is_public THEN '(public address, through the VPC)' ELSE '(in or through the VPC)' END
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
    --port , port
  FROM named
  WHERE at_source OR at_destination_bytes > at_source_bytes
),
totals AS (
  SELECT
    -- A row is of the sender's cluster; of ingress, of the receiver's.
    CASE scope WHEN 'ingress' THEN split_part(dst_who, chr(31), 1) ELSE split_part(src_who, chr(31), 1) END AS cluster,
    CASE scope WHEN 'clusters' THEN split_part(dst_who, chr(31), 1) ELSE '' END AS peer_cluster,
    hour, scope, split_part(src_who, chr(31), 2) AS src_namespace, split_part(src_who, chr(31), 3) AS src_group_kind,
    split_part(src_who, chr(31), 4) AS src_group, src_az_id, split_part(dst_who, chr(31), 2) AS dst_namespace,
    split_part(dst_who, chr(31), 3) AS dst_group_kind, split_part(dst_who, chr(31), 4) AS dst_group, dst_az_id,
    bool_or(cross_az) AS cross_az, CAST(sum(bytes) AS bigint) AS bytes
    --port , port
  FROM counted
  GROUP BY hour, scope, src_who, src_az_id, dst_who, dst_az_id
    --port , port
)
SELECT
  hour, scope, src_namespace, src_group_kind, src_group, src_az_id, dst_namespace, dst_group_kind, dst_group, dst_az_id,
  cross_az, bytes,
  -- All values are doubles: a product of decimals would be cut to as many digits as its factors have.
  CASE WHEN cross_az AND NOT (scope = 'egress' AND dst_group_kind IN (:free_kinds)) AND NOT (scope = 'ingress' AND src_group_kind IN (:free_kinds, :half_kinds))
    THEN CAST(bytes AS double) / 1073741824 * CAST(':usd_per_gb' AS double) ELSE CAST(0 AS double) END AS usd_out,
  CASE WHEN cross_az AND NOT (scope = 'ingress' AND src_group_kind IN (:free_kinds)) AND NOT (scope = 'egress' AND dst_group_kind IN (:free_kinds, :half_kinds))
    THEN CAST(bytes AS double) / 1073741824 * CAST(':usd_per_gb' AS double) ELSE CAST(0 AS double) END AS usd_in,
  -- The share that stayed in its zone, of all bytes that the source's group sent within the cluster in this hour.
  CASE WHEN scope = 'cluster' THEN
    CAST(sum(CASE WHEN scope = 'cluster' AND NOT cross_az THEN bytes ELSE 0 END)
      OVER (PARTITION BY hour, cluster, src_namespace, src_group_kind, src_group) AS double)
    / nullif(CAST(sum(CASE WHEN scope = 'cluster' THEN bytes ELSE 0 END)
      OVER (PARTITION BY hour, cluster, src_namespace, src_group_kind, src_group) AS double), 0)
  END AS in_zone_share,
  cluster, peer_cluster
  --port , port
FROM totals
