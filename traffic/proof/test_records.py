"""Tests which records count, and in which hour: each byte once. One rule at a time, on a small cluster; and that no rule can be left out."""

import unittest

import rules
from scene import TEN, A, B, C, Scene
from traffic import SCHEMA, Outside


class Records(unittest.TestCase):
    def setUp(self):
        self.scene = Scene()

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

    def test_the_records_of_a_load_balancer_that_preserves_the_client_do_not_count(self):
        client, server = self.scene.pod(self.scene.a, "client"), self.scene.pod(self.scene.b, "server")
        balancer = Outside("10.0.32.9", 1, C)
        self.scene.recorder.on_the_way(client, server, TEN, 1000, balancer)
        self.assertEqual(self.scene.found(), {})

    def test_a_branch_interface_counts_and_its_trunk_does_not(self):
        scene = self.scene
        server, pod = scene.pod(scene.b, "server"), scene.pod(scene.a, "pod", interface="eni-0b")
        scene.recorder.flow(pod, server, TEN, 1000)
        rows = [row for rows in scene.traffic.records.values() for row in rows if row["flow_direction"] == "egress"]
        for row in rows:
            scene.recorder._deliver({**row, "interface_id": "eni-0b", "srcaddr": row["pkt_srcaddr"], "instance_id": "-"})
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


class Hours(unittest.TestCase):
    def setUp(self):
        self.scene = Scene()

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


#: As in rules.py.
OF_RECORDS = {
    "only records made at an end": ("AND (at_a_node\n", "AND (true\n"),
    "pods with an interface of their own": ("OR instance_id IS NULL AND", "OR false AND"),
    "rejected packets do not count": ("AND action = 'ACCEPT'", ""),
    "the source's address in the packet": ("    pkt_srcaddr,\n", "    srcaddr AS pkt_srcaddr,\n"),
    "the source's records, else the destination's": (
        "ELSE CAST(floor(bytes * ((at_destination_bytes - at_source_bytes) / at_destination_bytes)) AS bigint) END AS bytes", "ELSE bytes END AS bytes",
        "test_a_record_without_a_direction_counts_by_the_record_of_the_other_end",
    ),
    "the destination's records if the source has none": ("WHERE at_source OR at_destination_bytes > at_source_bytes", "WHERE at_source"),
}

#: The same for the files of an hour.
OF_HOURS = {
    "files of the hour that begins at the end": ("substr(CAST(TIMESTAMP ':until' AS varchar), 12, 2),", ""),
    "files that are an hour late": ("substr(CAST(TIMESTAMP ':until' + INTERVAL '1' HOUR AS varchar), 12, 2),", ""),
}


class EveryRuleIsNeeded(rules.EveryRuleIsNeeded, unittest.TestCase):
    rules = ((Records, OF_RECORDS), (Hours, OF_HOURS))


if __name__ == "__main__":
    unittest.main()
