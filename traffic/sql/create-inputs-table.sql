-- Creates the table that store-inputs.sql writes: what each stored hour was made from. Runs once, at deployment.
--   :location   where its files go, such as s3://BUCKET/cross-az-inputs/
-- traffic/glue/cross_az_inputs.json describes each column.
CREATE TABLE IF NOT EXISTS cross_az_inputs (
  `hour` timestamp,
  records bigint,
  listings bigint,
  skipped bigint
)
LOCATION ':location'
TBLPROPERTIES ('table_type' = 'ICEBERG', 'format' = 'parquet', 'write_compression' = 'zstd')
