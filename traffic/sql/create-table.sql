-- Creates the table that store.sql writes: an Iceberg table, so that one commit can replace an hour. Runs once, at deployment.
--   :location   where its files go, such as s3://BUCKET/cross-az-traffic/
-- traffic/glue/cross_az_traffic.json describes each column.
CREATE TABLE IF NOT EXISTS cross_az_traffic (
  `hour` timestamp,
  scope string,
  src_namespace string,
  src_group_kind string,
  src_group string,
  src_az_id string,
  dst_namespace string,
  dst_group_kind string,
  dst_group string,
  dst_az_id string,
  cross_az boolean,
  bytes bigint,
  usd_out double,
  usd_in double,
  in_zone_share double,
  cluster string,
  peer_cluster string
)
PARTITIONED BY (hour(`hour`))
LOCATION ':location'
TBLPROPERTIES ('table_type' = 'ICEBERG', 'format' = 'parquet', 'write_compression' = 'zstd')
