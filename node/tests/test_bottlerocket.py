"""The bootstrap container of Bottlerocket: what its image has, and what its program does to the host.

No container runtime is here, and no Bottlerocket. A mount namespace on a node stands for the container, by the source of Bottlerocket's host-ctr
(bottlerocket-os/bottlerocket-core-kit, sources/host-ctr/cmd/host-ctr/main.go): the network of the host, an /etc of its own, /proc/sys read-only,
the files of the host in /.bottlerocket/rootfs, of which the top is read-only and the mounts in it are not; /etc/cni of the host is such
a mount (packages/release/etc-cni.mount). The programs are those of the image's packages, and no others. SELinux is not there.
"""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

from kit.machine import need, wait_for
from kit.node import NAMESPACES, ROOT, Node, Vpc

FOLDER = ROOT / "bottlerocket"
DOCKERFILE = (FOLDER / "Dockerfile").read_text()
SIGNALING = "02:00:00:00:00:11"
SETTINGS = {"gate": [{"network": "signaling", "subnetIds": ["subnet-0a"], "deviceIndex": 1, "interfaceName": "sig0", "mtu": 1400,
                      "cni": {"type": "ipvlan"}}]}
OWN = "/run/bottlerocket/bootstrap-containers/current"
CONFIGURATION = "/etc/cni/net.d/hookline.d/hookline-signaling.conf"

#: The host, before the container starts.
HOST = """set -e
mkdir -p /etc/cni /run/bottlerocket/rootfs /run/bottlerocket/bootstrap-containers/current /usr/local/libexec
mount -t tmpfs tmpfs /etc/cni
cp -a "$1/program" /usr/local/libexec/hookline
cp -a "$1/bottlerocket/bootstrap.sh" /usr/local/libexec/hookline-bootstrap
"""

#: The container: the image's entry point, with its mounts.
CONTAINER = """set -e
mount --rbind / /run/bottlerocket/rootfs
mount -o remount,bind,ro /run/bottlerocket/rootfs
mkdir /run/own-etc
mount --bind /run/own-etc /etc
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
rm -rf /run/hookline
export PATH="$1"
exec /usr/local/libexec/hookline-bootstrap
"""


def packages():
    """The packages that the Dockerfile installs."""
    [line] = re.findall(r"apt-get install --yes --no-install-recommends (.+?) \\\n", DOCKERFILE)
    return line.split()


def tools(folder):
    """Links to the programs that the image has: those of its packages, and of the packages that every Debian has."""
    listed = subprocess.run(["dpkg-query", "--show", "--showformat", "${Package} ${Essential} ${Priority}\\n"], capture_output=True, text=True, check=True)
    basic = [line.split()[0] for line in listed.stdout.splitlines() if line.split()[1:2] == ["yes"] or line.endswith(" required")]
    files = subprocess.run(["dpkg-query", "--listfiles", *basic, *packages()], capture_output=True, text=True, check=True).stdout.splitlines()
    for file in files:
        path = Path(file)
        if str(path.parent) in ("/bin", "/sbin", "/usr/bin", "/usr/sbin") and path.is_file() and not (Path(folder) / path.name).exists():
            (Path(folder) / path.name).symlink_to(path)


class TheImage(unittest.TestCase):
    def test_has_the_programs_and_an_entry_point_that_is_among_them(self):
        copied = dict(re.findall(r"^COPY (\S+) (\S+)$", DOCKERFILE, re.MULTILINE))
        self.assertEqual(copied, {"program": "/usr/local/libexec/hookline", "bottlerocket/bootstrap.sh": "/usr/local/libexec/hookline-bootstrap"})
        self.assertTrue(all((ROOT / source).exists() for source in copied))
        self.assertIn('ENTRYPOINT ["/usr/local/libexec/hookline-bootstrap"]', DOCKERFILE)
        self.assertTrue(os.access(FOLDER / "bootstrap.sh", os.X_OK))

    def test_has_a_program_without_a_warning_of_shellcheck(self):
        need("shellcheck")
        done = subprocess.run(["shellcheck", FOLDER / "bootstrap.sh"], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))


class TheContainer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need(*NAMESPACES, "dpkg-query", root=True)
        cls.tools = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.tools.cleanup)
        tools(cls.tools.name)

    def setUp(self):
        vpc = Vpc(self)
        vpc.subnet("subnet-0a", "10.0.1.0/24")
        self.node = Node(self, vpc)
        self.node.primary(link="eth0")
        self.node.run("bash", "-s", str(ROOT), text=HOST)
        self.boots = 0

    def start(self, settings=SETTINGS):
        """Starts the container as a boot does: Bottlerocket writes the user data first."""
        self.node.write(f"{OWN}/user-data", settings if isinstance(settings, str) else json.dumps(settings))
        self.boots += 1
        env = {"HOOKLINE_BOTTLEROCKET": "/run/bottlerocket", "HOOKLINE_DRIVERS": "veth", "HOOKLINE_POLL_SECONDS": "0.1", "HOOKLINE_REPORT_SECONDS": "2",
               "HOOKLINE_RETRY_SECONDS": "0.2"}
        return self.node.background(f"boot-{self.boots}", "unshare", "--mount", "bash", "-c", CONTAINER, "bash", self.tools.name, env=env)

    def says(self, container, words):
        wait_for(f"{words!r}", lambda: words in container.log.read_text() or container.poll() is not None)
        self.assertIn(words, container.log.read_text())

    def has_not_ended(self, container):
        self.assertIsNone(container.poll(), container.log.read_text())

    def attach(self, addresses="10.0.1.4\n10.0.1.9"):
        self.node.plug(SIGNALING, "eth1", "subnet-0a")
        self.node.show(SIGNALING, interface_id="eni-1", subnet_id="subnet-0a", device_number=1, local_ipv4s=addresses,
                       subnet_ipv4_cidr_block="10.0.1.0/24")

    def goes_on(self, container):
        try:
            self.assertEqual(container.wait(timeout=60), 0, container.log.read_text())
        except subprocess.TimeoutExpired:
            self.fail(container.log.read_text())

    def is_configured(self):
        link = self.node.link("sig0")
        self.assertEqual((link["address"], link["mtu"], "UP" in link["flags"]), (SIGNALING, 1400, True))
        self.assertEqual(self.node.out("cat", "/proc/sys/net/ipv4/conf/sig0/arp_ignore"), "1")
        found = json.loads(self.node.read(CONFIGURATION))
        self.assertEqual((found["master"], found["ipam"]["ranges"][0][0]["rangeStart"]), ("sig0", "10.0.1.9"))

    def test_holds_the_boot_until_the_interface_is_there_and_configures_the_host(self):
        container = self.start()
        self.says(container, "kubelet waits for 1 of 1 interfaces: signaling")
        self.assertFalse(self.node.exists(CONFIGURATION))
        self.attach()
        self.goes_on(container)
        self.is_configured()
        self.assertNotIn("command not found", container.log.read_text())

    def test_does_the_same_at_the_next_boot(self):
        self.attach()
        self.goes_on(self.start())
        # What a reboot does: names and states of links are the kernel's, and the tmpfs of the host
        # is empty.
        self.node.run("ip", "link", "set", "sig0", "down")
        self.node.run("ip", "link", "set", "sig0", "mtu", "1500", "name", "eth1")
        self.node.run("rm", "-rf", "/etc/cni/net.d", "/run/own-etc")
        self.goes_on(self.start())
        self.is_configured()

    def test_holds_the_boot_until_there_are_addresses_for_pods(self):
        self.attach("10.0.1.4")
        container = self.start()
        self.says(container, f"no addresses for pods: {CONFIGURATION}")
        self.has_not_ended(container)
        self.node.show(SIGNALING, local_ipv4s="10.0.1.4\n10.0.1.9")
        self.goes_on(container)
        self.is_configured()

    def test_names_no_override_because_nobody_can_log_in_while_the_boot_is_held(self):
        container = self.start()
        self.says(container, "There is no override on Bottlerocket: stop or terminate the instance")
        self.assertNotIn("touch", container.log.read_text())
        self.has_not_ended(container)

    def test_holds_the_boot_with_settings_that_are_wrong(self):
        container = self.start("{")
        self.says(container, "the settings are wrong")
        self.has_not_ended(container)

    def test_holds_the_boot_with_an_interface_for_the_operating_system_which_it_cannot_configure(self):
        self.attach()
        container = self.start({"gate": [{"network": "signaling", "subnetIds": ["subnet-0a"], "deviceIndex": 1, "mode": "os"}]})
        self.says(container, "mode os needs systemd-networkd, which does not run")
        self.has_not_ended(container)
