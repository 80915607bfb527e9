# The CNI configuration of one network: its pods get this interface, and exactly the addresses that
# the VPC delivers to it.
# In: an element of `found` (assign.jq). No output: there is no address for a pod yet.

include "addresses";

. as $found
| .network as $network
| (.interface.cidr | split("/")[0] | to_number + 1 | to_address) as $gateway
| pod_ranges as $ranges
| select(($ranges | length) > 0)
| {
    # 1.0.0 has CHECK, and every plugin since 1.0 reads it.
    cniVersion: "1.0.0",
    name: $network.cni.name,
    type: $network.cni.type
  }
+ (if $network.cni.type == "host-device" then { device: $network.interfaceName }
   else { master: $network.interfaceName, mode: $network.cni.mode, mtu: $network.mtu } end)
+ {
    ipam: {
      type: "host-local",
      # On tmpfs: a reboot ends all pods, and so all reservations.
      dataDir: "/run/hookline/addresses",
      # A pod gets one address of each set of ranges. Each range has the mask of the whole subnet.
      ranges: ([[ $ranges[] | { subnet: $found.interface.cidr, rangeStart: (.[0] | to_address), rangeEnd: (.[1] | to_address), gateway: $gateway } ]]
        # There is one IPv6 address, so only a network with one pod at a time gives it.
        + [select($network.cni.addresses == "primary") | ipv6[] | [{ subnet, rangeStart: .address, rangeEnd: .address, gateway: ipv6_gateway }]]),
      # By the subnet's gateway, as the plugins do without it. But CHECK looks for a route without a
      # gateway then.
      routes: [$network.cni.routes[] | { gw: $gateway } + .]
    }
  }
