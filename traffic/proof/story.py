"""Six hours of a generated cluster, with everything that makes traffic hard to attribute. A seed chooses the details.

Hours are UTC. Traffic flows from 08:30 to 12:15. The hours 09, 10 and 11 are whole; `truth` is for these by default.
extract-pods lists at twenty past each hour. The story can be moved by some hours, because the real extract-pods lists the present.
"""

import random

from cluster import REST, ZONES, Builder, seconds, utc
from kubernetes_services import SERVICES
from services import Service, there
from traffic import Outside, Recorder

DAY = (2026, 5, 4)
BEGIN, END = seconds(utc(*DAY, 8, 30)), seconds(utc(*DAY, 12, 15))
FIRST_HOUR, LAST_HOUR = seconds(utc(*DAY, 9)), seconds(utc(*DAY, 11))
LISTINGS = [seconds(utc(*DAY, hour, 20)) for hour in range(8, 15)]


def hours_until(now):
    """By how many hours a story must be moved so that `now` is from 12:20 to 13:20 in it: after its traffic, at the next listing."""
    return (int(now) - seconds(utc(*DAY, 12, 20))) // 3600


class Story:
    """The cluster of a seed, its traffic, and the truth about the traffic. `scale` multiplies the size of each flow.

    `services`: EC2 describes the NAT gateway, the load balancer and the database, so that the listings have them.
    """

    def __init__(self, seed, flows=3000, scale=1, hours_later=0, services=False):
        self.later = 3600 * hours_later
        self.begin, self.end = BEGIN + self.later, END + self.later
        builder = Builder(seed, self.begin, self.end)
        self.random = random.Random(seed + 1)
        self.cluster = builder.cluster
        self.cluster.listings = [at + self.later for at in LISTINGS]
        self.cluster.kubernetes_services = SERVICES
        self._populate(builder)
        self.services = _services(self.begin) if services else []
        self.cluster.services = there(self.services)
        recorder = Recorder(self.cluster, seed + 2)
        self._traffic(recorder, flows, scale)
        self.traffic = recorder.traffic

    def at(self, hour, minute=0):
        """A time of the story's day, in seconds since 1970."""
        return seconds(utc(*DAY, hour, minute)) + self.later

    def truth(self, first_hour=None, last_hour=None):
        """The world."""
        first_hour = FIRST_HOUR + self.later if first_hour is None else first_hour
        return self.traffic.rows_of(first_hour, LAST_HOUR + self.later if last_hour is None else last_hour)

    def listed(self):
        """The same, with the names that the listings can tell: what the result must be."""
        return self.traffic.listed_of(FIRST_HOUR + self.later, LAST_HOUR + self.later)

    def _populate(self, builder):
        pick = self.random.randrange
        nodes = [builder.node(zone) for zone in ZONES for _ in range(2)]
        # A node without a label of the zone ID, as before EKS set it; one whose subnet has no flow log.
        nodes.append(builder.node(ZONES[0], zone_id_label=False))
        self.unlogged = builder.node(ZONES[1], logged=False)
        for node in nodes:
            for daemon in ("kube-proxy", "aws-node", "node-exporter"):
                builder.pod(node, "kube-system", daemon, "DaemonSet", host_network=True)
        self.sinks = []  # Pods that receive and never send.
        for number, node in enumerate([*nodes, self.unlogged]):
            builder.pod(node, "shop", "cart", controller=("StatefulSet", "cart-main"))
            builder.pod(node, "shop", "checkout")
            builder.pod(node, "data", "db", "StatefulSet")
            builder.pod(node, "scratch", "scratch", "Namespace")
            self.sinks.append(builder.pod(node, "logging", "sink", "Deployment"))
            if number % 2:
                builder.pod(node, "shop", "search", "ReplicaSet", addresses=[f"2600:1f16:abc:de0{ZONES.index(node.zone)}::{number:x}"])
        # Pods that are not on instances, one of them later than its node.
        builder.fargate(ZONES[2], "shop", "cart")
        builder.fargate(ZONES[2], "data", "db", "StatefulSet")
        builder.fargate(ZONES[0], "shop", "checkout", start=self.begin + 1800, holds_from=self.begin + 1890)
        # Addresses that pass from pod to pod: jobs, which stay listed after their end, and pods that are deleted and not listed any more.
        for node in nodes:
            address, at = builder.address(node.zone), self.begin - pick(60, 1200)
            neighbours = [other for other in nodes if other.zone == node.zone]
            follows_unknown = False
            for number in range(40):
                end = at + pick(120, 1500)
                if end > self.end:
                    break
                job = pick(2) == 0
                pod = builder.pod(
                    neighbours[pick(len(neighbours))], "batch", f"job-{number % 5}" if job else f"worker-{number % 3}",
                    "Job" if job else "Deployment", addresses=[address], start=at, end=end, listed_end=job,
                )
                if follows_unknown and not self.cluster.is_listed(pod):
                    # Without this, no evidence shows that it is not the pod that was listed before it.
                    pod.listed_end = True
                if not self.cluster.is_listed(pod):
                    pod.start += 60  # As above: for a minute after a pod's end, its address still counts as its own.
                follows_unknown = not pod.listed_end and self.cluster.is_listed(pod)
                at = end + REST + pick(0, 200)
                if job and pick(3) == 0:
                    # The start time of the next pod is before the pod has the address.
                    tardy = builder.pod(
                        node, "batch", "tardy", "Label", addresses=[address], start=end - 20, holds_from=end + REST, end=end + 3700, listed_end=True
                    )
                    at = tardy.end + REST + 5
        # A node that is replaced by another with the same address, and so with the same name. Its pods end with it.
        zone = ZONES[1]
        swap = self.at(10, 5) + pick(0, 300)
        old = builder.node(zone, end=swap)
        new = builder.node(zone, address=old.address, start=swap + 150)
        builder.pod(old, "shop", "cart", end=swap - 1)
        builder.pod(new, "shop", "checkout", start=swap + 200)
        self.nodes = [*nodes, old, new]

    def _traffic(self, recorder, flows, scale):
        pick, choice = self.random.randrange, self.random.choice
        pods = self.cluster.pods
        nat, balancer, database = self.services or (
            Outside("10.0.0.220", 1, ZONES[0]), Outside("10.0.16.221", 1, ZONES[1]), Outside("10.0.32.222", 1, ZONES[2]),
        )
        clients = [Outside(f"192.0.2.{number}", 1) for number in range(1, 6)]
        services = [Outside(f"203.0.113.{number}", 8) for number in range(1, 6)]
        behind_nat = [Outside(f"198.51.100.{number}", 1) for number in range(1, 6)]
        for number in range(flows):
            at, size = self.begin + pick(END - BEGIN), scale * (40 + int(self.random.paretovariate(0.9) * 1000) % 200_000_000)
            there = [pod for pod in pods if pod.exists(at)]
            nodes = [node for node in self.nodes if node.exists(at)]
            source = choice([pod for pod in there if pod not in self.sinks]) if pick(12) else choice(nodes)
            kind = pick(20)
            if kind < 4:
                if self.services and ":" in getattr(source, "addresses", [""])[0]:
                    continue  # The services have IPv4 addresses.
                service = choice((nat, balancer, database, choice(services)))
                # A host that goes through two services has the name of neither.
                host = choice(clients if self.services and service is balancer else behind_nat)
                self._outside(recorder, source, at, size, service, host)
                continue
            destination = choice(there) if pick(12) else choice(nodes)
            if _node(source) is _node(destination):
                continue  # Traffic within a node passes no interface, so no log has it.
            if kind == 19 and _node(source).logged and _node(destination).logged and self._listed(destination, at):
                recorder.rejected(source, destination, at, size)
            elif kind == 18:
                recorder.never_sent(source, destination, at, size)
            else:
                recorder.flow(source, destination, at, size)
                if destination not in self.sinks:
                    recorder.flow(destination, source, at, 40 + pick(size))
            if number % 50 == 0:
                recorder.no_flow(choice(nodes), at, choice(("NODATA", "SKIPDATA")))

    def _listed(self, end, at):
        """Whether listings show the end during the time in which the records of a packet at `at` may say that it was sent.

        Not of a node that is replaced by one with its address: between two listings, only its own records tell which of the two it is.
        """
        node = _node(end)
        if end is node or end.host_network:
            return node.end is None and node.start < self.begin
        return self.cluster.shows(end, at) and self.cluster.shows(end, at + REST)

    def _outside(self, recorder, pod, at, size, service, host):
        reply = 40 + self.random.randrange(size)
        if isinstance(service, Service) and service.kind != "RDS":  # The same, if the listings have the names.
            if service.kind == "NatGateway":
                recorder.through(service, pod, host, at, size)
                recorder.through(service, host, pod, at, reply)
            else:
                recorder.flow(pod, service, at, size)
                recorder.through(service, host, pod, at, reply)
        elif service.address == "10.0.0.220":  # Through the NAT gateway, to a host on the internet and back.
            recorder.flow(pod, host, at, size)
            recorder.on_the_way(pod, host, at, size, service)
            recorder.flow(host, pod, at, reply)
            recorder.on_the_way(host, pod, at, reply, service)
        elif service.address == "10.0.16.221":  # A network load balancer that preserves the client's address.
            recorder.flow(pod, service, at, size)
            recorder.on_the_way(host, pod, at, reply, service)
            recorder.flow(host, pod, at, reply)
        else:  # A database in the VPC, or a host through the internet gateway.
            recorder.flow(pod, service, at, size)
            recorder.flow(service, pod, at, reply)


def _services(begin):
    """A NAT gateway, a load balancer that preserves the client's address, and a database. They are older than the story."""
    return [
        Service(kind, name, f"eni-{number:017x}", address, ZONES[number], begin - 86400)
        for number, (kind, name, address) in enumerate((
            ("NatGateway", "nat-0a1b2c3d4e5f60718", "10.0.0.220"), ("NetworkLoadBalancer", "shop", "10.0.16.221"), ("RDS", "default", "10.0.32.222"),
        ))
    ]


def _node(end):
    return getattr(end, "node", end)
