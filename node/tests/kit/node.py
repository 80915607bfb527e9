"""A node and a VPC in namespaces of this machine. All that is in them ends with one process each: no namespace has a name outside.

A node has its own network, mounts and process ids. /run is empty, /etc and /usr/local are copies. In them run the real systemd-networkd, the
real systemd-udevd and the stand-in for the metadata service. Its interfaces are veth pairs; the other ends are ports of the VPC's bridges.
Not real: PID 1 is not systemd, so units do not run (test_boot.py boots one); nodeadm does not run, and tests write what it writes.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import bundle
from kit.machine import Runs, need, wait_for

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = "/usr/local/libexec/hookline"
SETTINGS = "/etc/hookline/node.json"
INSTANCE = "i-0123456789abcdef0"
NODEADM_CACHE = f"/etc/eks/nodeadm/udev-net-manager/{INSTANCE}"

#: What every test in namespaces runs.
NAMESPACES = ("bash", "curl", "flock", "ip", "jq", "nsenter", "pgrep", "setpriv", "unshare")
#: What a node with networkd and udev runs.
DAEMONS = (*NAMESPACES, "dbus-daemon", "systemd-networkd", "systemd-udevd", "networkctl", "udevadm", "busybox")

_SET_UP = r"""
set -e
mount -t sysfs sysfs /sys
mount -t tmpfs tmpfs /run
# In memory, and gone with the namespace.
mkdir "$1/files"
mount -t tmpfs tmpfs "$1/files"
set -- "$1/files"
mkdir -p "$1/etc" "$1/local"
cp -a /etc/. "$1/etc/"
rm -rf "$1/etc/systemd/network" "$1/etc/eks" "$1/etc/cni" "$1/etc/hookline"
mkdir -p "$1/etc/systemd/network" "$1/etc/systemd/networkd.conf.d"
# As the EKS AMI has it.
printf '[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n' >"$1/etc/systemd/networkd.conf.d/80-release.conf"
mount --bind "$1/etc" /etc
mount --bind "$1/local" /usr/local
mkdir -p /run/systemd/network /run/dbus /run/udev
install -d -o systemd-network -g systemd-network /run/systemd/netif /run/systemd/netif/links /run/systemd/netif/leases /run/systemd/netif/lldp 2>/dev/null || true
ip link set lo up
ip address add 169.254.169.254/32 dev lo
echo ready
exec sleep infinity
"""


def unpack_bundle(folder):
    """What user data unpacks on a node. It is packed now, so that a test sees a change before the bundle does."""
    for name, content in bundle.content(bundle.pack()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


class Namespace(Runs):
    """A process in new namespaces, and what runs beside it there."""

    def __init__(self, test, kinds, script, *args):
        self.kinds = kinds
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", *(f"--{kind}" for kind in kinds), "--fork", "--kill-child"]
        if "pid" in kinds:
            command.append("--mount-proc")
        self.process = subprocess.Popen([*command, "bash", "-c", script, "bash", *args], stdout=subprocess.PIPE, text=True)
        test.addCleanup(self.end)
        if self.process.stdout.readline().strip() != "ready":
            raise AssertionError("a namespace could not be set up")
        self.pid = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0]

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def command(self, *args):
        return ["nsenter", "--target", self.pid, *(f"--{kind}" for kind in self.kinds), "--", *args]

    def run(self, *args, check=True, text=None, env=None):
        """Runs a program to its end."""
        done = subprocess.run(self.command(*args), input=text, capture_output=True, text=True, check=False, timeout=120,
                              env={**os.environ, **(env or {})})
        if check and done.returncode:
            raise AssertionError(f"{' '.join(args)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return done


class Vpc(Namespace):
    """A VPC: a bridge for each subnet, with the addresses of the VPC's router and, if asked, a DHCP server.

    The router has the first IPv4 address, and FE80:EC2::1 in a subnet with IPv6 (VPC user guide, "Subnet sizing" and "Subnet CIDR blocks").
    """

    def __init__(self, test):
        need(*NAMESPACES, root=True)
        super().__init__(test, ["net"], "ip link set lo up; echo ready; exec sleep infinity")
        self.test = test
        self.subnets = {}

    def subnet(self, name, cidr, leases=None, ipv6=False):
        """Adds a subnet. `leases` maps hardware addresses to what DHCP gives them."""
        base, length = cidr.split("/")
        gateway = base.rsplit(".", 1)[0] + "." + str(int(base.rsplit(".", 1)[1]) + 1)
        bridge = f"br{len(self.subnets)}"
        self.subnets[name] = bridge
        self.run("ip", "link", "add", bridge, "type", "bridge")
        self.run("ip", "address", "add", f"{gateway}/{length}", "dev", bridge)
        self.run("ip", "link", "set", bridge, "mtu", "9001", "up")
        if ipv6:
            self.run("ip", "address", "add", "fe80:ec2::1/64", "dev", bridge, "nodad")
        if leases:
            folder = Path(tempfile.mkdtemp())
            self.test.addCleanup(shutil.rmtree, folder)
            lines = [f"interface {bridge}", f"lease_file {folder}/leases", f"pidfile {folder}/pid", f"start {next(iter(leases.values()))}",
                     f"end {next(iter(leases.values()))}", f"opt subnet 255.255.255.0\nopt router {gateway}\nopt lease 3600"]
            lines += [f"static_lease {mac} {address}" for mac, address in leases.items()]
            (folder / "udhcpd.conf").write_text("\n".join(lines) + "\n")
            (folder / "leases").touch()
            server = subprocess.Popen(self.command("setpriv", "--pdeathsig", "KILL", "busybox", "udhcpd", "-f", str(folder / "udhcpd.conf")),
                                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.test.addCleanup(lambda: (server.kill(), server.wait()))


class Node(Namespace):
    """A node with its primary interface ens5. Interfaces are attached one by one."""

    def __init__(self, test, vpc=None, daemons=False):
        need(*(DAEMONS if daemons else NAMESPACES), root=True)
        self.test = test
        self.vpc = vpc or Vpc(test)
        self.work = Path(tempfile.mkdtemp())
        test.addCleanup(shutil.rmtree, self.work)
        super().__init__(test, ["net", "mount", "pid"], _SET_UP, str(self.work))
        self.state = {"instanceId": INSTANCE, "interfaces": []}
        self.logs = {}
        self.publish()
        self.serve()
        self.ports = 0
        (self.work / "console").touch()
        if daemons:
            self.bus()
            self.start_daemons()

    # The machine

    def background(self, name, *args, env=None):
        """Starts a program, whose output is `self.logs[name]`."""
        path = self.work / f"{name}.log"
        self.logs[name] = path
        with path.open("a") as log:
            process = subprocess.Popen(self.command(*args), stdout=log, stderr=log, env={**os.environ, **(env or {})})
        process.log = path
        self.test.addCleanup(process.wait)
        self.test.addCleanup(process.kill)
        return process

    def log(self, name):
        return self.logs[name].read_text()

    def start(self, daemon):
        path = next(str(path) for path in (Path("/lib/systemd") / daemon, Path("/usr/lib/systemd") / daemon) if path.exists())
        return self.background(daemon, path, env={"SYSTEMD_LOG_TARGET": "console"})

    def start_daemons(self):
        """Starts udevd and networkd, in the order of a boot, and triggers udev as systemd-udev-trigger.service does."""
        self.start("systemd-udevd")
        self.start("systemd-networkd")
        wait_for("networkd", lambda: not self.run("networkctl", "list", "--json=short", check=False).returncode)
        wait_for("udevd", lambda: self.exists("/run/udev/control"))
        self.run("udevadm", "trigger", "--action=add", "--subsystem-match=net")

    def bus(self):
        self.background("dbus", "dbus-daemon", "--system", "--nofork", "--nopidfile")
        wait_for("the bus", lambda: self.exists("/run/dbus/system_bus_socket"))

    def serve(self):
        process = subprocess.Popen(self.command(sys.executable, "-B", str(Path(__file__).with_name("imds.py")), str(self.work / "imds.json")),
                                   stdout=subprocess.PIPE, text=True)
        self.test.addCleanup(process.stdout.close)
        self.test.addCleanup(process.wait)
        self.test.addCleanup(process.kill)
        if process.stdout.readline().strip() != "ready":
            raise AssertionError("the metadata service did not start")

    def outside(self, path):
        """Where a file of the node is on this machine."""
        return Path(f"/proc/{self.pid}/root{path}")

    def exists(self, path):
        return self.outside(path).exists()

    def read(self, path):
        return self.outside(path).read_text()

    def write(self, path, text):
        self.outside(path).parent.mkdir(parents=True, exist_ok=True)
        self.outside(path).write_text(text)

    def names(self, folder, pattern="*"):
        return sorted(path.name for path in self.outside(folder).glob(pattern))

    def reboot(self):
        """What a reboot does to what is here: /run is empty, links have lost everything but their hardware addresses, udev and networkd are new."""
        for daemon in ("systemd-networkd", "systemd-udevd"):
            for pid in self.pids(daemon):
                self.run("kill", "-KILL", pid)
        self.run("bash", "-c", "shopt -s dotglob; rm -rf /run/hookline /run/systemd/network/* /run/udev/*; ip rule flush; "
                 "ip rule add pref 0 lookup local; ip rule add pref 32766 lookup main; ip rule add pref 32767 lookup default; "
                 "rm -rf /run/systemd/netif/*/*", check=False)

    def pids(self, program):
        found = self.run("pgrep", "-f", f"systemd/{program}$", check=False).stdout.split()
        return [pid for pid in found if pid != "1"]

    def stop(self, program, process):
        """Ends a program that `background` started, as systemd does. Returns its status."""
        self.run("pkill", "-TERM", "-f", f"{program}$")
        return process.wait(timeout=60)

    # The metadata service

    def publish(self, **changes):
        self.state.update(changes)
        new = self.work / "imds.new"
        new.write_text(json.dumps(self.state))
        new.replace(self.work / "imds.json")

    def show(self, mac, **categories):
        """Shows an interface in the metadata service, or other values of it. Names with _ for -; None: not there."""
        interface = next((one for one in self.state["interfaces"] if one["mac"] == mac), None)
        if interface is None:
            interface = {"mac": mac}
            self.state["interfaces"].append(interface)
        for name, value in categories.items():
            interface[name.replace("_", "-")] = value if value is None else str(value)
        self.publish()

    def hide(self, mac):
        self.publish(interfaces=[one for one in self.state["interfaces"] if one["mac"] != mac])

    # Interfaces

    def plug(self, mac, link, subnet=None, mtu=1500):
        """Gives the node a link, as the kernel does after a hot-plug: with a name of its own, and down."""
        port = f"p{self.pid}n{self.ports}"[-15:]
        self.ports += 1
        self.vpc.run("ip", "link", "add", port, "mtu", "9001", "type", "veth", "peer", "name", "fresh")
        if subnet:
            self.vpc.run("ip", "link", "set", port, "master", self.vpc.subnets[subnet], "up")
        self.vpc.run("ip", "link", "set", "fresh", "address", mac, "mtu", str(mtu), "name", link)
        self.vpc.run("ip", "link", "set", link, "netns", self.pid)

    def primary(self, subnet="subnet-node", address="10.0.0.10", link="ens5", mac="02:00:00:00:00:05"):
        """The primary interface, in the metadata service and as a link."""
        self.plug(mac, link, subnet if subnet in self.vpc.subnets else None)
        # As udev does with a PCI device: by its path.
        self.run("ip", "link", "property", "add", "dev", link, "altname", "enp0s5")
        return self.show_primary(mac, subnet, address)

    def show_primary(self, mac, subnet="subnet-node", address="10.0.0.10"):
        """The primary interface in the metadata service."""
        self.publish(mac=mac)
        self.show(mac, interface_id="eni-primary", subnet_id=subnet, device_number=0, local_ipv4s=address, subnet_ipv4_cidr_block="10.0.0.0/24")
        return mac

    def addresses(self, name, family="inet"):
        found = self.json("ip", "-json", "address", "show", "dev", name)
        return [f"{one['local']}/{one['prefixlen']}" for link in found for one in link.get("addr_info", []) if one["family"] == family]

    def routes(self, name, table="all", family="inet"):
        found = self.json("ip", "-family", family, "-json", "route", "show", "table", table, "dev", name)
        return [route for route in found if route.get("type", "unicast") == "unicast"]

    def rules(self, family="inet"):
        return [(rule["priority"], rule["src"], rule["table"]) for rule in self.json("ip", "-family", family, "-json", "rule", "show")]

    # The node's programs

    def install(self, settings):
        """Installs from the bundle, as user data does: what runs in the tests has lost its comments too."""
        text = settings if isinstance(settings, str) else json.dumps(settings)
        unpacked = self.work / "bundle"
        unpack_bundle(unpacked)
        return self.run("bash", str(unpacked / "install.sh"), text=text)

    def gate(self, name="gate", **env):
        env = {"HOOKLINE_POLL_SECONDS": "0.1", "HOOKLINE_REPORT_SECONDS": "2", "HOOKLINE_CONSOLE": str(self.work / "console"), **env}
        return self.background(name, f"{PROGRAMS}/hookline-gate", env=env)

    def console(self):
        return (self.work / "console").read_text()

    def interfaces(self, command="require", check=True, **env):
        return self.run(f"{PROGRAMS}/hookline-interfaces", command, check=check,
                        env={"HOOKLINE_DRIVERS": "veth", "HOOKLINE_WAIT_SECONDS": "30", "HOOKLINE_CONSOLE": str(self.work / "console"), **env})
