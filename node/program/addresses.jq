# The addresses of an interface: IPv4 as numbers, and IPv6.

def to_number: split(".") | map(tonumber) | reduce .[] as $byte (0; . * 256 + $byte);
def to_address: [., . / 256, . / 65536, . / 16777216] | map(floor % 256 | tostring) | reverse | join(".");

# The first and the last address of a CIDR block, as numbers.
def bounds: split("/") as [$base, $length]
  | ($base | to_number) as $first | [$first, $first + pow(2; 32 - ($length | tonumber)) - 1];

# The IPv6 address of an interface, with its subnet, as a list: empty if it has none, or while the
# subnet is not known. A slot has one at most. In: as of pod_ranges.
def ipv6: .interface | [select(.ipv6Cidr) | { address: .ipv6Addresses[0] | values, subnet: .ipv6Cidr }];

# The VPC's router, in every subnet with IPv6 (VPC user guide, "Subnet CIDR blocks": its link-local
# addresses).
def ipv6_gateway: "fe80:ec2::1";

# The addresses that a network's pods get, as [first, last] pairs of numbers. In: an element of
# `found` (assign.jq).
def pod_ranges:
  .network.cni.addresses as $which
  | if $which == null then []
    else
      [ (.interface.addresses | if $which == "primary" then .[:1] elif $which == "secondary" then .[1:] else . end
          | .[] | to_number | [., .]),
        (if $which == "primary" then empty else .interface.prefixes[] | bounds end) ]
    end
  | sort | unique;

# The addresses that the operating system gets: those that no pod gets.
def host_addresses:
  pod_ranges as $pods
  | [.interface.addresses[] | to_number as $number | select(all($pods[]; $number < .[0] or $number > .[1]))];
