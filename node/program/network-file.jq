# The .network file of one interface. In: an element of `found` (assign.jq), with `hostAddresses`.
# The gateway of a subnet is its first address (VPC user guide, "Subnet sizing").

include "addresses";

"# Written by hookline-interfaces for the network \(.network.network).
[Match]
MACAddress=\(.interface.mac)
Driver=\($drivers)

[Link]",
if .network.mode == "multus" then "Unmanaged=yes"
else
"MTUBytes=\(.network.mtu)
RequiredForOnline=no

[Network]
DHCP=no
LinkLocalAddressing=\(if ipv6 == [] then "no" else "ipv6" end)
IPv6AcceptRA=no
LLMNR=no",
(.interface.cidr | split("/")) as [$base, $length]
| (.network.routingTable) as $table
# The first address with the mask of the subnet; the primary interface keeps the better route if
# both are in one subnet.
| (.hostAddresses | to_entries[] | if .key == 0 then "
[Address]
Address=\(.value)/\($length)
RouteMetric=1024" else "
[Address]
Address=\(.value)/32
AddPrefixRoute=no" end),
"
[Route]
Destination=\($base)/\($length)
Scope=link
Table=\($table)

[Route]
Gateway=\($base | to_number + 1 | to_address)
GatewayOnLink=yes
Table=\($table)",
# The priority of nodeadm's and ec2-net-utils' rules: after those of the VPC CNI.
(.hostAddresses[] | "
[RoutingPolicyRule]
From=\(.)/32
Table=\($table)
Priority=32765"),
# A VPC lets nobody else have the address, and the search for another one would hold kubelet back.
# No route in the main table: the primary interface may have the same subnet.
(ipv6[] | "
[Address]
Address=\(.address)/128
AddPrefixRoute=no
DuplicateAddressDetection=none

[Route]
Destination=\(.subnet)
Table=\($table)

[Route]
Gateway=\(ipv6_gateway)
GatewayOnLink=yes
Table=\($table)

[RoutingPolicyRule]
From=\(.address)/128
Table=\($table)
Priority=32765")
end
