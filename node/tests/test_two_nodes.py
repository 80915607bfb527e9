"""Two nodes from their launch to a ping between their pods: `cargo xtask demo --node`, and the program that runs its nodes."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from kit import user_data
from kit.machine import leave_out, need, wait_for
from kit.node import ROOT
from two_nodes import NEEDED

PROGRAM = ROOT / "tests/two_nodes.py"
INSTANCE = "i-0123456789abcdef0"
PRIMARY, SIGNALING = "02:00:00:00:00:05", "02:00:00:00:00:11"
#: The user data of a managed group, with a list of its own.
GATE = {"gate": [{"network": "signaling", "subnetIds": ["subnet-0a"], "deviceIndex": 1, "mtu": 1500, "cni": {"type": "host-device"}}]}


class TheDemo(unittest.TestCase):
    def test_ends_with_a_ping_between_the_pods_over_each_network(self):
        need(*NEEDED, "npm", root=True, linux=True)
        demo = os.environ.get("HOOKLINE_DEMO")
        if not demo:
            leave_out("needs the launches of the fake AWS: cargo xtask test --only node", fail=os.geteuid() == 0)
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.json"
            done = subprocess.run([demo, "--node", "--report", str(report)], cwd=ROOT.parent, capture_output=True, text=True, timeout=420, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            found = json.loads(report.read_text())
        self.assertEqual(found["wrong"], [])
        self.assertEqual(found["executions"], {"SUCCEEDED": 2})
        self.assertEqual(len(found["pods"]), 2)
        for networks in found["pods"].values():
            self.assertEqual({name: (one["type"], one["interface"], one["mtu"]) for name, one in networks.items()},
                             {"signaling": ("host-device", "net1", 9001), "user-plane": ("macvlan", "net2", 9001)})
        addresses = {one["address"] for networks in found["pods"].values() for one in networks.values()}
        self.assertEqual(len(addresses), 4)
        one, other = found["pods"]
        self.assertEqual({(ping["from"], ping["to"], ping["definition"]) for ping in found["pings"]},
                         {(*way, name) for way in ((one, other), (other, one)) for name in ("signaling", "user-plane")})
        # It says what is real and what is not.
        for words in ("real       the user data", "simulated  a machine", "not there  kubelet", "the gate is open: the interfaces of all networks", "PASS: "):
            self.assertIn(words, done.stdout)


class TheNodes(unittest.TestCase):
    """two_nodes.py with one node, told by the test."""

    def setUp(self):
        need(*NEEDED, root=True, linux=True)

    def start(self, *args, manifests=()):
        process = subprocess.Popen([sys.executable, "-B", str(PROGRAM), *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.kill)
        self.tell(process, {"nodes": 1, "subnets": {"subnet-node": "10.0.0.0/24", "subnet-0a": "10.0.1.0/24"}, "manifests": manifests})
        return process

    def tell(self, process, line):
        process.stdin.write(json.dumps(line) + "\n")
        process.stdin.flush()

    def books(self, **interfaces):
        primary = {"interface-id": "eni-0", "subnet-id": "subnet-node", "device-number": "0", "local-ipv4s": "10.0.0.10",
                   "subnet-ipv4-cidr-block": "10.0.0.0/24"}
        return {"instance": INSTANCE, "userData": base64.b64encode(user_data.with_settings("al2023-managed.txt", GATE).encode()).decode(), "mac": PRIMARY,
                "interfaces": {PRIMARY: primary, **interfaces}}

    def lines_until(self, process, words):
        lines = []
        for line in process.stdout:
            lines.append(line)
            if words in line:
                return lines
        self.fail(f"{words!r} was not said: {''.join(lines)}")

    def descendants(self, pid):
        """All processes below one, at any depth."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                for child in (task / "children").read_text().split():
                    found += [child, *self.descendants(child)]
        return found

    def alive(self, pids):
        def state(pid):
            try:
                return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            except (FileNotFoundError, ProcessLookupError):
                return "X"
        return [pid for pid in pids if state(pid) not in "XZ"]

    def test_say_which_interface_they_wait_for_when_the_time_is_over(self):
        process = self.start("--limit", "170")
        self.tell(process, self.books())
        self.lines_until(process, "kubelet waits for 1 of 1 interfaces")
        # The signal that comes when the time is over.
        process.send_signal(signal.SIGALRM)
        last = self.lines_until(process, '"error"')[-1]
        self.assertIn("not done within 170 s", last)
        self.assertIn(f"{INSTANCE}: hookline-gate: kubelet waits for 1 of 1 interfaces: signaling", last)
        self.assertEqual(process.wait(timeout=30), 1)

    def test_leave_no_process_behind_when_they_are_killed_or_their_input_ends(self):
        for way in ("killed", "input ends"):
            with self.subTest(way):
                process = self.start()
                self.tell(process, self.books())
                self.lines_until(process, "kubelet waits for 1 of 1 interfaces")
                below = self.descendants(process.pid)
                self.assertGreater(len(self.alive(below)), 4)
                if way == "killed":
                    process.send_signal(signal.SIGKILL)
                else:
                    process.stdin.close()
                process.wait(timeout=30)
                wait_for("all processes have ended", lambda: not self.alive(below), within=30)

    def test_end_with_the_name_of_a_definition_that_the_node_has_no_configuration_of(self):
        deployment = {"kind": "Deployment", "spec": {"template": {"metadata": {"annotations": {
            "k8s.v1.cni.cncf.io/networks": json.dumps([{"name": "other", "interface": "net1"}])}}}}}
        definition = {"kind": "NetworkAttachmentDefinition", "metadata": {"name": "other"}}
        process = self.start(manifests=[deployment, definition])
        signaling = {"interface-id": "eni-1", "subnet-id": "subnet-0a", "device-number": "1", "local-ipv4s": "10.0.1.4",
                     "subnet-ipv4-cidr-block": "10.0.1.0/24"}
        self.tell(process, self.books(**{SIGNALING: signaling}))
        last = self.lines_until(process, '"error"')[-1]
        self.assertIn("has no CNI configuration of other", last)


class WithoutWhatTheyNeed(unittest.TestCase):
    def test_the_nodes_say_what_is_missing_and_end_with_an_error(self):
        need("setpriv", root=True, linux=True)
        # A user who is not root, without CI=true, which would become root.
        environment = {name: value for name, value in os.environ.items() if name != "CI"}
        as_nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        for args in (["--check"], []):
            with self.subTest(args=args):
                done = subprocess.run([*as_nobody, sys.executable, "-B", str(PROGRAM), *args], capture_output=True, text=True, check=False, env=environment,
                                      stdin=subprocess.DEVNULL)
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                self.assertIn("Missing here: the user root", done.stderr)
                self.assertIn("node/tests/packages.txt", done.stderr)
