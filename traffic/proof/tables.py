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


def open_tables(connection, root, delivered=lambda _file: True, more=()):
    """Creates the views flow_logs and pods over the files under `root` for which `delivered(path)` is true.

    `more`: names and types of columns that the files of flow logs have besides.
    """
    root = Path(root)
    flow_logs = [file for file in sorted((root / FLOW_LOGS_PREFIX).rglob("*.parquet")) if delivered(file)]
    pods = [file for file in sorted((root / PODS_PREFIX).rglob("*.json.gz")) if delivered(file)]
    # With the names and types of the Glue table's columns: a file without a column, or with another type, is an error.
    casts = ", ".join(f'CAST("{name}" AS {type_}) AS "{name}"' for name, type_ in [*columns("flow_logs"), *more])
    connection.execute("CREATE OR REPLACE VIEW flow_logs AS " + (
        f"SELECT {casts}, year, month, day, hour FROM read_parquet({_list(flow_logs)}, "
        f"hive_partitioning = true, hive_types = {_partition_types('flow_logs')})" if flow_logs else _nothing("flow_logs")
    ))
    fields = "{" + ", ".join(f"'{name}': '{type_}'" for name, type_ in columns("pods")) + "}"
    connection.execute("CREATE OR REPLACE VIEW pods AS " + (
        f"SELECT * FROM read_json({_list(pods)}, format = 'newline_delimited', columns = {fields}, "
        f"hive_partitioning = true, hive_types = {_partition_types('pods')})" if pods else _nothing("pods")
    ))


def _nothing(table):
    """A query with the columns of a table, and no row."""
    keys = [(key["Name"], _TYPES[key["Type"]]) for key in definition(table)["PartitionKeys"]]
    return "SELECT " + ", ".join(f'CAST(NULL AS {type_}) AS "{name}"' for name, type_ in [*columns(table), *keys]) + " WHERE false"


def create_empty_listings(connection):
    """Creates the table pods, empty, for rows that a test writes."""
    connection.execute(f"CREATE OR REPLACE TABLE pods AS {_nothing('pods')}")


def create_result_tables(connection):
    """Creates cross_az_traffic and cross_az_inputs, empty, with the columns of their Glue definitions."""
    for table in ("cross_az_traffic", "cross_az_inputs"):
        fields = ", ".join(f'"{name}" {type_}' for name, type_ in columns(table))
        connection.execute(f"CREATE OR REPLACE TABLE {table} ({fields})")
