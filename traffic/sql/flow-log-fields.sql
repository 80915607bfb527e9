-- For flow logs that you made yourself: which of the fields that are read are in the records that were delivered in the last 24
-- hours, and what is lost without each. A field that the flow log's format lacks is null in the table. A dash is no value. And whether the
-- records are longer than the aggregation interval that the table is made for: `aggregation interval` has the share of those that are not.
--   :interval   that interval in seconds, 60 or 600
-- With flowLogsVpcId (the lines that begin with --vpc) the rows are of the records that count, and `vpc-id is flowLogsVpcId` has the share
-- of all records that are of this VPC. If the ID is wrong, that is 0.
WITH
totals AS (
  -- A row for the records that count; and one for those of other VPCs, if there are any.
  SELECT
    TRUE
    --vpc AND coalesce(nullif(vpc_id, '-'), ':vpc_id') = ':vpc_id'
      AS is_counted,
    CAST(count(*) AS double) AS records,
    count(start) AS start_values, count("end") AS end_values, count(bytes) AS bytes_values, count(nullif(action, '-')) AS action_values,
    count(nullif(log_status, '-')) AS log_status_values,
    count(nullif(interface_id, '-')) AS interface_id_values, count(nullif(instance_id, '-')) AS instance_id_values,
    count(nullif(az_id, '-')) AS az_id_values, count(nullif(flow_direction, '-')) AS flow_direction_values, count(traffic_path) AS traffic_path_values,
    count(nullif(srcaddr, '-')) AS srcaddr_values, count(nullif(dstaddr, '-')) AS dstaddr_values,
    count(nullif(pkt_srcaddr, '-')) AS pkt_srcaddr_values, count(nullif(pkt_dstaddr, '-')) AS pkt_dstaddr_values,
    count(srcport) AS srcport_values, count(dstport) AS dstport_values, count(protocol) AS protocol_values,
    --vpc count(nullif(vpc_id, '-')) AS vpc_id_values, count(CASE WHEN vpc_id = ':vpc_id' THEN 1 END) AS own_values,
    -- The times of a record may be late by a minute.
    count(CASE WHEN "end" - start <= 60 + :interval THEN 1 END) AS interval_values
  FROM flow_logs
  -- If the format lacks log_status, all records are here, so that the other fields have their shares.
  WHERE coalesce(log_status, 'OK') = 'OK'
    AND year IN (substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 1, 4), substr(CAST(current_timestamp AS varchar), 1, 4))
    AND month IN (substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 6, 2), substr(CAST(current_timestamp AS varchar), 6, 2))
    AND day IN (substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 9, 2), substr(CAST(current_timestamp AS varchar), 9, 2))
    AND year || '-' || month || '-' || day || ' ' || hour
      BETWEEN substr(CAST(current_timestamp - INTERVAL '1' DAY AS varchar), 1, 13) AND substr(CAST(current_timestamp AS varchar), 1, 13)
  GROUP BY 1
),
fields AS (
  -- Of each field a row, also if there is no record.
  SELECT
    f.field, f.without, t.is_counted
      --vpc OR f.field = 'vpc-id is flowLogsVpcId'
      AS is_counted,
    t.records,
    CASE f.field
      WHEN 'start' THEN start_values WHEN 'end' THEN end_values WHEN 'bytes' THEN bytes_values WHEN 'action' THEN action_values
      WHEN 'log-status' THEN log_status_values
      WHEN 'interface-id' THEN interface_id_values WHEN 'instance-id' THEN instance_id_values WHEN 'az-id' THEN az_id_values
      WHEN 'flow-direction' THEN flow_direction_values WHEN 'traffic-path' THEN traffic_path_values
      WHEN 'srcaddr' THEN srcaddr_values WHEN 'dstaddr' THEN dstaddr_values
      WHEN 'pkt-srcaddr' THEN pkt_srcaddr_values WHEN 'pkt-dstaddr' THEN pkt_dstaddr_values
      WHEN 'srcport' THEN srcport_values WHEN 'dstport' THEN dstport_values WHEN 'protocol' THEN protocol_values
      --vpc WHEN 'vpc-id' THEN vpc_id_values WHEN 'vpc-id is flowLogsVpcId' THEN own_values
      ELSE interval_values
    END AS found
  FROM (VALUES
    ('start', 'nothing is counted'), ('end', 'bytes near a full hour may count twice'), ('bytes', 'nothing is counted'), ('action', 'nothing is counted'),
    ('log-status', 'nothing is counted'), ('interface-id', 'nothing is counted'),
    ('pkt-srcaddr', 'nothing is counted: with srcaddr alone, pods are their node'), ('pkt-dstaddr', 'nothing is counted: with dstaddr alone, pods are their node'),
    ('srcaddr', 'pods with an interface of their own are missing, and services that log'), ('dstaddr', 'pods with an interface of their own are missing, and services that log'),
    ('instance-id', 'the interface tells the instance; nodes between two listings are missing'),
    ('flow-direction', 'the instance and the addresses tell the direction; where they do not, the record is missing'),
    ('az-id', 'nodes without the label of the zone''s ID have the zone''s name; NAT gateways have no zone'),
    ('srcport', 'ports and by-service-and-port tell none'), ('dstport', 'ports and by-service-and-port tell none'), ('protocol', 'ports and by-service-and-port tell none'),
    ('traffic-path', 'traffic that leaves the VPC has no path; it is only for egress, so about half of the records lack it anyway'),
    --vpc ('vpc-id', 'records of other VPCs are not left out'), ('vpc-id is flowLogsVpcId', 'no record is of this VPC: look at the ID in the configuration'),
    ('aggregation interval', 'bytes near a full hour may count twice: set flowLogsIntervalMinutes to 10')
  ) AS f (field, without)
  LEFT JOIN totals AS t ON TRUE
),
summed AS (
  SELECT
    field, without, coalesce(sum(CASE WHEN is_counted THEN records END), 0) AS records, coalesce(sum(CASE WHEN is_counted THEN found END), 0) AS found
  FROM fields
  GROUP BY field, without
)
SELECT
  field, CAST(records AS bigint) AS records, round(CAST(found AS double) / nullif(records, 0), 4) AS share_with_a_value,
  CASE WHEN records = 0 THEN 'no records' WHEN found = 0 OR field = 'aggregation interval' AND found < records THEN without ELSE '' END AS lost
FROM summed
ORDER BY share_with_a_value, field
