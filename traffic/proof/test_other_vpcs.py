"""Tests flow logs of a whole account: what other VPCs send among themselves is left out, by the field vpc-id."""

import tempfile
import unittest

import duckdb
import pyarrow
import sqlglot

import answers
import statement
import tables
from cluster import utc
from scene import TEN, UNTIL, A, B, Scene
from story import DAY
from traffic import SCHEMA, write_flow_logs, write_listings

OURS, OTHER = "vpc-0123456789abcdef0", "vpc-0fedcba9876543210"
SCHEMA_WITH_VPC = SCHEMA.append(pyarrow.field("vpc_id", pyarrow.string()))


class OtherVpcs(unittest.TestCase):
    def setUp(self):
        self.scene = scene = Scene(described=True)
        sender, receiver = scene.pod(scene.a, "sender"), scene.pod(scene.b, "receiver")
        scene.recorder.flow(sender, receiver, TEN, 1000)
        scene.change({"vpc_id": OURS}, log_status="OK")
        # Two instances of another VPC log what they send to each other. One of them has the address of a pod.
        other = scene.builder.node(A, address="10.77.0.9", joined=TEN + 86400)
        scene.cluster.nodes.remove(other)
        before = {id(row) for row in self.rows()}
        scene.recorder.flow(other, receiver, TEN + 300, 2**20)
        for row in self.rows():
            if id(row) not in before:
                row.update(vpc_id=OTHER, instance_id=f"i-other-{row['flow_direction']}", interface_id=f"eni-other-{row['flow_direction']}")

    def rows(self):
        return [row for rows in self.scene.traffic.records.values() for row in rows]

    def ask(self, text):
        with tempfile.TemporaryDirectory(prefix="hookline-traffic-") as root, duckdb.connect() as connection:
            write_flow_logs(root, self.scene.traffic.records, SCHEMA_WITH_VPC)
            write_listings(root, self.scene.cluster)
            tables.open_tables(connection, root, more=[("vpc_id", "VARCHAR")])
            tables.create_result_tables(connection)
            return answers.rows(connection.execute(text))

    def found(self, **parameters):
        return {(row["scope"], row["src_group"], row["dst_group"]): row["bytes"] for row in self.ask(statement.cross_az(UNTIL, **parameters))}

    def test_what_another_vpc_sends_between_the_same_addresses_is_not_the_clusters(self):
        self.assertNotEqual(self.found(), {("cluster", "sender", "receiver"): 1000})
        self.assertEqual(self.found(vpc_id=OURS), {("cluster", "sender", "receiver"): 1000})

    def test_a_record_that_does_not_tell_its_vpc_counts(self):
        for missing in (None, "-"):
            self.scene.change({"vpc_id": missing}, vpc_id=OURS)
            self.assertEqual(self.found(vpc_id=OURS), {("cluster", "sender", "receiver"): 1000})
            self.scene.change({"vpc_id": OURS}, vpc_id=missing)

    def test_the_check_of_an_hour_counts_the_records_of_the_vpc(self):
        def records(**parameters):
            (row,) = self.ask(statement.check_inputs(utc(*DAY, 11), now=utc(*DAY, 12), **parameters))
            return int(row["records"])

        ours = sum(row["vpc_id"] == OURS for row in self.rows())
        self.assertEqual((records(), records(vpc_id=OURS)), (len(self.rows()), ours))

    def test_each_query_of_the_records_leaves_them_out_and_parses(self):
        for name in (*statement.OF_FLOW_LOGS, statement.WITH_CROSS_AZ):
            text = statement.named(name, vpc_id=OURS)
            self.assertIn("vpc_id", text)
            self.assertNotIn("vpc_id", statement.named(name))
            for dialect in ("athena", "trino"):
                self.assertEqual(len(sqlglot.parse(text, read=dialect, error_level=sqlglot.ErrorLevel.RAISE)), 1, name)

    def test_flow_log_fields_says_what_is_lost_without_the_field(self):
        def told():
            text = statement.at(statement.named("flow-log-fields", vpc_id=OURS), utc(*DAY, 11))
            return {row["field"]: (row["share_with_a_value"], row["lost"]) for row in self.ask(text)}["vpc-id"]

        self.assertEqual(told(), (1, ""))
        for row in self.rows():
            row["vpc_id"] = None
        self.assertEqual(told(), (0, "records of other VPCs are not left out"))


if __name__ == "__main__":
    unittest.main()
