-- Which hours before :until can be stored, from what is there of them now. One row for each window of three hours, the oldest first.
--
-- An hour is ready if its flow-log records and a listing are there. Else nothing of it may be stored, because what is stored would be lost:
--   missing      no record is there. It is an hour that has been stored, or the last hour before :until, which has records unless the
--                flow logs have stopped
--   incomplete   fewer records are there than the stored hour was made from (cross_az_inputs): some have expired. Also an hour that is
--                stored but not in cross_az_inputs, because it was stored before that existed, or its run failed between the two: if it is
--                older than four days, because of younger ones no file has expired
--   unlisted     no listing began within the hour or the hour after it, or fewer did than the stored hour was made from; or none of a cluster
--                that had been there before: it had been listed, or has rows in one of the 30 days before. A cluster that is new has neither,
--                and one that is no longer asked for needs no listing. Nor does one that the stored hour was made without
-- An hour without records of which nothing is stored is none of these: there is nothing to store, and nothing to lose.
--
-- With one window, the row of the window is always there. With more, an hour is ready only if it has more records than it was stored
-- from, or is not in cross_az_inputs, which is written last; and only the windows have a row in which an hour is ready, missing, incomplete
-- or unlisted.
--
-- Columns, all of them texts; - if no hour is so, because Athena's answer may lack an empty text
--   until        the end of the window
--   hours        the hours that are ready, as a list of SQL
--   inputs       for each of them the row of cross_az_inputs, as a list of SQL
--   missing, incomplete, unlisted   the hours that are, each with numbers
--   records      the records of the window's last hour
--   age          the age of the newest record in seconds; if there is none, the age of the oldest that could be there
--
-- Parameters, replaced in the text before it runs
--   :until     the end of the last window, a full hour in UTC, such as 2026-05-04 12:00:00
--   :clusters  the clusters that are listed, as a list of SQL
--   :windows   how many windows, from 1 to 24
--   :reach     the hours of all windows: three times :windows
--   :vpc_id    in the line that begins with --vpc, as in cross-az.sql
--
-- One statement for Athena (engine version 3) and DuckDB: it uses only what both have. It mentions flow_logs once and reads three of its
-- columns, four with :vpc_id. The conditions on partitions are those of cross-az.sql, for more hours.
WITH
hours AS (
  -- The hour that begins at :until is here for its newest record only.
  SELECT
    CAST(TIMESTAMP ':until' - (3 * w.earlier + n.ago) * INTERVAL '1' HOUR AS timestamp(6)) AS hour,
    CAST(TIMESTAMP ':until' - 3 * w.earlier * INTERVAL '1' HOUR AS timestamp(6)) AS until,
    w.earlier, n.ago
  FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15), (16), (17), (18), (19), (20), (21), (22), (23))
    AS w (earlier)
  CROSS JOIN (VALUES (0), (1), (2), (3)) AS n (ago)
  WHERE w.earlier < :windows AND (n.ago > 0 OR w.earlier = 0)
),
flows AS (
  SELECT
    start - mod(start, 3600) AS hour_s,
    sum(CASE WHEN log_status = 'OK' AND action = 'ACCEPT' THEN 1 ELSE 0 END) AS records,
    sum(CASE WHEN log_status = 'SKIPDATA' THEN 1 ELSE 0 END) AS skipped,
    max(CASE WHEN log_status = 'OK' THEN start END) AS newest_s
  FROM flow_logs
  WHERE year IN (substr(CAST(TIMESTAMP ':until' - INTERVAL ':reach' HOUR AS varchar), 1, 4),
                 substr(CAST(TIMESTAMP ':until' + INTERVAL '48' HOUR AS varchar), 1, 4))
    AND month IN (substr(CAST(TIMESTAMP ':until' - INTERVAL ':reach' HOUR AS varchar), 6, 2),
                  substr(CAST(TIMESTAMP ':until' + INTERVAL '48' HOUR AS varchar), 6, 2))
    AND day IN (substr(CAST(TIMESTAMP ':until' - INTERVAL ':reach' HOUR AS varchar), 9, 2),
                substr(CAST(TIMESTAMP ':until' - INTERVAL ':reach' HOUR + INTERVAL '24' HOUR AS varchar), 9, 2),
                substr(CAST(greatest(TIMESTAMP ':until' - INTERVAL '24' HOUR, TIMESTAMP ':until' - INTERVAL ':reach' HOUR) AS varchar), 9, 2),
                substr(CAST(TIMESTAMP ':until' AS varchar), 9, 2),
                substr(CAST(TIMESTAMP ':until' + INTERVAL '24' HOUR AS varchar), 9, 2),
                substr(CAST(TIMESTAMP ':until' + INTERVAL '48' HOUR AS varchar), 9, 2))
    AND (hour IN (substr(CAST(TIMESTAMP ':until' - INTERVAL '3' HOUR AS varchar), 12, 2),
                  substr(CAST(TIMESTAMP ':until' - INTERVAL '2' HOUR AS varchar), 12, 2),
                  substr(CAST(TIMESTAMP ':until' - INTERVAL '1' HOUR AS varchar), 12, 2),
                  substr(CAST(TIMESTAMP ':until' AS varchar), 12, 2),
                  substr(CAST(TIMESTAMP ':until' + INTERVAL '1' HOUR AS varchar), 12, 2),
                  substr(CAST(TIMESTAMP ':until' + INTERVAL '2' HOUR AS varchar), 12, 2))
         OR TIMESTAMP ':until' < CAST(current_timestamp AS timestamp) - INTERVAL '3' HOUR
         OR :windows > 1)
    AND year || '-' || month || '-' || day || ' ' || hour
      BETWEEN substr(CAST(TIMESTAMP ':until' - INTERVAL ':reach' HOUR AS varchar), 1, 13)
          AND substr(CAST(TIMESTAMP ':until' + INTERVAL '48' HOUR AS varchar), 1, 13)
    AND start >= date_diff('second', TIMESTAMP '1970-01-01 00:00:00', TIMESTAMP ':until') - :reach * 3600
    --vpc AND coalesce(nullif(vpc_id, '-'), ':vpc_id') = ':vpc_id'
  GROUP BY start - mod(start, 3600)
),
listings AS (
  SELECT DISTINCT cluster, date_diff('second', TIMESTAMP '1970-01-01 00:00:00',
      CAST(replace(replace(CAST(observed_at AS varchar), 'T', ' '), 'Z', '') AS timestamp)) AS seen_s
  FROM pods
  -- What a replay of the pods' watch wrote is no listing.
  WHERE kind <> 'deleted'
    AND dt BETWEEN substr(CAST(TIMESTAMP ':until' - INTERVAL ':reach' HOUR - INTERVAL '3' HOUR AS varchar), 1, 10)
               AND substr(CAST(TIMESTAMP ':until' + INTERVAL '2' HOUR AS varchar), 1, 10)
    AND dt || ' ' || hour BETWEEN substr(CAST(TIMESTAMP ':until' - INTERVAL ':reach' HOUR - INTERVAL '3' HOUR AS varchar), 1, 13)
                              AND substr(CAST(TIMESTAMP ':until' + INTERVAL '2' HOUR AS varchar), 1, 13)
),
listed_clusters AS (
  SELECT h.hour, l.cluster, count(*) AS listings
  FROM hours AS h
  JOIN listings AS l
    ON l.seen_s >= date_diff('second', TIMESTAMP '1970-01-01 00:00:00', h.hour)
      AND l.seen_s < date_diff('second', TIMESTAMP '1970-01-01 00:00:00', h.hour) + 7200
  GROUP BY h.hour, l.cluster
),
listed AS (
  SELECT hour, sum(listings) AS listings
  FROM listed_clusters
  GROUP BY hour
),
stored AS (
  -- The hours that are stored, each with its clusters. The listings that are read do not reach far back.
  SELECT DISTINCT hour, cluster
  FROM cross_az_traffic
  WHERE hour >= TIMESTAMP ':until' - INTERVAL '30' DAY AND hour < TIMESTAMP ':until'
),
known AS (
  -- The first that is known of each cluster.
  SELECT cluster, min(first_s) AS first_s
  FROM (
    SELECT cluster, seen_s AS first_s FROM listings
    UNION ALL
    SELECT cluster, date_diff('second', TIMESTAMP '1970-01-01 00:00:00', hour) AS first_s FROM stored
  ) AS seen
  WHERE cluster IN (:clusters)
  GROUP BY cluster
),
made_from AS (
  SELECT hour, max(records) AS records, max(listings) AS listings
  FROM cross_az_inputs
  WHERE hour >= TIMESTAMP ':until' - INTERVAL ':reach' HOUR AND hour < TIMESTAMP ':until'
  GROUP BY hour
),
lacking AS (
  -- The hours that lack a cluster, and which.
  SELECT h.hour, min(c.cluster) AS cluster
  FROM hours AS h
  JOIN known AS c ON c.first_s < date_diff('second', TIMESTAMP '1970-01-01 00:00:00', h.hour)
  LEFT JOIN listed_clusters AS l ON l.hour = h.hour AND l.cluster = c.cluster
  LEFT JOIN made_from AS m ON m.hour = h.hour
  LEFT JOIN stored AS t ON t.hour = h.hour AND t.cluster = c.cluster
  WHERE l.hour IS NULL AND (m.hour IS NULL OR t.hour IS NOT NULL)
  GROUP BY h.hour
),
judged AS (
  SELECT
    h.hour, h.until, h.earlier, h.ago, coalesce(f.records, 0) AS records, coalesce(f.skipped, 0) AS skipped, coalesce(l.listings, 0) AS listings,
    k.cluster AS lacking, m.records AS stored_records, m.listings AS stored_listings, max(f.newest_s) OVER () AS newest_s,
    CASE
      WHEN h.ago = 0 THEN 'not asked'
      WHEN coalesce(f.records, 0) = 0 AND (m.hour IS NOT NULL OR t.hour IS NOT NULL OR h.ago = 1 AND :windows = 1) THEN 'missing'
      WHEN coalesce(f.records, 0) = 0 THEN 'nothing'
      WHEN f.records < m.records THEN 'incomplete'
      WHEN m.hour IS NULL AND t.hour IS NOT NULL AND h.hour < CAST(current_timestamp AS timestamp) - INTERVAL '4' DAY THEN 'incomplete'
      WHEN coalesce(l.listings, 0) = 0 OR l.listings < m.listings OR k.cluster IS NOT NULL THEN 'unlisted'
      WHEN :windows > 1 AND f.records = m.records THEN 'settled'
      ELSE 'ready'
    END AS verdict
  FROM hours AS h
  LEFT JOIN flows AS f ON f.hour_s = date_diff('second', TIMESTAMP '1970-01-01 00:00:00', h.hour)
  LEFT JOIN listed AS l ON l.hour = h.hour
  LEFT JOIN lacking AS k ON k.hour = h.hour
  LEFT JOIN (SELECT DISTINCT hour FROM stored) AS t ON t.hour = h.hour
  LEFT JOIN made_from AS m ON m.hour = h.hour
),
told AS (
  SELECT
    until, earlier, ago, verdict, records, newest_s,
    CASE verdict WHEN 'ready' THEN 'TIMESTAMP ''' || substr(CAST(hour AS varchar), 1, 19) || '''' END AS ready,
    CASE verdict WHEN 'ready' THEN
      '(TIMESTAMP ''' || substr(CAST(hour AS varchar), 1, 19) || ''', ' || CAST(records AS varchar) || ', ' || CAST(listings AS varchar) || ', '
        || CAST(skipped AS varchar) || ')'
    END AS input,
    CASE WHEN verdict IN ('missing', 'incomplete') THEN
      substr(CAST(hour AS varchar), 1, 16) || ' (' || CAST(records AS varchar) || ' of '
        || coalesce(CAST(stored_records AS varchar), 'an unknown number of') || ' records)'
    END AS of_records,
    CASE verdict WHEN 'unlisted' THEN
      substr(CAST(hour AS varchar), 1, 16)
      || CASE WHEN lacking IS NOT NULL AND listings > 0 THEN ' (0 of 1 listings of ' || lacking || ')'
        ELSE ' (' || CAST(listings AS varchar) || ' of ' || CAST(coalesce(stored_listings, 1) AS varchar) || ' listings)' END
    END AS of_listings
  FROM judged
)
SELECT
  substr(CAST(until AS varchar), 1, 19) AS until,
  coalesce(nullif(concat_ws(', ',
    max(CASE WHEN ago = 3 THEN ready END),
    max(CASE WHEN ago = 2 THEN ready END),
    max(CASE WHEN ago = 1 THEN ready END)), ''), '-') AS hours,
  coalesce(nullif(concat_ws(', ',
    max(CASE WHEN ago = 3 THEN input END),
    max(CASE WHEN ago = 2 THEN input END),
    max(CASE WHEN ago = 1 THEN input END)), ''), '-') AS inputs,
  coalesce(nullif(concat_ws(', ',
    max(CASE WHEN ago = 3 AND verdict = 'missing' THEN of_records END),
    max(CASE WHEN ago = 2 AND verdict = 'missing' THEN of_records END),
    max(CASE WHEN ago = 1 AND verdict = 'missing' THEN of_records END)), ''), '-') AS missing,
  coalesce(nullif(concat_ws(', ',
    max(CASE WHEN ago = 3 AND verdict = 'incomplete' THEN of_records END),
    max(CASE WHEN ago = 2 AND verdict = 'incomplete' THEN of_records END),
    max(CASE WHEN ago = 1 AND verdict = 'incomplete' THEN of_records END)), ''), '-') AS incomplete,
  coalesce(nullif(concat_ws(', ',
    max(CASE WHEN ago = 3 THEN of_listings END),
    max(CASE WHEN ago = 2 THEN of_listings END),
    max(CASE WHEN ago = 1 THEN of_listings END)), ''), '-') AS unlisted,
  CAST(max(CASE WHEN ago = 1 THEN records END) AS varchar) AS records,
  CAST(date_diff('second', TIMESTAMP '1970-01-01 00:00:00', CAST(current_timestamp AS timestamp))
    - coalesce(max(newest_s), date_diff('second', TIMESTAMP '1970-01-01 00:00:00', TIMESTAMP ':until') - :reach * 3600) AS varchar) AS age
FROM told
GROUP BY until, earlier
HAVING :windows = 1 OR max(CASE WHEN verdict IN ('ready', 'missing', 'incomplete', 'unlisted') THEN 1 ELSE 0 END) = 1
ORDER BY earlier DESC
