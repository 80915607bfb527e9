# shellcheck shell=bash
# systemd-networkd and udev: the files that say whose an interface is and what its name is, and the
# wait until networkd has acted on them.
#
# networkd takes the first .network file that matches, in the order of the file names over all its
# folders. So the files here win over nodeadm's (70-eks-NAME.network) and over ec2-net-utils'
# (80-ec2.network).

NETWORKD_ETC=/etc/systemd/network
NETWORKD_RUN=/run/systemd/network

networkd_runs() {
  networkctl list --json=short >/dev/null 2>&1
}

# keep_networkd_away PRIMARY: networkd leaves every interface but the primary one alone, until a
# file of its own says otherwise. It is on tmpfs, and made anew in each boot: if the primary
# interface got another name, a file in /etc would cut the node off. All its names are there. udev
# gives it an alternative one by its path (enp0s5), and networkd takes a file if any name of the
# link matches (systemd, net_condition_test_ifname), which enp0s5 does for "not ens5". Returns as
# write_file does.
keep_networkd_away() {
  local names
  names=$(ip -json link show dev "$1" | jq --raw-output '.[0] | [.ifname, .altnames[]?] | join(" ")') || return 2
  write_file "$NETWORKD_RUN/11-hookline-secondary.network" <<END
# Written by hookline-interfaces: the node's secondary interfaces are not networkd's.
[Match]
Driver=$HOOKLINE_DRIVERS
Name=!$names

[Link]
Unmanaged=yes
END
}

# link_file NAME MAC MTU: the name and the MTU of the interface whenever it appears: at boot, or
# when it comes back from a pod.
link_file() {
  write_file "$NETWORKD_ETC/10-hookline-$1.link" <<END
# Written by hookline-interfaces.
[Match]
MACAddress=$2
Driver=$HOOKLINE_DRIVERS

[Link]
Name=$1
MTUBytes=$3
MACAddressPolicy=none
END
}

# network_file NAME < JSON: whose it is. The JSON is an element of `found` (assign.jq), with
# `hostAddresses`.
network_file() {
  jq -L "$HOOKLINE_HOME" --raw-output --arg drivers "$HOOKLINE_DRIVERS" --from-file "$HOOKLINE_HOME/network-file.jq" |
    write_file "$NETWORKD_ETC/10-hookline-$1.network"
}

# remove_networkd_files_but NAME...: removes the files of interfaces that are not the node's any
# more. Returns 0 if there was one.
remove_networkd_files_but() {
  remove_files_but "$NETWORKD_ETC/10-hookline-" "$*" "$NETWORKD_ETC"/10-hookline-*.{link,network}
}

# wait_for_networkd NAME STATE: waits until networkd says so: unmanaged, or configured.
wait_for_networkd() {
  retry is_in_state "$@" || {
    log "networkd has $1 as ${state:-unknown}, not as $2"
    return 1
  }
}

# Sets `state`.
is_in_state() {
  state=$(networkctl list --json=short 2>/dev/null |
    jq --raw-output --arg name "$1" '.Interfaces[] | select(.Name == $name) | .AdministrativeState')
  [[ $state == "$2" ]]
}
