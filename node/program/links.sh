# shellcheck shell=bash
# The links of the kernel: which one is an interface, its name, MTU, state and sysctls.

# The drivers of EC2's interfaces. A child of an interface (ipvlan, macvlan) can have the same
# hardware address, but another driver.
: "${HOOKLINE_DRIVERS:=ena vif ixgbevf}"

# link_of MAC: prints the name of the interface with this hardware address. Children and software
# links do not count.
link_of() {
  ip -details -json link show | jq --raw-output --arg mac "$1" '[.[] | select(.address == $mac)
    | select(.linkinfo.info_kind | IN("ipvlan", "ipvtap", "macvlan", "macvtap", "vlan", "bridge", "bond", "team", "vrf") | not)
    | .ifname] | first // empty'
}

# wait_for_link MAC: prints its name as soon as it is there. The metadata service can know an
# interface before the kernel does.
wait_for_link() {
  retry has_link "$1" && link_of "$1"
}

has_link() {
  [[ -n $(link_of "$1") ]]
}

# rename_link OLD NEW: a link can be renamed while it is down only (before Linux 6.2).
rename_link() {
  local occupant
  if ip link show dev "$2" >/dev/null 2>&1; then
    # Another interface has the name, as after a change of the settings. It gets its own name in its
    # turn.
    occupant=$(ip -json link show dev "$2" | jq --raw-output '.[0].address')
    if [[ -z $(link_of "$occupant") ]]; then
      log "$2 is the name of another link, which is not an interface"
      return 1
    fi
    occupant=${occupant//:}
    ip link set dev "$2" down && ip link set dev "$2" name "hkl${occupant: -12}" || return 1
  fi
  ip link set dev "$1" down && ip link set dev "$1" name "$2"
}

# sysctls NAME MODE: must come before the link is up. The kernel acts on router advertisements at
# once.
sysctls() {
  local name=$1 mode=$2 ok=0
  # Answers and questions of ARP carry the addresses of this link only, not those of the node's
  # other interfaces.
  sysctl_of ipv4 "$name" arp_ignore 1 || ok=1
  sysctl_of ipv4 "$name" arp_announce 2 || ok=1
  # Loose: packets may come in by another interface than the route back goes out by.
  sysctl_of ipv4 "$name" rp_filter 2 || ok=1
  # Without these, an IPv6 subnet gives the node an address and a default route by this link.
  sysctl_of ipv6 "$name" accept_ra 0 || ok=1
  sysctl_of ipv6 "$name" autoconf 0 || ok=1
  if [[ $mode == multus ]]; then
    # No link-local address.
    sysctl_of ipv6 "$name" addr_gen_mode 1 || ok=1
  fi
  return "$ok"
}

sysctl_of() {
  local file="$HOOKLINE_ROOTFS/proc/sys/net/$1/conf/$2/$3"
  # A node without IPv6 has no such file.
  [[ $1 == ipv6 && ! -e $file ]] && return 0
  [[ $(<"$file") == "$4" ]] || printf '%s\n' "$4" >"$file"
}

# set_link NAME MTU: sets the MTU, and brings the link up.
set_link() {
  local now
  now=$(ip -json link show dev "$1" | jq --raw-output '.[0] | "\(.mtu) \(.flags | index("UP") != null)"') || return 1
  [[ $now == "$2 "* ]] || ip link set dev "$1" mtu "$2" || return 1
  [[ $now == *" true" ]] || ip link set dev "$1" up
}
