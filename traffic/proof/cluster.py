"""A generated cluster over some hours: its nodes, its pods, which pod holds which address when, and what the listings show.

This module does not know the query. `label()` of a node or a pod is what it is in the world. `listed_label()` is the most that the
listings and the records can tell of it, and so the name that the result must give it.
"""

import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

ZONES = (("us-east-2a", "use2-az1"), ("us-east-2b", "use2-az2"), ("us-east-2c", "use2-az3"))
CLUSTER = "prod"

#: How long the VPC CNI keeps an address before it gives it to another pod, in seconds.
REST = 30


def utc(year, month, day, hour, minute=0):
    return datetime(year, month, day, hour, minute, tzinfo=timezone.utc)


def seconds(time):
    """A datetime in seconds since 1970, as flow logs have times."""
    return int(time.timestamp())


def rfc3339(at):
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Label:
    """The name of one end of a flow in the result."""

    namespace: str
    kind: str
    group: str
    zone: str


@dataclass
class Node:
    """A node. `logged`: its subnet has a flow log, which names `interface`."""

    name: str
    uid: str
    address: str
    zone: tuple
    instance: str | None
    start: int
    end: int | None = None
    logged: bool = True
    zone_id_label: bool = True

    @property
    def interface(self):
        return f"eni-{self.uid[:17]}"

    def label(self):
        return Label("", "Node", "(nodes)", self.zone[1])

    def listed_label(self):
        return Label("", "Node", "(nodes)", self.zone[1] if self.zone_id_label or self.logged else self.zone[0])

    def exists(self, at):
        return self.start <= at and (self.end is None or at < self.end)

    def unknown(self):
        return Label("", "Unknown", "(unknown)", self.listed_label().zone)


@dataclass
class Pod:
    """A pod, from `start` until `end` (None: it does not end). `listed_end`: after its end, listings still have it, with the time."""

    namespace: str
    name: str
    uid: str
    addresses: list
    node: Node
    group: str
    kind: str
    start: int
    end: int | None = None
    listed_end: bool = False
    host_network: bool = False
    #: When it first held its address, if that is later than its start: a pod has a start time before it has an address.
    holds_from: int | None = None

    def holds(self):
        return self.holds_from if self.holds_from is not None else self.start

    def is_over(self, at):
        return self.end is not None and at >= self.end

    def addresses_at(self, at):
        """The addresses that a list shows: none before the pod has them."""
        return self.addresses if self.holds() <= at else []

    def phase_at(self, at):
        return "Succeeded" if self.is_over(at) else "Running" if self.holds() <= at else "Pending"

    def label(self):
        if self.host_network:
            return self.node.label()
        return Label(self.namespace, self.kind, self.group, self.node.label().zone)

    def listed_label(self):
        if self.host_network:
            return self.node.listed_label()
        return Label(self.namespace, self.kind, self.group, self.node.listed_label().zone)


@dataclass
class Cluster:
    """Nodes and pods, and the times at which extract-pods listed them."""

    nodes: list = field(default_factory=list)
    pods: list = field(default_factory=list)
    listings: list = field(default_factory=list)

    def is_listed(self, pod):
        """Returns True if a listing has the pod: while it existed, or after its end if it stays listed."""
        return any(pod.start <= at and (pod.end is None or at < pod.end or pod.listed_end) for at in self.listings)

    def nodes_at(self, at):
        """The nodes that exist at a time."""
        return [node for node in self.nodes if node.exists(at)]

    def pods_at(self, at):
        """The pods that a list shows at a time."""
        return [pod for pod in self.pods if pod.start <= at and (pod.listed_end or not pod.is_over(at))]

    def lines(self, at):
        """The lines that extract-pods writes for a listing at a time: nodes, then pods."""
        lines = []
        for node in self.nodes_at(at):
            lines.append(
                {
                    "kind": "node",
                    "cluster": CLUSTER,
                    "name": node.name,
                    "uid": node.uid,
                    "ips": [node.address],
                    "az": node.zone[0],
                    "az_id": node.zone[1] if node.zone_id_label else None,
                    "instance_id": node.instance,
                    "start_time": rfc3339(node.start),
                    "observed_at": rfc3339(at),
                }
            )
        for pod in self.pods_at(at):
            lines.append(
                {
                    "kind": "pod",
                    "cluster": CLUSTER,
                    "namespace": pod.namespace,
                    "name": pod.name,
                    "uid": pod.uid,
                    "ips": pod.addresses_at(at),
                    "node": pod.node.name,
                    # extract-pods finds a pod's zone at its node, so the pods of a node that is gone have none.
                    "az": pod.node.zone[0] if pod.node.exists(at) else None,
                    "az_id": pod.node.zone[1] if pod.node.zone_id_label and pod.node.exists(at) else None,
                    "host_network": pod.host_network,
                    "phase": pod.phase_at(at),
                    "group_name": pod.group,
                    "group_kind": pod.kind,
                    "start_time": rfc3339(pod.start),
                    "end_time": rfc3339(pod.end) if pod.is_over(at) else None,
                    "observed_at": rfc3339(at),
                }
            )
        return lines


class Builder:
    """Generates a cluster from a seed. It exists from `begin` to `end`, in seconds since 1970."""

    def __init__(self, seed, begin, end):
        self.random = random.Random(seed)
        self.begin = begin
        self.end = end
        self.cluster = Cluster()
        self._addresses = {}

    def uid(self):
        return f"{self.random.getrandbits(128):032x}"

    def address(self, zone):
        """An unused address of the zone's subnet."""
        number = self._addresses.get(zone, 9) + 1
        self._addresses[zone] = number
        return f"10.0.{16 * ZONES.index(zone) + number // 250}.{number % 250 + 4}"

    def node(self, zone, **other):
        address = other.pop("address", None) or self.address(zone)
        values = {
            "name": f"ip-{address.replace('.', '-')}.us-east-2.compute.internal",
            "uid": self.uid(),
            "address": address,
            "zone": zone,
            "instance": f"i-{self.random.getrandbits(68):017x}",
            "start": self.begin - 86400,
        }
        values.update(other)
        node = Node(**values)
        self.cluster.nodes.append(node)
        return node

    def pod(self, node, namespace, group, kind="Label", **other):
        uid = self.uid()
        values = {
            "namespace": namespace,
            "name": f"{group}-{uid[:5]}",
            "uid": uid,
            "addresses": [node.address] if other.get("host_network") else [self.address(node.zone)],
            "node": node,
            "group": group,
            "kind": kind,
            "start": self.begin - 3600,
        }
        values.update(other)
        pod = Pod(**values)
        self.cluster.pods.append(pod)
        return pod
