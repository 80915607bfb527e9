"""Measures the query on ten million records: time and memory in DuckDB on this machine. Checks that the result is right to the byte.

`python bench.py [--records N] [--list-every SECONDS] [--threads N] [--memory-limit 2GB] [--within SECONDS] [--below BYTES] [--report FILE]`
exits with 1 if the result is wrong, or if the query took more time or memory than the limits. DuckDB generates the files from a seed. The
query runs in a process of its own; its memory is the peak resident memory of that process. This does not measure Athena, which bills
the bytes that it scans. The report has these bytes too. `--against FILE --rounds N` also runs another text of cross-az.sql, such as that of an
earlier commit, on the same files: the two take turns, and the medians are printed.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb
import pyarrow

import statement
import tables
from cluster import ZONES, Builder, seconds, utc
from story import DAY
from traffic import write_listings

UNTIL = utc(*DAY, 12)
BEGIN = seconds(utc(*DAY, 9))
NODES, PODS_A_NODE, PEERS = 240, 40, 20


def _connect(root, threads, memory_limit):
    connection = duckdb.connect()
    connection.execute(f"SET threads = {int(threads)}")
    connection.execute(f"SET memory_limit = '{memory_limit}'")
    connection.execute(f"SET temp_directory = '{root}/spill'")
    return connection


def _peak_resident():
    """The peak resident memory of this process, in bytes. getrusage is the second choice: the value of a child starts with its parent's."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def make(root, records, seed, list_every):
    """Writes files with so many records: two for each flow, over three hours, with a listing every so often. Returns the truth: bytes by zones."""
    builder = Builder(seed, BEGIN, BEGIN + 3 * 3600)
    builder.cluster.listings = list(range(BEGIN - 600, BEGIN + 3 * 3600 + 1200, list_every))
    nodes = [builder.node(ZONES[number % 3]) for number in range(NODES)]
    for node in nodes:
        for daemon in ("kube-proxy", "aws-node", "node-exporter"):
            builder.pod(node, "kube-system", daemon, "DaemonSet", host_network=True)
        for number in range(PODS_A_NODE):
            builder.pod(node, f"team-{number % 12}", f"service-{number}")
    write_listings(root, builder.cluster)
    pods = [pod for pod in builder.cluster.pods if not pod.host_network]
    numbers = {node.name: number for number, node in enumerate(nodes)}
    connection = _connect(root, 2, "2GB")
    connection.execute("SET preserve_insertion_order = false")
    connection.register("listed", pyarrow.Table.from_pylist([
        {"number": number, "address": pod.addresses[0], "node": numbers[pod.node.name], "first": pod.node.address, "instance": pod.node.instance, "zone": pod.node.zone[1]}
        for number, pod in enumerate(pods)
    ]))
    connection.execute("CREATE TABLE pods AS SELECT * FROM listed")
    # A pod sends to some twenty others. hash() of a number and the seed chooses them, the same in each run.
    connection.execute(
        f"""
        CREATE TABLE flows AS
        SELECT made.number, s.address AS src, s.first AS src_first, s.instance AS src_instance, s.zone AS src_zone, s.node AS src_node,
          d.address AS dst, d.first AS dst_first, d.instance AS dst_instance, d.zone AS dst_zone, d.node AS dst_node,
          CAST(40 + hash(made.number, {seed}, 3) % 1000000 AS BIGINT) AS bytes, CAST({BEGIN} + hash(made.number, {seed}, 4) % 10740 AS BIGINT) AS start
        FROM (
          SELECT number, CAST(hash(number, {seed}, 1) % {len(pods)} AS INTEGER) AS source, CAST(hash(number, {seed}, 2) % {PEERS} AS INTEGER) AS peer
          FROM (SELECT unnest(range({records // 2})) AS number) AS numbers
        ) AS made
        JOIN pods AS s ON s.number = source
        JOIN pods AS d ON d.number = (source + 1 + CAST(hash(source, peer, {seed}) % {len(pods) - PODS_A_NODE} AS INTEGER)) % {len(pods)}
        """
    )
    # No interface sees the traffic between pods of one node.
    connection.execute("DELETE FROM flows WHERE src_node = dst_node")
    record = """
        SELECT 'eni-' || {own}_instance[3:] AS interface_id, {own}_instance AS instance_id,
          {own}_zone AS az_id, '{direction}' AS flow_direction, {path} AS traffic_path,
          {srcaddr} AS srcaddr, {dstaddr} AS dstaddr, src AS pkt_srcaddr, dst AS pkt_dstaddr, CAST(32768 + number % 28000 AS INTEGER) AS srcport,
          8080 AS dstport, CAST(6 AS INTEGER) AS protocol, bytes, start + {later} AS start, start + {later} + 30 AS "end",
          'ACCEPT' AS action, 'OK' AS log_status
        FROM flows"""
    source = record.format(own="src", direction="egress", path="CAST(1 AS INTEGER)", srcaddr="src_first", dstaddr="dst", later=0)
    destination = record.format(own="dst", direction="ingress", path="CAST(NULL AS INTEGER)", srcaddr="src", dstaddr="dst_first", later=3)
    folder = Path(root) / tables.FLOW_LOGS_PREFIX
    folder.mkdir(parents=True)
    connection.execute(
        f"""
        COPY (
          SELECT *, strftime(make_timestamp((start + 600) * 1000000), '%Y') AS year, strftime(make_timestamp((start + 600) * 1000000), '%m') AS month,
            strftime(make_timestamp((start + 600) * 1000000), '%d') AS day, strftime(make_timestamp((start + 600) * 1000000), '%H') AS hour
          FROM ({source} UNION ALL {destination})
        ) TO '{folder}' (FORMAT parquet, COMPRESSION gzip, PARTITION_BY (year, month, day, hour), OVERWRITE_OR_IGNORE)
        """
    )
    truth = connection.execute("SELECT src_zone, dst_zone, CAST(sum(bytes) AS BIGINT) FROM flows GROUP BY ALL ORDER BY ALL").fetchall()
    count = 2 * connection.execute("SELECT count(*) FROM flows").fetchone()[0]
    connection.close()
    return {"records": count, "truth": truth}


def query(root, threads, memory_limit, file=None):
    """Runs the query, or the one of a file. main() calls it in a process of its own, to measure its memory alone."""
    text = statement.cross_az(UNTIL) if file is None else _of_file(file)
    connection = _connect(root, threads, memory_limit)
    tables.open_tables(connection, root)
    begin = time.monotonic()
    connection.execute(f"CREATE TABLE found AS {text}")
    took = time.monotonic() - begin
    rows = connection.execute("SELECT count(*) FROM found").fetchone()[0]
    found = connection.execute("SELECT src_az_id, dst_az_id, CAST(sum(bytes) AS BIGINT) FROM found WHERE scope = 'cluster' GROUP BY ALL ORDER BY ALL").fetchall()
    return {"seconds": took, "cpu": sum(resource.getrusage(resource.RUSAGE_SELF)[:2]), "resident": _peak_resident(), "rows": rows, "found": found}


def _of_file(file):
    """The query of a file. It may be an earlier one, with fewer parameters."""
    text = statement.without_comments(Path(file).read_text(encoding="utf-8")).strip()
    values = {"until": UNTIL.strftime(statement.UNTIL_FORMAT), "usd_per_gb": "0.01", "interval": statement.INTERVAL, **statement.kinds()}
    return statement.with_parameters(text, **{name: value for name, value in values.items() if f":{name}" in text})


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=int, default=10_000_000)
    parser.add_argument("--list-every", type=int, default=300, help="the seconds between two listings")
    parser.add_argument("--against", help="another text of cross-az.sql, to compare with")
    parser.add_argument("--rounds", type=int, default=1, help="how often each query runs")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--memory-limit", default="2GB", help="DuckDB's own limit; above it, DuckDB writes to disk")
    parser.add_argument("--within", type=float, default=120, help="the most seconds that the query may take")
    parser.add_argument("--below", type=float, default=718 * 2**20, help="the most bytes of resident memory that its process may take")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--report", type=Path, help="a file for the results, as JSON")
    parser.add_argument("--step", choices=("make", "query"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", help=argparse.SUPPRESS)
    parser.add_argument("--file", help=argparse.SUPPRESS)
    return parser.parse_args()


def _in_a_process(step, folder, *more):
    """Runs a step in a process of its own, with the arguments of this process. Returns its result."""
    child = subprocess.run([sys.executable, __file__, *sys.argv[1:], "--step", step, "--folder", folder, *more], stdout=subprocess.PIPE, check=True)
    return json.loads(child.stdout)


def main():
    options = arguments()
    if options.step == "make":
        print(json.dumps(make(options.folder, options.records, options.seed, options.list_every)))
        return 0
    if options.step == "query":
        print(json.dumps(query(options.folder, options.threads, options.memory_limit, options.file)))
        return 0
    with tempfile.TemporaryDirectory(prefix="hookline-traffic-") as root:
        made = _in_a_process("make", root)
        size = sum(file.stat().st_size for file in Path(root).rglob("*.parquet"))
        records = made["records"]
        print(f"{records} records in {size / 2**20:.0f} MB of Parquet", flush=True)
        answers, others = [], []
        for _ in range(options.rounds):
            answers.append(_in_a_process("query", root))
            others += [_in_a_process("query", root, "--file", options.against)] if options.against else []
    answer = answers[0]
    for name, several in (("the query", answers), (options.against, others)):
        if several and len(answers) + len(others) > 1:
            cpu, resident = (statistics.median(one[what] for one in several) for what in ("cpu", "resident"))
            print(f"{name}: {cpu:.1f} s of CPU, {resident / 2**20:.0f} MB resident, the medians of {len(several)}; {several[0]['rows']} rows")
    truth = made["truth"]
    right = answer["found"] == truth
    print(f"{answer['rows']} rows in {answer['seconds']:.1f} s ({answer['cpu']:.1f} s of CPU), {answer['resident'] / 2**20:.0f} MB resident; {'right to the byte' if right else 'WRONG'}")
    if options.report:
        figures = {"records": records, "parquetBytes": size, "threads": options.threads, "memoryLimit": options.memory_limit}
        figures.update(seconds=answer["seconds"], cpuSeconds=answer["cpu"], residentBytes=answer["resident"], rows=answer["rows"], right=right)
        options.report.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if not right:
        print(f"found {answer['found']}\ntrue  {truth}")
    for what, value, bound in (("seconds", answer["seconds"], options.within), ("bytes resident", answer["resident"], options.below)):
        if value > bound:
            print(f"{value:.0f} {what} is over the bound of {bound:.0f}")
            right = False
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())
