"""The further network interfaces of nodes, as for Multus, and what extract-pods writes of them: EC2 shows each with all of its addresses."""

from dataclasses import dataclass, field


@dataclass
class Attached:
    """A network interface of a node besides its first. `address` is its primary private address, which the host has.

    `others` are its secondary addresses and those of its prefixes: they are the interface's whether a pod uses them or not. `logged`: its
    subnet has a flow log.
    """

    id: str
    address: str
    others: list = field(default_factory=list)
    logged: bool = True


def attached_lines(cluster, node, at, time):
    """The lines of a node's further interfaces at a time: `time` is its text. There are none of an instance that has ended."""
    lines = []
    for interface in node.more_interfaces if node.instance is not None and node.exists(at) else []:
        for addresses, kind, name in (([interface.address], "Node", "(nodes)"), (interface.others, "Unknown", "(unknown)")):
            if addresses:
                lines.append(
                    {
                        "kind": "attached",
                        "cluster": cluster,
                        "name": interface.id,
                        "uid": interface.id,
                        "ips": list(addresses),
                        "az": node.zone[0],
                        "az_id": node.zone[1],
                        "instance_id": node.instance,
                        "group_name": name,
                        "group_kind": kind,
                        "start_time": time(node.start),
                        "observed_at": time(at),
                    }
                )
    return lines
