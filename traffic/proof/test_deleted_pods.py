"""Tests what the query makes of the pods that were deleted, on a small cluster; that no rule of it can be left out; and the replays of the proof."""

import tempfile
import unittest
from collections import deque

import duckdb

import answers
import pod_watch
import rules
import runs
import tables
from cluster import seconds, utc
from scene import TEN, UNTIL, A, B, Scene
from story import DAY
from traffic import write_flow_logs, write_listings
from world import World, scenario

#: When a pod holds its address, and when its deletion is read: between the listings at 9:20 and 10:20.
BEGIN, END, READ = TEN - 1200, TEN - 900, TEN - 840


class Deleted(unittest.TestCase):
    def setUp(self):
        self.scene = Scene()
        self.server = self.scene.pod(self.scene.b, "server")

    def short(self, group="short", begin=BEGIN, end=END, **other):
        """A pod that no listing has. Its deletion is read."""
        pod = self.scene.pod(self.scene.a, group, start=begin - 2, holds_from=begin, end=end, **other)
        self.scene.cluster.replays.setdefault(max(READ, end + 60), []).append(pod)
        return pod

    def senders(self, pod, *times):
        """Who sends, by the result, if a pod sends a byte more at each time."""
        for number, at in enumerate(times):
            self.scene.recorder._record("egress", pod, self.server, at, 1000 + number)
            self.scene.recorder._record("ingress", pod, self.server, at, 1000 + number)
        with answers.opened(self.scene) as (connection, _):
            found = answers.ask(connection, UNTIL)
        return [(row["src_group"], row["bytes"]) for row in sorted(found, key=lambda row: row["bytes"])]

    def test_a_pod_that_no_listing_has_has_its_name_until_half_a_minute_after_its_end(self):
        found = self.senders(self.short(), BEGIN, END + 29)
        self.assertEqual(found, [("short", 2001)])

    def test_after_that_it_has_none(self):
        self.assertEqual(self.senders(self.short(), BEGIN - 1), [("(unknown)", 1000)])
        self.setUp()
        self.assertEqual(self.senders(self.short(), END + 30), [("(unknown)", 1000)])

    def test_without_an_end_it_has_its_name_while_its_network_was_surely_there(self):
        pod = self.short(forced=True, lingers=-10)
        self.assertEqual(self.senders(pod, BEGIN + 29), [("short", 1000)])
        self.scene.traffic.records.clear()
        self.assertEqual(self.senders(pod, BEGIN + 30), [("(unknown)", 1000)])

    def test_its_deletion_tells_the_end_of_a_pod_that_is_listed(self):
        pod = self.short(begin=TEN - 3600)
        self.assertTrue(self.scene.cluster.is_listed(pod))
        self.assertEqual(self.senders(pod, END + 29), [("short", 1000)])

    def test_the_next_pod_has_its_name_a_minute_after_that_end(self):
        first = self.short()
        second = self.short("second", begin=END + 30, end=END + 400, addresses=first.addresses)
        # A packet of the first one may be that late.
        self.assertEqual(self.senders(second, END + 59), [("(unknown)", 1000)])
        self.scene.traffic.records.clear()
        self.assertEqual(self.senders(second, END + 60), [("second", 1000)])

    def test_what_is_read_is_no_listing(self):
        # Listed at 9:20, and gone before 10:20. Until then its address is its own or nobody's that is known.
        listed = self.scene.pod(self.scene.a, "listed", start=TEN - 3600, end=TEN - 60)
        self.short()
        next_pod = self.scene.pod(self.scene.a, "next", start=TEN - 602, holds_from=TEN - 600, addresses=listed.addresses)
        self.assertEqual(self.senders(next_pod, TEN - 580), [("(unknown)", 1000)])

    def test_a_pod_with_the_network_of_its_node_is_nothing_of_its_own(self):
        pod = self.short(host_network=True)
        self.assertEqual(self.scene.cluster.deleted_lines(READ), [])
        self.assertEqual(self.senders(pod, BEGIN), [("(nodes)", 1000)])

    def test_a_node_that_only_a_deleted_pod_tells_of_is_the_clusters(self):
        # EC2 describes nothing, and no listing has the node.
        node = self.scene.builder.node(A, start=BEGIN - 600, end=READ + 300)
        pod = self.scene.pod(node, "short", start=BEGIN - 2, holds_from=BEGIN, end=END)
        self.scene.cluster.replays[READ] = [pod]
        other = self.scene.pod(node, "other", start=BEGIN, end=READ)
        self.assertEqual(self.senders(pod, BEGIN + 5), [("short", 1000)])
        self.scene.traffic.records.clear()
        self.assertEqual(self.senders(other, BEGIN + 5), [("(unknown)", 1000)])

    def test_a_pod_of_which_nothing_tells_where_it_was_is_as_if_nothing_had_been_read(self):
        def found(read):
            scene = Scene()
            node = scene.builder.node(A, start=BEGIN - 600, end=READ - 10)
            pod = scene.pod(node, "short", start=BEGIN - 2, holds_from=BEGIN, end=END)
            scene.cluster.replays = {READ: [pod]} if read else {}
            scene.recorder.flow(pod, scene.pod(scene.b, "server"), BEGIN + 60, 1000)
            return scene.found()

        self.assertEqual(found(True), found(False))


#: As in rules.py.
WITHOUT = {
    "deleted pods hold addresses": (
        "p.kind IN ('pod', 'deleted') AND NOT p.host_network", "p.kind = 'pod' AND NOT p.host_network",
        "test_a_pod_that_no_listing_has_has_its_name_until_half_a_minute_after_its_end",
    ),
    "a deletion shows when the network was ready, not when it was read": (
        "WHEN p.kind = 'deleted' THEN p.network_s", "WHEN false THEN p.network_s",
        "test_without_an_end_it_has_its_name_while_its_network_was_surely_there",
    ),
    "a replay is no listing": (
        "FROM lines WHERE kind <> 'deleted'", "FROM lines",
        "test_what_is_read_is_no_listing",
    ),
    "a node that only a deleted pod tells of": (
        "i.kind IN ('node', 'instance', 'deleted') AND i.instance_id", "i.kind IN ('node', 'instance') AND i.instance_id",
        "test_a_node_that_only_a_deleted_pod_tells_of_is_the_clusters",
    ),
    "nothing tells where it was": (
        "HAVING NOT bool_and(is_deleted) OR max(instance_id) IS NOT NULL", "",
        "test_a_pod_of_which_nothing_tells_where_it_was_is_as_if_nothing_had_been_read",
    ),
}


class EveryRuleIsNeeded(rules.EveryRuleIsNeeded, unittest.TestCase):
    rules = ((Deleted, WITHOUT),)


class Inputs(unittest.TestCase):
    def test_hours_with_replays_only_are_not_listed(self):
        world = World(scenario("short-pods"), 2, 2)
        with tempfile.TemporaryDirectory(prefix="hookline-traffic-") as root, duckdb.connect() as connection:
            write_flow_logs(root, world.traffic.records)
            write_listings(root, world.listed(3600))
            tables.create_result_tables(connection)
            done = runs.scheduled(connection, root, UNTIL, minutes=170, kept=lambda file: ".json.gz" not in file.name or ".deleted." in file.name)
        self.assertEqual(done.unlisted.count("(0 of 1 listings)"), 3, done.unlisted)


class Replays(unittest.TestCase):
    def test_a_replay_shows_each_deletion_once(self):
        for name in ("short-pods", "busy", "jobs"):
            listed = World(scenario(name), 2, 0).listed(300)
            shown = [pod.uid for pods in listed.replays.values() for pod in pods]
            self.assertGreater(len(shown), 500)
            self.assertEqual(len(shown), len(set(shown)), name)

    def test_a_world_has_each_way_of_deletion(self):
        pods = [pod for name in ("force-deleted", "spot-15", "jobs") for pod in World(scenario(name), 2, 0).cluster.pods]
        lost = [pod for pod in pods if pod.is_lost()]
        self.assertTrue(any(pod.forced for pod in lost) and any(not pod.forced for pod in lost))
        self.assertTrue(all(pod_watch.deletion(pod) < pod.end for pod in lost if pod.forced), "kubelet ends it later")
        self.assertTrue(any(pod_watch.deletion(pod) == pod.end + 600 for pod in pods if pod.listed_end))

    def test_the_memory_holds_a_hundred_changes_or_those_of_75_seconds(self):
        slow, fast = pod_watch.Memory(), pod_watch.Memory()
        slow.fill(deque((second * 10, None) for second in range(1000)), 10_000)
        self.assertEqual(len(slow.changes), pod_watch.LEAST)
        fast.fill(deque((number / 20, None) for number in range(20_000)), 1000)
        held = fast.changes[-1][0] - fast.changes[0][0]
        self.assertTrue(pod_watch.FRESH <= held <= 4 * pod_watch.FRESH, held)

    def test_what_is_forgotten_is_missed_and_the_next_replay_begins_anew(self):
        world = World(scenario("short-pods"), 2, 0)
        begin = seconds(utc(*DAY, 9))
        shown = pod_watch.replays(world.cluster.pods, [begin, begin + 3600, begin + 3660])
        self.assertEqual(shown[begin + 3600], [])
        self.assertTrue(shown[begin + 3660])


if __name__ == "__main__":
    unittest.main()
