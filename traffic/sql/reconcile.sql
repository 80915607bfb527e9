-- By day: what AWS bills for traffic across Availability Zones, and how much of it the table explains, of all clusters together. Needs an export of AWS Data Exports with
-- the table COST_AND_USAGE_REPORT (CUR 2.0) by the hour or the day, with resource IDs, as a table of Athena.
--   :from, :to        the time range, from the beginning of the day of :from to the beginning of the day of :to, because an export by the
--                     day has a line for a whole day; of the named query the seven days before today
--   :cost_and_usage   the table of the export, such as billing.data
--   :region           the Region, such as us-east-2
-- The bill has a line for each end (operation InterZone-Out where a byte leaves a zone, InterZone-In where it enters another), with the
-- instance or the service as its resource. So does the table: an end of a cluster is an instance of the cluster, the other end of
-- egress and ingress a service. What AWS bills for the cluster's instances and the table does not have is `missing_gb`; docs/cross-az-traffic/bill.md
-- says what it can be. It is too small by what pods without an instance send and receive (Fargate): the table has their ends, the bill
-- has no instance of the cluster for them. Lines of other operations (PublicIP-In, VPCPeering-In, …) are `not_between_zones_gb`: the table
-- does not have them.
WITH
instances AS (
  SELECT DISTINCT instance_id
  FROM pods
  WHERE kind IN ('node', 'instance') AND instance_id IS NOT NULL
    AND dt BETWEEN substr(CAST(:from AS varchar), 1, 10) AND substr(CAST(:to AS varchar), 1, 10)
),
billed AS (
  SELECT
    CAST(b.line_item_usage_start_date AS date) AS day,
    sum(CASE WHEN b.line_item_operation IN ('InterZone-In', 'InterZone-Out') AND i.instance_id IS NOT NULL THEN b.line_item_usage_amount ELSE 0 END) AS cluster_gb,
    sum(CASE WHEN b.line_item_operation IN ('InterZone-In', 'InterZone-Out') AND i.instance_id IS NOT NULL THEN b.line_item_unblended_cost ELSE 0 END) AS cluster_usd,
    sum(CASE WHEN b.line_item_operation IN ('InterZone-In', 'InterZone-Out') AND i.instance_id IS NULL THEN b.line_item_usage_amount ELSE 0 END) AS others_gb,
    sum(CASE WHEN b.line_item_operation IN ('InterZone-In', 'InterZone-Out') THEN 0 ELSE b.line_item_usage_amount END) AS not_between_zones_gb
  FROM :cost_and_usage AS b
  LEFT JOIN instances AS i ON i.instance_id = b.line_item_resource_id
  WHERE b.line_item_usage_type LIKE '%DataTransfer-Regional-Bytes' AND b.line_item_line_item_type = 'Usage' AND b.product_region_code = ':region'
    AND b.line_item_usage_start_date >= date_trunc('day', :from) AND b.line_item_usage_start_date < date_trunc('day', :to)
  GROUP BY CAST(b.line_item_usage_start_date AS date)
),
explained AS (
  SELECT
    CAST(hour AS date) AS day,
    CAST(sum(CASE WHEN scope IN ('cluster', 'clusters') THEN 2 * bytes WHEN scope = 'egress' AND usd_out > 0 OR scope = 'ingress' AND usd_in > 0 THEN bytes ELSE 0 END) AS double)
      / 1073741824 AS cluster_gb,
    sum(CASE WHEN scope IN ('cluster', 'clusters') THEN usd_out + usd_in WHEN scope = 'egress' THEN usd_out ELSE usd_in END) AS cluster_usd,
    CAST(sum(CASE WHEN scope = 'egress' AND usd_in > 0 OR scope = 'ingress' AND usd_out > 0 THEN bytes ELSE 0 END) AS double) / 1073741824 AS services_gb
  FROM cross_az_traffic
  WHERE cross_az AND hour >= date_trunc('day', :from) AND hour < date_trunc('day', :to)
  GROUP BY CAST(hour AS date)
)
SELECT
  coalesce(b.day, e.day) AS day,
  round(coalesce(b.cluster_gb, 0), 3) AS billed_gb, round(coalesce(e.cluster_gb, 0), 3) AS explained_gb,
  round(coalesce(b.cluster_gb, 0) - coalesce(e.cluster_gb, 0), 3) AS missing_gb,
  round(e.cluster_gb / nullif(b.cluster_gb, 0), 4) AS explained_share,
  round(coalesce(b.cluster_usd, 0), 2) AS billed_usd, round(coalesce(e.cluster_usd, 0), 2) AS explained_usd,
  round(coalesce(b.others_gb, 0), 3) AS billed_to_others_gb, round(coalesce(e.services_gb, 0), 3) AS explained_of_services_gb,
  round(coalesce(b.not_between_zones_gb, 0), 3) AS not_between_zones_gb
FROM billed AS b
FULL OUTER JOIN explained AS e ON e.day = b.day
ORDER BY coalesce(b.day, e.day)
