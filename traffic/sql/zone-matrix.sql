-- Bytes and cost from each Availability Zone to each other, in the last 24 hours. The chart of zones draws these rows.
SELECT src_az_id, dst_az_id, sum(bytes) AS bytes, sum(usd_out + usd_in) AS usd
FROM cross_az_traffic
WHERE scope = 'cluster' AND hour >= CAST(current_timestamp AS timestamp) - INTERVAL '1' DAY
GROUP BY src_az_id, dst_az_id
ORDER BY src_az_id, dst_az_id
