-- Adds the columns of the clusters to a table that was created before it had them. Iceberg adds columns without a change of files; rows that
-- are there have null in them (Athena User Guide, "Evolve Iceberg table schema" and "ALTER TABLE ADD COLUMNS"). Athena refuses the statement if
-- the table has the columns. After it, backfill-cluster.sql gives these rows their cluster.
ALTER TABLE cross_az_traffic ADD COLUMNS (cluster string, peer_cluster string)
