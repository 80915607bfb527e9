# shellcheck shell=bash
# nodeadm of the EKS AMI for AL2023 (awslabs/amazon-eks-ami, nodeadm/cmd/nodeadm-internal/udev).
# When an interface appears, udev-net-manager decides whose it is and remembers that by the
# interface's name, for the next boots. At each boot, nodeadm-boot-hook waits, for up to a minute,
# until what it remembers is true.

NODEADM_CACHE=/etc/eks/nodeadm/udev-net-manager

# stop_net_manager NAME: it must not act on the interface from here on.
stop_net_manager() {
  # Its rule may not have run yet.
  if command -v udevadm >/dev/null; then
    udevadm settle --timeout=10 2>/dev/null || true
  fi
  if command -v systemctl >/dev/null; then
    systemctl stop "udev-net-manager@$1.service" 2>/dev/null || true
  fi
}

# remember INSTANCE_ID NAME MANAGER: what nodeadm believes of this name: "cni", or
# "io.systemd.Network".
remember() {
  # Elsewhere there is no nodeadm.
  [[ -d $NODEADM_CACHE ]] || return 0
  printf '%s' "$3" | write_file "$NODEADM_CACHE/$1/$2"
  # What nodeadm wrote for networkd when it took the interface.
  [[ $3 == cni ]] && rm --force "/run/systemd/network/70-eks-$2.network"
  return 0
}
