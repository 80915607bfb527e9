"""Tests flow logs of a whole account: what other VPCs send among themselves is left out, by the field vpc-id."""

import re
import tempfile
import unittest
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import duckdb
import pyarrow
import sqlglot

import answers
import runs
import statement
import tables
from cluster import utc
from scene import TEN, UNTIL, A, B, Scene
from story import DAY
from traffic import SCHEMA, write_flow_logs, write_listings

OURS, OTHER = "vpc-0123456789abcdef0", "vpc-0fedcba9876543210"
#: `$path` is a column of Athena's own: the file of a row.
MORE = ("vpc_id", "$path")
SCHEMA_WITH_VPC = pyarrow.schema([*SCHEMA, *(pyarrow.field(name, pyarrow.string()) for name in MORE)])

DOCS = Path(__file__).resolve().parents[2] / "docs/cross-az-traffic"


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

    @contextmanager
    def opened(self):
        with tempfile.TemporaryDirectory(prefix="hookline-traffic-") as root, duckdb.connect() as connection:
            write_flow_logs(root, self.scene.traffic.records, SCHEMA_WITH_VPC)
            write_listings(root, self.scene.cluster)
            tables.open_tables(connection, root, more=[(name, "VARCHAR") for name in MORE])
            tables.create_result_tables(connection)
            yield connection

    def ask(self, text):
        with self.opened() as connection:
            return answers.rows(connection.execute(text))

    def named(self, name, **parameters):
        """The rows of a named query, as it is run at 11:00."""
        return self.ask(statement.at(statement.named(name, **parameters), utc(*DAY, 11)))

    def found(self, **parameters):
        return {(row["scope"], row["src_group"], row["dst_group"]): row["bytes"] for row in self.ask(statement.cross_az(UNTIL, **parameters))}

    def test_what_another_vpc_sends_between_the_same_addresses_is_not_the_clusters(self):
        self.assertEqual(self.found(), {("cluster", "sender", "receiver"): 1000, ("ingress", "i-other-egress", "receiver"): 2**20})
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
            return {row["field"]: (row["share_with_a_value"], row["lost"]) for row in self.named("flow-log-fields", vpc_id=OURS)}["vpc-id"]

        self.assertEqual(told(), (1, ""))
        for row in self.rows():
            row["vpc_id"] = None
        self.assertEqual(told(), (0, "records of other VPCs are not left out"))

    def test_flow_log_fields_tells_what_the_records_of_the_vpc_lack_though_others_have_it(self):
        self.scene.change({"pkt_srcaddr": None}, vpc_id=OURS)
        for vpc_id, lacking in ((None, set()), (OURS, {"pkt-srcaddr"}), (OTHER, set())):
            found = self.named("flow-log-fields", vpc_id=vpc_id)
            self.assertEqual({row["field"] for row in found if row["share_with_a_value"] == 0}, lacking, vpc_id)

    def test_flow_log_fields_tells_a_wrong_id(self):
        def told(vpc_id):
            return {row["field"]: (row["records"], row["share_with_a_value"], row["lost"]) for row in self.named("flow-log-fields", vpc_id=vpc_id)}

        everything, ours = len(self.rows()), sum(row["vpc_id"] == OURS for row in self.rows())
        self.assertEqual(told(OURS)["vpc-id is flowLogsVpcId"], (everything, round(ours / everything, 4), ""))
        wrong = told("vpc-0aaaaaaaaaaaaaaaa")
        self.assertEqual(wrong.pop("vpc-id is flowLogsVpcId"), (everything, 0, "no record is of this VPC: look at the ID in the configuration"))
        self.assertEqual(set(wrong.values()), {(0, None, "no records")})

    def test_ports_has_the_bytes_of_the_vpc(self):
        self.scene.change({"dstport": 9090}, vpc_id=OTHER)
        for vpc_id, bytes_by_port in ((OURS, {8080: 1000}), (OTHER, {9090: 2**20}), (None, {8080: 1000, 9090: 2**20})):
            self.assertEqual({row["port"]: row["bytes"] for row in self.named("ports", vpc_id=vpc_id)}, bytes_by_port)

    def test_logged_twice_has_the_interfaces_of_the_vpc(self):
        interfaces = {}
        for rows in self.scene.traffic.records.values():
            for row in tuple(rows):
                interfaces.setdefault(row["vpc_id"], set()).add(row["interface_id"])
                row["$path"] = "123456789012_vpcflowlogs_us-east-2_fl-0a_20260504T1005Z_0a1b2c3d.log.parquet"
                rows.append({**row, "$path": row["$path"].replace("fl-0a", "fl-0b")})
        self.assertEqual(len(interfaces[OURS]), len(interfaces[OTHER]))
        for vpc_id, twice in ((OURS, interfaces[OURS]), (OTHER, interfaces[OTHER]), (None, interfaces[OURS] | interfaces[OTHER])):
            self.assertEqual({row["interface_id"] for row in self.named("logged-twice", vpc_id=vpc_id)}, twice)

    def test_not_measured_has_the_interfaces_of_the_vpc_and_those_that_tell_none(self):
        for node, vpc_id in ((self.scene.a, OURS), (self.scene.b, OTHER), (self.scene.c, "-")):
            self.scene.recorder.no_flow(node, TEN, "SKIPDATA")
            self.scene.change({"vpc_id": vpc_id}, log_status="SKIPDATA", interface_id=node.interface)
        a, b, c = (node.interface for node in (self.scene.a, self.scene.b, self.scene.c))
        for vpc_id, skipped in ((OURS, {a, c}), (OTHER, {b, c}), (None, {a, b, c})):
            self.assertEqual({row["interface_id"] for row in self.named("not-measured", vpc_id=vpc_id)}, skipped)

    def test_hours_that_were_stored_with_all_records_are_stored_again_after_the_statement_of_the_docs(self):
        until = utc(*DAY, 11)
        now = until + timedelta(minutes=20)
        page = (DOCS / "existing-flow-logs.md").read_text(encoding="utf-8")
        update = re.search(r"```sql\n *(UPDATE cross_az_inputs.*?)```", page, re.DOTALL)[1]
        sqlglot.parse_one(update, read="athena", error_level=sqlglot.ErrorLevel.RAISE)
        ours, everything = sum(row["vpc_id"] == OURS for row in self.rows()), len(self.rows())
        with self.opened() as connection:
            stored = lambda: connection.execute("SELECT CAST(sum(bytes) AS BIGINT) FROM cross_az_traffic").fetchone()[0]  # noqa: E731
            self.assertEqual(runs.run(connection, until, now).hours, f"TIMESTAMP '{DAY[0]}-{DAY[1]:02}-{DAY[2]:02} 10:00:00'")
            self.assertEqual(stored(), 1000 + 2**20)
            for windows in (statement.HOURLY, statement.SETTLING):
                done = runs.run(connection, until, now, windows, vpc_id=OURS)
                self.assertRegex(done.incomplete, rf" 10:00 \({ours} of {everything} records\)$")
                self.assertEqual((done.hours, stored()), ("", 1000 + 2**20))
            connection.execute(statement.at(update, now))
            done = runs.run(connection, until, now, statement.SETTLING, vpc_id=OURS)
            self.assertEqual((done.incomplete, done.hours.count("TIMESTAMP"), stored()), ("", 1, 1000))
            # It is settled: the number of its own records is remembered.
            self.assertEqual(connection.execute("SELECT records FROM cross_az_inputs").fetchall(), [(ours,)])
            self.assertEqual(runs.run(connection, until, now, statement.SETTLING, vpc_id=OURS).windows, [])


if __name__ == "__main__":
    unittest.main()
