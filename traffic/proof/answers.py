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
from services import PAID
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
        Label(row["src_namespace"], row["src_group_kind"], row["src_group"], row["src_az_id"], "" if row["scope"] == "ingress" else row["cluster"]),
        Label(row["dst_namespace"], row["dst_group_kind"], row["dst_group"], row["dst_az_id"], _cluster_of_destination(row)),
    )


def _cluster_of_destination(row):
    return {"egress": "", "clusters": row["peer_cluster"]}.get(row["scope"], row["cluster"])


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


def shares(found, truth, usd_per_gb=0.02, by_hour=True):
    """How far rows are from the world, over both ends of each byte. `by_hour`: a byte in another hour is wrong as well.

    bytes_true and bytes_reported; unknown_share: the bytes whose end has no name; wrong_share: those with more bytes under a name than the
    name has. A service that is only outside has no name, which is not wrong; usd_missing_share: the dollars for crossing zones that are not there. A zone's name and its ID are the same zone.
    """
    zones = dict(ZONES)
    true, named, unknown = defaultdict(int), defaultdict(int), 0
    for (hour, scope, *ends), size in truth.items():
        for place, end in enumerate(ends):
            true[(hour if by_hour else 0, scope, place, end)] += size
    for row in found:
        hour, scope, *ends = key(row)
        # If the cluster of one end is not known, nothing tells whether the other is in the same, so that its place is not known either.
        in_unknown_cluster = statement.UNKNOWN_CLUSTER in (row["cluster"], row["peer_cluster"])
        for place, end in enumerate(ends):
            if end.kind == "Unknown" or in_unknown_cluster:
                unknown += row["bytes"]
            else:
                named[(hour if by_hour else 0, scope, place, replace(end, zone=zones.get(end.zone, end.zone)))] += row["bytes"]
    services = _unnamed(true, named)
    unknown += services
    total = sum(truth.values())
    usd = sum(size * paid_ends(world) for world, size in truth.items()) / 2**30 * usd_per_gb / 2
    return {
        "bytes_true": total,
        "bytes_reported": sum(row["bytes"] for row in found),
        "unknown_share": unknown / (2 * total),
        "wrong_share": (sum(max(0, size - true[name]) for name, size in named.items()) - services) / (2 * total),
        "usd_missing_share": 1 - sum(row["usd_out"] + row["usd_in"] for row in found) / usd,
    }


def _unnamed(true, named):
    """The bytes of services that are only `Outside`, over both ends."""
    more, less = defaultdict(int), defaultdict(int)
    for (hour, scope, place, end) in {**true, **named}:
        size = named.get((hour, scope, place, end), 0) - true.get((hour, scope, place, end), 0)
        if end.kind == "Outside":
            more[(hour, scope, place)] += max(0, size)
        elif scope in ("egress", "ingress") and (scope == "egress") == (place == 1):
            less[(hour, scope, place)] += max(0, -size)
    return sum(min(size, less[at]) for at, size in more.items())


def paid_ends(truth_key):
    """How many of its two ends pay for crossing zones: 0, 1 or 2."""
    _, scope, source, destination = truth_key
    if not source.zone or not destination.zone or source.zone == destination.zone:
        return 0
    return 2 if scope in ("cluster", "clusters") else PAID.get((destination if scope == "egress" else source).kind, 2)


def ask(connection, until):
    """The rows of the three hours before `until`."""
    return rows(connection.execute(statement.cross_az(until)))


def crosses(truth_key):
    """Returns True if the key is of traffic within the cluster, between two zones."""
    _, scope, source, destination = truth_key
    return scope == "cluster" and source.zone != destination.zone
