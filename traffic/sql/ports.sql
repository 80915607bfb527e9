-- Bytes and cost by port, in what was delivered in the last 24 hours to the folder that is read: of all records, whichever cluster or
-- service they are of, but with flowLogsVpcId only of those of this VPC. docs/cross-az-traffic/table.md says what the columns are.
--   :usd_per_gb   the price of a GB (2^30 bytes) that leaves an AZ, and again of a GB that enters another
--
-- The port is the server's: the one below 32768, if the other is not. A client's port is 32768 or more where nobody changed
-- net.ipv4.ip_local_port_range (Linux, Documentation/networking/ip-sysctl.rst), and Kubernetes' NodePorts end at 32767. Otherwise it is
-- null, because nothing tells which one is the client's.
-- Each end's zone is that of its own record, and the bytes are those of the end that has more: both may log, or one.
-- An interface in the middle (a NAT gateway, a balancer that keeps the client's address) is of no instance and has another address than
-- the packets. Its records are left out: they are of the same packets.
WITH
records AS (
  SELECT
    CASE
      WHEN protocol NOT IN (6, 17) THEN NULL
      WHEN dstport < 32768 AND srcport >= 32768 THEN dstport
      WHEN srcport < 32768 AND dstport >= 32768 THEN srcport
    END AS port,
    CASE WHEN srcport < 32768 AND dstport >= 32768 THEN pkt_srcaddr ELSE pkt_dstaddr END AS server,
    CASE protocol WHEN 6 THEN 'TCP' WHEN 17 THEN 'UDP' ELSE CAST(protocol AS varchar) END AS protocol,
    flow_direction, az_id, pkt_srcaddr, pkt_dstaddr, bytes
  FROM flow_logs
  WHERE year IN (substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 1, 4), substr(CAST(current_timestamp AS varchar), 1, 4))
    AND month IN (substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 6, 2), substr(CAST(current_timestamp AS varchar), 6, 2))
    AND day IN (substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 9, 2), substr(CAST(current_timestamp AS varchar), 9, 2))
    AND year || '-' || month || '-' || day || ' ' || hour
      BETWEEN substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 1, 13) AND substr(CAST(current_timestamp AS varchar), 1, 13)
    AND log_status = 'OK' AND action = 'ACCEPT' AND flow_direction IN ('egress', 'ingress')
    --vpc AND coalesce(nullif(vpc_id, '-'), ':vpc_id') = ':vpc_id'
    AND NOT coalesce(instance_id = '-' AND CASE flow_direction WHEN 'egress' THEN srcaddr <> pkt_srcaddr ELSE dstaddr <> pkt_dstaddr END, FALSE)
),
pairs AS (
  SELECT
    port, protocol, server,
    max(CASE flow_direction WHEN 'egress' THEN nullif(az_id, '-') END) AS src_az_id,
    max(CASE flow_direction WHEN 'ingress' THEN nullif(az_id, '-') END) AS dst_az_id,
    greatest(sum(CASE flow_direction WHEN 'egress' THEN bytes ELSE 0 END), sum(CASE flow_direction WHEN 'ingress' THEN bytes ELSE 0 END)) AS bytes
  FROM records
  GROUP BY port, protocol, server, pkt_srcaddr, pkt_dstaddr
)
SELECT
  port, protocol, CASE WHEN port IS NOT NULL THEN count(DISTINCT server) END AS servers,
  sum(bytes) AS bytes,
  sum(CASE WHEN src_az_id = dst_az_id THEN bytes ELSE 0 END) AS in_zone_bytes,
  sum(CASE WHEN src_az_id <> dst_az_id THEN bytes ELSE 0 END) AS cross_az_bytes,
  sum(CASE WHEN src_az_id IS NULL OR dst_az_id IS NULL THEN bytes ELSE 0 END) AS unknown_zone_bytes,
  round(2 * CAST(sum(CASE WHEN src_az_id <> dst_az_id THEN bytes ELSE 0 END) AS double) / 1073741824 * CAST(':usd_per_gb' AS double), 4) AS cross_az_usd
FROM pairs
GROUP BY port, protocol
ORDER BY cross_az_usd DESC, bytes DESC, port, protocol
LIMIT 50
