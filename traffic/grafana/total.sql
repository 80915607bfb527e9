-- What crossing Availability Zones cost in the time range, in US dollars: in the clusters, between them, and with services in
-- the VPC.
SELECT
  round(sum(CASE WHEN scope = 'cluster' THEN usd_out + usd_in ELSE 0 END), 2) AS "in the cluster",
  round(sum(CASE WHEN scope = 'clusters' THEN usd_out + usd_in ELSE 0 END), 2) AS "between clusters",
  round(sum(CASE WHEN scope IN ('egress', 'ingress') THEN usd_out + usd_in ELSE 0 END), 2) AS "with services"
FROM cross_az_traffic
WHERE hour >= :from AND hour < :to AND ':cluster' IN ('(all)', cluster)
