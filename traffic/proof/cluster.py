"""A generated cluster over some hours: its nodes, its pods, which pod holds which address when, and what the listings show.

This module does not know the query. `label()` of a node or a pod is what it is in the world. `listed_label()` is the name that the
listings give it, and `Cluster.shows()` tells whether they show that an address is its own at a time.
"""

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

from attached import attached_at, attached_lines

ZONES = (("us-east-2a", "use2-az1"), ("us-east-2b", "use2-az2"), ("us-east-2c", "use2-az3"))
CLUSTER = "prod"

#: How long the VPC CNI keeps an address before it gives it to another pod, in seconds (amazon-vpc-cni-k8s, IP_COOLDOWN_PERIOD).
REST = 30

#: By how many seconds the times of a flow-log record may be late (VPC User Guide, "Flow log records": start, end).
LATE = 60

#: How long EC2 describes a terminated instance, in seconds (EC2 User Guide, "Terminate Amazon EC2 instances": about an hour).
TERMINATED_VISIBLE = 3600


def utc(year, month, day, hour, minute=0):
    return datetime(year, month, day, hour, minute, tzinfo=timezone.utc)


def seconds(time):
    """A datetime in seconds since 1970, as flow logs have times."""
    return int(time.timestamp())


@functools.lru_cache(maxsize=1 << 16)
def rfc3339(at):
    return datetime.fromtimestamp(at, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Label:
    """The name of one end of a flow in the result. `cluster` is empty outside."""

    namespace: str
    kind: str
    group: str
    zone: str
    cluster: str = ""


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
    #: What its list of InternalIPs has at a time besides its own address: the cloud provider lists every private address of its interfaces.
    more_addresses: Callable = lambda _at: []
    #: Its interfaces besides the first: `Attached`s.
    more_interfaces: list = field(default_factory=list)
    #: When the cluster knows it, if that is later than its launch.
    joined: int | None = None
    #: EC2 ends it, and gives no time of that (EC2 API Reference, Instance: the transition reason may be empty).
    spot: bool = False
    #: Its pods.
    pods: list = field(default_factory=list, repr=False, compare=False)
    #: The name of its cluster.
    cluster: str = CLUSTER
    #: Whether its pods have addresses of a prefix (prefix delegation). EC2 does not list these as addresses of an interface.
    prefixes: bool = False

    @property
    def interface(self):
        return f"eni-{self.uid[:17]}"

    def label(self):
        return Label("", "Node", "(nodes)", self.zone[1], self.cluster)

    def listed_label(self):
        return Label("", "Node", "(nodes)", self.zone[1] if self.zone_id_label or self.logged else self.zone[0], self.cluster)

    def exists(self, at):
        return self.start <= at and (self.end is None or at < self.end)

    def is_listed(self, at):
        return self.exists(at) and (self.joined is None or self.joined <= at)

    def unknown(self):
        return Label("", "Unknown", "(unknown)", self.listed_label().zone, self.cluster)


@dataclass
class Pod:
    """A pod, from `start` until `end` (None: it does not end). `listed_end`: after its end, listings still have it, with the time.

    `kept_for`: for how many seconds they do, as with ttlSecondsAfterFinished of a Job. `lingers`: if its node ends first, listings have it
    for so many seconds more, as it was: the garbage collector of pods deletes it later.
    """

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
    kept_for: float = float("inf")
    lingers: int = 0
    host_network: bool = False
    #: When it first held its address, if that is later than its start: a pod has a start time before it has an address.
    holds_from: int | None = None
    #: Its own network interface: a branch interface.
    interface: str | None = None
    #: Deleted by force: the API server deletes it before kubelet has ended its containers, and never learns when they did. `lingers` is negative then.
    forced: bool = False
    #: What controls it, (kind, name), if a label names its group and so does not say it.
    controller: tuple | None = None
    #: Its addresses in other networks (Multus), each with the interface of its node that has it.
    networks: dict = field(default_factory=dict)

    def labels(self):
        """The labels that Services select by: the same for all pods of a group. Those that name the group are not among them."""
        return {"component": self.group, **({"tier": "front"} if self.group in ("cart", "checkout") else {})}

    def holds(self):
        return self.holds_from if self.holds_from is not None else self.start

    def exists(self, at):
        """Whether it has its addresses."""
        return self.holds() <= at and (self.end is None or at < self.end)

    def is_over(self, at):
        """Whether it has ended, as far as a list shows: the end of its node does not show in a pod."""
        return self.end is not None and at >= self.end + self.lingers

    def is_lost(self):
        """Whether nobody told the API server when its containers ended: it was deleted by force, or its node ended before it.

        The garbage collector of pods deletes those of a node that is gone, as they were (Kubernetes documentation, "Pod Lifecycle").
        """
        return self.forced or self.node.end is not None and self.end == self.node.end

    def is_listed(self, at):
        """Whether a list at a time has it."""
        return self.start <= at and (not self.is_over(at) or self.listed_end and at < self.end + self.kept_for)

    def addresses_at(self, at):
        """The addresses that a list shows: none before the pod has them."""
        return self.addresses if self.holds() <= at else []

    def phase_at(self, at):
        return "Succeeded" if self.is_over(at) else "Running" if self.holds() <= at else "Pending"

    def label(self):
        if self.host_network:
            return self.node.label()
        return Label(self.namespace, self.kind, self.group, self.node.label().zone, self.node.cluster)

    def listed_label(self):
        if self.host_network:
            return self.node.listed_label()
        return Label(self.namespace, self.kind, self.group, self.node.listed_label().zone, self.node.cluster)


@dataclass
class Cluster:
    """Nodes and pods, and the times at which extract-pods listed them. `described`: EC2 describes their instances too, and other interfaces."""

    nodes: list = field(default_factory=list)
    pods: list = field(default_factory=list)
    listings: list = field(default_factory=list)
    described: bool = False
    #: What else has interfaces in the VPC at a time: `Service`s. Each line has the name of the cluster that is listed.
    services: Callable = lambda _at: []
    name: str = CLUSTER
    #: Its `KubernetesService`s.
    kubernetes_services: list = field(default_factory=list)
    #: For how long EC2 describes a terminated instance with the tags that tell its cluster.
    described_after_end: int = TERMINATED_VISIBLE
    #: The other clusters of the VPC.
    beside: list = field(default_factory=list)
    #: The pods that were deleted, as each replay of the pods' watch shows them: {time: [pod]}.
    replays: dict = field(default_factory=dict)

    def is_listed(self, pod):
        """Returns True if a listing has the pod: while it existed, or after its end if it stays listed."""
        return any(pod.is_listed(at) for at in self.listings)

    def shows(self, pod, seen):
        """Returns True if the listings show that the address of a record is the pod's, if the record says that its first packet was at `seen`.

        The packet was at most `LATE` seconds earlier. An address passes to another pod after `REST` seconds.
        """
        return self._shown_from(pod) <= seen < self._shown_until(pod)

    def _shown_until(self, pod):
        """Half a minute after the pod's end, if a listing has it, or after the last listing that has the pod with its address."""
        if pod.end is not None and pod.listed_end and any(at >= pod.end for at in self.listings):
            return pod.end + REST
        held = [at for at in self.listings if pod.holds() <= at and not pod.is_over(at) and pod.node.exists(at)]
        return max(held) + REST if held else 0

    def _shown_from(self, pod):
        """When the pod got its address, unless packets of an earlier pod, of which a listing tells, could have been that late."""
        gone = []
        for other in self.pods:
            earlier = (other.holds(), other.uid) < (pod.holds(), pod.uid)
            if other is pod or other.host_network or not earlier or not set(other.addresses) & set(pod.addresses) or not self._shown_until(other):
                continue
            until = self._shown_until(other) - REST
            after = [at for at in self.listings if at > until]
            gone.append(until if until == other.end else min(after) if after else float("inf"))
        return max(pod.holds(), min(max(gone) + LATE, pod.holds() + REST)) if gone else pod.holds()

    def nodes_at(self, at):
        """The nodes that a list shows at a time."""
        return [node for node in self.nodes if node.is_listed(at)]

    def pods_at(self, at):
        """The pods that a list shows at a time."""
        return [pod for pod in self.pods if pod.is_listed(at)]

    def lines(self, at):
        """The lines that extract-pods writes for a listing at a time: nodes, then pods, then the rest."""
        lines = []
        for node in self.nodes_at(at):
            lines.append(
                {
                    "kind": "node",
                    "cluster": self.name,
                    "name": node.name,
                    "uid": node.uid,
                    "ips": [node.address, *node.more_addresses(at)],
                    "az": node.zone[0],
                    "az_id": node.zone[1] if node.zone_id_label else None,
                    "instance_id": node.instance,
                    "interface_ids": [],
                    "start_time": rfc3339(node.start if node.joined is None else node.joined),
                    "observed_at": rfc3339(at),
                }
            )
        for pod in self.pods_at(at):
            lines.append(self._pod_line(pod, at) | {"end_time": rfc3339(pod.end) if pod.is_over(at) else None})
        lines += self.instance_lines(at) if self.described else []
        lines += self.interface_lines(at) if self.described or self.services(at) else []
        return lines + self.service_lines(at)

    def _pod_line(self, pod, at):
        """The line of a pod, but for its end."""
        return {
            "kind": "pod",
            "cluster": self.name,
            "namespace": pod.namespace,
            "name": pod.name,
            "uid": pod.uid,
            "ips": pod.addresses_at(at),
            "node": pod.node.name,
            # extract-pods finds a pod's zone at its node, so the pods of a node that is gone have none.
            "az": pod.node.zone[0] if pod.node.exists(at) else None,
            "az_id": pod.node.zone[1] if pod.node.zone_id_label and pod.node.exists(at) else None,
            "interface_id": pod.interface,
            "host_network": pod.host_network,
            "phase": pod.phase_at(at),
            "group_name": pod.group,
            "group_kind": pod.kind,
            "start_time": rfc3339(pod.start),
            "network_time": rfc3339(pod.holds()) if pod.holds() <= at else None,
            "end_time": None,
            "observed_at": rfc3339(at),
        }

    def deleted_lines(self, at):
        """The lines that extract-pods writes for the pods that a replay at a time shows deleted. Pods with hostNetwork have none."""
        return [
            self._pod_line(pod, at)
            | {
                "kind": "deleted",
                "instance_id": pod.node.instance if pod.node.exists(at) else None,
                "phase": "Failed" if pod.is_lost() else "Succeeded",
                "end_time": None if pod.is_lost() else rfc3339(pod.end),
            }
            for pod in self.replays[at]
            if not pod.host_network and pod.holds() <= at
        ]

    def service_lines(self, at):
        """The lines of the Kubernetes Services that select pods at a time."""
        endpoints = {
            (pod.namespace, pod.kind, pod.group, pod.controller): pod
            for pod in (self.pods_at(at) if self.kubernetes_services else [])
            if pod.addresses_at(at) and not pod.is_over(at)
        }
        lines = []
        for service in self.kubernetes_services:
            selected = [pod for pod in endpoints.values() if service.selects(pod)]
            groups = {(pod.kind, pod.group) for pod in selected}
            controllers = {(pod.kind, pod.group, *pod.controller) for pod in selected if pod.controller is not None and pod.kind == "Label"}
            if groups:
                lines.append(service.line(self.name, groups, rfc3339(at), controllers))
        return lines

    def interface_lines(self, at):
        """The lines of the interfaces that EC2 describes at a time and that are not this cluster's: of services, and of the other clusters' nodes.

        An interface of a node has the addresses of the pods there, unless they are of a prefix.
        """
        lines = [service.line(self.name, at) for service in self.services(at)]
        for node in (node for other in self.beside for node in other.nodes if node.instance is not None and node.exists(at)):
            pods = [pod for pod in node.pods if pod.exists(at) and not pod.host_network and not node.prefixes]
            addresses = [node.address, *(address for pod in pods for address in pod.addresses if ":" not in address)]
            lines.append(interface_line(self.name, at, node.interface, addresses, node.zone, "Instance", node.instance, node.start))
            for more in attached_at(node, at):
                start = node.start if more.start is None else more.start
                lines.append(interface_line(self.name, at, more.id, [more.address, *more.others], node.zone, "Instance", node.instance, start))
        return lines

    def instance_lines(self, at):
        """The lines of the instances that EC2 describes at a time, and of their further interfaces. Of a terminated one it has no address and no interface."""
        lines = []
        for node in self.nodes:
            if node.instance is None or not node.start <= at < (at + 1 if node.end is None else node.end + self.described_after_end):
                continue
            lines.append(
                {
                    "kind": "instance",
                    "cluster": self.name,
                    "name": node.instance,
                    "uid": node.instance,
                    "ips": [node.address] if node.exists(at) else [],
                    "az": node.zone[0],
                    "az_id": node.zone[1],
                    "instance_id": node.instance,
                    "interface_ids": [node.interface, *(more.id for more in attached_at(node, at))] if node.exists(at) else [],
                    "phase": "running" if node.exists(at) else "terminated",
                    "start_time": rfc3339(node.start),
                    "end_time": None if node.exists(at) or node.spot else rfc3339(node.end),
                    "observed_at": rfc3339(at),
                }
            )
            lines += attached_lines(self.name, node, at, rfc3339)
        return lines


def interface_line(cluster, at, interface, addresses, zone, kind, name, start):
    """The line of an interface, as extract-pods writes it when it lists this cluster."""
    return {
        "kind": "interface",
        "cluster": cluster,
        "name": interface,
        "uid": interface,
        "ips": addresses,
        "az": zone[0],
        "az_id": zone[1],
        "interface_ids": [interface],
        "group_name": name,
        "group_kind": kind,
        "start_time": rfc3339(start),
        "observed_at": rfc3339(at),
    }


class Builder:
    """Generates a cluster from a seed. It exists from `begin` to `end`, in seconds since 1970. `beside`: of a cluster in the same VPC."""

    def __init__(self, seed, begin, end, name=CLUSTER, beside=None):
        self.random = random.Random(seed)
        self.begin = begin
        self.end = end
        self.cluster = Cluster(name=name)
        #: The addresses of the VPC that are taken.
        self._addresses = {} if beside is None else beside._addresses
        if beside is not None:
            self.cluster.beside.append(beside.cluster)
            beside.cluster.beside.append(self.cluster)

    def uid(self):
        return f"{self.random.getrandbits(128):032x}"

    def interface(self):
        """The ID of an interface."""
        return f"eni-{self.random.getrandbits(68):017x}"

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
            "cluster": self.cluster.name,
        }
        values.update(other)
        node = Node(**values)
        self.cluster.nodes.append(node)
        return node

    def fargate(self, zone, namespace, group, kind="Label", **other):
        """A pod on Fargate, and its node, which has the pod's address and no instance of the account (EKS User Guide, "AWS Fargate": each pod
        has a node and an interface of its own). The node's name is that of its address: `fargate-ip-…`.
        """
        node = self.node(zone, instance=None, **({"start": other["start"]} if "start" in other else {}))
        node.name = f"fargate-{node.name}"
        return self.pod(node, namespace, group, kind, addresses=[node.address], **other)

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
        node.pods.append(pod)
        self.cluster.pods.append(pod)
        return pod
