"""The pipeline on this machine, and what comes of it: a table of the pairs that cost most, and the picture of the zones.

`python demo.py [--seed N] [--svg FILE]`. Three hours of a generated cluster. The state machine, the query and the tables are the real ones; Step
Functions is moto's engine, S3, Glue and Athena are ministack's, and extract-pods is simulated. Exits with 1 when a byte is missing.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import answers
import chart
import pipeline
from cluster import seconds, utc
from local_aws import LocalAws
from simulated import SimulatedExtractPods
from story import DAY, Story
from traffic import write_flow_logs, write_listings


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="of the generated cluster and its traffic")
    parser.add_argument("--svg", type=Path, default=Path("target/cross-az-traffic.svg"), help="where the picture goes")
    asked = parser.parse_args()

    begin = time.monotonic()
    at = seconds(utc(*DAY, 12, 20))
    story = Story(asked.seed, scale=10_000)
    cluster = story.cluster
    records = sum(len(rows) for rows in story.traffic.records.values())
    function = SimulatedExtractPods(cluster, at)
    with LocalAws({"extract-pods": function}) as aws, tempfile.TemporaryDirectory(prefix="hookline-traffic-") as root:
        function.aws = aws
        machine = pipeline.deploy(aws)
        write_flow_logs(root, story.traffic.records)
        write_listings(root, cluster, [listing for listing in cluster.listings if listing < at])
        pipeline.upload(aws, pipeline.FLOW_LOGS_BUCKET, root, "AWSLogs/")
        pipeline.upload(aws, pipeline.PODS_BUCKET, root, "pods/")
        print(f"{len(cluster.nodes)} nodes, {len(cluster.pods)} pods, {records} flow log records in S3, with files up to two hours late")
        ended = pipeline.run(aws, machine, "2026-05-04T12:20:00Z")
        if ended["status"] != "SUCCEEDED":
            print(f"FAIL: the execution ended as {ended['status']}: {ended.get('error')}: {ended.get('cause')}")
            return 1
        output = json.loads(ended["output"])
        listing = output["listing"]
        print(f"extract-pods (simulated): {listing['nodes']} nodes and {listing['pods']} pods to {listing['key'].rsplit('/', 1)[0]}/")
        rows = pipeline.results(aws, output["traffic"]["queryExecutionId"])
    print_pairs(rows)
    found = {answers.key({**row, "hour": datetime.strptime(row["hour"][:19], "%Y-%m-%d %H:%M:%S")}): int(row["bytes"]) for row in rows}
    asked.svg.parent.mkdir(parents=True, exist_ok=True)
    inside = [{**row, "usd": float(row["usd_out"]) + float(row["usd_in"])} for row in rows if row["scope"] == "cluster"]
    asked.svg.write_text(chart.svg(inside, "Bytes between Availability Zones, 4 May 2026, 09:00 to 12:00"), encoding="utf-8")
    print(f"The picture of the zones: {asked.svg}")
    wrong = answers.differences(found, story.truth())
    print(f"{len(rows)} rows, {sum(found.values())} bytes, in {time.monotonic() - begin:.1f} s")
    for line in wrong:
        print(line)
    print("FAIL: that is not the truth." if wrong else "PASS: each byte is where it was sent from and to, and counted once.")
    return 1 if wrong else 0


def print_pairs(rows, most=12):
    """A table of the pairs of groups that move most across zones, with what stays in the zone."""
    pairs = defaultdict(lambda: [0, 0, 0.0])
    for row in rows:
        if row["scope"] != "cluster":
            continue
        pair = pairs[(row["src_namespace"], row["src_group"], row["dst_namespace"], row["dst_group"])]
        pair[0] += int(row["bytes"])
        if row["cross_az"] == "true":
            pair[1] += int(row["bytes"])
        pair[2] += float(row["usd_out"]) + float(row["usd_in"])
    print(f"\n{'from':<24}{'to':<24}{'across zones':>14}{'in zone':>10}{'USD':>12}")
    for (src_namespace, src, dst_namespace, dst), (size, crossing, usd) in sorted(pairs.items(), key=lambda pair: (-pair[1][1], pair[0]))[:most]:
        ends = (f"{namespace}/{group}" if namespace else group for namespace, group in ((src_namespace, src), (dst_namespace, dst)))
        print("".join(f"{end:<24}" for end in ends) + f"{chart.human(crossing):>14}{(size - crossing) / size:>10.0%}{usd:>12.4f}")
    print()


if __name__ == "__main__":
    sys.exit(main())
