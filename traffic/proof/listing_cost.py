"""Measures an hour of listings: the objects that extract-pods writes, and what compaction into one sorted Parquet file would make of them.

`python listing_cost.py` prints, for a cluster of 10,000 pods listed every five minutes and every minute: the number of objects, their bytes, the
bytes of one Parquet file with the same lines, and what Athena and S3 cost a month to read each (docs/cross-az-traffic/cost.md).
"""

import tempfile
from pathlib import Path

import duckdb
import sqlglot
from sqlglot import exp

import statement
import tables
from cluster import ZONES, Builder, utc
from story import BEGIN, DAY
from traffic import write_listings

#: Prices in us-east-1: a TB that Athena scans, a GET request of S3 (Athena pricing and S3 pricing, November 2026).
USD_PER_TB, USD_PER_GET = 5, 0.0004 / 1000
#: The hours of listings that a run reads, and the runs of a month.
HOURS, RUNS = 6, 24 * 30
NODES, PODS_A_NODE = 240, 42


def scans(text, table):
    """How often Athena reads a table: once for each mention, if each common table expression takes the place of its name."""
    query = sqlglot.parse_one(text, read="athena")
    mentions = {cte.alias: [found.name for found in cte.this.find_all(exp.Table)] for cte in query.find_all(exp.CTE)}

    def count(names):
        return sum(1 if name == table else count(mentions.get(name, [])) for name in names)

    return count([found.name for found in query.find_all(exp.Table) if not found.find_ancestor(exp.CTE)])


def measure(every, nodes=NODES):
    """The number of objects of an hour, their bytes, and the bytes of one sorted Parquet file."""
    builder = Builder(1, BEGIN, BEGIN + 3 * 3600)
    hour = (BEGIN // 3600 + 1) * 3600
    builder.cluster.described, builder.cluster.listings = True, list(range(hour, hour + 3600, every))
    for number in range(nodes):
        node = builder.node(ZONES[number % 3])
        for pod in range(PODS_A_NODE):
            builder.pod(node, f"team-{pod % 12}", f"service-{pod}")
    with tempfile.TemporaryDirectory(prefix="hookline-traffic-") as root, duckdb.connect() as connection:
        write_listings(root, builder.cluster)
        objects = [file.stat().st_size for file in Path(root).rglob("*.gz")]
        tables.open_tables(connection, root)
        compact = Path(root) / "hour.parquet"
        connection.execute(f"COPY (SELECT * FROM pods ORDER BY kind, uid, observed_at) TO '{compact}' (FORMAT parquet, COMPRESSION zstd)")
        return len(objects), sum(objects), compact.stat().st_size


def main():
    reads = scans(statement.cross_az(utc(*DAY, 12)), "pods") * HOURS * RUNS
    for every in (300, 60):
        count, size, compact = measure(every)
        print(
            f"every {every} s: {count} objects, {size / 1e6:.1f} MB an hour: ${reads * size / 1e12 * USD_PER_TB:.2f} scanned and ${reads * count * USD_PER_GET:.2f} "
            f"requested a month; one Parquet file of {compact / 1e6:.2f} MB: ${reads * compact / 1e12 * USD_PER_TB:.2f} and ${reads * USD_PER_GET:.2f}"
        )


if __name__ == "__main__":
    main()
