"""The world of the proof: nodes and pods by the minute, their addresses, their traffic. What AWS and extract-pods show of it comes after it.

A `World` is made from a seed and a `Scenario`, which says what is difficult in it. It does not know when extract-pods lists: `listed(every)`
gives the cluster with its listings at that interval, and the records are the same. The truth is added up from the ends of the flows.
"""

import dataclasses
import random
from dataclasses import dataclass

from attached import Attached
from cluster import REST, TERMINATED_VISIBLE, ZONES, Builder, seconds, utc
from kubernetes_services import SERVICES
from pod_watch import EVERY, replays
from records import Log
from services import Service, Services, there
from story import BEGIN, DAY, END
from traffic import Outside

#: Between two listings, in seconds: the intervals that the proof measures.
HOURLY, EVERY_FIVE, EVERY_MINUTE = 3600, 300, 60

#: When the first listing is made, and the last.
FIRST_LISTING, LAST_LISTING = seconds(utc(*DAY, 8, 20)) + 7, seconds(utc(*DAY, 13, 59))


@dataclass(frozen=True)
class Scenario:
    """What a world has besides six nodes with steady services. Lives are in seconds, shares from 0 to 1."""

    name: str
    what: str
    #: Nodes that EC2 ends after so long, each followed by another, with services on them.
    node_life: int = 0
    #: Pods that live so long, give or take a fifth.
    pod_life: int = 0
    #: For how long a list shows such a pod after its end. With 0, the pod is deleted at its end.
    pod_kept_for: int = 0
    #: The share of such pods that are deleted by force: the API server forgets them at once, and kubelet ends them within half a minute.
    forced: float = 0
    #: Whether the cluster allows extract-pods to watch pods.
    watch: bool = True
    #: Whether the API server remembers no more changes of pods than it has to, because there are so many.
    busy: bool = False
    #: How many addresses a node has for such pods, for each that runs there at a time. With few, an address soon has its next pod.
    addresses: float = 3
    #: For how long a list shows pods whose node is gone.
    lingers: int = 0
    #: The share of the minutes in which the interfaces of two nodes skip records.
    skipped: float = 0
    #: The share of records without their instance, and without their direction.
    without_instance: float = 0
    without_direction: float = 0
    #: Whether the subnets of two nodes have no flow log. Only services are there.
    dark: bool = False
    #: Whether nodes lack the label of the zone's ID.
    without_zone_id: bool = False
    #: Whether nodes show the addresses of their pods as InternalIPs, as the cloud provider does.
    internal_ips: bool = False
    #: Whether pods have an address in another network, on another interface of their node.
    multus: bool = False
    #: Whether nodes have another interface, on which the host has an address, and short pods have one of a prefix. Every other one has no flow log.
    attached: bool = False
    #: Whether there are interfaces that move from node to node within a zone, also to the other cluster's and to instances that are of no cluster.
    moving: bool = False
    #: Whether pods of nodes that stay have a branch interface, and the trunk interface logs their traffic too.
    branch: bool = False
    #: Whether pods have IPv6 addresses, which the records write in another way than the listings.
    ipv6: bool = False
    #: The share of files that are an hour late or more.
    late: float = 0.03
    #: Whether there is traffic through a NAT gateway and a load balancer.
    middle: bool = False
    #: Whether there are databases, brokers, load balancers, NAT gateways and endpoints in the VPC, and EC2 describes them.
    services: bool = False
    #: Whether a second cluster is in the VPC, with addresses that pass from one to the other, and pods with addresses of prefixes.
    beside: bool = False
    #: Whether EC2 describes the instances; and if so, for how long after their end with their tags (EC2 User Guide, "Terminate Amazon EC2
    #: instances": tags may no longer be visible after a short while).
    described: bool = True
    tags_kept: int = TERMINATED_VISIBLE
    #: Flows in a minute.
    flows: int = 40


SCENARIOS = (
    Scenario("steady", "nodes and pods that stay"),
    Scenario("spot-30", "nodes that live 30 minutes, with half of the services on them", node_life=1800),
    Scenario("spot-15", "nodes that live 15 minutes", node_life=900),
    Scenario("jobs", "Jobs that run 5 minutes, and are listed for 10 minutes more", pod_life=300, pod_kept_for=600),
    Scenario("short-pods", "pods that live 5 minutes, and are deleted at their end", pod_life=300),
    Scenario("recycled", "the same, with hardly more addresses than pods: each soon has its next pod", pod_life=300, addresses=1.3),
    Scenario("force-deleted", "the same as short-pods, and a third is deleted by force: nobody learns when they ended", pod_life=300, forced=0.33),
    Scenario("busy", "the same as short-pods, and so many pods change that the API server remembers 75 seconds only", pod_life=300, busy=True),
    Scenario("no-watch", "the same as short-pods, and the cluster refuses to let its pods be watched", pod_life=300, watch=False),
    Scenario("hours", "pods that live an hour, and are deleted at their end", pod_life=3600, addresses=1.3),
    Scenario("gone-nodes", "nodes that live 15 minutes, whose pods are listed without a zone for 5 minutes more", node_life=900, lingers=300),
    Scenario("skipped", "two nodes whose interfaces skip records in a tenth of the minutes", skipped=0.1),
    Scenario("missing-fields", "a tenth of the records has no instance, a tenth no direction", without_instance=0.1, without_direction=0.1),
    Scenario("no-flow-log", "the subnets of two nodes have no flow log", dark=True),
    Scenario("not-described", "nodes that live 15 minutes, and EC2 refuses to describe instances", node_life=900, described=False),
    Scenario("tags-gone", "nodes that live 15 minutes, whose tags are gone half a minute after their end", node_life=900, tags_kept=30),
    Scenario("no-zone-id", "nodes without the label of the zone's ID", without_zone_id=True, dark=True),
    Scenario("internal-ips", "nodes that show their pods' addresses as their own, with pods that live 5 minutes", internal_ips=True, pod_life=300),
    Scenario("multus", "pods with an address on another interface of their node", multus=True),
    Scenario(
        "attached", "the same as short-pods, with addresses of pods and of the host on another interface of the node; every other one has no flow log",
        pod_life=300, attached=True,
    ),
    Scenario(
        "moving", "two clusters, and interfaces that move from node to node, to the other cluster and to instances of none, every 20 to 50 minutes; a tenth of the records has no instance",
        beside=True, moving=True, without_instance=0.1,
    ),
    Scenario("branch", "pods with a branch interface, whose traffic the trunk interface logs too", branch=True),
    Scenario("ipv6", "pods with IPv6 addresses, which the records write in another way", ipv6=True),
    Scenario("late", "an eighth of the files is an hour late or more", late=0.125),
    Scenario("middle", "traffic through a NAT gateway and a load balancer", middle=True),
    Scenario("services", "databases, brokers, balancers, NAT gateways and endpoints in the VPC; one ends, and another has its address", services=True),
    Scenario(
        "two-clusters", "two clusters in the VPC, with pods that live 5 minutes, and addresses that pass from one cluster to the other", pod_life=300, beside=True,
    ),
    Scenario(
        "everything", "all of this at once, but for missing instances and a second cluster", node_life=900, pod_life=300, addresses=1.3, lingers=300, skipped=0.05,
        without_direction=0.03, dark=True, multus=True, branch=True, ipv6=True, late=0.05, middle=True, services=True,
    ),
)


def scenario(name):
    """The scenario of a name."""
    return next(scenario for scenario in SCENARIOS if scenario.name == name)


class World:
    """Six hours of a cluster, or of two in one VPC. `traffic` has the records and the truth, `cluster` the nodes and pods of the first."""

    def __init__(self, scenario: Scenario, seed, flows=None):
        self.scenario = scenario
        self.random = random.Random(f"{scenario.name} {seed}")
        self._builder = Builder(self.random.getrandbits(32), BEGIN, END)
        self.cluster = self._builder.cluster
        self.cluster.kubernetes_services = SERVICES
        self.cluster.described_after_end = scenario.tags_kept
        self._populate()
        if scenario.beside:
            self._populate_beside(Builder(self.random.getrandbits(32), BEGIN, END, "batch", self._builder))
        if scenario.moving:
            self._moving_interfaces()
        log = Log(self.cluster, self.random.getrandbits(32), scenario, self._builder)
        self._traffic(log, scenario.flows if flows is None else flows)
        log.skip(self.nodes[1:3])
        self.traffic = log.traffic

    def listed(self, every):
        """The cluster, with listings every so many seconds. The other cluster is listed as often, some seconds later."""
        beside = [
            dataclasses.replace(
                other, listings=list(range(FIRST_LISTING + 20, LAST_LISTING, every)), described=True, replays=self._replays(other),
            )
            for other in self.cluster.beside
        ]
        return dataclasses.replace(
            self.cluster, listings=list(range(FIRST_LISTING, LAST_LISTING, every)), described=self.scenario.described, beside=beside,
            replays=self._replays(self.cluster),
        )

    def _replays(self, cluster):
        """What the replays of a cluster's watch show. They are the same whatever the interval of the listings."""
        if not self.scenario.watch:
            return {}
        pick = random.Random(f"{self.scenario.name} {cluster.name}").randrange
        return replays(cluster.pods, [minute + pick(60) for minute in range(FIRST_LISTING - 7, LAST_LISTING, EVERY)], self.scenario.busy)

    def _populate(self):
        scenario, builder = self.scenario, self._builder
        self.nodes = [builder.node(zone, zone_id_label=not scenario.without_zone_id) for zone in ZONES for _ in range(2)]
        if scenario.dark:
            self.nodes[0].logged = self.nodes[3].logged = False
        self.services = Services(builder, ZONES, scenario.ipv6) if scenario.services else None
        if self.services:
            builder.cluster.services = there(self.services.all)
        for number, node in enumerate(self.nodes):
            if scenario.attached:
                prefix = [builder.address(node.zone) for _ in range(16)]
                node.more_interfaces.append(Attached(builder.interface(), builder.address(node.zone), prefix, logged=number % 2 == 0))
            self._services(node, 3)
            if scenario.pod_life and node.logged:
                self._short_pods(node, 4)
        if scenario.node_life:
            for zone in ZONES:
                for _ in range(2):
                    self._short_nodes(zone)
        if scenario.internal_ips:
            for node in self.nodes:
                node.more_addresses = self._addresses_of(node)

    def _populate_beside(self, builder):
        """A second cluster: a node in each zone. One has prefixes. In each zone addresses pass from a node of one cluster to one of the other."""
        pick = self.random.randrange
        builder.cluster.services, builder.cluster.kubernetes_services = self.cluster.services, SERVICES
        for number, zone in enumerate(ZONES):
            node = builder.node(zone, zone_id_label=not self.scenario.without_zone_id, prefixes=number == 0)
            self._services(node, 3, builder=builder)
            if self.scenario.pod_life:
                self._short_pods(node, 3, builder)
            own = next(other for other in self.nodes if other.zone == zone and other.logged)
            for address in (builder.address(zone) for _ in range(0 if node.prefixes else 3)):
                at, turns = builder.begin - pick(900), ((self._builder, own), (builder, node))
                while at < builder.end:
                    holds, end = at + pick(1, 4), at + pick(240, 480)
                    where, at_node = turns[0]
                    where.pod(at_node, "batch", f"passing-{pick(3)}", addresses=[address], start=at, holds_from=holds, end=end)
                    at, turns = end + REST + pick(60), turns[::-1]

    def _moving_interfaces(self):
        """An interface in each zone that goes round: nodes of both clusters, and two instances of none. `strays` are its stays at these."""
        builder, pick = self._builder, self.random.randrange
        self.strays = []
        for zone in ZONES:
            interface, address = builder.interface(), builder.address(zone)
            instances = [f"i-{self.random.getrandbits(68):017x}" for _ in range(2)]
            nodes = [node for cluster in (self.cluster, *self.cluster.beside) for node in cluster.nodes if node.zone == zone]
            turns, at = [*nodes, *instances], builder.begin - pick(1200)
            self.random.shuffle(turns)
            while at < builder.end:
                end, where = at + pick(1200, 3000), turns[0]
                if isinstance(where, str):
                    self.strays.append(Service("Instance", where, interface, address, zone, at, end, where))
                else:
                    where.more_interfaces.append(Attached(interface, address, start=at, end=end))
                at, turns = end + pick(2, 90), [*turns[1:], where]
        builder.cluster.services = there(self.strays)
        for other in builder.cluster.beside:
            other.services = builder.cluster.services

    def _addresses_of(self, node):
        """The addresses of a node's interfaces, refreshed every five minutes as the cloud provider's node controller does."""
        return lambda at: [pod.addresses[0] for pod in node.pods if pod.exists(at - at % 300)]

    def _services(self, node, count, start=None, end=None, builder=None):
        """Pods that live as long as their node."""
        builder, scenario = builder or self._builder, self.scenario
        builder.pod(node, "kube-system", "kube-proxy", "DaemonSet", host_network=True, **({} if start is None else {"start": start, "end": end}))
        for number in range(count):
            more = {} if start is None else {"start": start + 20 + 5 * number, "end": end, "lingers": scenario.lingers}
            if "start" in more:
                more["holds_from"] = more["start"] + self.random.randrange(1, 5)
            if scenario.ipv6:
                more["addresses"] = [f"2600:1f16:abc:de0{ZONES.index(node.zone)}::{self.random.getrandbits(24):x}"]
            pod = builder.pod(node, "shop", ("cart", "checkout", "search", "db")[number % 4], ("Label", "Deployment")[number % 2], **more)
            if scenario.branch and number == 0 and start is None:
                pod.interface = builder.interface()
            if scenario.multus and number == 1:
                if not node.more_interfaces:
                    node.more_interfaces.append(Attached(builder.interface(), builder.address(node.zone)))
                address = builder.address(node.zone)
                pod.addresses.append(address)
                pod.networks[address] = node.more_interfaces[0]
                node.more_interfaces[0].others.append(address)

    def _short_nodes(self, zone):
        """Nodes one after another, with services. The subnet gives the address of a node that is gone to another one soon."""
        scenario, builder, pick = self.scenario, self._builder, self.random.randrange
        at, address = self._builder.begin - pick(scenario.node_life), None
        while at < self._builder.end:
            end = at + scenario.node_life + pick(-120, 120)
            node = builder.node(
                zone, address=address, start=at, end=end, spot=pick(2) == 0, joined=at + pick(30, 60),
                zone_id_label=not scenario.without_zone_id,
            )
            self._services(node, 3, start=node.joined, end=end)
            address = node.address if pick(2) else None
            at = end + pick(60, 180)

    def _short_pods(self, node, count, builder=None):
        """Pods one after another in `count` places of a node, on the node's addresses. An address rests between two pods."""
        scenario, builder, pick = self.scenario, builder or self._builder, self.random.randrange
        addresses = [builder.address(node.zone) for _ in range(round(count * scenario.addresses))]
        free_from = dict.fromkeys(addresses, 0)
        starts = [(builder.begin - 3600 - pick(scenario.pod_life), place) for place in range(count)]
        while starts:
            at, place = starts.pop(starts.index(min(starts)))
            holds = at + pick(1, 4)
            free = [address for address in addresses if free_from[address] + REST <= holds]
            if not free:
                holds = min(free_from.values()) + REST
                free = [address for address in addresses if free_from[address] + REST <= holds]
            address = free[pick(len(free))]
            end = holds + pick(scenario.pod_life * 4 // 5, scenario.pod_life * 6 // 5)
            if node.end is not None:
                end = min(end, node.end)
            free_from[address] = end
            team = pick(5)
            forced = scenario.forced > 0 and self.random.random() < scenario.forced
            # On the other interface, each address goes with one of the first.
            networks = {more.others[addresses.index(address)]: more for more in node.more_interfaces if scenario.attached}
            builder.pod(
                node, "batch", f"job-{team}", "Job" if scenario.pod_kept_for else "Label", addresses=[address, *networks], networks=networks, start=at, holds_from=holds, end=end,
                listed_end=scenario.pod_kept_for > 0, kept_for=scenario.pod_kept_for or float("inf"),
                **({"forced": True, "lingers": -pick(1, 30)} if forced else {}),
            )
            # The next pod of the place is another one's.
            starts.append((end + pick(0, 20), place))
            starts = [start for start in starts if start[0] < builder.end]

    def _traffic(self, log, flows):
        """Flows of each minute, between ends that exist for the time in which their packets are sent."""
        pick, choice, scenario = self.random.randrange, self.random.choice, self.scenario
        host, nat, balancer = Outside("198.51.100.7", 1), Outside("10.0.0.220", 1, ZONES[0]), Outside("10.0.16.221", 1, ZONES[1])
        database = Outside("10.0.32.222", 1, ZONES[2])
        pods = sorted((pod for cluster in (self.cluster, *self.cluster.beside) for pod in cluster.pods), key=lambda pod: pod.holds())
        for minute in range(self._builder.begin, self._builder.end, 60):
            there = [pod for pod in pods if pod.holds() < minute + 60 and (pod.end is None or minute < pod.end)]
            for _ in range(flows):
                source, destination = choice(there), choice(there)
                at = minute + pick(60)
                if not log.exists(source, at) or not log.exists(destination, at) or source.node is destination.node:
                    continue
                size = 40 + int(self.random.paretovariate(1.1) * 100_000) % 50_000_000
                if scenario.middle and pick(8) == 0:
                    log.flow(source, host, at, size)
                    log.on_the_way(source, host, at, size, nat)
                    log.flow(host, destination, at, size)
                    log.on_the_way(host, destination, at, size, balancer)
                    log.flow(source, database, at, size)
                    continue
                if scenario.moving and pick(6) == 0:
                    stray = choice(self.strays)
                    if stray.exists(at):
                        log.flow(source, stray, at, size)
                        log.flow(stray, source, at, 40 + pick(size))
                    continue
                if scenario.services and pick(3) == 0:
                    self._with_a_service(log, source, at, size)
                    continue
                log.flow(source, destination, at, size)
                log.flow(destination, source, at, 40 + pick(size))

    def _with_a_service(self, log, pod, at, size):
        """Traffic of a pod with a service, or through one, and back."""
        services, pick = self.services, self.random.randrange
        reply, kind = 40 + pick(size), pick(4)
        if ":" in pod.addresses[0]:
            if services.ipv6:
                service = services.ipv6[pick(len(services.ipv6))]
                log.flow(pod, service, at, size)
                log.flow(service, pod, at, reply)
        elif kind == 0:
            nat, host = services.nats[pod.node.zone], Outside(f"198.51.100.{100 + pick(9)}", 1)
            log.through(nat, pod, host, at, size)
            log.through(nat, host, pod, at, reply)
        elif kind == 1:
            log.through(services.preserving, Outside(f"203.0.113.{1 + pick(9)}", 1), pod, at, size)
        else:
            ends = [service for service in (services.databases if kind == 2 else services.balancers) if service.exists(at) and service.exists(at + 60)]
            service = ends[pick(len(ends))]
            log.flow(pod, service, at, size)
            log.flow(service, pod, at, reply)
            # Services talk to each other too, for example to check their health. That is no traffic of the cluster.
            log.flow(service, ends[0], at, 1000)
