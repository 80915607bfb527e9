"""Runs the query, and brings its rows into the form of the truth, so that they can be compared."""

import tempfile
from contextlib import contextmanager
from datetime import timezone

import duckdb

import statement
import tables
from cluster import Label
from traffic import write_flow_logs, write_listings


@contextmanager
def opened(*stories):
    """A DuckDB connection with tables over the files of stories, and the folder of the files."""
    with tempfile.TemporaryDirectory(prefix="hookline-traffic-") as root:
        for story in stories:
            write_flow_logs(root, story.traffic.records)
            write_listings(root, story.cluster)
        connection = duckdb.connect()
        try:
            tables.open_tables(connection, root)
            yield connection, root
        finally:
            connection.close()


def rows(cursor):
    """The rows of a query, each a dictionary."""
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row)) for row in cursor.fetchall()]


def key(row):
    """The hour, scope and ends of a row: the key of the truth."""
    return (
        int(row["hour"].replace(tzinfo=timezone.utc).timestamp()),
        row["scope"],
        Label(row["src_namespace"], row["src_group_kind"], row["src_group"], row["src_az_id"]),
        Label(row["dst_namespace"], row["dst_group_kind"], row["dst_group"], row["dst_az_id"]),
    )


def measured(found):
    """The bytes of each row, by its key. It is an error if two rows have the same key."""
    by_key = {key(row): row["bytes"] for row in found}
    if len(by_key) != len(found):
        raise AssertionError(f"{len(found)} rows have only {len(by_key)} different keys")
    return by_key


def differences(found, truth):
    """The differences, in a few lines. Empty if there are none."""
    keys = [key for key in {**found, **truth} if found.get(key) != truth.get(key)]
    lines = [f"{key}: found {found.get(key)}, true is {truth.get(key)}" for key in sorted(keys, key=str)[:10]]
    return lines + ([f"… and {len(keys) - 10} more"] if len(keys) > 10 else [])


def ask(connection, until):
    """The rows of the three hours before `until`."""
    return rows(connection.execute(statement.cross_az(until)))


def crosses(truth_key):
    """Returns True if the key is of traffic within the cluster, between two zones."""
    _, scope, source, destination = truth_key
    return scope == "cluster" and source.zone != destination.zone
