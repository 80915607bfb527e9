-- Stores what some hours are made from, in cross_az_inputs (an Iceberg table). It runs after store.sql has stored these hours, and after
-- CloudWatch has their metrics. If either fails, this does not run, and the table says what it said before: a later run, the nightly one
-- too, sees that an hour has more records than it was stored from, or was never stored, and does it again, with its metrics. The other way
-- round, the nightly run would take the hour for settled.
--
-- If this does not run, or fails, the hours are stored, but the table has the older numbers or none. For three days the next runs store them again, with the
-- numbers. Until then an hour could be replaced from fewer records than it was made from, but its files do not expire that early. An hour
-- that no run stores again keeps the older numbers. One without any is kept as it is from the age of four days.
--
-- For Athena (engine version 3), where MERGE needs an Iceberg table.
--   :inputs   the hours, each as (hour, records, listings, skipped): the column `inputs` of check-inputs.sql
MERGE INTO cross_az_inputs AS t
USING (
  SELECT
    CAST(hour AS timestamp(6)) AS hour, CAST(records AS bigint) AS records, CAST(listings AS bigint) AS listings, CAST(skipped AS bigint) AS skipped
  FROM (VALUES :inputs) AS hours (hour, records, listings, skipped)
) AS s
ON t.hour = s.hour
WHEN MATCHED AND (t.records <> s.records OR t.listings <> s.listings OR t.skipped <> s.skipped) THEN UPDATE SET
  records = s.records, listings = s.listings, skipped = s.skipped
WHEN NOT MATCHED THEN INSERT (hour, records, listings, skipped) VALUES (s.hour, s.records, s.listings, s.skipped)
