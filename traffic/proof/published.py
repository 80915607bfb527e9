"""The algorithm of the published sample (aws-samples/amazon-eks-inter-az-traffic-visibility), rewritten here, and a cluster to run it on.

The sample joins flow logs with one listing of the pods, by address alone. It takes the last sixty minutes of `start`, and only pods with the
label. It takes a destination's zone from the flow logs that the destination has sent. It sums the bytes if the two zones differ.
"""

import random

from cluster import REST, ZONES, Builder
from story import BEGIN, FIRST_HOUR, LISTINGS
from traffic import Recorder

#: Bytes across zones in the hour that starts at :from_s, by the sample's algorithm, with the listing of ':listed_at'.
QUERY = """
WITH listed AS (
  SELECT a.ip, az_id
  FROM pods CROSS JOIN UNNEST(ips) AS a (ip)
  WHERE kind = 'pod' AND group_kind <> 'Namespace' AND observed_at = ':listed_at'
),
in_window AS (
  SELECT * FROM flow_logs WHERE start >= :from_s AND start < :from_s + 3600
),
senders AS (
  SELECT DISTINCT pkt_srcaddr AS address, az_id FROM in_window WHERE flow_direction = 'egress'
)
SELECT coalesce(CAST(sum(f.bytes) AS bigint), 0)
FROM in_window AS f
JOIN listed AS s ON s.ip = f.pkt_srcaddr
JOIN listed AS d ON d.ip = f.pkt_dstaddr
JOIN senders AS z ON z.address = f.pkt_dstaddr
WHERE f.flow_direction = 'egress' AND f.az_id <> z.az_id
"""


class Fleet:
    """An hour of nine nodes in three zones. Each node has three hostNetwork pods and twenty other pods; five finished pods had their addresses before.

    The flows are between random pods, and all of one size. `truth` and `traffic` are as in a `Story`.
    """

    def __init__(self, seed, flows=20_000):
        builder = Builder(seed, BEGIN, FIRST_HOUR + 3600)
        self.cluster = builder.cluster
        self.cluster.listings = list(LISTINGS)
        nodes = [builder.node(zone) for zone in ZONES for _ in range(3)]
        for node in nodes:
            for daemon in ("kube-proxy", "aws-node", "node-exporter"):
                builder.pod(node, "kube-system", daemon, "DaemonSet", host_network=True)
            for number in range(20):
                address, at = builder.address(node.zone), BEGIN - 7200
                if number < 5:
                    builder.pod(node, "batch", "job", "Job", addresses=[address], start=at, end=at + 600, listed_end=True)
                    at += 600 + REST
                builder.pod(node, "shop", f"service-{number % 7}", addresses=[address], start=at)
        recorder = Recorder(self.cluster, seed, late=0)
        chance = random.Random(seed)
        there = [pod for pod in self.cluster.pods if pod.end is None]
        made = 0
        while made < flows:
            source, destination = chance.choice(there), chance.choice(there)
            if source.node is not destination.node:
                recorder.flow(source, destination, FIRST_HOUR + chance.randrange(3500), 14_000)
                made += 1
        self.traffic = recorder.traffic

    def truth(self):
        return self.traffic.rows_of(FIRST_HOUR, FIRST_HOUR)
