-- The pairs of groups with the highest cost across Availability Zones, in the last seven days.
SELECT
  src_namespace, src_group, dst_namespace, dst_group,
  sum(bytes) AS cross_az_bytes,
  round(sum(usd_out + usd_in), 4) AS usd
FROM cross_az_traffic
WHERE cross_az AND hour >= CAST(current_timestamp AS timestamp) - INTERVAL '7' DAY
GROUP BY src_namespace, src_group, dst_namespace, dst_group
ORDER BY usd DESC, cross_az_bytes DESC, src_namespace, src_group, dst_namespace, dst_group
LIMIT 20
