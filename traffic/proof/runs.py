"""Runs of the state machine without it, in DuckDB: the same statements in the same order, with the files that are there at a time."""

from dataclasses import dataclass, field
from datetime import timedelta

import answers
import statement
import tables
from cluster import seconds
from traffic import published


@dataclass
class Run:
    """What a run did. `changed`: how many rows of cross_az_traffic it updated, inserted or deleted."""

    windows: list = field(default_factory=list)
    changed: int = 0

    def _all(self, name):
        return ", ".join(window[name] for window in self.windows if window[name] != "-")

    @property
    def hours(self):
        return self._all("hours")

    @property
    def missing(self):
        return self._all("missing")

    @property
    def incomplete(self):
        return self._all("incomplete")

    @property
    def unlisted(self):
        return self._all("unlisted")


def run(connection, until, now, windows=statement.HOURLY, fails=None, clusters=statement.CLUSTERS, vpc_id=None):
    """A run for `until` at the time `now`. `fails`: which statement fails, "store" or "store-inputs". The run ends there, as the state machine does.
    `vpc_id`: the VPC that counts, of flow logs of several.

    The metrics are put between these two, and change no table: a run that fails at them has done what one that fails at "store-inputs" has.
    """
    done = Run()
    for window in answers.rows(connection.execute(statement.check_inputs(until, windows, now, clusters, vpc_id))):
        done.windows.append(window)
        if window["hours"] == "-":
            continue
        traffic = statement.at(statement.store_template(until=window["until"], hours=window["hours"], vpc_id=vpc_id), now)
        for name, text in (("store", traffic), ("store-inputs", statement.store_inputs(window["inputs"]))):
            if name == fails:
                return done
            changed = connection.execute(text).fetchone()[0]
            done.changed += changed if name == "store" else 0
    return done


def scheduled(connection, root, until, minutes=20, windows=statement.HOURLY, kept=lambda _file: True, fails=None, clusters=statement.CLUSTERS):
    """The schedule's run, some minutes after `until`, with the files that are published by then. `kept(path)` tells which have not expired."""
    now = until + timedelta(minutes=minutes)
    tables.open_tables(connection, root, delivered=lambda file: published(file) <= seconds(now) and kept(file))
    return run(connection, until, now, windows, fails, clusters)
