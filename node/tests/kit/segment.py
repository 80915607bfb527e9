"""A subnet of a VPC between guests of QEMU: what EC2 does with the frames of an interface, as far as pods notice.

It is stricter than an Ethernet, on purpose: a pod whose frames a VPC would not carry must get no answer here either.

- It answers questions of ARP itself, with the hardware address of the interface that has the address, and passes none on. It drops all that is
  not IPv4, and broadcasts (ipSpace.net, "Packet Forwarding in Amazon VPC", from observations: AWS documents none of it).
- It takes a packet only with the hardware address and an address of the interface that sends it, and delivers it only to the interface that has its
  destination (EC2 API reference, ModifyNetworkInterfaceAttribute, `SourceDestCheck`).

- The router is at the subnet's first address (VPC user guide, "Subnet sizing"). It notes where packets are to go, and forwards none.
"""

import contextlib
import ipaddress
import socket
import threading
from dataclasses import dataclass, field
from pathlib import Path

ROUTER = bytes.fromhex("0200000000fe")
ARP, IPV4 = b"\x08\x06", b"\x08\x00"
QUESTION, ANSWER = b"\x00\x01", b"\x00\x02"


def packed(mac):
    return bytes.fromhex(mac.replace(":", ""))


@dataclass
class Port:
    """Where an interface is plugged in: QEMU sends its frames to `ours`, and takes those for it at `theirs`."""

    mac: bytes
    addresses: set
    ours: str
    theirs: str
    frames: socket.socket = field(default_factory=lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))


class Segment:
    """A subnet. `dropped` says of each packet that was not carried why. `routed` has where packets to the router are to go."""

    def __init__(self, test, cidr):
        self.router = ipaddress.IPv4Network(cidr)[1].packed
        self.ports = {}
        self.dropped = set()
        self.routed = set()
        test.addCleanup(lambda: [self.unplug(mac) for mac in list(self.ports)])

    def plug(self, mac, addresses, folder):
        """A port for an interface with these addresses. Returns what QEMU's netdev needs to be the other side (QAPI, NetdevDgramOptions)."""
        name = f"{folder}/{mac.replace(':', '')}"
        port = Port(packed(mac), {ipaddress.IPv4Address(one).packed for one in addresses}, f"{name}.vpc", f"{name}.guest")
        port.frames.bind(port.ours)
        self.ports[mac] = port
        threading.Thread(target=self.serve, args=(port,), daemon=True).start()
        return {"local": {"type": "unix", "path": port.theirs}, "remote": {"type": "unix", "path": port.ours}}

    def unplug(self, mac):
        port = self.ports.pop(mac)
        Path(port.ours).unlink(missing_ok=True)
        # Ends the thread, which then closes it.
        port.frames.shutdown(socket.SHUT_RDWR)

    def serve(self, port):
        with port.frames:
            while frame := port.frames.recv(65536):
                problem = self.carry(port, frame)
                if problem:
                    self.dropped.add(problem)

    def owner(self, address):
        return next((port for port in list(self.ports.values()) if address in port.addresses), None)

    def carry(self, sender, frame):
        """Carries a frame. Returns why not, if it was a packet of IPv4 or a question of ARP."""
        destination, source, kind, packet = frame[:6], frame[6:12], frame[12:14], frame[14:]
        if kind not in (ARP, IPV4):
            return None
        if source != sender.mac:
            return f"a frame from {source.hex(':')}, which is not the interface's hardware address"
        if kind == ARP:
            return self.answer(sender, packet)
        source, target = packet[12:16], packet[16:20]
        if source not in sender.addresses:
            return f"a packet from {ipaddress.IPv4Address(source)}, which is not an address of the interface"
        if destination == ROUTER:
            self.routed.add(str(ipaddress.IPv4Address(target)))
            return None
        to = self.owner(target)
        if to is None or destination != to.mac:
            return f"a packet to {ipaddress.IPv4Address(target)} at {destination.hex(':')}, where no interface has it"
        self.deliver(to, frame)
        return None

    def answer(self, sender, packet):
        target = packet[24:28]
        to = self.owner(target)
        if packet[6:8] != QUESTION or to is sender:
            return None
        if to is None and target != self.router:
            return f"a question for {ipaddress.IPv4Address(target)}, which no interface has"
        mac = to.mac if to else ROUTER
        self.deliver(sender, sender.mac + mac + ARP + packet[:6] + ANSWER + mac + target + packet[8:18])
        return None

    def deliver(self, port, frame):
        # The guest may have ended.
        with contextlib.suppress(OSError):
            port.frames.sendto(frame, port.theirs)
