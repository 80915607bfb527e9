"""Tests whose an address is, and when: one rule at a time, on a small cluster. Also tests that no rule can be left out."""

import unittest

import sqlglot

import answers
import rules
import statement
from scene import TEN, UNTIL, A, B, C, Scene
from story import BEGIN, LISTINGS
from traffic import Outside


class Addresses(unittest.TestCase):
    def setUp(self):
        self.scene = Scene()

    def test_an_address_belongs_to_the_pod_that_holds_it_at_the_time(self):
        server = self.scene.pod(self.scene.b, "server")
        first = self.scene.pod(self.scene.a, "first", start=BEGIN, end=TEN - 1800, listed_end=True)
        second = self.scene.pod(self.scene.c, "second", start=TEN - 1700, addresses=first.addresses)
        self.scene.recorder.flow(first, server, TEN - 2000, 1)
        self.scene.recorder.flow(second, server, TEN - 1600, 20)
        self.assertEqual(
            self.scene.found(),
            {("cluster", "first", A[1], "server", B[1]): 1, ("cluster", "second", C[1], "server", B[1]): 20},
        )

    def test_both_addresses_of_a_pod_belong_to_it(self):
        server = self.scene.pod(self.scene.b, "server")
        pod = self.scene.pod(self.scene.a, "pod", addresses=["10.0.0.99", "2600:1f16:abc:de01::3d"])
        self.scene.recorder.flow(pod, server, TEN, 1)
        pod.addresses.reverse()
        self.scene.recorder.flow(pod, server, TEN, 20)
        self.assertEqual(self.scene.found(), {("cluster", "pod", A[1], "server", B[1]): 21})

    def test_an_ipv6_address_is_the_same_however_it_is_written(self):
        ways = ("2600:1f16:abc:de01::3d", "2600:1F16:ABC:DE01::3D", "2600:1f16:0abc:de01:0:0:0:3d", "2600:1f16:abc:de01:0000:0000:0000:003d", "2600:1f16:abc:de01:0::3d")
        for way in ways:
            with self.subTest(way=way):
                scene = Scene()
                server, pod = scene.pod(scene.b, "server", addresses=["::1:0"]), scene.pod(scene.a, "pod", addresses=[ways[0]])
                scene.recorder.flow(pod, server, TEN, 1000)
                for row in (row for rows in scene.traffic.records.values() for row in rows):
                    row.update(pkt_srcaddr=way, pkt_dstaddr="0:0:0:0:0:0:1:0000")
                self.assertEqual(scene.found(), {("cluster", "pod", A[1], "server", B[1]): 1000})

    def test_a_pod_is_known_from_when_its_network_was_ready(self):
        server = self.scene.pod(self.scene.b, "server")
        pod = self.scene.pod(self.scene.a, "pod", start=TEN, holds_from=TEN + 600)
        self.scene.recorder._record("egress", pod, server, TEN + 599, 1)
        self.scene.recorder._record("egress", pod, server, TEN + 600, 20)
        self.assertEqual(
            self.scene.found(), {("cluster", "(unknown)", A[1], "server", B[1]): 1, ("cluster", "pod", A[1], "server", B[1]): 20},
        )

    def test_the_end_of_a_pod_that_is_deleted_is_unknown_from_half_a_minute_after_its_last_listing(self):
        server = self.scene.pod(self.scene.b, "server")
        pod = self.scene.pod(self.scene.a, "pod", start=BEGIN, end=TEN + 2400)
        last = TEN + 1200
        self.scene.recorder._record("egress", pod, server, last + 29, 1)
        self.scene.recorder._record("egress", pod, server, last + 30, 20)
        self.assertEqual(
            self.scene.found(), {("cluster", "pod", A[1], "server", B[1]): 1, ("cluster", "(unknown)", A[1], "server", B[1]): 20},
        )

    def test_a_pod_that_is_no_longer_listed_holds_no_address(self):
        # The pod is deleted at 09:30; no listing has it from 10:20 on. At 11:00 a pod that no listing ever has sends from its address.
        server = self.scene.pod(self.scene.b, "server")
        first = self.scene.pod(self.scene.a, "first", start=BEGIN, end=TEN - 1800)
        unseen = self.scene.pod(self.scene.a, "unseen", start=TEN + 3600 - 60, end=TEN + 3600 + 600, addresses=first.addresses)
        self.scene.recorder.flow(first, server, TEN - 2430, 1)  # Before 09:20, when a listing has it.
        self.scene.recorder.flow(unseen, server, TEN + 3600, 20)
        self.assertEqual(
            self.scene.found(),
            {("cluster", "first", A[1], "server", B[1]): 1, ("cluster", "(unknown)", A[1], "server", B[1]): 20},
        )

    def test_the_instance_that_logs_overrides_an_old_listing(self):
        # As above, but before the next listing: only the instance tells that it is not the first pod.
        server = self.scene.pod(self.scene.b, "server")
        first = self.scene.pod(self.scene.a, "first", start=BEGIN, end=TEN - 1800)
        unseen = self.scene.pod(self.scene.c, "unseen", start=TEN - 1200, end=TEN + 600, addresses=first.addresses)
        self.scene.recorder.flow(first, server, TEN - 2430, 1)  # Before 09:20, when a listing has it.
        self.scene.recorder.flow(unseen, server, TEN - 900, 20)
        self.scene.recorder.flow(server, unseen, TEN - 900, 300)
        self.assertEqual(
            {key: size for key, size in self.scene.found().items() if "first" not in key},
            {("cluster", "(unknown)", C[1], "server", B[1]): 20, ("cluster", "server", B[1], "(unknown)", C[1]): 300},
        )

    def test_a_pod_that_is_listed_longer_than_its_node_does_not_have_its_address(self):
        # The pod is listed at 10:20 still, its node only at 9:20. Meanwhile another pod has the address, and no listing has that one.
        scene = self.scene
        old = scene.builder.node(A, end=TEN + 600)
        pod, server = scene.pod(old, "pod", end=TEN + 600, lingers=1800), scene.pod(scene.b, "server")
        dark = scene.builder.node(A, logged=False)
        after = scene.pod(dark, "after", addresses=pod.addresses, start=TEN + 900, end=TEN + 1150)
        scene.recorder.flow(after, server, TEN + 1000, 1000)
        self.assertEqual(scene.found(), {("cluster", "(unknown)", A[1], "server", B[1]): 1000})

    def test_a_listing_that_ec2_does_not_describe_does_not_bring_a_node_back(self):
        # Kubernetes still lists a node whose instance has ended, and one of its pods; in the last of these listings EC2's description is missing. In between,
        # a node that nothing describes has the pod's address.
        scene = Scene(described=True)
        cluster, node = scene.cluster, scene.builder.node(A, end=TEN + 30, spot=True)
        cluster.listings = list(range(TEN - 3600, TEN + 3600, 60))
        pod = scene.pod(node, "pod", start=TEN - 3000, end=TEN + 30, lingers=150)
        after = scene.builder.node(C, address=pod.addresses[0], start=TEN + 100, end=TEN + 3000, joined=TEN + 86400, logged=False)
        nodes_at, instance_lines = cluster.nodes_at, cluster.instance_lines

        def listed(at):
            return nodes_at(at) + ([node] if node.end <= at <= TEN + 240 else [])

        def described(at):
            return [] if at == TEN + 240 else [line for line in instance_lines(at) if after.instance not in (line.get("instance_id"), line["name"])]

        cluster.nodes_at, cluster.instance_lines = listed, described
        scene.recorder.flow(scene.pod(scene.b, "server"), after, TEN + 140, 1000)
        self.assertEqual(scene.found(), {("egress", "server", B[1], "(in or through the VPC)", ""): 1000})

    def test_a_pod_is_not_on_a_node_that_was_gone_before_it_although_that_had_the_name_of_its_node(self):
        # Its own node came and went between two listings, and its subnet has no flow log. A new subnet may have the addresses of one that was deleted.
        scene, server = self.scene, self.scene.pod(self.scene.b, "server")
        before = scene.builder.node(A, end=LISTINGS[1] + 60)
        node = scene.builder.node(C, address=before.address, start=LISTINGS[1] + 300, end=TEN + 600, logged=False)
        pod = scene.pod(node, "pod", start=LISTINGS[1] + 400, end=TEN + 600, lingers=1800)
        self.assertEqual(node.name, before.name)
        scene.recorder.flow(pod, server, TEN, 1000)
        self.assertEqual(scene.found(), {("cluster", "(unknown)", "", "server", B[1]): 1000})

    def test_the_next_node_of_a_name_does_not_have_the_pods_of_the_one_before(self):
        # The pod is listed at 10:20 still, when another node has the name and the address of its own.
        scene = self.scene
        old = scene.builder.node(A, end=TEN + 600)
        scene.builder.node(A, address=old.address, start=TEN + 700)
        server, pod = scene.pod(scene.b, "server"), scene.pod(old, "pod", end=TEN + 600, lingers=1800)
        scene.recorder.flow(pod, server, TEN - 2430, 1000)
        self.assertEqual(scene.found(), {("cluster", "pod", A[1], "server", B[1]): 1000})

    def test_the_traffic_path_names_the_destination_of_egress(self):
        pod = self.scene.pod(self.scene.a, "pod")
        for path in range(1, 9):
            self.scene.recorder.flow(pod, Outside(f"203.0.113.{path}", path), TEN, path)
        found = {key[3]: size for key, size in self.scene.found().items()}
        self.assertEqual(
            found,
            {
                "(public address, through the VPC)": 1,
                "(internet or gateway endpoint)": 2,
                "(virtual private gateway)": 3,
                "(peering in the region)": 4,
                "(peering to another region)": 5,
                "(local gateway)": 6,
                "(gateway endpoint)": 7,
                "(internet gateway)": 8,
            },
        )

    def test_a_public_address_through_the_vpc_is_apart_from_one_in_it(self):
        pod, public, true = self.scene.pod(self.scene.a, "pod"), "(public address, through the VPC)", {}
        for number, (address, name) in enumerate((
            ("10.9.0.1", None), ("172.15.0.1", public), ("172.16.0.1", None), ("172.31.0.1", None), ("172.32.0.1", public), ("192.168.0.1", None), ("192.167.0.1", public),
            ("100.63.0.1", public), ("100.64.0.1", None), ("100.127.0.1", None), ("100.128.0.1", public), ("169.254.0.1", None), ("8.8.8.8", public),
            # 198.18.0.0/15 is for private use; EKS's best practices name 198.19.0.0/16 for pods. From 224 on are multicast and what nobody has.
            ("198.17.0.1", public), ("198.18.0.1", None), ("198.19.255.1", None), ("198.20.0.1", public),
            ("22.0.0.1", public), ("23.0.0.1", public), ("223.0.0.1", public), ("224.0.0.251", None), ("239.1.1.1", None), ("255.255.255.255", None),
            # Addresses of IPv6 in the VPC are public too.
            ("2600:1f16:abc:de00::1", None),
        )):
            self.scene.recorder.flow(pod, Outside(address, 1), TEN, 2**number)
            key = ("egress", "pod", A[1], name or "(in or through the VPC)", "")
            true[key] = true.get(key, 0) + 2**number
        self.assertEqual(self.scene.found(), true)


class Size(unittest.TestCase):
    def test_a_pod_that_stays_is_one_row_however_often_it_is_listed(self):
        # In the place of a row for each of its listings, which would be most of the query's memory.
        def rows(every):
            scene = Scene(described=True)
            scene.cluster.listings = list(range(LISTINGS[0], LISTINGS[-1], every))
            pods = [scene.pod(node, f"pod-{number}", start=BEGIN - 3600) for node in (scene.a, scene.b) for number in range(3)]
            scene.recorder.flow(pods[0], pods[-1], TEN, 1000)
            query = sqlglot.parse_one(statement.cross_az(UNTIL), read="athena")
            query.set("expressions", [sqlglot.parse_one("count(*)")])
            query.set("from_", sqlglot.parse_one("SELECT 1 FROM addresses").args["from_"])
            query.set("where", sqlglot.parse_one("SELECT 1 WHERE network_s IS NOT NULL").args["where"])
            with answers.opened(scene) as (connection, _):
                return connection.execute(query.sql("duckdb")).fetchone()[0]

        self.assertEqual((rows(3600), rows(300)), (6, 6))


#: As in rules.py.
WITHOUT = {
    "the source's address in time": ("s.ip = r.pkt_srcaddr AND r.start >= s.from_s AND r.start < s.until_s", "s.ip = r.pkt_srcaddr"),
    "the destination's address in time": ("d.ip = r.pkt_dstaddr AND r.start >= d.from_s AND r.start < d.until_s", "d.ip = r.pkt_dstaddr"),
    "the network of a pod is ready later than the pod starts": (
        "coalesce(min(network_s), min(start_s)) AS begin_s", "min(start_s) AS begin_s",
        "test_a_pod_is_known_from_when_its_network_was_ready",
    ),
    "a listing shows for half a minute whose an address is": ("coalesce(h.end_s, h.held_s) + CASE", "coalesce(h.end_s, h.held_s + 3600) + CASE"),
    "packets of the pod before may be late": ("max(coalesce(h.end_s, l.next_seen_s, 253402300799) + 60)", "max(coalesce(h.end_s, l.next_seen_s, 253402300799) + 0)"),
    "the start of a record is late": ("CASE WHEN h.is_movable THEN 0 ELSE 30 END AS until_s", "0 AS until_s"),
    "a node of the same listing": (
        " AND n.first_s <= p.last_s AND n.last_s >= p.first_s", "",
        "test_a_pod_is_not_on_a_node_that_was_gone_before_it_although_that_had_the_name_of_its_node",
    ),
    "a node's later listings do not show a pod": (
        "n.is_gone THEN NULL\n      WHEN n.last_s < p.last_s THEN n.last_s ELSE p.last_s END", "n.is_gone THEN NULL\n      ELSE coalesce(n.last_s, p.last_s) END",
    ),
    "no stay of a node spans a listing in which its instance is gone": (
        "start_s, is_gone, times_gone\n", "start_s, is_gone\n",
        "test_a_listing_that_ec2_does_not_describe_does_not_bring_a_node_back",
    ),
}


class EveryRuleIsNeeded(rules.EveryRuleIsNeeded, unittest.TestCase):
    rules = ((Addresses, WITHOUT),)


if __name__ == "__main__":
    unittest.main()
