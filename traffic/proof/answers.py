"""Runs the query, and brings its rows into the form of the truth, so that they can be compared."""

import tempfile
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import replace
from datetime import timezone

import duckdb

import statement
import tables
from cluster import ZONES, Label
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


def shares(found, truth, usd_per_gb=0.02):
    """How far rows are from the world, over both ends of each byte.

    bytes_true and bytes_reported; unknown_share: the bytes whose end has no name; wrong_share: those with more bytes under a name than the
    name has; usd_missing_share: the dollars for crossing zones that are not there. A zone's name and its ID are the same zone.
    """
    zones = dict(ZONES)
    true, named, unknown = defaultdict(int), defaultdict(int), 0
    for (hour, scope, *ends), size in truth.items():
        for place, end in enumerate(ends):
            true[(hour, scope, place, end)] += size
    for row in found:
        hour, scope, *ends = key(row)
        for place, end in enumerate(ends):
            if end.kind == "Unknown":
                unknown += row["bytes"]
            else:
                named[(hour, scope, place, replace(end, zone=zones.get(end.zone, end.zone)))] += row["bytes"]
    total = sum(truth.values())
    usd = sum(size for world, size in truth.items() if crosses(world)) / 2**30 * usd_per_gb
    return {
        "bytes_true": total,
        "bytes_reported": sum(row["bytes"] for row in found),
        "unknown_share": unknown / (2 * total),
        "wrong_share": sum(max(0, size - true[name]) for name, size in named.items()) / (2 * total),
        "usd_missing_share": 1 - sum(row["usd_out"] + row["usd_in"] for row in found) / usd,
    }


def ask(connection, until):
    """The rows of the three hours before `until`."""
    return rows(connection.execute(statement.cross_az(until)))


def crosses(truth_key):
    """Returns True if the key is of traffic within the cluster, between two zones."""
    _, scope, source, destination = truth_key
    return scope == "cluster" and source.zone != destination.zone
