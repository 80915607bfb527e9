-- The cost of crossing Availability Zones by hour, in US dollars. What crosses between two clusters is of the sender's.
SELECT
  hour AS time,
  sum(CASE WHEN scope = 'cluster' THEN usd_out + usd_in ELSE 0 END) AS "in the cluster",
  sum(CASE WHEN scope = 'clusters' THEN usd_out + usd_in ELSE 0 END) AS "between clusters",
  sum(CASE WHEN scope IN ('egress', 'ingress') THEN usd_out + usd_in ELSE 0 END) AS "with services"
FROM cross_az_traffic
WHERE hour >= :from AND hour < :to AND ':cluster' IN ('(all)', cluster)
GROUP BY hour
ORDER BY hour
