-- Stores what some hours are made from, in cross_az_inputs (an Iceberg table). It runs before store.sql stores these hours: if that fails,
-- the table promises more than the hours were made from, and the next run repairs it; the other way round, an hour could be replaced from
-- fewer records than it was made from.
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
