"""The small cluster that the tests of single rules share."""

import answers
from cluster import ZONES, Builder, utc
from records import Log
from story import BEGIN, DAY, END, LISTINGS
from traffic import Recorder
from world import Scenario

A, B, C = ZONES
TEN = int(utc(*DAY, 10).timestamp())
UNTIL = utc(*DAY, 12)


class Scene:
    """A cluster with one node per zone, for flows that a test adds one by one. No file is late. `described`: EC2 describes its instances too."""

    def __init__(self, described=False):
        self.builder = Builder(1, BEGIN, END)
        self.cluster = self.builder.cluster
        self.cluster.listings, self.cluster.described = list(LISTINGS), described
        self.a, self.b, self.c = (self.builder.node(zone) for zone in ZONES)
        self.recorder = Recorder(self.cluster, 1, late=0)

    @property
    def traffic(self):
        return self.recorder.traffic

    def pod(self, node, group="pod", **other):
        return self.builder.pod(node, "shop", group, **other)

    def rows(self, **parameters):
        with answers.opened(self) as (connection, _):
            return answers.ask(connection, UNTIL, **parameters)

    def found(self, **parameters):
        """The result of the query: {(scope, source group, source zone, destination group, destination zone): bytes}."""
        summed = {}
        for (_, scope, source, destination), size in answers.measured(self.rows(**parameters)).items():
            key = (scope, source.group, source.zone, destination.group, destination.zone)
            summed[key] = summed.get(key, 0) + size
        return summed

    def change(self, change, **where):
        """Changes the records that have these values."""
        found = [row for rows in self.traffic.records.values() for row in rows if all(row[name] == value for name, value in where.items())]
        assert found, where
        for row in found:
            row.update(change)


class LoggedScene(Scene):
    """The same with the records of a world, in which services log too. EC2 describes the instances and the services."""

    def __init__(self):
        super().__init__(described=True)
        self.log = self.recorder = Log(self.cluster, 1, Scenario("one rule", "", late=0), self.builder)
