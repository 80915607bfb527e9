-- By hour: the share of the bytes within the cluster that stayed in their zone, and the share of all bytes with an unknown end.
SELECT
  hour AS time,
  CAST(sum(CASE WHEN scope = 'cluster' AND NOT cross_az THEN bytes ELSE 0 END) AS double)
    / nullif(CAST(sum(CASE WHEN scope = 'cluster' THEN bytes ELSE 0 END) AS double), 0) AS "in its zone",
  CAST(sum(CASE WHEN src_group_kind = 'Unknown' OR dst_group_kind = 'Unknown' THEN bytes ELSE 0 END) AS double)
    / nullif(CAST(sum(bytes) AS double), 0) AS "unknown end"
FROM cross_az_traffic
WHERE hour >= :from AND hour < :to AND ':cluster' IN ('(all)', cluster)
GROUP BY hour
ORDER BY hour
