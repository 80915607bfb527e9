"""Runs the query, and brings its rows into the form of the truth, so that they can be compared."""

import functools
import tempfile
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import replace
from datetime import timezone

import duckdb
import sqlglot
from sqlglot import exp

import statement
import tables
from cluster import ZONES, Label
from services import PAID
from traffic import SCHEMA_WITH_TRUTH, write_flow_logs, write_listings


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


@functools.cache
def with_true_rows(text):
    """The query (of Athena) with one column more: the row of the truth that the bytes are of, which `SCHEMA_WITH_TRUTH` has.

    Each step that the records pass through keeps the column, and groups by it. No other step changes, so the bytes get the names that
    they get without it; only what the destination has more is rounded down more often.
    """
    tree, carry = sqlglot.parse_one(text, read="athena"), {"flow_logs"}

    def added(select):
        source = select.args["from_"].this
        if not (added(source.this) if isinstance(source, exp.Subquery) else source.name in carry):
            return False
        column = exp.column("true_row", table=source.alias_or_name)
        if not select.is_star:
            select.append("expressions", column)
        if select.args.get("group"):
            select.args["group"].append("expressions", column.copy())
        return True

    for step in tree.ctes:
        if isinstance(step.this, exp.Select) and added(step.this):
            carry.add(step.alias)
    if not added(tree):
        raise AssertionError("the records do not reach the result")
    return tree.sql("athena")


@contextmanager
def opened_with_truth(story, connection=None):
    """As `opened`, of one story, whose records carry the row of the truth that they are of. With a `connection`, the tables are there, and it stays open."""
    with tempfile.TemporaryDirectory(prefix="hookline-traffic-") as root:
        write_flow_logs(root, story.traffic.records, SCHEMA_WITH_TRUTH)
        write_listings(root, story.cluster)
        own = duckdb.connect() if connection is None else None
        try:
            tables.open_tables(connection or own, root, more=[("true_row", "BIGINT")])
            yield connection or own
        finally:
            if own is not None:
                own.close()


def measure_on(connection, story, truth, until, change=lambda text: text, by_hour=True):
    """The shares of the query's rows, with Trino's meaning, each byte compared with its own truth. `change`: of the query's text.

    The tables are those of `connection`. Their records carry the row of the truth that they are of.
    """
    text = statement.as_trino_means(with_true_rows(change(statement.cross_az(until))), "athena")
    return shares(rows(connection.execute(text)), story.traffic.keys, truth, by_hour=by_hour)


def shares(found, keys, truth, usd_per_gb=0.02, by_hour=True):
    """How far rows are from the world, over both ends of each byte. Each row says by `true_row` which of `keys` its bytes are of.

    bytes_true and bytes_reported; unknown_share: the bytes whose end has no name; wrong_share: those whose end has the name of another one,
    or that count twice. `by_hour`: or that count in another hour. An `(unknown)` end in another cluster or zone is wrong as well. An
    instance of the cluster that only its own records tell is unknown. A service that is only outside has no name, which is not wrong;
    usd_missing_share: the dollars for crossing zones that are not there. A zone's name and its ID are the same zone.
    """
    zones = dict(ZONES)
    counted, expected, unknown, wrong = defaultdict(int), defaultdict(int), 0, 0
    for world, size in truth.items():
        expected[world if by_hour else world[1:]] += size
    for row in found:
        true = keys[row["true_row"]]
        counted[true if by_hour else true[1:]] += row["bytes"]
        hour, scope, *ends = key(row)
        # If the cluster of one end is not known, nothing tells whether the other is in the same, so that its place is not known either.
        in_unknown_cluster = statement.UNKNOWN_CLUSTER in (row["cluster"], row["peer_cluster"])
        # An instance that nothing describes: nothing tells that it is a node, so the row is of egress or ingress.
        not_described = {place for place, (end, world) in enumerate(zip(ends, true[2:])) if end.kind == "Instance" and world.kind != "Instance"}
        for place, (end, world) in enumerate(zip(ends, true[2:])):
            end = replace(end, zone=zones.get(end.zone, end.zone))
            if in_unknown_cluster:
                unknown += row["bytes"]
            elif place in not_described:
                unknown += row["bytes"]
                wrong += 0 if end.zone == world.zone else row["bytes"]
            elif not_described and end.kind != "Unknown":
                wrong += 0 if end == world else row["bytes"]
            elif end.kind == "Unknown":
                unknown += row["bytes"]
                wrong += 0 if (end.cluster, end.zone) == (world.cluster, world.zone) else row["bytes"]
            elif end.kind == "Outside" and scope == true[1] and not world.cluster:
                unknown += 0 if end == world else row["bytes"]
            elif (scope, end) != (true[1], world) or by_hour and hour != true[0]:
                wrong += row["bytes"]
    # A byte that counts twice is at two ends; so is one of traffic that is not the cluster's.
    wrong += sum(2 * max(0, size - expected[true]) for true, size in counted.items())
    total = sum(truth.values())
    usd = sum(size * paid_ends(world) for world, size in truth.items()) / 2**30 * usd_per_gb / 2
    return {
        "bytes_true": total,
        "bytes_reported": sum(counted.values()),
        "unknown_share": unknown / (2 * total),
        "wrong_share": wrong / (2 * total),
        "usd_missing_share": 1 - sum(row["usd_out"] + row["usd_in"] for row in found) / usd,
    }


def paid_ends(truth_key):
    """How many of its two ends pay for crossing zones: 0, 1 or 2."""
    _, scope, source, destination = truth_key
    if not source.zone or not destination.zone or source.zone == destination.zone:
        return 0
    return 2 if scope in ("cluster", "clusters") else PAID.get((destination if scope == "egress" else source).kind, 2)


def ask(connection, until, **parameters):
    """The rows of the three hours before `until`."""
    return rows(connection.execute(statement.cross_az(until, **parameters)))


def crosses(truth_key):
    """Returns True if the key is of traffic within the cluster, between two zones."""
    _, scope, source, destination = truth_key
    return scope == "cluster" and source.zone != destination.zone
