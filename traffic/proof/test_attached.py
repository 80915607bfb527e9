"""Tests whose the addresses of a node's further interfaces are, as those for Multus, and that no rule of it can be left out."""

import unittest

from attached import Attached
from scene import TEN, A, B, LoggedScene, fails_without

#: Between the listings at 10:20 and 11:20.
BETWEEN = TEN + 2700


class AttachedInterfaces(unittest.TestCase):
    def setUp(self):
        self.scene = LoggedScene()
        self.interface = self.attach(self.scene.a)
        self.server = self.scene.pod(self.scene.b, "server")

    def attach(self, node):
        builder = self.scene.builder
        node.more_interfaces.append(Attached(builder.interface(), builder.address(A), [builder.address(A) for _ in range(3)]))
        return node.more_interfaces[0]

    def pod(self, address, **other):
        """A pod with only this address, on the interface."""
        return self.scene.pod(self.scene.a, "pod", addresses=[address], networks={address: self.interface}, **other)

    def records(self, end, address, at=BETWEEN, logged=True):
        """1000 bytes from an address of a node's further interface to the server. Without `logged`, only the server's node logs them."""
        ends = [(end, address), (self.server, self.server.addresses[0])]
        for direction in ("egress", "ingress") if logged else ("ingress",):
            self.scene.log._record_of(direction, ends, at, 1000)

    def found(self):
        return self.scene.found()

    def test_the_first_address_of_an_interface_is_the_nodes(self):
        self.records(self.scene.a, self.interface.address)
        self.assertEqual(self.found(), {("cluster", "(nodes)", A[1], "server", B[1]): 1000})

    def test_it_is_the_nodes_even_if_only_the_other_end_has_a_flow_log(self):
        self.records(self.scene.a, self.interface.address, logged=False)
        self.assertEqual(self.found(), {("cluster", "(nodes)", A[1], "server", B[1]): 1000})

    def test_it_is_at_an_unlisted_node_that_ec2_describes(self):
        short = self.scene.builder.node(A, start=TEN, joined=BETWEEN + 3000, end=BETWEEN + 3600)
        interface = self.attach(short)
        self.scene.cluster.listings = [at for at in self.scene.cluster.listings if at < BETWEEN + 3000]
        self.records(short, interface.address, logged=False)
        self.assertEqual(self.found(), {("cluster", "(unlisted node)", A[1], "server", B[1]): 1000})

    def test_another_address_is_at_the_node_and_nobodys_that_is_known(self):
        self.records(self.scene.a, self.interface.others[0], logged=False)
        self.assertEqual(self.found(), {("cluster", "(unknown)", A[1], "server", B[1]): 1000})

    def test_another_address_is_there_only_from_the_first_listing_that_shows_it(self):
        self.interface.others.append(late := self.scene.builder.address(A))
        shown = self.scene.cluster.instance_lines

        def lines(at):
            # EC2 is told of the address at 10:40.
            return [{**line, "ips": [ip for ip in line["ips"] if ip != late or at > TEN + 2400]} for line in shown(at)]

        self.scene.cluster.instance_lines = lines
        self.records(self.scene.a, late, at=TEN + 1500, logged=False)
        self.assertEqual(self.found(), {("ingress", "(outside)", "", "server", B[1]): 1000})

    def test_an_address_is_the_pods_that_has_it(self):
        for address in (self.interface.address, self.interface.others[0]):
            with self.subTest(address=address):
                self.setUp()
                self.records(self.pod(address), address, logged=False)
                self.assertEqual(self.found(), {("cluster", "pod", A[1], "server", B[1]): 1000})

    def test_an_address_that_a_pod_has_in_these_hours_is_not_the_nodes_before(self):
        # A pod has the whole interface, as with the host-device plugin. Another one may have had it before.
        self.pod(self.interface.address, start=BETWEEN + 600)
        self.records(self.scene.a, self.interface.address)
        self.assertEqual(self.found(), {("cluster", "(unknown)", A[1], "server", B[1]): 1000})


#: As in test_rules.py.
WITHOUT = {
    "the lines of further interfaces": ("'instance', 'attached', 'interface')", "'instance', 'interface')", "test_it_is_the_nodes_even_if_only_the_other_end_has_a_flow_log"),
    "a node that no listing has": ("AND NOT c.is_node THEN p.cluster", "AND false THEN p.cluster", "test_it_is_at_an_unlisted_node_that_ec2_describes"),
    "another address may be younger than the interface": (
        "CASE WHEN p.kind = 'attached' AND p.group_kind = 'Unknown' THEN p.first_s ELSE p.start_s END", "p.start_s",
        "test_another_address_is_there_only_from_the_first_listing_that_shows_it",
    ),
    "a pod has its address": (
        "WHEN h.is_attached THEN bool_and(h.is_attached) OVER (PARTITION BY h.ip)", "WHEN h.is_attached THEN true",
        "test_an_address_that_a_pod_has_in_these_hours_is_not_the_nodes_before",
    ),
}


class EveryRuleIsNeeded(unittest.TestCase):
    def test_without_it_the_query_is_wrong(self):
        for rule, change in WITHOUT.items():
            with self.subTest(rule=rule):
                self.assertTrue(fails_without(AttachedInterfaces, *change), "the query is right without it")


if __name__ == "__main__":
    unittest.main()
