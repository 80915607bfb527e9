-- Gives the rows that were stored before the table had the column `cluster` their cluster: the one that there was. A second time, it changes
-- nothing. Until then these rows have null there: queries of all clusters have them, those of one cluster do not.
--   :cluster     the cluster's name
--   :from, :to   the time range, four days at most: a statement of Athena writes to 100 partitions at most (Athena User Guide, "Use CTAS and INSERT
--                INTO to work around the 100 partition limit"), and an hour is one
--
-- For Athena (engine version 3): UPDATE needs an Iceberg table.
UPDATE cross_az_traffic
SET cluster = ':cluster', peer_cluster = ''
WHERE cluster IS NULL AND hour >= :from AND hour < :to
