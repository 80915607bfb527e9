"""The flow logs of a world, as AWS writes them: which interface logs a flow, what its records have, and what goes wrong with them."""

from attached import Attached, attached_at
from cluster import LATE, Node, Pod, seconds, utc
from story import DAY
from services import PAID, Service
from traffic import Outside, Recorder

#: In this time, no interface skips records: a test of whole hours needs their edges.
EDGES = ((seconds(utc(*DAY, 8, 55)), seconds(utc(*DAY, 9, 5))), (seconds(utc(*DAY, 11, 55)), seconds(utc(*DAY, 12, 5))))

#: In the place of a further interface: the address is at another one.
_FIRST = Attached("", "")


class Log(Recorder):
    """Writes the records of a world's flows. `scenario` says what is missing in them, or is there twice."""

    def __init__(self, cluster, seed, scenario, builder):
        super().__init__(cluster, seed, late=scenario.late)
        self.scenario = scenario
        self.builder = builder

    @staticmethod
    def exists(end, at):
        """Whether a pod sends or receives at a time."""
        return end.exists(at) and end.node.exists(at)

    def flow(self, source, destination, at, size):
        """`size` bytes from one end to another, whose first packet is sent at `at`. Of a pod with several addresses, one has the flow."""
        ends = [self._end(end, at) for end in (source, destination)]
        self._bill(source, destination, at, size)
        seen = [self._first_seen(at) for _ in ends]
        logs = [self._logs(end) and self._attached(*place).logged for end, place in zip((source, destination), ends)]
        self._is_of(source, destination, seen[0] if logs[0] else seen[1])
        for direction, place in (("egress", 0), ("ingress", 1)):
            if logs[place]:
                self._record_of(direction, ends, seen[place], size)
        if any(logs) and not all(isinstance(end, Service) for end in (source, destination)):
            self._count(source, destination, seen[0] if logs[0] else seen[1], size)

    def _count(self, source, destination, seen, size):
        self.traffic.truth[self.key(source, destination, seen)] += size

    def through(self, service, source, destination, at, size):
        """`size` bytes between an end of the cluster and a host outside, through a service in the VPC.

        A NAT gateway has its own address towards the host (VPC User Guide, "Flow log record examples", traffic through a NAT gateway); so has a NAT instance. A
        Network Load Balancer that preserves the client's address hands the client's packets on.
        """
        outwards = isinstance(destination, Outside)
        ends = [self._end(end, at) for end in (source, destination)]
        seen, address = self._first_seen(at), service.address
        self._bill(source if outwards else service, service if outwards else destination, at, size)
        self._is_of(source if outwards else service, service if outwards else destination, seen)
        if self._logs(source if outwards else destination):
            self._record_of("egress" if outwards else "ingress", ends, seen, size)
            self._count(source if outwards else service, service if outwards else destination, seen, size)
        inner = [text for _, text in ends]
        nat = service.kind in ("NatGateway", "Instance")
        outer = [address if nat and outwards else inner[0], address if nat and not outwards else inner[1]]
        near, far = (("ingress", inner), ("egress", outer)) if outwards else (("egress", inner), ("ingress", outer))
        for direction, packet in (near, far):
            # The interface's own address is at its end of each leg.
            srcaddr, dstaddr = (packet[0], address) if direction == "ingress" else (address, packet[1])
            path = None if direction == "ingress" else 8 if outwards else 1
            self._write(direction, seen, size, service.instance or "-", service.interface, service.zone[1], srcaddr, dstaddr, *packet, path)

    def _bill(self, source, destination, at, size):
        """What AWS bills, whether a flow log has it or not: a line at each end that pays (services.PAID)."""
        ends = [getattr(end, "node", end) for end in (source, destination)]
        if any(isinstance(end, Outside) for end in ends) or ends[0].zone == ends[1].zone:
            return
        paid = min((PAID.get(end.kind, 2) for end in ends if isinstance(end, Service)), default=2)
        for end, operation in zip(ends, ("InterZone-Out", "InterZone-In")):
            if paid == 2 or paid == 1 and not isinstance(end, Service):
                resource = end.instance or f"arn:aws:ec2:us-east-2:123456789012:network-interface/{end.interface}"
                self.traffic.billed[(at - at % 3600, resource, operation)] += size

    def _first_seen(self, at):
        # Late by some seconds as a rule, and by a minute at most.
        return at + self.random.randrange(0, LATE if self.random.randrange(5) == 0 else 10)

    def _end(self, end, at):
        """An end, with one of the addresses that it has at a time."""
        if isinstance(end, Pod) and end.host_network:
            end = end.node
        if isinstance(end, Node) and (self.scenario.attached or self.scenario.moving):
            # Of the programs of the host, some use its further interfaces.
            addresses = [end.address, *(more.address for more in attached_at(end, at))]
            return end, addresses[self.random.randrange(len(addresses))]
        address = end.address if isinstance(end, (Node, Outside, Service)) else end.addresses[self.random.randrange(len(end.addresses))]
        return end, address

    @staticmethod
    def _attached(end, address):
        """The further interface of a node that has an address of an end."""
        if isinstance(end, Pod):
            return end.networks.get(address, _FIRST)
        return next((more for more in getattr(end, "more_interfaces", ()) if more.address == address), _FIRST)

    def _record_of(self, direction, ends, seen, size):
        own, address = ends[direction == "ingress"]
        other, other_address = ends[direction == "egress"]
        if isinstance(own, Service):
            self._record_of_service(own, direction, ends, seen, size)
            return
        node = own.node if isinstance(own, Pod) else own
        path = None if direction == "ingress" else other.path if isinstance(other, Outside) else 1
        interface, first = node.interface, node.address
        if isinstance(own, Pod) and own.interface is not None:
            # The trunk interface belongs to the instance. Who owns the branch interface's records, the user guide does not say.
            self._record_at(node, node.interface, node.address, direction, ends, seen, size, path)
            interface, first = own.interface, address
        elif (more := self._attached(own, address)) is not _FIRST:
            interface, first = more.id, more.address
        self._record_at(node, interface, first, direction, ends, seen, size, path)

    def _record_of_service(self, service, direction, ends, seen, size):
        (_, source), (_, destination) = ends
        path = None if direction == "ingress" else 1
        self._write(direction, seen, size, service.instance or "-", service.interface, service.zone[1], source, destination, source, destination, path)

    def _record_at(self, node, interface, first, direction, ends, seen, size, path):
        (_, source), (_, destination) = ends
        srcaddr, dstaddr = (first, destination) if direction == "egress" else (source, first)
        chance, scenario = self.random.random, self.scenario
        is_branch = interface not in (node.interface, *(more.id for more in node.more_interfaces))
        instance = "-" if chance() < scenario.without_instance or is_branch and chance() < 0.5 else node.instance
        told = "-" if chance() < scenario.without_direction else direction
        way = self.random.randrange(3)
        written = [self._written(text, way) for text in (srcaddr, dstaddr, source, destination)]
        self._write(told, seen, size, instance, interface, node.zone[1], *written, path)

    def _written(self, address, kind):
        """An address as a record has it. RFC 4291 allows several texts for an IPv6 address; a record writes all of its own in one way."""
        if not self.scenario.ipv6 or ":" not in address:
            return address
        head, tail = address.split("::")
        groups = head.split(":") + ["0"] * (8 - len(head.split(":")) - len(tail.split(":"))) + tail.split(":")
        return address.upper() if kind == 0 else ":".join(groups) if kind == 1 else ":".join(group.zfill(4) for group in groups)

    def skip(self, nodes):
        """The interfaces of these nodes skip the records of some minutes, and say so."""
        if not self.scenario.skipped:
            return
        minutes = range(self.builder.begin, self.builder.end, 60)
        lost = {
            (node.interface, minute)
            for node in nodes for minute in minutes
            if self.random.random() < self.scenario.skipped and not any(begin <= minute < end for begin, end in EDGES)
        }
        for delivered, rows in list(self.traffic.records.items()):
            self.traffic.records[delivered] = [row for row in rows if (row["interface_id"], row["start"] - row["start"] % 60) not in lost]
        by_interface = {node.interface: node for node in nodes}
        for interface, minute in sorted(lost):
            self.no_flow(by_interface[interface], minute, "SKIPDATA")
