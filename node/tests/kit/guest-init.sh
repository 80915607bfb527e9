#!/usr/bin/bash
# The first program of a guest (guest.py): it mounts what a system has, starts udevd and networkd,
# and runs what comes by its port.
#
# What comes is a program of bash; what goes back is its status, its output and its errors. Each
# ends with a NUL. When the other side closes, the guest ends, and QEMU with it. Starting a program
# is what takes time on an emulated processor, so none is started for this.

export PATH=/usr/sbin:/usr/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
# As systemd does.
ln -s /proc/self/fd /dev/fd
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /tmp
mkdir -p /run/agent /run/dbus /run/systemd/network /run/udev
modprobe -a virtio_pci virtio_console

# udevd names links, loads the drivers of what is there, and of what is plugged in later.
export SYSTEMD_LOG_TARGET=console
/usr/lib/systemd/systemd-udevd &
until [[ -S /run/udev/control ]]; do sleep 0.1; done
udevadm trigger --action=add --subsystem-match=virtio

# networkd runs as a user of its own.
install -d -o systemd-network -g systemd-network /run/systemd/netif /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp
ip link set lo up
dbus-daemon --system --nofork --nopidfile &
until [[ -S /run/dbus/system_bus_socket ]]; do sleep 0.1; done
/usr/lib/systemd/systemd-networkd &

exec 3<>/dev/vport*p1
while IFS= read -r -d '' program <&3; do
  (eval "$program") </dev/null >/run/agent/output 2>/run/agent/errors
  printf '%s\0%s\0%s\0' "$?" "$(</run/agent/output)" "$(</run/agent/errors)" >&3
done
echo o >/proc/sysrq-trigger
sleep infinity
