"""What else has interfaces in the VPC of the generated cluster: databases, caches, brokers, load balancers, NAT gateways, endpoints.

This module does not know the query or prices.json. `PAID` is the truth about who pays for crossing zones, and where AWS says so.
"""

from dataclasses import dataclass

from cluster import Label, interface_line

#: How many ends of a transfer between zones are charged. Else both are (EC2 On-Demand pricing, "Data Transfer within the same AWS Region",
#: which names network interfaces; RDS pricing, "Data Transfer": "on both sides"; blog "Optimizing data transfer costs when using AWS Network Load
#: Balancer").
PAID = {
    "ApplicationLoadBalancer": 0,  # Elastic Load Balancing FAQs: not charged for regional data transfer to targets.
    "ClassicLoadBalancer": 0,  # User Guide for Classic Load Balancers, "Configure cross-zone load balancing".
    "VpcEndpoint": 0,  # What's New of April 2022: PrivateLink and Transit Gateway.
    "TransitGateway": 0,
    "ElastiCache": 1,  # ElastiCache pricing, "Data Transfer": only in or out of the EC2 instance.
}


@dataclass
class Service:
    """An interface of a service, or of an instance that is not the cluster's, in a subnet that has a flow log."""

    kind: str
    name: str
    interface: str
    address: str
    zone: tuple
    start: int
    end: int | None = None
    #: The instance, if it is one. A requester-managed interface has none in its records.
    instance: str | None = None

    def exists(self, at):
        return self.start <= at and (self.end is None or at < self.end)

    def label(self):
        return Label("", self.kind, self.name, self.zone[1])

    def line(self, cluster, at):
        """The line that extract-pods writes of its interface when it lists a cluster of the VPC."""
        return interface_line(cluster, at, self.interface, [self.address], self.zone, self.kind, self.name, self.start)

    #: The records' names of an end: as a receiver of egress, and by the listings.
    label_as_destination = listed_label = label


def there(services):
    """Those that exist at a time, for `Cluster.services`."""
    return lambda at: [service for service in services if service.exists(at)]


#: What EC2 says of an interface of a kind: its type, its description and its requester. traffic/extract-pods/src/services.rs names the
#: sources of the first two. The requesters are of published outputs: an account of AWS's for a NAT gateway's interface: binxio/ecs-dns-registrator, tests/test_task_event.py;
#: `amazon-elb`: openshift/installer, pull request 2498; `amazon-rds`: aquasecurity/cloudsploit, plugins/aws/ec2/unusedSecurityGroups.spec.js.
_IN_EC2 = {
    "NatGateway": ("nat_gateway", "Interface for NAT Gateway {}", "128792236543"),
    "NetworkLoadBalancer": ("network_load_balancer", "ELB net/{}/50dc6c495c0c9188", "amazon-elb"),
    # Its name is that of its security group, which is the VPC's.
    "RDS": ("interface", "RDSNetworkInterface", "amazon-rds"),
}


def as_ec2_describes(service):
    """The interface of a service, for `hookline-local --interfaces`."""
    kind, description, requester = _IN_EC2[service.kind]
    return {
        "networkInterfaceId": service.interface, "interfaceType": kind, "description": description.format(service.name), "requesterId": requester,
        "privateIpAddress": service.address,
    }


class Services:
    """The services of a world: some in each zone, as people have them."""

    def __init__(self, builder, zones, ipv6=False):
        def make(kind, name, zone, **other):
            interface, address = builder.interface(), other.pop("address", None) or builder.address(zone)
            service = Service(kind, name, interface, address, zone, **{"start": builder.begin - 86400, **other})
            self.all.append(service)
            return service

        self.all = []
        first, second, third = zones
        self.databases = [make("RDS", "shop-db", first), make("RDS", "shop-db", second), make("ElastiCache", "sessions-001", third)]
        self.databases += [make("MSK", "events", zone) for zone in zones]
        self.databases += [make("VpcEndpoint", "vpce-0a1b2c3d", zone) for zone in zones]
        self.databases.append(make("Instance", "i-0123456789abcdef1", second, instance="i-0123456789abcdef1"))
        #: A balancer that ends, and a database that later has its address.
        middle = builder.begin + (builder.end - builder.begin) // 2
        gone = make("NetworkLoadBalancer", "old", first, end=middle)
        self.databases += [gone, make("RDS", "new-db", first, address=gone.address, start=middle + 1800)]
        #: They have connections of their own to the pods.
        self.balancers = [make("ApplicationLoadBalancer", "web", zone) for zone in zones] + [make("NetworkLoadBalancer", "shop", third)]
        #: It hands packets on with the client's address.
        self.preserving = make("NetworkLoadBalancer", "clients", second)
        #: Those with IPv6 addresses, which talk with pods that have such too.
        self.ipv6 = [
            make(kind, name, zone, address=f"2600:1f16:abc:de0{zones.index(zone)}::f:{number:x}")
            for number, (kind, name, zone) in enumerate((("RDS", "six-db", second), ("NetworkLoadBalancer", "six", third)))
        ] if ipv6 else []
        #: A NAT gateway for two zones, and one for the third.
        self.nats = dict(zip(zones, [make("NatGateway", "nat-0a", first)] * 2 + [make("NatGateway", "nat-0c", third)]))
