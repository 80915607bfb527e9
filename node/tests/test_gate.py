"""The gate, with the metadata service as it is on a node that gets its interfaces while it runs."""

import subprocess
import time
import unittest

from kit.machine import wait_for
from kit.node import Node

SIGNALING, USER_PLANE = "02:00:00:00:00:11", "02:00:00:00:00:12"

TWO = {"gate": [
    {"network": "signaling", "subnetIds": ["subnet-0a", "subnet-0b"], "deviceIndex": 1},
    {"network": "user-plane", "subnetIds": ["subnet-0c"], "deviceIndex": 2},
]}


class GateTest(unittest.TestCase):
    def node(self, settings=TWO):
        node = Node(self)
        node.primary()
        node.install(settings)
        return node

    def opens(self, gate):
        try:
            self.assertEqual(gate.wait(timeout=60), 0)
        except subprocess.TimeoutExpired:
            self.fail(f"the gate is closed: {gate.log.read_text()}")

    def stays_closed(self, node, gate, looks=5):
        """Waits until the gate has looked some times since now, and has not opened."""
        reading = node.outside("/run/hookline/gate-reading.json")
        for _ in range(looks):
            before = reading.stat().st_mtime_ns if reading.exists() else 0
            wait_for("a look of the gate", lambda: gate.poll() is not None or (reading.exists() and reading.stat().st_mtime_ns != before))
        self.assertIsNone(gate.poll(), node.log("gate"))

    def says(self, node, words, log="gate"):
        wait_for(f"the log has {words!r}", lambda: words in node.log(log))

    def attach(self, node, mac, subnet, number, **more):
        node.show(mac, interface_id=f"eni-{mac[-2:]}", subnet_id=subnet, device_number=number, local_ipv4s="10.0.1.4", **more)


class TheGate(GateTest):
    def test_opens_at_once_if_all_interfaces_are_there(self):
        node = self.node()
        self.attach(node, SIGNALING, "subnet-0b", 1)
        self.attach(node, USER_PLANE, "subnet-0c", 2)
        self.opens(node.gate())
        self.assertIn("signaling = eni-11, user-plane = eni-12", node.log("gate"))

    def test_opens_when_the_last_of_them_comes_in_any_order(self):
        for order in ((0, 1), (1, 0)):
            with self.subTest(order=order):
                node = self.node()
                gate = node.gate()
                both = [(SIGNALING, "subnet-0a", 1), (USER_PLANE, "subnet-0c", 2)]
                self.stays_closed(node, gate)
                self.attach(node, *both[order[0]])
                self.stays_closed(node, gate)
                self.attach(node, *both[order[1]])
                self.opens(gate)

    def test_waits_for_device_numbers_that_read_zero_at_first(self):
        node = self.node()
        gate = node.gate()
        self.attach(node, SIGNALING, "subnet-0a", 0)
        self.attach(node, USER_PLANE, "subnet-0c", 0)
        self.says(node, "of no network: eni-11 (subnet-0a, device index 0 of card 0), eni-12")
        self.stays_closed(node, gate)
        node.show(USER_PLANE, device_number=2)
        self.stays_closed(node, gate)
        node.show(SIGNALING, device_number=1)
        self.opens(gate)

    def test_waits_for_categories_that_are_not_there_at_first(self):
        node = self.node()
        gate = node.gate()
        self.attach(node, SIGNALING, "subnet-0a", 1)
        node.show(USER_PLANE)
        self.stays_closed(node, gate)
        node.show(USER_PLANE, subnet_id="subnet-0c")
        self.stays_closed(node, gate)
        node.show(USER_PLANE, device_number=2)
        self.opens(gate)

    def test_tells_places_on_two_cards_apart(self):
        node = self.node({"gate": [
            {"network": "first", "subnetIds": ["subnet-0a"], "deviceIndex": 1},
            {"network": "second", "subnetIds": ["subnet-0a"], "deviceIndex": 1, "networkCard": 1},
        ]})
        gate = node.gate()
        self.attach(node, SIGNALING, "subnet-0a", 1)
        # Its card is not known yet, so it looks like an interface of card 0.
        self.attach(node, USER_PLANE, "subnet-0a", 1)
        self.stays_closed(node, gate)
        node.show(USER_PLANE, network_card=1)
        self.opens(gate)
        self.assertIn("first = eni-11, second = eni-12", node.log("gate"))

    def test_knows_a_network_without_a_device_index_by_its_subnet(self):
        node = self.node({"gate": [{"network": "user-plane", "subnetIds": ["subnet-0c"]}]})
        gate = node.gate()
        self.attach(node, SIGNALING, "subnet-other", 1)
        self.stays_closed(node, gate)
        self.attach(node, USER_PLANE, "subnet-0c", 0)
        self.opens(gate)

    def test_does_not_take_the_interface_of_a_network_that_it_ignores_for_one_without_a_device_index(self):
        node = self.node({"gate": [{"network": "user-plane", "subnetIds": ["subnet-0c"]}], "claimed": [{"subnetIds": ["subnet-0c"], "deviceIndex": 2}]})
        gate = node.gate()
        # At first, its number reads 0.
        self.attach(node, SIGNALING, "subnet-0c", 0)
        self.stays_closed(node, gate)
        node.show(SIGNALING, device_number=2)
        self.says(node, "of no network: eni-11 (subnet-0c, device index 2 of card 0)")
        self.stays_closed(node, gate)
        self.attach(node, USER_PLANE, "subnet-0c", 7)
        self.opens(gate)
        self.assertIn("user-plane = eni-12", node.log("gate"))

    def test_takes_neither_of_two_interfaces_that_could_be_a_networks(self):
        node = self.node({"gate": [{"network": "user-plane", "subnetIds": ["subnet-0c"]}]})
        self.attach(node, SIGNALING, "subnet-0c", 2)
        self.attach(node, USER_PLANE, "subnet-0c", 7)
        gate = node.gate()
        self.says(node, "user-plane (subnet-0c) is ambiguous (eni-11, eni-12 fit) since")
        self.assertNotIn("is missing since", node.log("gate").splitlines()[-1])
        self.stays_closed(node, gate)

    def test_says_at_once_that_a_missing_interface_became_ambiguous(self):
        node = self.node({"gate": [{"network": "user-plane", "subnetIds": ["subnet-0c"]}]})
        node.gate(HOOKLINE_REPORT_SECONDS="3600")
        self.says(node, "user-plane (subnet-0c) is missing since")
        node.hide(SIGNALING)
        for mac in (SIGNALING, USER_PLANE):
            node.show(mac, subnet_id="subnet-0c")
        wait_for("the gate says it", lambda: "user-plane (subnet-0c) is ambiguous" in node.log("gate"))

    def test_takes_no_interface_in_the_nodes_own_subnet_without_a_device_index(self):
        node = self.node({"gate": [{"network": "user-plane", "subnetIds": ["subnet-node"]}]})
        gate = node.gate()
        self.attach(node, USER_PLANE, "subnet-node", 2)
        self.stays_closed(node, gate)

    def test_opens_at_once_without_networks(self):
        node = self.node({"gate": []})
        self.opens(node.gate())

    def test_never_opens_by_itself_and_names_each_missing_network_and_since_when_again_and_again(self):
        node = self.node()
        self.attach(node, SIGNALING, "subnet-0a", 1)
        gate = node.gate(HOOKLINE_REPORT_SECONDS="1")
        wait_for("three reports on the console", lambda: node.console().count("kubelet waits") >= 3)
        self.assertIsNone(gate.poll())
        lines = node.console().splitlines()
        for line in lines:
            self.assertRegex(line, r"waits for 1 of 2 interfaces: user-plane \(device index 2 of card 0, subnet-0c\) "
                                   r"is missing since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ, for \d+ s")
            self.assertIn("touch /run/hookline/open-gate", line)
        since = {line.split("since ")[1].split(",")[0] for line in lines}
        self.assertEqual(len(since), 1, "it is missing since one time")
        self.assertIn(lines[0], node.log("gate"))

    def test_keeps_the_time_over_a_restart_of_its_unit(self):
        node = self.node()
        gate = node.gate()
        self.says(node, "is missing since")
        since = node.log("gate").split("is missing since ")[1].split(",")[0]
        self.assertNotEqual(node.stop("hookline-gate", gate), 0)
        time.sleep(1.1)
        node.gate("again")
        self.says(node, f"signaling (device index 1 of card 0, subnet-0a or subnet-0b) is missing since {since}", "again")

    def test_opens_by_hand_and_says_what_was_missing(self):
        node = self.node()
        gate = node.gate()
        self.stays_closed(node, gate)
        node.write("/run/hookline/open-gate", "")
        self.opens(gate)
        self.assertIn("somebody made /run/hookline/open-gate", node.console())
        self.assertIn("Before: kubelet waits for 2 of 2 interfaces: signaling (", node.console())

    def test_opens_by_hand_before_its_first_look(self):
        node = self.node()
        node.publish(fault="500")
        node.write("/run/hookline/open-gate", "")
        self.opens(node.gate())
        self.assertIn("Before: kubelet waits: the metadata service cannot be read", node.console())

    def test_of_an_old_launch_template_opens_beside_an_interface_of_a_new_network(self):
        node = self.node({"gate": TWO["gate"][:1]})
        self.attach(node, USER_PLANE, "subnet-0c", 2)
        gate = node.gate()
        self.stays_closed(node, gate)
        self.attach(node, SIGNALING, "subnet-0a", 1)
        self.opens(gate)

    def test_lets_kubelet_restart_after_it_has_opened_once(self):
        node = self.node()
        self.attach(node, SIGNALING, "subnet-0a", 1)
        self.attach(node, USER_PLANE, "subnet-0c", 2)
        self.opens(node.gate())
        node.hide(SIGNALING)
        self.opens(node.gate("again"))
        # The next boot has nothing of that.
        node.run("rm", "-rf", "/run/hookline")
        gate = node.gate("boot")
        self.says(node, "signaling (device index 1", "boot")
        self.assertIsNone(gate.poll())


class AWarmPool(GateTest):
    def test_has_nothing_missing_until_the_instance_leaves_it(self):
        node = self.node()
        node.publish(targetState="Warmed:Running")
        gate = node.gate(HOOKLINE_REPORT_SECONDS="1")
        self.says(node, "the instance is in a warm pool (target lifecycle state Warmed:Running)")
        self.stays_closed(node, gate)
        self.assertNotIn("missing since", node.log("gate"))
        # Rule 6: closed there, whatever interfaces are there.
        self.attach(node, SIGNALING, "subnet-0a", 1)
        self.attach(node, USER_PLANE, "subnet-0c", 2)
        self.stays_closed(node, gate)
        node.hide(SIGNALING)
        self.stays_closed(node, gate)
        node.publish(targetState="InService")
        self.says(node, "signaling (device index 1 of card 0, subnet-0a or subnet-0b) is missing since")
        self.attach(node, SIGNALING, "subnet-0a", 1)
        self.opens(gate)

    def test_is_not_waited_out_for_in_service(self):
        for state in ("Pending:Wait", "InService", None):
            with self.subTest(state=state):
                node = self.node()
                node.publish(targetState=state)
                self.attach(node, SIGNALING, "subnet-0a", 1)
                self.attach(node, USER_PLANE, "subnet-0c", 2)
                self.opens(node.gate())


class TheMetadataService(GateTest):
    def closed_by(self, fault, words):
        node = self.node()
        self.attach(node, SIGNALING, "subnet-0a", 1)
        self.attach(node, USER_PLANE, "subnet-0c", 2)
        node.publish(fault=fault)
        gate = node.gate()
        self.says(node, words)
        self.assertIsNone(gate.poll())
        node.publish(fault=None)
        self.opens(gate)

    def test_that_hangs_keeps_the_gate_closed_until_it_answers(self):
        self.closed_by("hang", "the metadata service cannot be read: no token: curl: (28)")

    def test_that_fails_keeps_the_gate_closed_until_it_answers(self):
        self.closed_by("500", "the metadata service cannot be read: no token: HTTP status 500")

    def test_that_is_turned_off_is_named(self):
        self.closed_by("no-token", "no token: HTTP status 403")

    def test_without_categories_keeps_the_gate_closed(self):
        self.closed_by("404", "the metadata service cannot be read: it shows no interface")

    def test_with_garbage_keeps_the_gate_closed(self):
        self.closed_by("garbage", "the metadata service cannot be read: its list of interfaces makes no sense")

    def test_that_hangs_between_two_looks_is_survived(self):
        node = self.node()
        gate = node.gate()
        self.says(node, "waits for 2 of 2")
        node.publish(fault="hang")
        self.says(node, "curl: (28)")
        self.assertIn("Before: kubelet waits for 2 of 2 interfaces", node.log("gate"))
        node.publish(fault=None)
        self.attach(node, SIGNALING, "subnet-0a", 1)
        self.attach(node, USER_PLANE, "subnet-0c", 2)
        self.opens(gate)

    def test_gives_a_new_token_when_the_old_one_is_refused(self):
        node = self.node()
        gate = node.gate()
        self.stays_closed(node, gate)
        node.publish(tokens=1)
        self.attach(node, SIGNALING, "subnet-0a", 1)
        self.attach(node, USER_PLANE, "subnet-0c", 2)
        self.opens(gate)
        self.assertNotIn("401", node.log("gate"))


class WrongSettings(GateTest):
    def test_keep_the_gate_closed_and_are_named_until_they_are_right(self):
        node = self.node('{"gate":[{"network":"signaling","subnetIds":["subnet-0a"],"deviceindex":1}]}')
        self.attach(node, SIGNALING, "subnet-0a", 1)
        gate = node.gate()
        self.says(node, "the settings are wrong: /etc/hookline/node.json: gate[0].deviceindex: unknown field")
        self.assertIsNone(gate.poll())
        node.install({"gate": [{"network": "signaling", "subnetIds": ["subnet-0a"], "deviceIndex": 1}]})
        self.opens(gate)

    def test_of_no_json_or_none_at_all_keep_it_closed(self):
        for text, words in (("", "is empty"), ("{", "node.json: "), ("[]", "must be an object")):
            with self.subTest(text=text):
                node = self.node(text)
                gate = node.gate()
                self.says(node, words)
                self.assertIsNone(gate.poll())
        node = self.node()
        node.run("rm", "/etc/hookline/node.json")
        gate = node.gate()
        self.says(node, "there is no /etc/hookline/node.json")
        self.assertIsNone(gate.poll())
