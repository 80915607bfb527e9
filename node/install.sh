#!/usr/bin/env bash
# Installs the gate and the configuration of interfaces on a node. The settings (docs/node.md) come
# by standard input.
#
#   install.sh < node.json              on a node, before kubelet starts: in user data, in any order
#                                       with other scripts
#   install.sh --root DIR < node.json   into an image
#
# It may run again: it replaces what it finds. It starts nothing but a timer, and waits for no
# interface.
set -euo pipefail

root=""
if [[ ${1:-} == --root ]]; then
  root=${2:?--root needs a folder}
  shift 2
fi
if (($# > 0)); then
  printf 'usage: install.sh [--root DIR] < node.json\n' >&2
  exit 2
fi

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
programs="$root/usr/local/libexec/hookline"
units="$root/etc/systemd/system"

# The settings come first. If anything after them fails, the gate has its list; if they are wrong,
# the gate stays closed and says so.
install -D --mode 644 /dev/stdin "$root/etc/hookline/node.json"

install --directory "$programs" "$units/kubelet.service.d" "$units/kubelet.service.wants" "$units/timers.target.wants"
for file in "$here"/program/*; do
  mode=644
  # The mode of the file is not asked: a bundle has none, and where it is unpacked, nothing may be
  # executable (noexec).
  IFS= read -r first <"$file"
  [[ $first == '#!'* ]] && mode=755
  install --mode "$mode" "$file" "$programs/"
done
install --mode 644 "$here"/systemd/hookline-*.{service,timer} "$units/"
install --mode 644 "$here/systemd/kubelet.service.d/50-hookline.conf" "$units/kubelet.service.d/"
ln --symbolic --force ../hookline-interfaces.timer "$units/timers.target.wants/"
# User data has it for a group with a rolling update only.
if [[ -e $here/systemd/hookline-signal.service ]]; then
  ln --symbolic --force ../hookline-signal.service "$units/kubelet.service.wants/"
fi

# Not in an image, and not where systemd does not run.
if [[ -z $root && -d /run/systemd/system ]]; then
  systemctl daemon-reload
  if systemctl --quiet is-active kubelet.service; then
    printf 'kubelet runs already: the gate holds it from its next boot on\n' >&2
  fi
  # Interfaces that come from here on are left alone until their turn. Without the metadata service,
  # the timer does it later.
  "$programs/hookline-interfaces" prepare || true
  systemctl start --no-block hookline-interfaces.timer
fi
