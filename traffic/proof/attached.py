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
    #: When it was attached to this node and when it was detached, if that is not as long as the node exists. It may then be attached to
    #: another one of the same zone, with its addresses.
    start: int | None = None
    end: int | None = None

    def there(self, at):
        """Whether it is attached to the node at a time."""
        return (self.start is None or self.start <= at) and (self.end is None or at < self.end)


def attached_at(node, at):
    """The further interfaces that a node has at a time."""
    return [interface for interface in node.more_interfaces if interface.there(at)] if node.exists(at) else []


def attached_lines(cluster, node, at, time):
    """The lines of a node's further interfaces at a time: `time` is its text. There are none of an instance that has ended."""
    lines = []
    for interface in attached_at(node, at) if node.instance is not None else []:
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
                        "start_time": time(node.start if interface.start is None else interface.start),
                        "observed_at": time(at),
                    }
                )
    return lines
