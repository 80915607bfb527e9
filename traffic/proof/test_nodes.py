"""Tests what is at a node, and in which zone: one rule at a time, on a small cluster. Also tests that no rule can be left out."""

import unittest

import answers
import rules
import statement
from scene import TEN, UNTIL, A, B, C, Scene
from story import BEGIN, LISTINGS


class Nodes(unittest.TestCase):
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

    def zones_of_a_flow(self):
        """The zones of a flow from node a to node b, and whether it crosses them."""
        scene = self.scene
        sender, sink = scene.pod(scene.a, "sender"), scene.pod(scene.b, "sink")
        scene.recorder.flow(sender, sink, TEN, 1000)
        with answers.opened(scene) as (connection, _):
            (row,) = answers.ask(connection, UNTIL)
        return row["src_az_id"], row["dst_az_id"], row["cross_az"]

    def test_zone_ids_come_from_the_records_if_no_node_has_them(self):
        scene = self.scene
        for node in scene.cluster.nodes:
            node.zone_id_label = False
        # The zones are those that the interfaces logged. Both ends logged.
        self.assertEqual(self.zones_of_a_flow(), (A[1], B[1], True))

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
        self.assertEqual(self.zones_of_a_flow(), (A[1], B[0], True))

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


#: As in rules.py.
WITHOUT = {
    "hostNetwork is the node": ("p.kind IN ('pod', 'deleted') AND NOT p.host_network", "p.kind IN ('pod', 'deleted')"),
    "zones of nodes without the ID": ("coalesce(n.az_id, z.az_id) AS az_id, n.start_s", "n.az_id, n.start_s"),
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
}


class EveryRuleIsNeeded(rules.EveryRuleIsNeeded, unittest.TestCase):
    rules = ((Nodes, WITHOUT),)


if __name__ == "__main__":
    unittest.main()
