"""Tests one rule of the query at a time, on a small cluster. Also tests that no rule can be left out."""

import unittest

import sqlglot

import answers
import once
import statement
from scene import TEN, UNTIL, A, B, C, Scene, fails_without
from story import BEGIN, LISTINGS
from traffic import SCHEMA, Outside


class Rules(unittest.TestCase):
    def setUp(self):
        self.scene = Scene()

    def test_a_receiver_that_never_sends_has_a_zone(self):
        sender, sink = self.scene.pod(self.scene.a, "sender"), self.scene.pod(self.scene.b, "sink")
        self.scene.recorder.flow(sender, sink, TEN, 1000)
        self.assertEqual(self.scene.found(), {("cluster", "sender", A[1], "sink", B[1]): 1000})

    def test_host_network_pods_count_once_as_their_node(self):
        sender = self.scene.pod(self.scene.a, "sender")
        daemons = [self.scene.pod(self.scene.b, f"daemon-{number}", host_network=True) for number in range(5)]
        self.scene.recorder.flow(sender, daemons[0], TEN, 1000)
        self.scene.recorder.flow(daemons[1], sender, TEN, 70)
        self.assertEqual(
            self.scene.found(),
            {("cluster", "sender", A[1], "(nodes)", B[1]): 1000, ("cluster", "(nodes)", B[1], "sender", A[1]): 70},
        )

    def test_a_reply_is_a_flow_of_its_own(self):
        client, server = self.scene.pod(self.scene.a, "client"), self.scene.pod(self.scene.b, "server")
        self.scene.recorder.flow(client, server, TEN, 300)
        self.scene.recorder.flow(server, client, TEN, 9000)
        self.assertEqual(
            self.scene.found(),
            {("cluster", "client", A[1], "server", B[1]): 300, ("cluster", "server", B[1], "client", A[1]): 9000},
        )

    def test_the_destinations_records_count_if_the_source_has_none(self):
        dark = self.scene.builder.node(A, logged=False)
        sender, receiver = self.scene.pod(dark, "sender"), self.scene.pod(self.scene.b, "receiver")
        self.scene.recorder.flow(sender, receiver, TEN, 1000)
        self.assertEqual(self.scene.found(), {("cluster", "sender", A[1], "receiver", B[1]): 1000})

    def test_a_pod_is_not_on_a_node_that_was_gone_before_it_although_that_had_the_name_of_its_node(self):
        # Its own node came and went between two listings, and its subnet has no flow log. A new subnet may have the addresses of one that was deleted.
        scene, server = self.scene, self.scene.pod(self.scene.b, "server")
        before = scene.builder.node(A, end=LISTINGS[1] + 60)
        node = scene.builder.node(C, address=before.address, start=LISTINGS[1] + 300, end=TEN + 600, logged=False)
        pod = scene.pod(node, "pod", start=LISTINGS[1] + 400, end=TEN + 600, lingers=1800)
        self.assertEqual(node.name, before.name)
        scene.recorder.flow(pod, server, TEN, 1000)
        self.assertEqual(scene.found(), {("cluster", "(unknown)", "", "server", B[1]): 1000})

    def hybrid(self, scene):
        """A pod on a hybrid node of EKS: a machine outside AWS, of no instance and no zone, whose addresses are those of its own network."""
        node = scene.builder.node(A, address="10.80.0.5", instance=None, logged=False)
        pod = scene.pod(node, "hybrid", addresses=["10.85.0.7"])
        node.zone = (None, None)
        return pod

    def test_pods_on_hybrid_nodes_have_their_names_and_no_zone(self):
        scene = self.scene
        pod, hybrid = scene.pod(scene.a, "pod"), self.hybrid(scene)
        # The path is a virtual private gateway's.
        scene.recorder._record("egress", pod, hybrid, TEN, 1000)
        scene.change({"traffic_path": 3}, flow_direction="egress")
        scene.recorder._record("ingress", hybrid, pod, TEN, 70)
        rows = {(row["src_group"], row["src_az_id"], row["dst_group"], row["dst_az_id"]): row for row in scene.rows()}
        self.assertEqual(set(rows), {("pod", A[1], "hybrid", ""), ("hybrid", "", "pod", A[1])})
        for row in rows.values():
            self.assertEqual((row["scope"], row["cross_az"], row["usd_out"], row["usd_in"]), ("cluster", None, 0, 0))

    def test_with_an_overlay_network_the_nodes_have_all_traffic(self):
        # The packets that leave a node have the nodes' addresses; the pods' are inside them, and in no record.
        scene = self.scene
        for node, address in ((scene.a, "172.20.1.7"), (scene.b, "172.20.2.9")):
            scene.pod(node, "overlay", addresses=[address])
        scene.recorder.flow(scene.a, scene.b, TEN, 2**30)
        (row,) = scene.rows()
        self.assertEqual((row["src_group"], row["src_az_id"], row["dst_group"], row["dst_az_id"]), ("(nodes)", A[1], "(nodes)", B[1]))
        self.assertEqual((row["scope"], row["bytes"], row["usd_out"], row["usd_in"]), ("cluster", 2**30, 0.01, 0.01))

    def test_two_records_on_two_sides_of_the_full_hour_count_once(self):
        sender, receiver = self.scene.pod(self.scene.a, "sender"), self.scene.pod(self.scene.b, "receiver")
        self.scene.recorder._record("egress", sender, receiver, TEN - 3, 1000)
        self.scene.recorder._record("ingress", sender, receiver, TEN + 4, 1000)
        self.assertEqual(self.scene.found(), {("cluster", "sender", A[1], "receiver", B[1]): 1000})

    def test_two_records_on_two_sides_of_the_windows_start_count_in_the_hour_before(self):
        sender, receiver = self.scene.pod(self.scene.a, "sender"), self.scene.pod(self.scene.b, "receiver")
        begin = TEN - 3600
        self.scene.recorder._record("egress", sender, receiver, begin - 3, 1000)
        self.scene.recorder._record("ingress", sender, receiver, begin + 4, 1000)
        self.assertEqual(self.scene.found(), {})

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

    def test_the_records_of_a_load_balancer_that_preserves_the_client_do_not_count(self):
        client, server = self.scene.pod(self.scene.a, "client"), self.scene.pod(self.scene.b, "server")
        balancer = Outside("10.0.32.9", 1, C)
        self.scene.recorder.on_the_way(client, server, TEN, 1000, balancer)
        self.assertEqual(self.scene.found(), {})

    def test_zone_ids_come_from_the_records_if_no_node_has_them(self):
        scene = self.scene
        for node in scene.cluster.nodes:
            node.zone_id_label = False
        sender, sink = scene.pod(scene.a, "sender"), scene.pod(scene.b, "sink")
        scene.recorder.flow(sender, sink, TEN, 1000)
        with answers.opened(scene) as (connection, _):
            (row,) = answers.ask(connection, UNTIL)
        # The zones are those that the interfaces logged. Both ends logged.
        self.assertEqual((row["src_az_id"], row["dst_az_id"], row["cross_az"]), (A[1], B[1], True))

    def test_a_listing_without_a_pods_zone_does_not_hide_an_earlier_one(self):
        # The node is gone at the last listing that has the pod, so this listing has no zone. The node's subnet has no flow log. EC2 tells when
        # the instance ended.
        scene = self.scene
        scene.cluster.described = True
        gone = scene.builder.node(B, logged=False, end=TEN + 600)
        sender = scene.pod(scene.a, "sender")
        receiver = scene.pod(gone, "receiver", start=BEGIN - 3600)
        scene.recorder.flow(sender, receiver, TEN + 300, 1000)
        with answers.opened(scene) as (connection, _):
            for text in (statement.cross_az(UNTIL), statement.as_trino_means(statement.cross_az(UNTIL))):
                (row,) = answers.rows(connection.execute(text))
                self.assertEqual((row["dst_group"], row["dst_az_id"], row["cross_az"]), ("receiver", B[1], True))

    def test_a_zone_without_an_id_has_its_name(self):
        scene = self.scene
        for node in scene.cluster.nodes:
            node.zone_id_label = False
        scene.b.logged = False
        sender, sink = scene.pod(scene.a, "sender"), scene.pod(scene.b, "sink")
        scene.recorder.flow(sender, sink, TEN, 1000)
        with answers.opened(scene) as (connection, _):
            (row,) = answers.ask(connection, UNTIL)
        self.assertEqual((row["src_az_id"], row["dst_az_id"], row["cross_az"]), (A[1], B[0], True))

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

    def test_both_addresses_of_a_pod_belong_to_it(self):
        server = self.scene.pod(self.scene.b, "server")
        pod = self.scene.pod(self.scene.a, "pod", addresses=["10.0.0.99", "2600:1f16:abc:de01::3d"])
        self.scene.recorder.flow(pod, server, TEN, 1)
        pod.addresses.reverse()
        self.scene.recorder.flow(pod, server, TEN, 20)
        self.assertEqual(self.scene.found(), {("cluster", "pod", A[1], "server", B[1]): 21})

    def test_the_end_of_a_pod_that_is_deleted_is_unknown_from_half_a_minute_after_its_last_listing(self):
        server = self.scene.pod(self.scene.b, "server")
        pod = self.scene.pod(self.scene.a, "pod", start=BEGIN, end=TEN + 2400)
        last = TEN + 1200
        self.scene.recorder._record("egress", pod, server, last + 29, 1)
        self.scene.recorder._record("egress", pod, server, last + 30, 20)
        self.assertEqual(
            self.scene.found(), {("cluster", "pod", A[1], "server", B[1]): 1, ("cluster", "(unknown)", A[1], "server", B[1]): 20},
        )

    def test_a_pod_is_known_from_when_its_network_was_ready(self):
        server = self.scene.pod(self.scene.b, "server")
        pod = self.scene.pod(self.scene.a, "pod", start=TEN, holds_from=TEN + 600)
        self.scene.recorder._record("egress", pod, server, TEN + 599, 1)
        self.scene.recorder._record("egress", pod, server, TEN + 600, 20)
        self.assertEqual(
            self.scene.found(), {("cluster", "(unknown)", A[1], "server", B[1]): 1, ("cluster", "pod", A[1], "server", B[1]): 20},
        )

    def test_a_node_that_no_listing_has_keeps_its_zone_if_ec2_describes_it(self):
        scene = self.scene
        scene.cluster.described = True
        short = scene.builder.node(B, start=TEN + 1300, end=TEN + 2200)
        server, pod = scene.pod(scene.a, "server"), scene.pod(short, "pod", start=TEN + 1350, end=TEN + 2200)
        scene.recorder.flow(pod, server, TEN + 1800, 1000)
        scene.recorder.flow(server, pod, TEN + 1800, 70)
        self.assertEqual(
            scene.found(),
            {("cluster", "(unlisted node)", B[1], "server", A[1]): 1000, ("cluster", "server", A[1], "(unlisted node)", B[1]): 70},
        )

    def test_a_node_that_no_listing_has_keeps_its_dollars_if_ec2_does_not_describe_it(self):
        scene = self.scene
        short = scene.builder.node(B, start=TEN + 1300, end=TEN + 2200)
        server, pod = scene.pod(scene.a, "server"), scene.pod(short, "pod", start=TEN + 1350, end=TEN + 2200)
        for at in (TEN + 1500, TEN + 1800):
            scene.recorder.flow(pod, server, at, 2**30)
            scene.recorder.flow(server, pod, at, 2**29)
        rows = {(row["scope"], row["src_group_kind"], row["src_group"], row["src_az_id"], row["dst_group_kind"], row["dst_group"], row["dst_az_id"]): row for row in scene.rows()}
        there, back = ("Instance", short.instance, B[1]), ("Label", "server", A[1])
        self.assertEqual(
            {key: (row["bytes"], row["usd_out"], row["usd_in"]) for key, row in rows.items()},
            {("ingress", *there, *back): (2**31, 0.02, 0.02), ("egress", *back, *there): (2**30, 0.01, 0.01)},
        )
        # One end is enough.
        scene.change({"log_status": "SKIPDATA"}, instance_id=scene.a.instance)
        self.assertEqual({key: row["bytes"] for key, row in {tuple(row[name] for name in ("scope", "src_group", "dst_group")): row for row in scene.rows()}.items()}, {
            ("ingress", short.instance, "server"): 2**31, ("egress", "server", short.instance): 2**30,
        })

    def test_an_instance_that_nothing_describes_is_not_outside_if_it_logs_its_traffic_with_an_unlisted_node(self):
        scene = self.scene
        scene.cluster.described, scene.cluster.described_after_end = True, 30
        # The listing at 11:20 shows the instance of one, and that of the other is gone, with its tags.
        seen, gone = scene.builder.node(A, start=TEN + 4000, joined=TEN + 86400), scene.builder.node(B, start=TEN + 4000, end=TEN + 4700)
        pods = [scene.pod(node, "pod", start=TEN + 4100, end=TEN + 4600) for node in (seen, gone)]
        scene.recorder.flow(*pods, TEN + 4300, 2**30)
        scene.recorder.flow(*pods[::-1], TEN + 4300, 2**29)
        # What two other instances in the VPC send to each other is nobody's.
        scene.recorder.flow(gone, scene.pod(scene.builder.node(A, start=TEN + 4000, end=TEN + 4700), "pod", start=TEN + 4100, end=TEN + 4600), TEN + 4300, 1)
        self.assertEqual(
            {(row["scope"], row["src_group"], row["src_az_id"], row["dst_group"], row["dst_az_id"]): (row["bytes"], row["usd_out"] + row["usd_in"]) for row in scene.rows()},
            {
                ("egress", "(unlisted node)", A[1], gone.instance, B[1]): (2**30, 0.02),
                ("ingress", gone.instance, B[1], "(unlisted node)", A[1]): (2**29, 0.01),
            },
        )

    def test_of_two_instances_that_nothing_describes_none_has_the_others_bytes(self):
        # One after the other has the address.
        scene = self.scene
        server, first = scene.pod(scene.a, "server"), scene.builder.node(B, start=TEN + 1300, end=TEN + 1700)
        second = scene.builder.node(B, start=TEN + 1750, end=TEN + 2200, address=first.address)
        for node, at, size in ((first, TEN + 1500, 1000), (second, TEN + 2000, 20)):
            scene.recorder.flow(server, node, at, size)
            scene.recorder.flow(node, server, at, size)
        self.assertEqual(
            scene.found(),
            {
                ("egress", "server", A[1], "(unknown)", B[1]): 1020,
                ("ingress", first.instance, B[1], "server", A[1]): 1000, ("ingress", second.instance, B[1], "server", A[1]): 20,
            },
        )

    def test_two_instances_that_nothing_describes_are_not_the_clusters(self):
        scene = self.scene
        one, two = (scene.builder.node(zone, start=TEN + 1300, end=TEN + 2200) for zone in (A, B))
        scene.recorder.flow(scene.pod(one, "pod", start=TEN + 1350, end=TEN + 2200), two, TEN + 1500, 1000)
        self.assertEqual(scene.found(), {})

    def test_an_internal_ip_that_is_not_the_nodes_own_does_not_make_a_pod_a_node(self):
        scene = self.scene
        scene.cluster.described = True
        server, pod = scene.pod(scene.b, "server"), scene.pod(scene.a, "pod", start=TEN + 1300, end=TEN + 1900)
        scene.a.more_addresses = lambda at: pod.addresses
        scene.recorder.flow(pod, server, TEN + 1500, 1000)
        self.assertEqual(scene.found(), {("cluster", "(unknown)", A[1], "server", B[1]): 1000})

    def test_an_internal_ip_does_not_make_a_pod_a_node_if_ec2_describes_nothing(self):
        scene = self.scene
        server, pod = scene.pod(scene.b, "server"), scene.pod(scene.a, "pod", start=TEN + 1300, end=TEN + 1900)
        # The listing at 11:20 still shows the address that the one at 10:20 has.
        scene.a.more_addresses = lambda at: pod.addresses
        scene.recorder.flow(pod, server, TEN + 1500, 1000)
        self.assertEqual(scene.found(), {("cluster", "(unknown)", A[1], "server", B[1]): 1000})

    def test_a_node_has_the_address_that_ec2_describes_in_another_listing(self):
        scene = self.scene
        scene.a.more_addresses = lambda at: ["10.0.0.99"]
        server = scene.pod(scene.b, "server")
        # EC2 answers at 11:20 only.
        described = scene.cluster.instance_lines
        scene.cluster.described, scene.cluster.instance_lines = True, lambda at: described(at) if at == LISTINGS[3] else []
        scene.recorder.flow(scene.a, server, TEN, 1000)
        scene.recorder.flow(server, scene.a, TEN, 70)
        self.assertEqual(scene.found(), {("cluster", "(nodes)", A[1], "server", B[1]): 1000, ("cluster", "server", B[1], "(nodes)", A[1]): 70})

    def test_a_node_on_fargate_has_the_name_of_its_pod(self):
        # It has the pod's address, and is listed before the pod's network is ready. It is never `(nodes)`: what is logged later tells the cluster.
        scene = self.scene
        server, pod = scene.pod(scene.a, "server"), scene.builder.fargate(B, "shop", "fargate", start=TEN + 1000, holds_from=TEN + 1300)
        for at in (TEN + 1240, TEN + 1500):
            scene.recorder.flow(server, pod, at, 1000)
        self.assertEqual(
            scene.found(), {("cluster", "server", A[1], "(unknown)", B[1]): 1000, ("cluster", "server", A[1], "fargate", B[1]): 1000},
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

    def test_the_next_node_of_a_name_does_not_have_the_pods_of_the_one_before(self):
        # The pod is listed at 10:20 still, when another node has the name and the address of its own.
        scene = self.scene
        old = scene.builder.node(A, end=TEN + 600)
        scene.builder.node(A, address=old.address, start=TEN + 700)
        server, pod = scene.pod(scene.b, "server"), scene.pod(old, "pod", end=TEN + 600, lingers=1800)
        scene.recorder.flow(pod, server, TEN - 2430, 1000)
        self.assertEqual(scene.found(), {("cluster", "pod", A[1], "server", B[1]): 1000})

    def test_a_branch_interface_counts_and_its_trunk_does_not(self):
        scene = self.scene
        server, pod = scene.pod(scene.b, "server"), scene.pod(scene.a, "pod", interface="eni-0b")
        scene.recorder.flow(pod, server, TEN, 1000)
        rows = [row for rows in scene.traffic.records.values() for row in rows if row["flow_direction"] == "egress"]
        for row in rows:
            scene.recorder._deliver({**row, "interface_id": "eni-0b", "srcaddr": row["pkt_srcaddr"], "instance_id": "-"})
        self.assertEqual(scene.found(), {("cluster", "pod", A[1], "server", B[1]): 1000})

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

    def rewrite(self, change, *, direction, at):
        """Changes the records of one direction whose first packet is at most half a minute after `at`."""
        found = [row for rows in self.scene.traffic.records.values() for row in rows if row["flow_direction"] == direction and 0 <= row["start"] - at <= 30]
        self.assertTrue(found)
        for row in found:
            row.update(change)

    def test_a_record_without_its_instance_counts_by_the_record_of_the_other_end(self):
        sender, receiver = self.scene.pod(self.scene.a, "sender"), self.scene.pod(self.scene.b, "receiver")
        self.scene.recorder.flow(sender, receiver, TEN + 300, 1000)
        self.scene.recorder.flow(sender, receiver, TEN + 900, 2000)
        self.rewrite({"instance_id": "-"}, direction="egress", at=TEN + 900)
        self.assertEqual(self.scene.found(), {("cluster", "sender", A[1], "receiver", B[1]): 3000})

    def test_a_record_without_a_direction_counts_by_the_record_of_the_other_end(self):
        sender, receiver = self.scene.pod(self.scene.a, "sender"), self.scene.pod(self.scene.b, "receiver")
        self.scene.recorder.flow(sender, receiver, TEN + 300, 1000)
        self.scene.recorder.flow(sender, receiver, TEN + 900, 2000)
        self.rewrite({"instance_id": "-", "flow_direction": "-"}, direction="egress", at=TEN + 900)
        self.assertEqual(self.scene.found(), {("cluster", "sender", A[1], "receiver", B[1]): 3000})

    def test_the_instance_tells_the_direction_of_a_record_that_does_not(self):
        dark = self.scene.builder.node(C, logged=False)
        sender, receiver = self.scene.pod(self.scene.a, "sender"), self.scene.pod(dark, "receiver")
        self.scene.recorder.flow(sender, receiver, TEN + 300, 1000)
        self.scene.recorder.flow(receiver, sender, TEN + 300, 70)
        self.rewrite({"flow_direction": "-"}, direction="egress", at=TEN + 300)
        self.rewrite({"flow_direction": "-"}, direction="ingress", at=TEN + 300)
        self.assertEqual(
            self.scene.found(),
            {("cluster", "sender", A[1], "receiver", C[1]): 1000, ("cluster", "receiver", C[1], "sender", A[1]): 70},
        )

    def test_skipped_records_of_the_source_count_by_those_of_the_destination(self):
        # The source's interface logs one record of the window, then its records are skipped. The destination logs everything.
        sender, receiver = self.scene.pod(self.scene.a, "sender"), self.scene.pod(self.scene.b, "receiver")
        record = self.scene.recorder._record
        begin, minutes, each = TEN - 3600, 180, 330_000_000
        record("egress", sender, receiver, begin + 5, 1000)
        for minute in range(minutes):
            record("ingress", sender, receiver, begin + 60 * minute + 5, 1000 if minute == 0 else each)
            self.scene.recorder.no_flow(self.scene.a, begin + 60 * minute, "SKIPDATA")
        self.assertEqual(self.scene.found(), {("cluster", "sender", A[1], "receiver", B[1]): 1000 + (minutes - 1) * each})

    def test_each_hour_counts_by_the_end_that_logged_more_of_it(self):
        # The source skips most of one hour, the destination most of another.
        sender, receiver = self.scene.pod(self.scene.a, "sender"), self.scene.pod(self.scene.b, "receiver")
        begin = TEN - 3600
        for minute in range(5, 180, 10):
            at, hour = begin + 60 * minute, minute // 60
            if hour != 1 or minute < 75:
                self.scene.recorder._record("egress", sender, receiver, at, 1000)
            if hour != 2 or minute < 135:
                self.scene.recorder._record("ingress", sender, receiver, at + 2, 1000)
        self.assertEqual(self.scene.found(), {("cluster", "sender", A[1], "receiver", B[1]): 18_000})

    def test_a_steady_flow_counts_once_at_every_full_hour(self):
        # The intervals of the two ends begin at different seconds, so their records are in different hours at each full hour.
        sender, receiver = self.scene.pod(self.scene.a, "sender"), self.scene.pod(self.scene.b, "receiver")
        begin = TEN - 3600
        for minute in range(-10, 190):
            for direction, first in (("egress", begin + 60 * minute), ("ingress", begin + 60 * minute + 35)):
                self.scene.recorder._record(direction, sender, receiver, first, 600)
        for rows in self.scene.traffic.records.values():
            for row in rows:
                row["end"] = row["start"] + 59
        self.assertEqual(self.scene.found(), {("cluster", "sender", A[1], "receiver", B[1]): 180 * 600})


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

    def test_with_an_interval_of_ten_minutes_a_flow_across_the_full_hour_counts_once(self):
        # 9:54 to 10:09, 1000 bytes a second. The intervals of the source begin at 9:54 and 10:04, of the destination at 9:49 and 9:59.
        scene = self.scene
        sender, receiver = scene.pod(scene.a, "sender"), scene.pod(scene.b, "receiver")
        for direction, begin, end in (("egress", -360, 240), ("egress", 240, 540), ("ingress", -360, -60), ("ingress", -60, 540)):
            scene.recorder._record(direction, sender, receiver, TEN + begin, 1000 * (end - begin))
            for rows in scene.traffic.records.values():
                for row in rows:
                    if row["start"] == TEN + begin and row["flow_direction"] == direction:
                        row["end"] = TEN + end
        true = {("cluster", "sender", A[1], "receiver", B[1]): 900_000}
        self.assertEqual(scene.found(interval=600), true)
        self.assertNotEqual(scene.found(interval=60), true)

    def test_with_an_interval_of_ten_minutes_a_steady_flow_counts_once_at_every_full_hour(self):
        sender, receiver = self.scene.pod(self.scene.a, "sender"), self.scene.pod(self.scene.b, "receiver")
        begin = TEN - 3600
        for number in range(-2, 20):
            # The times of a record may be a minute late.
            for direction, first in (("egress", begin + 600 * number - 30), ("ingress", begin + 600 * number + 595)):
                self.scene.recorder._record(direction, sender, receiver, first, 6000)
        for rows in self.scene.traffic.records.values():
            for row in rows:
                row["end"] = row["start"] + 599
        self.assertEqual(self.scene.found(interval=600), {("cluster", "sender", A[1], "receiver", B[1]): 18 * 6000})

    def test_a_record_without_a_field_that_is_needed_does_not_count(self):
        # The format of a flow log that was there already may lack any field.
        for field in SCHEMA.names:
            with self.subTest(field=field):
                scene = Scene(described=True)
                scene.recorder.flow(scene.pod(scene.a, "sender"), scene.pod(scene.b, "receiver"), TEN + 300, 1000)
                scene.recorder.flow(scene.pod(scene.a, "other"), scene.pod(scene.c, "receiver"), TEN + 300, 70)
                scene.change({field: None}, log_status="OK")
                needed = ("pkt_srcaddr", "pkt_dstaddr", "bytes", "start", "action", "log_status", "interface_id")
                self.assertEqual(sum(scene.found().values()), 0 if field in needed else 1070)
                if field in needed:
                    self.assertEqual(scene.rows(), [])


#: The rules, each with the change that removes it from the query: (text, replacement). Each makes a difference in the story of seed 1,
#: or in the test of one rule that is named.
WITHOUT = {
    "the source's address in time": ("s.ip = r.pkt_srcaddr AND r.start >= s.from_s AND r.start < s.until_s", "s.ip = r.pkt_srcaddr"),
    "the destination's address in time": ("d.ip = r.pkt_dstaddr AND r.start >= d.from_s AND r.start < d.until_s", "d.ip = r.pkt_dstaddr"),
    "hostNetwork is the node": ("p.kind IN ('pod', 'deleted') AND NOT p.host_network", "p.kind IN ('pod', 'deleted')"),
    "the source's address in the packet": ("s.ip = r.pkt_srcaddr", "s.ip = r.srcaddr"),
    "only records made at an end": ("AND (at_a_node\n", "AND (true\n"),
    "pods with an interface of their own": ("OR instance_id IS NULL AND", "OR false AND"),
    "the source's records, else the destination's": (
        "ELSE CAST(floor(bytes * ((at_destination_bytes - at_source_bytes) / at_destination_bytes)) AS bigint) END AS bytes", "ELSE bytes END AS bytes",
        "test_a_record_without_a_direction_counts_by_the_record_of_the_other_end",
    ),
    "the destination's records if the source has none": ("WHERE at_source OR at_destination_bytes > at_source_bytes", "WHERE at_source"),
    "rejected packets do not count": ("AND action = 'ACCEPT'", ""),
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
    "instances that nothing describes": (
        "OR instance_id IS NOT NULL AND CASE", "OR false AND CASE",
        "test_a_node_that_no_listing_has_keeps_its_dollars_if_ec2_does_not_describe_it",
    ),
    "an instance that nothing describes with an unlisted node": (
        "  WHERE at_an_end OR may_be_an_end\n", "  WHERE at_an_end\n",
        "test_an_instance_that_nothing_describes_is_not_outside_if_it_logs_its_traffic_with_an_unlisted_node",
    ),
    "an instance that nothing describes has the zone that it logged": (
        "nullif(az_id, '-') AS az_id, traffic_path", "CAST(NULL AS varchar) AS az_id, traffic_path",
        "test_a_node_that_no_listing_has_keeps_its_dollars_if_ec2_does_not_describe_it",
    ),
    "an InternalIP is not always the node's own": (
        "AND (n.instance_id IS NULL OR n.ip IN (o.own_ip, o.own_ip_2)))", ")",
        "test_an_internal_ip_does_not_make_a_pod_a_node_if_ec2_describes_nothing",
    ),
    "a node on Fargate holds no address": (
        "AND n.name NOT LIKE 'fargate-%' ", "",
        "test_a_node_on_fargate_has_the_name_of_its_pod",
    ),
    "zones of nodes without the ID": ("coalesce(n.az_id, z.az_id) AS az_id, n.start_s", "n.az_id, n.start_s"),
    "a listing shows for half a minute whose an address is": ("coalesce(h.end_s, h.held_s) + CASE", "coalesce(h.end_s, h.held_s + 3600) + CASE"),
    "packets of the pod before may be late": ("max(coalesce(h.end_s, l.next_seen_s, 253402300799) + 60)", "max(coalesce(h.end_s, l.next_seen_s, 253402300799) + 0)"),
    "the network of a pod is ready later than the pod starts": (
        "coalesce(min(network_s), min(start_s)) AS begin_s", "min(start_s) AS begin_s",
        "test_a_pod_is_known_from_when_its_network_was_ready",
    ),
    "the start of a record is late": ("CASE WHEN h.is_movable THEN 0 ELSE 30 END AS until_s", "0 AS until_s"),
    "files of the hour that begins at the end": ("substr(CAST(TIMESTAMP ':until' AS varchar), 12, 2),", ""),
    "files that are an hour late": ("substr(CAST(TIMESTAMP ':until' + INTERVAL '1' HOUR AS varchar), 12, 2),", ""),
}


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


class EveryRuleIsNeeded(unittest.TestCase):
    def test_without_it_the_query_is_wrong(self):
        opened = once.story(1)
        for rule, (text, instead, *shown_by) in WITHOUT.items():
            with self.subTest(rule=rule):
                wrong = fails_without(Rules, text, instead, *shown_by) if shown_by else self._is_wrong(opened.connection, opened.story, text, instead)
                self.assertTrue(wrong, "the query is right without it")

    def _is_wrong(self, connection, story, text, instead):
        query = statement.read("cross-az")
        self.assertIn(text, query)
        query = query.replace(text, instead)
        if "r.srcaddr" in instead:
            query = query.replace("    pkt_srcaddr,\n", "    srcaddr, pkt_srcaddr,\n", 1).replace("  SELECT\n    f.at_source,", "  SELECT\n    f.srcaddr, f.at_source,", 1)
        # As the schedule runs it: before later files are there.
        query = query.replace("CAST(current_timestamp AS timestamp)", "TIMESTAMP '2026-05-04 14:20:00'")
        query = statement.with_parameters(query, until=UNTIL.strftime(statement.UNTIL_FORMAT), usd_per_gb="0.01", interval=60, **statement.kinds())
        found = {}
        for row in answers.rows(connection.execute(query)):
            found[answers.key(row)] = found.get(answers.key(row), 0) + row["bytes"]
        return bool(answers.differences(found, story.listed()))


if __name__ == "__main__":
    unittest.main()
