"""Tests whose the addresses of a node's further interfaces are, as those for Multus, and that no rule of it can be left out."""

import unittest

import rules
from attached import Attached
from cluster import Builder
from scene import TEN, A, B, LoggedScene
from services import Service, there
from story import BEGIN, END, LISTINGS

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


class MovedInterfaces(unittest.TestCase):
    """The interface was at one place until `LEFT`, and is at another one from `CAME` on. The listings are at 9:20, 10:20 and 11:20."""

    LEFT, CAME = TEN + 1800, TEN + 1860

    def setUp(self):
        self.scene = LoggedScene()
        self.other = Builder(2, BEGIN, END, "batch", self.scene.builder)
        self.other.cluster.listings, self.other.cluster.described = list(LISTINGS), True
        builder = self.scene.builder
        self.interface, self.address = builder.interface(), builder.address(A)
        self.server = self.scene.pod(self.scene.b, "server")

    def stays(self, node, **when):
        node.more_interfaces.append(Attached(self.interface, self.address, **when))
        return node

    def stray(self, start, end):
        """An instance that is of no cluster, with the interface for a time."""
        instance = f"i-0000000000000{start}"
        return Service("Instance", instance, self.interface, self.address, A, start, end, instance)

    def records(self, end, at, logged=True):
        """1000 bytes from the interface's address to the server. Without `logged`, only the server's node logs them."""
        ends = [(end, self.address), (self.server, self.server.addresses[0])]
        for direction in ("egress", "ingress") if logged else ("ingress",):
            self.scene.log._record_of(direction, ends, at, 1000)

    def test_it_is_each_nodes_in_its_time(self):
        first, second = self.stays(self.scene.a, end=self.LEFT), self.stays(self.scene.builder.node(A), start=self.CAME)
        for logged in (True, False):
            self.records(first, TEN + 600, logged)
            self.records(second, TEN + 3000, logged)
        self.assertEqual(self.scene.found(), {("cluster", "(nodes)", A[1], "server", B[1]): 4000})

    def test_it_is_each_clusters_in_its_time_and_nobodys_that_is_known_in_between(self):
        first, second = self.stays(self.scene.a, end=self.LEFT), self.stays(self.other.node(A), start=self.CAME)
        # 10:05 and 10:25 are at the first node. After 10:20 nothing shows that. A packet from before the move may be seen a minute late.
        for at, node in ((TEN + 300, first), (TEN + 1500, first), (self.CAME + 30, second), (TEN + 3000, second)):
            self.records(node, at, logged=False)
        self.assertEqual(
            self.scene.found(),
            {
                ("cluster", "(nodes)", A[1], "server", B[1]): 1000, ("clusters", "(unknown)", A[1], "server", B[1]): 2000,
                ("clusters", "(nodes)", A[1], "server", B[1]): 1000,
            },
        )

    def test_a_record_that_is_a_minute_late_does_not_get_the_next_clusters_name(self):
        first, second = self.stays(self.scene.a, end=self.LEFT), self.stays(self.other.node(A), start=self.CAME)
        self.records(first, self.CAME + 20, logged=False)
        self.records(second, TEN + 4200)
        self.assertEqual(self.scene.found(), {("clusters", "(unknown)", A[1], "server", B[1]): 1000, ("clusters", "(nodes)", A[1], "server", B[1]): 1000})

    def test_a_listing_just_before_the_move_does_not_keep_the_name(self):
        # 10:20 shows it at the first node, and it moves within seconds.
        first, second = self.stays(self.scene.a, end=LISTINGS[2] + 2), self.stays(self.other.node(A), start=LISTINGS[2] + 5)
        self.records(first, LISTINGS[2] - 1, logged=False)
        self.records(second, LISTINGS[2] + 10, logged=False)
        self.assertEqual(self.scene.found(), {("cluster", "(nodes)", A[1], "server", B[1]): 1000, ("clusters", "(unknown)", A[1], "server", B[1]): 1000})

    def test_an_interface_that_comes_back_is_not_there_in_between(self):
        node = self.stays(self.stays(self.scene.a, end=TEN - 1800), start=TEN + 3000)
        between = self.stays(self.other.node(A), start=TEN - 1700, end=TEN + 2900)
        self.records(node, TEN - 3000, logged=False)
        self.records(between, TEN, logged=False)
        self.records(node, TEN + 3300, logged=False)
        self.assertEqual(self.scene.found(), {("cluster", "(nodes)", A[1], "server", B[1]): 2000, ("clusters", "(nodes)", A[1], "server", B[1]): 1000})

    def test_it_is_each_instances_in_its_time(self):
        strays = [self.stray(BEGIN, self.LEFT), self.stray(self.CAME, END)]
        self.scene.cluster.services = there(strays)
        for stray, at in zip(strays, (TEN + 600, TEN + 3000)):
            self.records(stray, at, logged=False)
        self.assertEqual(self.scene.found(), {("ingress", stray.name, A[1], "server", B[1]): 1000 for stray in strays})

    def test_it_is_a_nodes_and_then_that_of_an_instance_of_no_cluster(self):
        node, stray = self.stays(self.scene.a, end=self.LEFT), self.stray(self.CAME, END)
        self.scene.cluster.services = there([stray])
        self.records(node, TEN + 600, logged=False)
        self.records(stray, TEN + 3000, logged=False)
        self.assertEqual(self.scene.found(), {("cluster", "(nodes)", A[1], "server", B[1]): 1000, ("ingress", stray.name, A[1], "server", B[1]): 1000})

    def test_between_a_node_and_what_no_listing_shows_its_place_is_not_known(self):
        self.stays(self.scene.a, start=LISTINGS[0] + 120, end=LISTINGS[1] + 30)
        self.stays(self.scene.a, start=LISTINGS[2] - 30)
        stray = self.stray(LISTINGS[1] + 60, LISTINGS[2] - 60)
        self.scene.cluster.services = there([stray, self.stray(LISTINGS[0], LISTINGS[0] + 60)])
        # In the same hour, so that what the server's node logs more must not be shared between both.
        self.records(self.scene.a, LISTINGS[1] - 60)
        self.records(stray, LISTINGS[1] + 1200)
        self.assertEqual(self.scene.found(), {("cluster", "(nodes)", A[1], "server", B[1]): 1000, ("clusters", "(unknown)", A[1], "server", B[1]): 1000})

    def test_between_an_instance_of_no_cluster_and_what_no_listing_shows_its_place_is_not_known(self):
        self.scene.cluster.services = there([self.stray(BEGIN, LISTINGS[1] + 30)])
        unseen = self.stays(self.other.node(A), start=LISTINGS[1] + 60, end=LISTINGS[2] - 60)
        self.stays(self.scene.a, start=LISTINGS[2] - 30)
        self.records(unseen, TEN, logged=False)
        self.assertEqual(self.scene.found(), {("clusters", "(unknown)", A[1], "server", B[1]): 1000})

    def test_an_instances_own_records_count(self):
        # Else what the server's node logs more than the first node would be shared between both.
        node, stray = self.stays(self.scene.a, end=LISTINGS[2] + 30), self.stray(LISTINGS[2] + 60, END)
        self.scene.cluster.services = there([stray])
        self.records(node, TEN + 300)
        self.records(stray, TEN + 2400)
        self.assertEqual(self.scene.found(), {("cluster", "(nodes)", A[1], "server", B[1]): 1000, ("ingress", stray.name, A[1], "server", B[1]): 1000})

    def test_its_records_without_an_instance_are_of_its_place_at_the_time(self):
        first, second = self.stays(self.scene.a, end=self.LEFT), self.stays(self.other.node(A), start=self.CAME)
        self.records(first, TEN + 600)
        self.records(second, TEN + 3000)
        self.scene.change({"instance_id": "-"}, interface_id=self.interface)
        self.assertEqual(self.scene.found(), {("cluster", "(nodes)", A[1], "server", B[1]): 1000, ("clusters", "(nodes)", A[1], "server", B[1]): 1000})

    def test_an_address_that_passes_from_interface_to_interface_is_each_instances_in_its_time(self):
        # Both interfaces have been there for a day, and the address is a secondary one, such as keepalived's. It moves ten seconds before a listing.
        moved = TEN + 2090
        for attached in ((86400, 172800), (172800, 86400)):
            with self.subTest(attached=attached):
                self.setUp()
                first, second = (
                    Service("Instance", name, self.scene.builder.interface(), self.address, A, BEGIN - before, None, name)
                    for name, before in zip(("i-1", "i-2"), attached)
                )
                self.scene.cluster.listings = list(range(BEGIN, END, 300))
                self.scene.cluster.services = lambda at, first=first, second=second: [first if at < moved else second]
                # The third record is of a packet before the move, and late.
                for holder, at in ((first, TEN), (first, TEN + 1500), (first, moved + 30), (second, TEN + 3000)):
                    self.records(holder, at, logged=False)
                found = {("ingress", "i-1", A[1], "server", B[1]): 2000, ("ingress", "(outside)", "", "server", B[1]): 1000, ("ingress", "i-2", A[1], "server", B[1]): 1000}
                self.assertEqual(self.scene.found(), found)

    def test_an_address_that_passes_to_another_interface_and_comes_back_is_outside_from_then_on(self):
        # Nothing shows since when the first interface has it again: what two listings say of an interface holds in between as well.
        first, second = (Service("Instance", name, self.scene.builder.interface(), self.address, A, BEGIN - 86400, None, name) for name in ("i-1", "i-2"))
        self.scene.cluster.listings = list(range(BEGIN, END, 300))
        self.scene.cluster.services = lambda at: [second if TEN <= at < TEN + 1800 else first]
        for holder, at in ((first, TEN - 1200), (second, TEN + 1200), (first, TEN + 3000)):
            self.records(holder, at, logged=False)
        self.assertEqual(
            self.scene.found(), {("ingress", name, zone, "server", B[1]): 1000 for name, zone in (("i-1", A[1]), ("i-2", A[1]), ("(outside)", ""))},
        )


#: As in rules.py.
WITHOUT = {
    "the lines of further interfaces": ("'instance', 'attached', 'interface')", "'instance', 'interface')", "test_it_is_the_nodes_even_if_only_the_other_end_has_a_flow_log"),
    "a node that no listing has": ("AND NOT c.is_node THEN p.cluster", "AND false THEN p.cluster", "test_it_is_at_an_unlisted_node_that_ec2_describes"),
    "another address may be younger than the interface": (
        "CASE WHEN p.kind = 'attached' AND p.group_kind = 'Unknown' THEN p.first_s ELSE p.start_s END", "p.start_s",
        "test_another_address_is_there_only_from_the_first_listing_that_shows_it",
    ),
    "a pod has its address": (
        "WHEN h.is_service OR h.is_attached THEN bool_and(h.is_service OR h.is_attached) OVER (PARTITION BY h.ip)", "WHEN h.is_service OR h.is_attached THEN true",
        "test_an_address_that_a_pod_has_in_these_hours_is_not_the_nodes_before",
    ),
}

#: The same for interfaces that move.
WITHOUT_MOVES = {
    "it is another holder at each instance": (
        "THEN chr(31) || coalesce(p.instance_id, p.group_name) || CASE WHEN p.start_s < p.first_s THEN chr(31) || CAST(p.start_s AS varchar) ELSE '' END ELSE '' END",
        "THEN '' ELSE '' END", "test_it_is_each_nodes_in_its_time",
    ),
    "so is one of no cluster": (
        "OR kind = 'interface' AND group_kind = 'Instance'", "OR false", "test_it_is_each_instances_in_its_time",
    ),
    "it may come back": (
        "CASE WHEN p.start_s < p.first_s THEN chr(31) || CAST(p.start_s AS varchar) ELSE '' END", "''", "test_an_interface_that_comes_back_is_not_there_in_between",
    ),
    "instances of no cluster": (
        "THEN bool_and(h.is_service OR h.is_attached)", "THEN bool_and(h.is_service)", "test_it_is_a_nodes_and_then_that_of_an_instance_of_no_cluster",
    ),
    "it may move within seconds": (
        "CASE WHEN h.is_movable THEN 0 ELSE 30 END", "30", "test_a_listing_just_before_the_move_does_not_keep_the_name",
    ),
    "an address may pass to an older interface": (
        "CASE WHEN h.is_reassigned THEN h.first_s ELSE h.begin_s END", "h.begin_s", "test_an_address_that_passes_from_interface_to_interface_is_each_instances_in_its_time",
    ),
    "and is there only from a listing on": (
        "CASE WHEN h.is_reassigned THEN h.first_s + 30 ELSE h.sure_s END", "h.sure_s", "test_an_address_that_passes_from_interface_to_interface_is_each_instances_in_its_time",
    ),
    "records are late by a minute": ("THEN min(start_s) + 30 ELSE", "THEN min(start_s) - 30 ELSE", "test_a_record_that_is_a_minute_late_does_not_get_the_next_clusters_name"),
    "what its records tell does not hold before": ("AND NOT is_attached THEN ''", "THEN ''", "test_a_record_that_is_a_minute_late_does_not_get_the_next_clusters_name"),
    "between an instance of no cluster and a node": (
        "h.is_service AND NOT (h.is_movable AND h.at_a_node) AS is_service_only", "h.is_service AS is_service_only",
        "test_between_an_instance_of_no_cluster_and_what_no_listing_shows_its_place_is_not_known",
    ),
    "then its cluster is not known either": (
        "AND NOT (bool_or(h.is_attached) OVER (PARTITION BY h.ip) AND bool_or(h.is_service) OVER (PARTITION BY h.ip)) AS in_one_cluster", "AS in_one_cluster",
        "test_between_a_node_and_what_no_listing_shows_its_place_is_not_known",
    ),
    "an instance's own records": ("src_is_service AND src_instance_id = instance_id OR", "", "test_an_instances_own_records_count"),
    "and if nothing tells whose the address is": (
        "OR NOT src_known AND first_of_source)", ")", "test_between_a_node_and_what_no_listing_shows_its_place_is_not_known",
    ),
    "a record without an instance": (
        "THEN max(CASE WHEN i.kind = 'instance' THEN i.instance_id END) END AS instance_id", "THEN '' ELSE max(CASE WHEN i.kind = 'instance' THEN i.instance_id END) END AS instance_id",
        "test_its_records_without_an_instance_are_of_its_place_at_the_time",
    ),
}


class EveryRuleIsNeeded(rules.EveryRuleIsNeeded, unittest.TestCase):
    rules = ((AttachedInterfaces, WITHOUT), (MovedInterfaces, WITHOUT_MOVES))


if __name__ == "__main__":
    unittest.main()
