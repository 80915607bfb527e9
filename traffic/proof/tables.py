"""The tables of traffic/glue in DuckDB, over files in a folder with the same paths as in the buckets."""

import json
from pathlib import Path

GLUE = Path(__file__).resolve().parent.parent / "glue"

#: Where the files of a table are in this folder. The account and the Region are those of the examples.
FLOW_LOGS_PREFIX = "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-2/"
PODS_PREFIX = "pods/"

_TYPES = {
    "string": "VARCHAR",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "timestamp": "TIMESTAMP",
    "array<string>": "VARCHAR[]",
}


def definition(table):
    """The Glue definition of a table: a TableInput."""
    return json.loads((GLUE / f"{table}.json").read_text(encoding="utf-8"))


def columns(table):
    """Name and DuckDB type of each column, in the table's order."""
    return [(column["Name"], _TYPES[column["Type"]]) for column in definition(table)["StorageDescriptor"]["Columns"]]


def _partition_types(table):
    keys = definition(table)["PartitionKeys"]
    return "{" + ", ".join(f"'{key['Name']}': {_TYPES[key['Type']]}" for key in keys) + "}"


def _list(files):
    return "[" + ", ".join("'" + str(file).replace("'", "''") + "'" for file in files) + "]"


def open_tables(connection, root, delivered=lambda _file: True):
    """Creates the views flow_logs and pods over the files under `root` for which `delivered(path)` is true."""
    root = Path(root)
    flow_logs = [file for file in sorted((root / FLOW_LOGS_PREFIX).rglob("*.parquet")) if delivered(file)]
    pods = [file for file in sorted((root / PODS_PREFIX).rglob("*.json.gz")) if delivered(file)]
    # With the names and types of the Glue table's columns: a file without a column, or with another type, is an error.
    casts = ", ".join(f'CAST("{name}" AS {type_}) AS "{name}"' for name, type_ in columns("flow_logs"))
    connection.execute(
        f"CREATE OR REPLACE VIEW flow_logs AS SELECT {casts}, year, month, day, hour FROM read_parquet({_list(flow_logs)}, "
        f"hive_partitioning = true, hive_types = {_partition_types('flow_logs')})"
    )
    fields = "{" + ", ".join(f"'{name}': '{type_}'" for name, type_ in columns("pods")) + "}"
    connection.execute(
        f"CREATE OR REPLACE VIEW pods AS SELECT * FROM read_json({_list(pods)}, format = 'newline_delimited', columns = {fields}, "
        f"hive_partitioning = true, hive_types = {_partition_types('pods')})"
    )


def create_result_table(connection):
    """Creates cross_az_traffic, empty, with the columns of its Glue definition."""
    fields = ", ".join(f'"{name}" {type_}' for name, type_ in columns("cross_az_traffic"))
    connection.execute(f"CREATE OR REPLACE TABLE cross_az_traffic ({fields})")
