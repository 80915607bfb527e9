"""A whole boot: systemd as PID 1, in a container of systemd-nspawn in the node's network. It has this machine's /usr, and its own /etc and /run.

kubelet and nodeadm are stubs; cloud-init is real. /sys is read-only in such a container, so udev does not run, and networkd does not wait for it.
"""

import json
import os
import shutil
import signal
import subprocess
import unittest
from pathlib import Path

from kit import user_data
from kit.machine import TimedOut, need, wait_for
from kit.node import NAMESPACES, ROOT, Node, Vpc

SIGNALING = "02:00:00:00:00:11"
#: Like kubelet.service of the EKS AMI (awslabs/amazon-eks-ami,
#: templates/al2023/runtime/rootfs/etc/systemd/system), with a stub for kubelet.
KUBELET = """[Unit]
Description=Kubelet
After=user-script.service
[Service]
ExecStartPre=/bin/true
ExecStart=/bin/sleep infinity
Restart=on-failure
RestartSec=5
KillMode=process
"""
#: A script of a user that fails, before kubelet.
SCRIPT = "[Unit]\nDescription=A script that fails\n[Service]\nType=oneshot\nExecStart=/bin/false\n"
VETH = "[Service]\nEnvironment=HOOKLINE_DRIVERS=veth\n"
SETTINGS = {"gate": [{"network": "signaling", "subnetIds": ["subnet-0a"], "deviceIndex": 1, "mtu": 1400}]}

#: cloud-init's stages (its documentation, "Boot stages"), in the order of AL2023: cloud-final is
#: not after multi-user.target, as on Debian.
STAGES = {"cloud-init-local": "init --local", "cloud-init": "init", "cloud-config": "modules --mode=config", "cloud-final": "modules --mode=final"}
STAGE = "[Unit]\nDefaultDependencies=no\nAfter=sysinit.target dbus.service {after}\n[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/usr/bin/cloud-init {command}\n"
#: Of its modules, only the one that runs scripts: the others would set up users and packages.
CLOUD = {"datasource_list": ["NoCloud"], "network": {"config": "disabled"}, "users": [], "system_info": {"distro": "debian"},
         "cloud_init_modules": [], "cloud_config_modules": [], "cloud_final_modules": ["scripts-user"]}
#: It restarts kubelet after all scripts (awslabs/amazon-eks-ami,
#: templates/al2023/runtime/rootfs/etc/systemd/system/nodeadm-run.service:
#: After=cloud-final.service).
NODEADM = "[Unit]\nAfter=cloud-final.service\n[Service]\nType=oneshot\nExecStart=/bin/systemctl --no-block restart kubelet.service\n"
#: A part of the user data, before Hookline's.
FAILS = 'Content-Type: text/x-shellscript; charset="us-ascii"\n\n#!/bin/bash\nexit 7\n'


#: What is on the disk.
KEPT = ("etc/cloud", "etc/hookline", "etc/systemd/network", "etc/systemd/system", "usr/local/libexec", "var/lib/cloud")


class Boots(unittest.TestCase):
    def setUp(self):
        need(*NAMESPACES, "systemd-nspawn", "networkctl", root=True)
        vpc = Vpc(self)
        vpc.subnet("subnet-0a", "10.0.1.0/24")
        self.node = Node(self, vpc)
        self.node.primary()
        self.disk = self.node.work / "disk"
        self.units = self.disk / "etc/systemd/system"
        for folder in (*KEPT, "etc/systemd/system/multi-user.target.wants"):
            (self.disk / folder).mkdir(parents=True)
        for name in ("kubelet", "hookline-interfaces"):
            (self.units / f"{name}.service.d").mkdir()
            (self.units / f"{name}.service.d/60-veth.conf").write_text(VETH)

    def unit(self, name, text, wanted=True):
        (self.units / f"{name}.service").write_text(text)
        if wanted:
            (self.units / f"multi-user.target.wants/{name}.service").symlink_to(f"../{name}.service")

    #: PID 1 of the container that runs.
    leader = None

    def boot(self):
        """Boots, and returns the process of the container. What is on the disk is kept from boot to boot."""
        machine = f"hookline-{self.node.pid}"
        binds = [f"--bind={self.disk}/{path}:/{path}" for path in KEPT]
        container = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "systemd-nspawn", "--quiet", "--directory=/", "--volatile=yes", "--register=no", "--keep-unit",
             # With a network that exists, nspawn gives none by itself.
             "--capability=CAP_NET_ADMIN",
             f"--network-namespace-path=/proc/{self.node.pid}/ns/net", f"--machine={machine}", *binds, "--console=pipe", "--boot"],
            # Else the sysctls of the network are read-only.
            env={**os.environ, "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"}, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(shutil.rmtree, Path("/run/systemd/nspawn/propagate") / machine, ignore_errors=True)
        self.addCleanup(self.off, container)
        self.leader = wait_for("PID 1 of the container", lambda: self.pid_1(container))
        wait_for("systemd", lambda: self.inside("systemctl", "is-system-running").strip() in ("starting", "running", "degraded"))
        return container

    def pid_1(self, container):
        """The process in the container that is PID 1 there. nspawn has other children while it starts."""
        children = Path(f"/proc/{container.pid}/task/{container.pid}/children")
        for child in children.read_text().split():
            try:
                status = Path(f"/proc/{child}/status").read_text()
            except FileNotFoundError:
                continue
            # Its ids in our PID namespace and in its own.
            ids = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[1:]
            if len(ids) > 1 and ids[-1] == "1":
                return child
        return None

    def off(self, container):
        """Cuts the power. The kernel ends all processes of a PID namespace with its PID 1; without nspawn, that would go on."""
        leader, self.leader = self.leader, None
        if leader and container.poll() is None:
            os.kill(int(leader), signal.SIGKILL)
        container.kill()
        container.wait()

    def inside(self, *args):
        return subprocess.run(["nsenter", "--target", self.leader, "--all", "--", *args], capture_output=True, text=True, check=False, timeout=60).stdout

    def kubelet(self):
        return self.inside("systemctl", "show", "--property=ActiveState,SubState", "--value", "kubelet.service").split()

    def journal(self):
        return self.inside("journalctl", "--no-pager", "--unit=kubelet.service")

    def show(self):
        self.node.show(SIGNALING, interface_id="eni-1", subnet_id="subnet-0a", device_number=1, local_ipv4s="10.0.1.4",
                       subnet_ipv4_cidr_block="10.0.1.0/24")

    def attach(self):
        self.show()
        self.node.plug(SIGNALING, "ens6", "subnet-0a")

    def lose_link_state(self):
        """What a reboot does: the link has the kernel's name again."""
        self.node.run("ip", "link", "set", "signaling", "down")
        self.node.run("ip", "link", "set", "signaling", "mtu", "1500", "name", "ens9")

    def kubelet_runs(self):
        try:
            wait_for("kubelet runs", lambda: self.kubelet() == ["active", "running"])
        except TimedOut:
            self.fail(self.journal())

    def is_configured(self):
        link = self.node.link("signaling")
        self.assertEqual((link["address"], link["mtu"], "UP" in link["flags"]), (SIGNALING, 1400, True))
        links = json.loads(self.inside("networkctl", "list", "--json=short"))["Interfaces"]
        self.assertEqual({one["Name"]: one["AdministrativeState"] for one in links}["signaling"], "unmanaged")


class ABoot(Boots):
    """Of an image that has the programs."""

    def setUp(self):
        super().setUp()
        subprocess.run(["bash", str(ROOT / "install.sh"), "--root", str(self.disk)], input=json.dumps(SETTINGS), text=True, check=True)
        self.unit("kubelet", KUBELET)
        self.unit("user-script", SCRIPT)

    def test_starts_kubelet_when_the_interface_is_there_and_does_so_again_after_a_reboot(self):
        container = self.boot()
        wait_for("the gate says what it waits for", lambda: "kubelet waits for 1 of 1 interfaces: signaling" in self.journal())
        # The script failed, and kubelet's start was tried all the same.
        self.assertEqual(self.inside("systemctl", "show", "--property=Result", "--value", "user-script.service").strip(), "exit-code")
        self.assertEqual(self.kubelet(), ["activating", "start-pre"])
        self.assertEqual(self.inside("systemctl", "show", "--property=TimeoutStartUSec", "--value", "kubelet.service").strip(), "infinity")
        self.attach()
        self.kubelet_runs()
        self.is_configured()
        self.off(container)

        # Nothing installs anything.
        self.lose_link_state()
        self.node.publish(fault="hang")
        self.boot()
        wait_for("the gate waits for the metadata service", lambda: "curl: (28)" in self.journal())
        self.assertEqual(self.kubelet(), ["activating", "start-pre"])
        self.node.publish(fault=None)
        self.kubelet_runs()
        self.is_configured()


class ABootWithUserData(Boots):
    """Of an image that has nothing of Hookline: cloud-init runs the user data that the CDK app makes, with the list of networks of this file."""

    def setUp(self):
        super().setUp()
        need("cloud-init")
        self.unit("kubelet", KUBELET.replace("After=user-script.service\n", ""), wanted=False)
        self.unit("nodeadm-run", NODEADM)
        after = ""
        for name, command in STAGES.items():
            self.unit(name, STAGE.format(after=after, command=command))
            after = f"{name}.service"
        (self.disk / "etc/cloud/cloud.cfg").write_text(json.dumps(CLOUD))
        seed = self.disk / "var/lib/cloud/seed/nocloud"
        seed.mkdir(parents=True)
        (seed / "meta-data").write_text(json.dumps({"instance-id": "i-0123456789abcdef0"}))
        text = user_data.with_settings("al2023-managed.txt", SETTINGS)
        first = "--==HOOKLINE==\n"
        (seed / "user-data").write_text(text.replace(first, f"{first}{FAILS}{first}", 1))

    def test_holds_kubelet_back_after_a_script_that_failed_and_once_more_after_a_reboot(self):
        container = self.boot()
        wait_for("the gate says what it waits for", lambda: "kubelet waits for 1 of 1 interfaces: signaling" in self.journal())
        # cloud-init ran both scripts, and the first one failed. kubelet did not run before them.
        said = self.cloud_final()
        self.assertIn("Runparts: 1 failures (part-001) in 2 attempted commands", said)
        self.assertNotIn("kubelet runs already", said)
        self.assertEqual(self.kubelet(), ["activating", "start-pre"])
        self.attach()
        self.kubelet_runs()
        self.is_configured()
        self.off(container)

        # The scripts run once for an instance (its id is in the seed), and the programs stay.
        self.lose_link_state()
        self.node.hide(SIGNALING)
        self.boot()
        wait_for("the gate waits again", lambda: "kubelet waits for 1 of 1 interfaces: signaling" in self.journal())
        self.assertIn("config-scripts-user already ran", self.cloud_final())
        self.show()
        self.kubelet_runs()
        self.is_configured()

    def cloud_final(self):
        return self.inside("journalctl", "--no-pager", "--unit=cloud-final.service")
