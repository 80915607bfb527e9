"""Flows between the ends of a cluster, as VPC Flow Logs record them, and the truth about them.

The truth is added up while the flows are generated, from their ends, and not from the records. It is the world: it does not know what is
listed. Beside it is what the listings can tell of it, which is what the result must be.
"""

import gzip
import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

import pyarrow
import pyarrow.parquet

import tables
from cluster import REST, Cluster, Label, Node, Pod, seconds
from services import Service

#: The fields whose Parquet type is not STRING (VPC User Guide, "Flow log records").
_PARQUET = {
    **dict.fromkeys(("srcport", "dstport", "protocol", "traffic_path"), pyarrow.int32()),
    **dict.fromkeys(("bytes", "start", "end"), pyarrow.int64()),
}

#: The columns of a flow log file: the fields of the flow log's format, which is the Glue table's columns, with the types of AWS.
SCHEMA = pyarrow.schema(
    [(column["Name"], _PARQUET.get(column["Name"], pyarrow.string())) for column in tables.definition("flow_logs")["StorageDescriptor"]["Columns"]]
)

#: The same with the row of the truth that a record is of, for `answers.measure_on`: an index in `Traffic.keys`. No flow log has it.
SCHEMA_WITH_TRUTH = SCHEMA.append(pyarrow.field("true_row", pyarrow.int64()))

#: The names that the query gives to the traffic path of egress records.
IN_THE_VPC, THROUGH_THE_VPC, INTERNET = "(in or through the VPC)", "(public address, through the VPC)", "(internet gateway)"
FROM_OUTSIDE = Label("", "Outside", "(outside)", "")


@dataclass
class Outside:
    """An address of neither a node nor a pod. `path` is the traffic path to it. A requester-managed interface may log there."""

    address: str
    path: int
    zone: tuple | None = None

    def label_as_destination(self):
        # Of the addresses of the proof, those of the VPC and of other networks are in 10.0.0.0/8.
        through = IN_THE_VPC if self.address.startswith("10.") else THROUGH_THE_VPC
        return Label("", "Outside", through if self.path == 1 else INTERNET, "")


@dataclass
class Traffic:
    """Records, by the delivery time of their file; the truth: bytes by hour, scope, source and destination; and what is listed of it."""

    records: dict = field(default_factory=lambda: defaultdict(list))
    truth: dict = field(default_factory=lambda: defaultdict(int))
    listed: dict = field(default_factory=lambda: defaultdict(int))
    #: The rows of the truth that records are of, in the order of their numbers, and the number of each.
    keys: list = field(default_factory=list)
    numbers: dict = field(default_factory=dict)
    #: What AWS bills for crossing zones: bytes by the hour, the resource and the operation of a line of the bill.
    billed: dict = field(default_factory=lambda: defaultdict(int))

    def number_of(self, key):
        """The number of a row of the truth, which its records carry."""
        if key not in self.numbers:
            self.numbers[key] = len(self.keys)
            self.keys.append(key)
        return self.numbers[key]

    def rows_of(self, first_hour, last_hour):
        """The truth of these hours, as the query's rows: (hour, scope, source, destination, bytes)."""
        return {key: value for key, value in self.truth.items() if first_hour <= key[0] <= last_hour}

    def listed_of(self, first_hour, last_hour):
        """The same, with the names that the listings can tell."""
        return {key: value for key, value in self.listed.items() if first_hour <= key[0] <= last_hour}


class Recorder:
    """Generates the records of flows, and adds up the truth."""

    def __init__(self, cluster: Cluster, seed, late=0.03):
        self.cluster = cluster
        self.random = random.Random(seed)
        self.late = late
        self.traffic = Traffic()
        #: The row of the truth that the next records are of. What is logged on the way is of the flow before it.
        self.true_row = None

    def flow(self, source, destination, at, size):
        """`size` bytes from one end to another, whose first packet is sent at `at`."""
        seen_by_source = self._first_seen(at)
        seen_by_destination = self._first_seen(at)
        source_logs, destination_logs = self._logs(source), self._logs(destination)
        self._is_of(source, destination, seen_by_source if source_logs else seen_by_destination)
        if source_logs:
            self._record("egress", source, destination, seen_by_source, size)
        if destination_logs:
            self._record("ingress", source, destination, seen_by_destination, size)
        if source_logs:
            seen = seen_by_source
        elif destination_logs:
            seen = seen_by_destination
        else:
            return  # No interface logged it, so no query can find it.
        self._count(source, destination, seen, size)

    def _is_of(self, source, destination, seen):
        """The next records are of a flow whose first packet was seen then."""
        self.true_row = self.traffic.number_of(self.key(source, destination, seen))

    def _count(self, source, destination, seen, size):
        for rows, label in ((self.traffic.truth, lambda end: end.label()), (self.traffic.listed, lambda end: self.listed_label(end, seen))):
            rows[self.key(source, destination, seen, label)] += size

    @staticmethod
    def key(source, destination, seen, label=lambda end: end.label()):
        """The row of the truth that a packet belongs to."""
        there = FROM_OUTSIDE if isinstance(source, Outside) else label(source)
        here = destination.label_as_destination() if isinstance(destination, Outside) else label(destination)
        scope = "egress" if not here.cluster else "ingress" if not there.cluster else "cluster" if here.cluster == there.cluster else "clusters"
        return seen - seen % 3600, scope, there, here

    def through(self, service: Service, source, destination, at, size):
        """Bytes between a pod and a host outside, through a service in the VPC, whose name the host's end has."""
        outwards = isinstance(destination, Outside)
        seen = self._first_seen(at)
        self._is_of(source if outwards else service, service if outwards else destination, seen)
        if self._logs(source if outwards else destination):
            self._record("egress" if outwards else "ingress", source, destination, seen, size)
            self._count(source if outwards else service, service if outwards else destination, seen, size)
        self.on_the_way(source, destination, at, size, service)

    def on_the_way(self, source, destination, at, size, middle: Outside | Service):
        """The records of a NAT gateway or a load balancer, for bytes that the interface of an end has recorded already."""
        seen = self._first_seen(at)
        for direction, srcaddr, dstaddr in (
            ("ingress", _address(source), middle.address),
            ("egress", middle.address, _address(destination)),
        ):
            self._write(
                direction, seen, size, "-", getattr(middle, "interface", f"eni-{middle.address}"), middle.zone[1], srcaddr, dstaddr, _address(source), _address(destination), 1
            )

    def rejected(self, source, destination, at, size):
        """Packets that the source sends and the destination's security group rejects."""
        seen = self._first_seen(at)
        self._is_of(source, destination, seen)
        self._record("egress", source, destination, seen, size)
        self._record("ingress", source, destination, seen, size, action="REJECT")
        self._count(source, destination, seen, size)

    def never_sent(self, source, destination, at, size):
        """Packets that the source's own rules reject."""
        self._record("egress", source, destination, self._first_seen(at), size, action="REJECT")

    def no_flow(self, node: Node, at, status):
        """A record of status NODATA or SKIPDATA, which has no addresses and no numbers."""
        row = {name: None for name in SCHEMA.names}
        row.update(
            interface_id=node.interface, instance_id=node.instance or "-", az_id=node.zone[1], flow_direction="-", srcaddr="-", dstaddr="-",
            pkt_srcaddr="-", pkt_dstaddr="-", action="-", start=at, end=at + 60, log_status=status,
        )
        self._deliver(row)

    def listed_label(self, end, seen):
        """The name that the result must give a node or a pod. A pod is unknown, at its node, if no listing shows that the address is its own."""
        if isinstance(end, Pod) and not end.host_network and not self.cluster.shows(end, seen):
            return end.node.unknown()
        return end.listed_label()

    def _first_seen(self, at):
        # Later than the packet was sent, but before the address can pass to another pod, so that the truth is certain.
        return at + self.random.randrange(0, REST - 5)

    @staticmethod
    def _logs(end):
        if isinstance(end, (Outside, Service)):
            return isinstance(end, Service)
        return (end.node if isinstance(end, Pod) else end).logged

    def _record(self, direction, source, destination, seen, size, action="ACCEPT"):
        own, other = (source, destination) if direction == "egress" else (destination, source)
        node = own.node if isinstance(own, Pod) else own
        address = _address(own)
        if isinstance(own, Pod) and node.instance is None:
            interface, first = f"eni-{own.uid[:17]}", address  # A pod with its own interface, as on Fargate.
        else:
            interface, first = node.interface, node.address
        path = None
        if direction == "egress":
            path = other.path if isinstance(other, Outside) else 1
        srcaddr, dstaddr = (first, _address(other)) if direction == "egress" else (_address(other), first)
        self._write(
            direction, seen, size, node.instance or "-", interface, node.zone[1], srcaddr, dstaddr, _address(source), _address(destination),
            path, action,
        )

    def _write(self, direction, seen, size, instance, interface, zone, srcaddr, dstaddr, pkt_srcaddr, pkt_dstaddr, path, action="ACCEPT"):
        # A flow of a minute or less may be split, because the intervals of source and destination end at different times.
        parts = [size] if size < 2 or self.random.random() < 0.7 else [size // 3, size - size // 3]
        for part in parts:
            self._deliver(
                dict(
                    interface_id=interface, instance_id=instance, az_id=zone, flow_direction=direction, traffic_path=path, srcaddr=srcaddr,
                    dstaddr=dstaddr, pkt_srcaddr=pkt_srcaddr, pkt_dstaddr=pkt_dstaddr, srcport=32768 + self.random.randrange(1024, 65536) % 28232,
                    dstport=8080, protocol=6, bytes=part, start=seen, end=seen + self.random.randrange(1, 60), action=action, log_status="OK", true_row=self.true_row,
                )
            )

    def _deliver(self, row):
        delivered = row["end"] + self.random.randrange(300, 600)
        if self.random.random() < self.late:
            delivered += self.random.randrange(3600, 5400)
        self.traffic.records[delivered].append(row)


def _address(end):
    return end.address if isinstance(end, (Node, Outside, Service)) else end.addresses[0]


def write_flow_logs(root, records, schema=SCHEMA):
    """Writes records as flow log files: one folder for each hour of delivery, with one file for each twenty minutes."""
    files = defaultdict(list)
    for delivered, rows in records.items():
        files[-(-delivered // 1200) * 1200, delivered - delivered % 3600].extend(rows)
    for (published, hour), rows in sorted(files.items()):
        hour = datetime.fromtimestamp(hour, timezone.utc)
        stamp = datetime.fromtimestamp(published, timezone.utc).strftime("%Y%m%dT%H%MZ")
        folder = Path(root) / tables.FLOW_LOGS_PREFIX / hour.strftime("year=%Y/month=%m/day=%d/hour=%H")
        folder.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(
            pyarrow.Table.from_pylist(rows, schema),
            folder / f"123456789012_vpcflowlogs_us-east-2_fl-0123456789abcdef0_{stamp}_0a1b2c3d.log.parquet",
            compression="gzip",
        )


def write_listings(root, cluster: Cluster, times=None):
    """Writes the objects of extract-pods: one for each listing, or for the listings at `times`, under the hour of the listing.

    Also those of the other clusters of the VPC, at their own times, and those of the replays of the pods' watch.
    """
    for other in cluster.beside:
        _write_listings(root, other, other.listings)
    _write_listings(root, cluster, cluster.listings if times is None else times)


def _write_listings(root, cluster, times):
    for at in times:
        _write_object(root, cluster, at, "", cluster.lines(at))
    for at in cluster.replays:
        # Nothing is written if no pod was deleted.
        if lines := cluster.deleted_lines(at):
            _write_object(root, cluster, at, ".deleted", lines)


def _write_object(root, cluster, at, name, lines):
    time = datetime.fromtimestamp(at, timezone.utc)
    folder = Path(root) / tables.PODS_PREFIX / time.strftime("dt=%Y-%m-%d/hour=%H")
    folder.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines)
    # The level of extract-pods.
    with gzip.open(folder / f"{cluster.name}-{time.strftime('%Y%m%dT%H%MZ')}{name}.json.gz", "wt", compresslevel=6, encoding="utf-8") as file:
        file.write(text)


def published(file):
    """When a file of `write_flow_logs` or `write_listings` is published, in seconds since 1970."""
    stamp = next(part for part in Path(file).name.replace("-", "_").replace(".", "_").split("_") if part[8:9] == "T")
    return seconds(datetime.strptime(stamp, "%Y%m%dT%H%MZ").replace(tzinfo=timezone.utc))
