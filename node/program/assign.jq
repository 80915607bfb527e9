# Which interface is which network's (docs/node.md, "How an interface is known").
# In: one reading of the metadata service (imds.sh). $settings: the output of settings.jq.
# Out: { found: [{ network: …, interface: …, certain }], missing: [network with the `reason`, …],
# others: [interface, …] }

. as $reading
| ([.interfaces[] | select(.mac == $reading.mac) | .subnetId] | first) as $node_subnet
| [$settings.networks[], $settings.claimed[] | .subnetIds | unique[]] as $subnets

| def has($place): .subnetId as $subnet | $place.subnetIds | index([$subnet]) != null;
  # A card that is not known yet can be that of the place.
  def is_claimed: any($settings.claimed[] as $place
    | has($place) and .deviceNumber == $place.deviceIndex and (.networkCard // $place.networkCard) == $place.networkCard; .);
  def is_of($network):
    has($network)
    and if $network.deviceIndex != null
        then .deviceNumber == $network.deviceIndex and (.networkCard // 0) == $network.networkCard
        # The VPC CNI's interfaces are in the node's subnet too, and no place tells them apart.
        else $node_subnet != null and .subnetId != $node_subnet
          # A number that still reads 0 can become that of a claimed place.
          and ((.deviceNumber // 0) != 0 or all($settings.claimed[] as $place | has($place) | not; .)) end;

  # Fixed places first: the others take what is left in their subnets.
  ($settings.networks | map(select(.deviceIndex != null)) + map(select(.deviceIndex == null))) as $order
| reduce $order[] as $network (
    { found: [], missing: [], others: (.interfaces | map(select(.mac != $reading.mac)) | sort_by(.mac)) };
    [.others[] | select(is_of($network) and (is_claimed | not))] as $interfaces
    # Of two, nothing tells which one it is.
    | if ($interfaces | length) != 1 then .missing += [$network + {reason: (if $interfaces == [] then "missing"
          else "ambiguous (\($interfaces | map(.interfaceId) | join(", ")) fit)" end)}]
      else
        # While a number reads 0, an interface can be taken for another network's in the same
        # subnet. Where no other network has the subnet, one interface alone is certain; elsewhere
        # only all of them together are.
        $interfaces[0] as $interface
        | .found += [{ $network, $interface, certain: ([$subnets[] | select(. == $interface.subnetId)] | length == 1) }]
        | .others -= [$interface]
      end)
