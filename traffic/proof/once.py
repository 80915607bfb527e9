"""What many tests read and none changes, made once for a run of the tests: stories with their tables, and how right the worlds are."""

import functools
import tempfile
from dataclasses import dataclass

import duckdb

import answers
import runs
import statement
import tables
import truth
from cluster import utc
from story import DAY, Story
from traffic import SCHEMA_WITH_TRUTH, write_flow_logs, write_listings
from world import World, scenario

#: The folders of files. They are removed when Python ends.
_FOLDERS = []

RESULTS = ("cross_az_traffic", "cross_az_inputs")


def folder(traffic, cluster, schema=SCHEMA_WITH_TRUTH):
    """A folder with the files of flow logs and listings."""
    made = tempfile.TemporaryDirectory(prefix="hookline-traffic-")
    _FOLDERS.append(made)
    write_flow_logs(made.name, traffic.records, schema)
    write_listings(made.name, cluster)
    return made.name


@dataclass
class Opened:
    """A story, the folder of its files, and a connection with tables over them. Each record carries its row of the truth."""

    story: Story
    root: str
    connection: duckdb.DuckDBPyConnection

    def ask(self, until, **parameters):
        """The rows of the query for the three hours before `until`."""
        return answers.ask(self.connection, until, **parameters)


@functools.cache
def story(seed, services=False):
    """The story of a seed, opened."""
    made = Story(seed, services=services)
    root, connection = folder(made.traffic, made.cluster), duckdb.connect()
    tables.open_tables(connection, root, more=[("true_row", "BIGINT")])
    return Opened(made, root, connection)


@functools.cache
def _stored(root, clusters):
    with duckdb.connect() as connection:
        tables.create_result_tables(connection)
        done = runs.scheduled(connection, root, utc(*DAY, 12), minutes=170, clusters=clusters)
        return done, {name: connection.execute(f"SELECT * FROM {name}").to_arrow_table() for name in RESULTS}


def store(connection, root, clusters=statement.CLUSTERS):
    """What a run at 14:50 stores of the hours before 12:00, into result tables that are empty. Returns what the run did."""
    done, results = _stored(root, clusters)
    tables.open_tables(connection, root)
    for name, rows in results.items():
        connection.register("stored_once", rows)
        connection.execute(f"INSERT INTO {name} SELECT * FROM stored_once")
        connection.unregister("stored_once")
    return done


@functools.cache
def world(name, seed, flows):
    """The world of a scenario."""
    return World(scenario(name), seed, flows)


def listed(name, seed, flows, every):
    """A world with its listings, as `answers` takes it."""
    return truth.listed(world(name, seed, flows), every)


@functools.lru_cache(maxsize=1)
def measured_world(name, seed, flows):
    """A world that is read. The intervals of one world are asked for one after another."""
    return truth.Measured(world(name, seed, flows))


@functools.cache
def _measured(name, seed, flows, every):
    return measured_world(name, seed, flows).result(every)


def measured(names, seed, flows, intervals):
    """How right the query is: a result of truth.py for each scenario and interval."""
    return [dict(_measured(name, seed, flows, every)) for name in names for every in intervals]
