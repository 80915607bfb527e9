"""Measures how far the result is from the world, in each scenario and for each interval between listings.

`python truth.py [--seed N] [--flows N] [--report FILE] [--page FILE]` prints a table. It writes the numbers to the report, as JSON, and the table
into the page, between its two marks. It exits with 1 if a target is missed. The query has Trino's meaning here, in DuckDB.
"""

import argparse
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import duckdb

import answers
from cluster import rfc3339, utc
from story import DAY, FIRST_HOUR, LAST_HOUR
from world import EVERY_FIVE, EVERY_MINUTE, HOURLY, SCENARIOS, World

INTERVALS = {HOURLY: "hour", EVERY_FIVE: "5 minutes", EVERY_MINUTE: "minute"}

#: What must hold: (scenario, interval, share) and the most it may be. A wrong name is never right, so wrong_share is 0, but for `everything`.
TARGETS = {
    **{("spot-15", every, "usd_missing_share"): 0.005 for every in INTERVALS},
    **{("spot-30", every, "usd_missing_share"): 0.005 for every in INTERVALS},
    ("jobs", EVERY_MINUTE, "unknown_share"): 0.02,
    ("jobs", EVERY_FIVE, "unknown_share"): 0.05,
    **{(name, every, "unknown_share"): most for name in ("short-pods", "busy") for every, most in ((EVERY_MINUTE, 0.02), (EVERY_FIVE, 0.05))},
    **{(scenario.name, every, "wrong_share"): 0 for scenario in SCENARIOS for every in INTERVALS},
    # Interfaces that skip records of addresses that pass on, and nodes that are younger than a minute. Docs say why, and how much it is.
    **{("everything", every, "wrong_share"): 0.0002 for every in INTERVALS},
}

TARGETS |= {
    # Nodes of which nothing tells but their own records. Between two of them nothing counts, so hourly listings are not enough for the dollars.
    (name, every, "usd_missing_share"): 0.005 for name in ("not-described", "tags-gone") for every in (EVERY_FIVE, EVERY_MINUTE)
}

#: What is missed, and by how much: the same keys, and the most that it is. Docs say why.
MISSED = {
    ("no-watch", EVERY_MINUTE, "unknown_share"): (0.02, 0.04),
    ("no-watch", EVERY_FIVE, "unknown_share"): (0.05, 0.25),
    ("force-deleted", EVERY_FIVE, "unknown_share"): (0.05, 0.1),
}

#: Rounding of dollars, which are doubles.
EPSILON = 1e-9

BEGIN_MARK, END_MARK = "<!-- bench:traffic begin -->", "<!-- bench:traffic end -->"


def listed(world, every):
    """A world with its listings at an interval, as `answers` takes it."""
    return SimpleNamespace(traffic=world.traffic, cluster=world.listed(every))


class Measured:
    """A world whose files are written and read once: with a listing every minute. The listings at a longer interval are some of these."""

    def __init__(self, world):
        self._world, self._connection = world, duckdb.connect()
        # Several threads take more processor time for such small tables.
        self._connection.execute("SET threads = 1")
        with answers.opened_with_truth(listed(world, EVERY_MINUTE), self._connection):
            for name in ("flow_logs", "pods"):
                self._connection.execute(f"CREATE TABLE {name}_read AS SELECT * FROM {name}")
        self._connection.execute("CREATE OR REPLACE VIEW flow_logs AS SELECT * FROM flow_logs_read")

    def measure(self, every, change=lambda text: text):
        """The shares of the world's rows, with listings at an interval, as the scheduled runs store them. `change`: of the query's text."""
        cluster = self._world.listed(every)
        times = [time for each in (cluster, *cluster.beside) for time in each.listings]
        texts = ", ".join(f"'{rfc3339(time)}'" for time in times)
        self._connection.execute(f"CREATE OR REPLACE VIEW pods AS SELECT * FROM pods_read WHERE kind = 'deleted' OR observed_at IN ({texts})")
        seen = self._connection.execute("SELECT count(DISTINCT observed_at) FROM pods WHERE kind <> 'deleted'").fetchone()[0]
        if seen != len(set(times)):
            raise AssertionError(f"{len(set(times))} listings, and {seen} of them are there")
        # A record of the destination may be in another hour than that of the source.
        rows = self._world.traffic.rows_of(FIRST_HOUR, LAST_HOUR)
        return answers.measure_on(self._connection, self._world, rows, utc(*DAY, 12), change, by_hour=False)

    def result(self, every):
        """The shares of the world's rows, with what they are of."""
        return {"scenario": self._world.scenario.name, "listing_seconds": every, **self.measure(every)}


def measure_all(seed, flows=None, scenarios=SCENARIOS, intervals=tuple(INTERVALS)):
    """Yields each result: scenario, listing_seconds, and the shares."""
    for scenario in scenarios:
        measured = Measured(World(scenario, seed, flows))
        for every in intervals:
            yield measured.result(every)


def misses(results):
    """The targets that the results miss, in a line each."""
    found = []
    for result in results:
        for share in ("unknown_share", "wrong_share", "usd_missing_share"):
            most = TARGETS.get((result["scenario"], result["listing_seconds"], share))
            if most is not None and result[share] > most + EPSILON:
                found.append(f"{result['scenario']}, listed every {INTERVALS[result['listing_seconds']]}: {share} is {result[share]:.6f}, not {most}")
    return found


def percent(share):
    """A share for the table: 0 only if nothing is missing."""
    return "0" if abs(share) <= EPSILON else f"{100 * share:.2g} %" if abs(share) < 0.1 else f"{100 * share:.0f} %"


def table(results):
    """The results in Markdown: a row for each scenario, and the numbers for each interval beside each other."""
    lines = [
        "| scenario | what is in it | `(unknown)` | wrong | bytes missing | dollars missing |",
        "|---|---|---|---|---|---|",
    ]
    for scenario in SCENARIOS:
        own = {result["listing_seconds"]: result for result in results if result["scenario"] == scenario.name}
        if own:
            cells = (
                " · ".join(percent(value(own[every])) for every in INTERVALS if every in own)
                for value in (
                    lambda result: result["unknown_share"],
                    lambda result: result["wrong_share"],
                    lambda result: 1 - result["bytes_reported"] / result["bytes_true"],
                    lambda result: result["usd_missing_share"],
                )
            )
            lines.append(f"| `{scenario.name}` | {scenario.what} | {' | '.join(cells)} |")
    return "\n".join(lines)


def write_into(page, text):
    """Replaces what is between the marks of a page."""
    before, rest = page.read_text(encoding="utf-8").split(BEGIN_MARK)
    _, after = rest.split(END_MARK)
    page.write_text(f"{before}{BEGIN_MARK}\n\n{text}\n\n{END_MARK}{after}", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--flows", type=int, help="flows in a minute, instead of the scenario's")
    parser.add_argument("--report", type=Path, help="a file for the numbers, as JSON")
    parser.add_argument("--page", type=Path, help="a page whose table is replaced")
    options = parser.parse_args()
    results = []
    for result in measure_all(options.seed, options.flows):
        results.append(result)
        print(
            f"{result['scenario']:<16}{INTERVALS[result['listing_seconds']]:>10}{result['bytes_true']:>14} bytes, of these {result['bytes_reported']:>14}; "
            f"unknown {result['unknown_share']:.4f}, wrong {result['wrong_share']:.6f}, dollars missing {result['usd_missing_share']:.4f}",
            flush=True,
        )
    if options.report:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    if options.page:
        write_into(options.page, table(results))
    missed = misses(results)
    for line in missed:
        print(f"MISSED: {line}")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
