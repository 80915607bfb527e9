-- The cost of traffic across Availability Zones by day, in the last thirty days: both directions, at the price with which each hour
-- was stored.
SELECT
  CAST(hour AS date) AS day,
  sum(CASE WHEN cross_az THEN bytes ELSE 0 END) AS cross_az_bytes,
  round(sum(usd_out), 4) AS usd_out,
  round(sum(usd_in), 4) AS usd_in,
  round(sum(usd_out + usd_in), 4) AS usd
FROM cross_az_traffic
WHERE scope = 'cluster' AND hour >= CAST(current_timestamp AS timestamp) - INTERVAL '30' DAY
GROUP BY CAST(hour AS date)
ORDER BY day
