"""Runs the pipeline on this machine. Prints the pairs that cost most and what to do about them, and draws the chart of the zones.

`python demo.py [--seed N] [--svg FILE]`. It measures three hours of a generated cluster, the last three before now. The state machine, the query, the tables
and extract-pods are the real ones. AWS is a fake: hookline-local has the cluster, with an API server over TLS, and runs extract-pods;
Step Functions is moto's engine; S3, Glue and Athena are ministack's. `cargo xtask demo --traffic` builds what it needs, and passes the paths. It exits
with 1 if the result is not the truth.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections import defaultdict
from datetime import datetime, timezone
from pathlib import Path

import answers
import chart
import kubernetes_objects
import pipeline
from cluster import CLUSTER, rfc3339
from local_aws import LocalAws, NotStarted, TimedOut
from services import as_ec2_describes
from story import Story, hours_until
from traffic import write_flow_logs, write_listings


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="the seed of the generated cluster and its traffic")
    parser.add_argument("--svg", type=Path, default=Path("target/cross-az-traffic.svg"), help="the file of the chart")
    options = parser.parse_args()

    # End the servers on SIGTERM, as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return run(options.seed, options.svg)
    except (NotStarted, TimedOut, pipeline.QueryFailed) as error:
        print(f"FAIL: {error}")
        return 1


def run(seed, svg):
    begin, now = time.monotonic(), int(time.time())
    # extract-pods lists the present, so the story is moved to end shortly before now. The earlier listings are written to S3 beforehand.
    story = Story(seed, scale=10_000, hours_later=hours_until(now), services=True)
    cluster, until = story.cluster, story.at(12, 20)
    present = kubernetes_objects.contents(cluster, now)
    records = sum(len(rows) for rows in story.traffic.records.values())
    with LocalAws({CLUSTER: present}, map(as_ec2_describes, story.services)) as aws, tempfile.TemporaryDirectory(prefix="hookline-traffic-") as root:
        machine = pipeline.deploy(aws)
        write_flow_logs(root, story.traffic.records)
        write_listings(root, cluster, [listing for listing in cluster.listings if listing < until])
        pipeline.upload(aws, pipeline.FLOW_LOGS_BUCKET, root, "AWSLogs/")
        pipeline.upload(aws, pipeline.PODS_BUCKET, root, "pods/")
        print(f"Fake AWS at {aws.url}: S3, Glue and Athena are ministack's, Step Functions is moto's, the rest is hookline-local's")
        print(f"Fake cluster {CLUSTER}, now: {len(present['nodes'])} nodes, {len(present['pods'])} pods and {len(present['services'])} Services; {records} flow log records in S3, with files up to two hours late")
        ended = pipeline.run(aws, machine, rfc3339(until))
        if ended["status"] != "SUCCEEDED":
            print(f"FAIL: the execution ended as {ended['status']}: {ended.get('error')}: {ended.get('cause')}")
            return 1
        output = json.loads(ended["output"])
        listing = output["listing"]
        print(f"extract-pods, over the Lambda Runtime API: wrote {listing['nodes']} nodes, {listing['pods']} pods, {listing['services']} Services with pods and {listing['interfaces']} interfaces of services in the VPC to {listing['key'].rsplit('/', 1)[0]}/")
        print(f"CloudWatch: {output['metrics']['values']} values of metrics")
        rows = pipeline.results(aws, output["traffic"]["queryExecutionId"])
        to_do = pipeline.ask_named(aws, "what-to-do", datetime.fromtimestamp(story.at(12), timezone.utc))
    print_pairs(rows)
    print_what_to_do(to_do)
    print_services(rows)
    found = {answers.key({**row, "hour": datetime.strptime(row["hour"][:19], "%Y-%m-%d %H:%M:%S")}): int(row["bytes"]) for row in rows}
    svg.parent.mkdir(parents=True, exist_ok=True)
    inside = [{**row, "usd": float(row["usd_out"]) + float(row["usd_in"])} for row in rows if row["scope"] == "cluster"]
    first, last = (datetime.fromtimestamp(story.at(hour), timezone.utc) for hour in (9, 12))
    title = f"Bytes between Availability Zones, {first.day} {first:%B %Y, %H:%M} to {last:%H:%M} UTC"
    svg.write_text(chart.svg(inside, title), encoding="utf-8")
    print(f"Chart of the zones: {svg}")
    wrong = answers.differences(found, story.listed())
    print(f"{len(rows)} rows, {sum(found.values())} bytes, in {time.monotonic() - begin:.1f} s")
    for line in wrong:
        print(line)
    print("FAIL: the result is not the truth." if wrong else "PASS: the result has each byte once, with its source and destination.")
    return 1 if wrong else 0


def print_pairs(rows, limit=12):
    """Prints the pairs of groups with the most bytes across zones, and the share that stays in the zone."""
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
    for (src_namespace, src, dst_namespace, dst), (size, crossing, usd) in sorted(pairs.items(), key=lambda pair: (-pair[1][1], pair[0]))[:limit]:
        ends = (f"{namespace}/{group}" if namespace else group for namespace, group in ((src_namespace, src), (dst_namespace, dst)))
        print("".join(f"{end:<24}" for end in ends) + f"{chart.human(crossing):>14}{(size - crossing) / size:>10.0%}{usd:>12.4f}")
    print()


def print_what_to_do(rows, limit=5):
    """Prints the first pairs of the named query what-to-do, with what there is to do with the Services of each group."""
    print(f"{'a':<24}{'b':<24}{'USD a month':>14}  what to do")
    for row in rows[:limit]:
        a, b = (f"{row[f'{end}_namespace']}/{row[f'{end}_group']}" for end in "ab")
        print(f"{a:<24}{b:<24}{float(row['usd_a_month']):>14.2f}  {row['what_to_do']}")
        for end, told in dict.fromkeys(((a, row["a_service"]), (b, row["b_service"]))):
            for text in told.split("; "):
                print(f"    {end}: {text}")
    print()


def print_services(rows):
    """Prints what each service in the VPC sends and receives across zones."""
    services = defaultdict(lambda: [0, 0, 0.0])
    for row in rows:
        end = {"egress": "dst", "ingress": "src"}.get(row["scope"])
        if end is None or row[f"{end}_group_kind"] == "Outside":
            continue
        service = services[(row[f"{end}_group_kind"], row[f"{end}_group"], row[f"{end}_az_id"])]
        service[0] += int(row["bytes"])
        if row["cross_az"] == "true":
            service[1] += int(row["bytes"])
        service[2] += float(row["usd_out"]) + float(row["usd_in"])
    print(f"{'service in the VPC':<24}{'name':<24}{'zone':<12}{'bytes':>12}{'across zones':>14}{'USD':>12}")
    for (kind, name, zone), (size, crossing, usd) in sorted(services.items()):
        print(f"{kind:<24}{name:<24}{zone:<12}{chart.human(size):>12}{chart.human(crossing):>14}{usd:>12.4f}")
    print()


if __name__ == "__main__":
    sys.exit(main())
