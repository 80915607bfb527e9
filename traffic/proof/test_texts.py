"""Tests that the SQL texts, the tables, the schema and the state machine agree with each other."""

import json
import re
import unittest
from datetime import datetime, timedelta, timezone
from pathlib import Path

import duckdb
import jsonschema
import sqlglot
from sqlfluff.core import FluffConfig, Linter

import answers
import pipeline
import statement
import tables
from cluster import utc
from kubernetes_services import missing_line
from listing_cost import scans
from story import DAY, LISTINGS, Story
from traffic import SCHEMA as SCHEMA_OF_FILES
from world import World, scenario

SCHEMA = Path(__file__).resolve().parent.parent / "schema"


def pods_schema():
    return jsonschema.Draft202012Validator(json.loads((SCHEMA / "pods.schema.json").read_text(encoding="utf-8")))


class Statements(unittest.TestCase):
    @staticmethod
    def _statements():
        """Each statement, as it is sent to Athena."""
        until = utc(*DAY, 12)
        yield "cross-az", statement.cross_az(until)
        yield "store", statement.store(until)
        for windows in (statement.HOURLY, statement.SETTLING):
            yield "check-inputs", statement.check_inputs(until, windows)
        yield "store-inputs", statement.store_inputs("(TIMESTAMP '2026-05-04 09:00:00', 1, 2, 3)")
        yield "metrics", statement.metrics_template(until="2026-05-04 12:00:00", records="1", age="2")
        yield from ((name, statement.named(name)) for name in statement.NAMED)

    def test_each_statement_parses_in_athenas_dialect(self):
        for dialect in ("athena", "trino"):
            for name, text in self._statements():
                with self.subTest(name=name, dialect=dialect):
                    self.assertEqual(len(sqlglot.parse(text, read=dialect, error_level=sqlglot.ErrorLevel.RAISE)), 1)

    def test_each_statement_parses_in_a_second_grammar_of_trino(self):
        # sqlfluff's is not made from sqlglot's. It refuses other texts, so both must accept each.
        linter = Linter(config=FluffConfig(overrides={"dialect": "trino", "templater": "raw", "large_file_skip_byte_limit": 0}))

        def refused(text):
            parsed = linter.parse_string(text)
            return [str(violation) for violation in parsed.violations] or [str(part) for part in parsed.tree.recursive_crawl("unparsable")]

        self.assertTrue(refused("SELECT a FROM b WHERE (c = 1\n"))
        self.assertTrue(refused("SELECT a b c FROM d\n"))
        # The query is in the statement that stores its rows, and the two checks differ in numbers only. A parse takes seconds.
        texts = {re.sub(r"\d+", "0", text): (name, text) for name, text in self._statements() if name != "cross-az"}
        self.assertIn(statement.cross_az(utc(*DAY, 12)), statement.store(utc(*DAY, 12)))
        for name, text in texts.values():
            with self.subTest(name=name):
                self.assertEqual(refused(text + "\n"), [])

    def test_flow_logs_are_read_once(self):
        # A second mention would be a second scan. Athena bills the bytes that it scans.
        for text in (statement.cross_az(utc(*DAY, 12)), statement.check_inputs(utc(*DAY, 12)), *map(statement.named, (*statement.OF_FLOW_LOGS, statement.WITH_CROSS_AZ))):
            self.assertEqual(scans(text, "flow_logs"), 1)

    def test_docs_say_how_often_the_listings_are_read(self):
        page = (SCHEMA.parent.parent / "docs" / "cross-az-traffic" / "cost.md").read_text(encoding="utf-8")
        self.assertIn(f"mention of the table: {scans(statement.cross_az(utc(*DAY, 12)), 'pods')} times", page)

    def test_docs_say_how_long_a_record_is(self):
        page = (SCHEMA.parent.parent / "docs" / "cross-az-traffic" / "cost.md").read_text(encoding="utf-8")
        for name, says in (("steady", "{} bytes a record as text"), ("ipv6", "({} with IPv6)")):
            rows = [row for rows in World(scenario(name), 2, 6).traffic.records.values() for row in rows]
            # As text: the fields with a space between them, and the end of the line.
            lengths = [sum(len("-" if row[field] is None else str(row[field])) + 1 for field in SCHEMA_OF_FILES.names) for row in rows]
            self.assertIn(says.format(round(sum(lengths) / len(lengths))), page)

    def test_no_parameter_is_left(self):
        for name, text in self._statements():
            # A time has colons too.
            self.assertIsNone(re.search(r"(?<![:\d]):[a-z_]+", text), name)

    def test_an_unknown_parameter_is_refused(self):
        with self.assertRaisesRegex(ValueError, ":until"):
            statement.with_parameters("SELECT 1", until="now")

    def test_the_longest_statement_fits_into_a_query_of_athena(self):
        self.assertLess(len(statement.store(utc(*DAY, 12))), 262_144)

    def test_the_state_machine_fills_every_placeholder(self):
        machine = json.loads(pipeline.MACHINE.read_text(encoding="utf-8"))
        until, row = "$.window.until", "$.now.{}.VarCharValue"
        for state, template, names in (
            ("AskForInputs", statement.check_inputs_template(until="{until}"), {"until": until}),
            ("AskToStoreInputs", statement.store_inputs("{inputs}"), {"inputs": row.format("inputs")}),
            ("AskToStore", statement.store_template(until="{until}", hours="{hours}"), {name: row.format(name) for name in ("until", "hours")}),
            (
                "AskForMetrics", statement.metrics_template(until="{until}", records="{records}", age="{age}"),
                {name: row.format(name) for name in ("until", "records", "age")},
            ),
        ):
            call = machine["States"][state]["Parameters"]["statement.$"]
            arguments = re.fullmatch(r"States\.Format\(\$\.statement, (.*)\)", call)[1].split(", ")
            self.assertEqual(arguments, [names[name] for name in re.findall(r"{(\w+)}", template)], state)
            # Nothing else in the text may look like a placeholder or an escape.
            self.assertNotRegex(re.sub(r"{\w+}", "", template), r"[{}\\]")
        # Both checks have the same places.
        self.assertEqual(statement.check_inputs_template().count("{}"), statement.check_inputs_template(statement.SETTLING).count("{}"))

    def test_metrics_are_computed_from_the_stored_table(self):
        connection = duckdb.connect()
        self.addCleanup(connection.close)
        tables.create_result_tables(connection)

        def store(hour, source, destination, crosses, size, scope="cluster", cluster="prod"):
            usd = 0.5 if crosses else 0.0
            connection.execute(
                f"INSERT INTO cross_az_traffic VALUES ({', '.join('?' * 17)})",
                [datetime(*DAY, hour), scope, source[0], "Label", source[1], "a", destination[0], "Label", destination[1], "b", crosses, size, usd, usd, None, cluster, ""],
            )

        cart, db, nodes = ("shop", "cart"), ("data", "db"), ("", "(nodes)")
        store(9, cart, db, True, 2**40)
        store(9, cart, db, False, 7)
        store(9, db, cart, True, 5)
        store(11, nodes, db, True, 3)
        store(11, nodes, db, None, 100)
        store(11, cart, ("", "(internet gateway)"), None, 100, scope="egress")
        store(8, cart, db, True, 1)
        store(12, cart, db, True, 1)
        until = datetime(*DAY, 12).strftime(statement.UNTIL_FORMAT)
        text = statement.metrics_template(pairs=1, days=36_500, until=until, records="7", age="600")
        rows = connection.execute(text).fetchall()
        self.assertEqual({row[6] for row in rows}, {"prod"})
        found = {(at[11:13], metric, source, destination): (float(value), unit) for at, metric, unit, value, source, destination, _ in rows}
        total = ("(all)", "(all)")
        self.assertEqual(
            found,
            {
                ("09", "CrossAzBytes", *total): (2**40 + 5, "Bytes"),
                ("09", "InZoneBytes", *total): (7, "Bytes"),
                ("09", "CrossAzUsd", *total): (2.0, "None"),
                ("09", "CrossAzBytes", "shop/cart", "data/db"): (2**40, "Bytes"),
                ("10", "CrossAzBytes", *total): (0, "Bytes"),
                ("10", "InZoneBytes", *total): (0, "Bytes"),
                ("10", "CrossAzUsd", *total): (0, "None"),
                ("11", "CrossAzBytes", *total): (3, "Bytes"),
                ("11", "InZoneBytes", *total): (0, "Bytes"),
                ("11", "CrossAzUsd", *total): (1.0, "None"),
                ("11", "CrossAzBytes", "(nodes)", "data/db"): (3, "Bytes"),
            },
        )
        # CloudWatch would refuse hours that are this old.
        long_ago = statement.metrics_template(until="2026-01-01 12:00:00", records="7", age="600")
        self.assertEqual(connection.execute(long_ago).fetchall(), [])

    def test_a_run_at_the_present_has_metrics_of_its_own(self):
        connection = duckdb.connect()
        self.addCleanup(connection.close)
        tables.create_result_tables(connection)
        insert = f"INSERT INTO cross_az_traffic VALUES ({', '.join('?' * 17)})"
        for hour, kind, size, usd in ((9, "Unknown", 100, 0.5), (11, "Label", 300, 0.25), (1, "Unknown", 1000, 1.0)):
            connection.execute(insert, [datetime(*DAY, hour), "cluster", "", kind, "x", "a", "shop", "Label", "cart", "b", True, size, usd, usd, None, "prod", ""])
        connection.execute(insert, [datetime(*DAY, 10), "egress", "", "Label", "x", "a", "", "Outside", "y", "", None, 600, 0.0, 0.0, None, "prod", ""])
        # An hour of the day before is not of the last 24 hours.
        connection.execute(insert, [datetime(*DAY, 11) - timedelta(days=1), "cluster", "", "Unknown", "x", "a", "", "Label", "y", "b", True, 9, 9.0, 9.0, None, "prod", ""])
        until = datetime(*DAY, 12)
        text = statement.metrics_template(until=until.strftime(statement.UNTIL_FORMAT), records="7", age="600")

        def own(now):
            rows = connection.execute(statement.at(text, now)).fetchall()
            return {metric: (at, unit, float(value), *ends) for at, metric, unit, value, *ends in rows if metric not in ("CrossAzBytes", "InZoneBytes", "CrossAzUsd")}

        at, ends = "2026-05-04T12:20:07Z", ("(all)", "(all)", "prod")
        self.assertEqual(
            own(datetime(*DAY, 12, 20, 7)),
            {
                "RecordsRead": (at, "Count", 7.0, *ends),
                "NewestRecordAge": (at, "Seconds", 600.0, *ends),
                "UnknownShare": (at, "Percent", 10.0, *ends),
                "CrossAzUsdLastDay": (at, "None", 3.5, *ends),
            },
        )
        self.assertEqual(own(until + timedelta(hours=3)), {})

    def test_skipped_records_are_found(self):
        connection = duckdb.connect()
        self.addCleanup(connection.close)
        fields = ", ".join(f'"{name}" {type_}' for name, type_ in tables.columns("flow_logs"))
        connection.execute(f"CREATE TABLE flow_logs ({fields}, year VARCHAR, month VARCHAR, day VARCHAR, hour VARCHAR)")
        now = datetime.now(timezone.utc)
        for status in ("OK", "NODATA", "SKIPDATA", "SKIPDATA"):
            connection.execute(
                "INSERT INTO flow_logs (interface_id, instance_id, log_status, year, month, day, hour) VALUES ('eni-1', 'i-1', ?, ?, ?, ?, ?)",
                [status, *now.strftime("%Y %m %d %H").split()],
            )
        found = connection.execute(statement.named("not-measured")).fetchall()
        self.assertEqual(found, [(now.strftime("%Y-%m-%d %H"), "eni-1", "i-1", 2)])


class FlowLogs(unittest.TestCase):
    """Records that were delivered now."""

    def setUp(self):
        self.connection = duckdb.connect()
        self.addCleanup(self.connection.close)
        fields = ", ".join(f'"{name}" {type_}' for name, type_ in [*tables.columns("flow_logs"), ("$path", "VARCHAR")])
        self.connection.execute(f"CREATE TABLE flow_logs ({fields}, year VARCHAR, month VARCHAR, day VARCHAR, hour VARCHAR)")

    def insert(self, **values):
        now = datetime.now(timezone.utc)
        row = {**dict(zip(("year", "month", "day", "hour"), now.strftime("%Y %m %d %H").split())), **values}
        names = ", ".join(f'"{name}"' for name in row)
        self.connection.execute(f"INSERT INTO flow_logs ({names}) VALUES ({', '.join('?' * len(row))})", list(row.values()))


class LoggedTwice(FlowLogs):
    def record(self, interface, flow_log, start, **values):
        # The form of the name is that of the VPC User Guide, "Flow log files".
        file = f"123456789012_vpcflowlogs_us-east-2_{flow_log}_20260504T1205Z_0a1b2c3d.log.parquet"
        values = {"log_status": "OK", "action": "ACCEPT", **values}
        self.insert(interface_id=interface, start=start, end=start + 60, **{"$path": f"s3://logs/team_fl-0_/AWSLogs/{file}"}, **values)

    def found(self):
        text = statement.named("logged-twice")
        rows = self.connection.execute(text).fetchall()
        self.assertEqual(self.connection.execute(statement.as_trino_means(text, "athena")).fetchall(), rows)
        return rows

    def test_an_interface_that_two_flow_logs_log_at_once_is_found(self):
        # 1,777,896,000 is 12:00 on 4 May 2026, UTC.
        for minute in range(10):
            self.record("eni-1", "fl-0a", 1_777_896_000 + 60 * minute)
        for minute in range(5, 15):
            self.record("eni-1", "fl-0b", 1_777_896_000 + 60 * minute)
        self.record("eni-2", "fl-0a", 1_777_896_000)
        self.record("eni-3", "fl-0b", 1_777_896_000)
        self.assertEqual(self.found(), [("eni-1", "fl-0a", "fl-0b", datetime(*DAY, 12, 5), datetime(*DAY, 12, 10), 10)])

    def test_each_of_three_flow_logs_is_found_with_one_of_its_time(self):
        for flow_log, minutes in (("fl-0a", range(10)), ("fl-0b", range(2, 4)), ("fl-0c", range(5, 7)), ("fl-0d", range(10, 12))):
            for minute in minutes:
                self.record("eni-1", flow_log, 1_777_896_000 + 60 * minute)
        self.assertEqual([row[1:3] for row in self.found()], [("fl-0a", "fl-0b"), ("fl-0a", "fl-0c")])

    def test_a_flow_log_in_place_of_another_is_not(self):
        self.record("eni-1", "fl-0b", 1_777_896_000)
        self.record("eni-1", "fl-0a", 1_777_896_060)
        self.assertEqual(self.found(), [])

    def test_only_records_that_count_are_twice(self):
        self.record("eni-1", "fl-0a", 1_777_896_000)
        for values in ({"action": "REJECT"}, {"log_status": "SKIPDATA", "action": "-"}, {"log_status": None}):
            self.record("eni-1", "fl-0b", 1_777_896_000, **values)
        self.assertEqual(self.found(), [])


class Ports(FlowLogs):
    #: Two pods on nodes, each in a zone, and a server in a third one.
    ENDS = {"10.0.0.1": ("i-1", "a"), "10.0.1.1": ("i-2", "b"), "10.0.1.2": ("-", "b")}

    def record(self, direction, source, destination, ports, size, protocol=6, **values):
        instance, zone = self.ENDS[source if direction == "egress" else destination]
        row = {
            "instance_id": instance, "az_id": zone, "flow_direction": direction, "srcaddr": source, "dstaddr": destination, "pkt_srcaddr": source,
            "pkt_dstaddr": destination, "srcport": ports[0], "dstport": ports[1], "protocol": protocol, "bytes": size, "log_status": "OK", "action": "ACCEPT",
        }
        self.insert(**{**row, **values})

    def both(self, source, destination, ports, size, protocol=6):
        for direction in ("egress", "ingress"):
            self.record(direction, source, destination, ports, size, protocol)

    def found(self):
        text = statement.named("ports")
        rows = self.connection.execute(text).fetchall()
        self.assertEqual(self.connection.execute(statement.as_trino_means(text, "athena")).fetchall(), rows)
        return rows

    def test_a_port_is_the_servers_in_both_directions_of_a_connection(self):
        self.both("10.0.0.1", "10.0.1.1", (40000, 5432), 2**30)
        self.both("10.0.1.1", "10.0.0.1", (5432, 40000), 3 * 2**30)
        self.both("10.0.0.1", "10.0.1.2", (40001, 5432), 2**30)
        self.both("10.0.1.1", "10.0.1.2", (32768, 53), 5, protocol=17)
        self.assertEqual(
            self.found(), [(5432, "TCP", 2, 5 * 2**30, 0, 5 * 2**30, 0, 0.1), (53, "UDP", 1, 5, 5, 0, 0, 0.0)],
        )

    def test_a_port_that_could_be_either_is_not_guessed(self):
        self.both("10.0.0.1", "10.0.1.1", (8080, 9090), 1)
        self.both("10.0.0.1", "10.0.1.1", (40000, 50000), 2)
        self.both("10.0.0.1", "10.0.1.1", (0, 0), 4, protocol=1)
        # ESP has no ports, whatever the record has in their place.
        self.both("10.0.0.1", "10.0.1.1", (40000, 0), 8, protocol=50)
        self.assertEqual([row[:4] for row in self.found()], [(None, "50", None, 8), (None, "1", None, 4), (None, "TCP", None, 3)])

    def test_an_end_that_does_not_log_has_no_zone_and_the_other_ends_bytes(self):
        self.record("egress", "10.0.0.1", "10.0.1.2", (40000, 443), 7)
        self.assertEqual(self.found(), [(443, "TCP", 1, 7, 0, 0, 7, 0.0)])
        self.record("ingress", "10.0.0.1", "10.0.1.2", (40000, 443), 7, az_id="-")
        self.assertEqual(self.found(), [(443, "TCP", 1, 7, 0, 0, 7, 0.0)])

    def test_the_end_that_has_more_is_right(self):
        self.record("egress", "10.0.0.1", "10.0.1.1", (40000, 443), 7)
        self.record("ingress", "10.0.0.1", "10.0.1.1", (40000, 443), 5)
        self.assertEqual([row[3:6] for row in self.found()], [(7, 0, 7)])

    def test_what_goes_through_a_nat_gateway_counts_once(self):
        self.record("egress", "10.0.0.1", "198.51.100.7", (40000, 443), 7)
        for direction, own in (("ingress", {"dstaddr": "10.0.1.2"}), ("egress", {"srcaddr": "10.0.1.2"})):
            self.ENDS = {**self.ENDS, "198.51.100.7": ("-", "b"), "10.0.0.1": ("-", "b")}
            self.record(direction, "10.0.0.1", "198.51.100.7", (40000, 443), 7, **own)
        self.assertEqual(self.found(), [(443, "TCP", 1, 7, 0, 0, 7, 0.0)])

    def test_only_records_that_count_do(self):
        for values in ({"action": "REJECT"}, {"log_status": "SKIPDATA"}, {"flow_direction": "-"}, {"hour": "99"}):
            self.record("egress", "10.0.0.1", "10.0.1.1", (40000, 443), 7, **values)
        self.assertEqual(self.found(), [])

    def test_in_a_world_what_crosses_zones_is_what_is_true(self):
        world = World(scenario("steady"), 2, 6)
        true = {}
        for (_, _, source, destination), size in world.traffic.truth.items():
            true[source.zone != destination.zone] = true.get(source.zone != destination.zone, 0) + size
        with answers.opened(world) as (connection, _):
            text = statement.at(statement.named("ports"), utc(*DAY, 16))
            ((port, protocol, _, size, stayed, crossed, unknown, _),) = connection.execute(text).fetchall()
        self.assertEqual((port, protocol, size, stayed, crossed, unknown), (8080, "TCP", sum(true.values()), true[False], true[True], 0))


class FlowLogFields(FlowLogs):
    def found(self):
        return {row[0]: row[1:] for row in self.connection.execute(statement.named("flow-log-fields")).fetchall()}

    def test_a_field_that_the_format_lacks_is_named_with_what_is_lost(self):
        whole = {"start": 1, "end": 2, "bytes": 3, "interface_id": "eni-1", "instance_id": "i-1", "az_id": "a", "flow_direction": "egress", "srcaddr": "1", "dstaddr": "2"}
        whole |= {"srcport": 40000, "dstport": 443, "protocol": 6}
        self.insert(log_status="OK", action="ACCEPT", traffic_path=1, **whole)
        self.insert(log_status="OK", action="ACCEPT", **{**whole, "instance_id": "-"})
        self.insert(log_status="NODATA")
        found = self.found()
        self.assertEqual(found["pkt-srcaddr"], (2, 0.0, "nothing is counted: with srcaddr alone, pods are their node"))
        self.assertEqual(found["instance-id"], (2, 0.5, ""))
        self.assertEqual({field for field, (_, share, _) in found.items() if share == 0}, {"pkt-srcaddr", "pkt-dstaddr"})

    def test_it_names_each_field_and_each_is_read(self):
        # You pay for each byte of a record, so the format has no field that nothing reads.
        read = [re.search(rf"^{name} AS \((.*?)^\),", statement.read(text), re.DOTALL | re.MULTILINE)[1] for text, name in (("cross-az", "flows"), ("ports", "records"))]
        columns = {name for name, _ in tables.columns("flow_logs") if any(re.search(rf"\b{name}\b", text) for text in read)}
        self.assertEqual(columns, {name for name, _ in tables.columns("flow_logs")})
        self.assertEqual(set(self.found()), {name.replace("_", "-") for name in columns} | {"aggregation interval"})

    def test_records_that_are_longer_than_the_interval_are_told(self):
        for length, interval, lost in ((120, 60, False), (600, 60, True), (660, 600, False)):
            with self.subTest(length=length, interval=interval):
                self.connection.execute("DELETE FROM flow_logs")
                for end in (1, 1 + length):
                    self.insert(log_status="OK", action="ACCEPT", start=1, end=end)
                rows = {row[0]: row[1:] for row in self.connection.execute(statement.named("flow-log-fields", interval=interval)).fetchall()}
                more = "bytes near a full hour may count twice: set flowLogsIntervalMinutes to 10"
                self.assertEqual(rows["aggregation interval"], (2, 0.5, more) if lost else (2, 1.0, ""))

    def test_a_format_without_the_status_loses_everything(self):
        self.insert(action="ACCEPT", start=1, pkt_srcaddr="1")
        found = self.found()
        self.assertEqual(found["log-status"], (1, 0.0, "nothing is counted"))
        self.assertEqual(found["start"], (1, 1.0, ""))

    def test_without_records_it_says_so(self):
        self.assertEqual({row[2] for row in self.found().values()}, {"no records"})


class Partitions(unittest.TestCase):
    """The conditions on partitions select the right hours, also where a day, a month or a year ends."""

    def test_the_condition_on_flow_logs_selects_their_hours(self):
        condition = re.search(r"WHERE (year IN .*?)\n    AND start >=", statement.read("cross-az"), re.DOTALL)[1]
        columns = "strftime(h, '%Y') AS year, strftime(h, '%m') AS month, strftime(h, '%d') AS day"
        for until in self._edges():
            # The schedule's run: nothing can be delivered later than now.
            now = until + timedelta(hours=2, minutes=59)
            selected = self._selected(self._at(condition, now), until, columns)
            self.assertEqual({hour for hour in selected if hour <= now}, {until + timedelta(hours=hour) for hour in range(-3, 3)}, until)
            # A later run reads what was delivered within two days.
            selected = self._selected(self._at(condition, until + timedelta(hours=3, minutes=1)), until, columns)
            self.assertEqual(selected, {until + timedelta(hours=hour) for hour in range(-3, 49)}, until)

    def test_the_condition_on_flow_logs_is_a_list_for_each_column(self):
        # Partition projection lists every partition that the lists allow; a condition on several columns at once comes after that.
        condition = re.search(r"WHERE (year IN .*?)\n    AND start >=", statement.read("cross-az"), re.DOTALL)[1]
        lists = condition.split("    AND year || ")[0]
        for until in self._edges():
            selected = self._selected(self._at(lists, until), until, "strftime(h, '%Y') AS year, strftime(h, '%m') AS month, strftime(h, '%d') AS day")
            self.assertLessEqual(len(selected), 2 * 2 * 4 * 6, until)

    @staticmethod
    def _at(condition, now):
        """The condition at a time."""
        return condition.replace("CAST(current_timestamp AS timestamp)", f"TIMESTAMP '{now}'")

    def test_the_check_reads_the_same_hours_as_the_query(self):
        condition = re.search(r"WHERE (year IN .*?)\n    AND start >=", statement.read("check-inputs"), re.DOTALL)[1]
        columns = "strftime(h, '%Y') AS year, strftime(h, '%m') AS month, strftime(h, '%d') AS day"
        for windows in (statement.HOURLY, statement.SETTLING):
            reach = 3 * windows
            text = condition.replace(":reach", str(reach)).replace(":windows", str(windows))
            for until in self._edges():
                late = self._selected(self._at(text, until + timedelta(hours=3, minutes=1)), until, columns)
                self.assertEqual(late, {until + timedelta(hours=hour) for hour in range(-reach, 49)}, until)
                if windows == statement.HOURLY:
                    now = until + timedelta(hours=2, minutes=59)
                    selected = self._selected(self._at(text, now), until, columns)
                    self.assertEqual({hour for hour in selected if hour <= now}, {until + timedelta(hours=hour) for hour in range(-3, 3)}, until)

    def test_the_condition_on_listings_selects_their_hours(self):
        condition = re.search(r"(dt BETWEEN .*?)\n\),", statement.read("cross-az"), re.DOTALL)[1]
        for until in self._edges():
            wanted = {until + timedelta(hours=hour) for hour in range(-4, 3)}
            self.assertEqual(self._selected(condition, until, "strftime(h, '%Y-%m-%d') AS dt"), wanted, until)

    def test_the_last_24_hours_are_no_more(self):
        for name in statement.OF_FLOW_LOGS:
            condition = re.search(r"(year IN .*?)\n(?: *GROUP BY|\),| *AND log_status)", statement.read(name), re.DOTALL)[1]
            for until in self._edges():
                now = until + timedelta(minutes=20)
                selected = self._selected(statement.at(condition, now), until, "strftime(h, '%Y') AS year, strftime(h, '%m') AS month, strftime(h, '%d') AS day")
                self.assertEqual(selected, {until - timedelta(hours=hour) for hour in range(25)}, (name, until))

    def test_the_last_day_of_listings_is_no_more(self):
        for name in ("what-to-do", "kubernetes-services", "by-service-and-port"):
            condition = re.search(r"(dt BETWEEN .*?)\n  \) AS l", statement.read(name), re.DOTALL)[1]
            for until in self._edges():
                text = condition.replace(":to", f"TIMESTAMP '{until:%Y-%m-%d %H:20:00}'")
                self.assertEqual(self._selected(text, until, "strftime(h, '%Y-%m-%d') AS dt"), {until - timedelta(hours=hour) for hour in range(25)}, (name, until))

    @staticmethod
    def _edges():
        return [
            datetime(*time)
            for time in ((2026, 5, 4, 12), (2026, 5, 4, 0), (2026, 5, 4, 2), (2026, 5, 3, 23), (2026, 3, 1, 1), (2028, 2, 29, 23), (2027, 1, 1, 0), (2026, 12, 31, 22))
        ]

    @staticmethod
    def _selected(condition, until, columns):
        hours = f"SELECT h, {columns}, strftime(h, '%H') AS hour FROM (SELECT unnest(range(TIMESTAMP '2025-12-01', TIMESTAMP '2028-04-01', INTERVAL 1 HOUR)) AS h)"
        condition = condition.replace(":until", until.strftime(statement.UNTIL_FORMAT))
        with duckdb.connect() as connection:
            return {row[0] for row in connection.execute(f"SELECT h FROM ({hours}) WHERE {condition}").fetchall()}


class Tables(unittest.TestCase):
    def test_the_stored_table_has_the_querys_columns(self):
        query = sqlglot.parse_one(statement.cross_az(utc(*DAY, 12)), read="athena")
        self.assertEqual(query.named_selects, [name for name, _ in tables.columns("cross_az_traffic")])

    def test_the_statement_that_creates_the_table_matches_its_definition(self):
        for name, table in (("create-table", "cross_az_traffic"), ("create-inputs-table", "cross_az_inputs")):
            text = statement.read(name)
            made = re.findall(r"^  `?(\w+)`? (\w+),?$", text, re.MULTILINE)
            columns = tables.definition(table)["StorageDescriptor"]["Columns"]
            self.assertEqual(made, [(column["Name"], column["Type"]) for column in columns])
            self.assertIn(f"EXISTS {table} (", text)

    def test_partition_projection_has_every_partition_key(self):
        for table in ("flow_logs", "pods"):
            definition = tables.definition(table)
            keys = [key["Name"] for key in definition["PartitionKeys"]]
            parameters = definition["Parameters"]
            template = parameters["storage.location.template"]
            self.assertEqual(parameters["projection.enabled"], "true")
            self.assertEqual(re.findall(r"\$\{(\w+)\}", template), keys)
            self.assertEqual({name.split(".")[1] for name in parameters if name.startswith("projection.")} - {"enabled"}, set(keys))
            self.assertTrue(template.startswith(definition["StorageDescriptor"]["Location"]))
            for key in keys:
                self.assertIn(f"{key}=${{{key}}}/", template)

    def test_flow_logs_have_the_columns_of_the_query(self):
        known = {name for name, _ in tables.columns("flow_logs")}
        self.assertLessEqual(
            {"flow_direction", "pkt_srcaddr", "pkt_dstaddr", "srcaddr", "dstaddr", "start", "end", "bytes", "instance_id", "az_id", "traffic_path", "log_status", "action"},
            known,
        )

    def test_flow_logs_have_the_types_of_the_files(self):
        types = {"int32": "int", "int64": "bigint", "string": "string"}
        columns = tables.definition("flow_logs")["StorageDescriptor"]["Columns"]
        self.assertEqual([(column["Name"], column["Type"]) for column in columns], [(field.name, types[str(field.type)]) for field in SCHEMA_OF_FILES])

    def test_comments_are_within_the_limits_of_glue(self):
        for table in ("flow_logs", "pods", "cross_az_traffic", "cross_az_inputs"):
            definition = tables.definition(table)
            self.assertLessEqual(len(definition["Description"]), 2048)
            for column in [*definition["StorageDescriptor"]["Columns"], *definition.get("PartitionKeys", [])]:
                self.assertLessEqual(len(column["Comment"]), 255, column["Name"])


class Listings(unittest.TestCase):
    def test_the_table_has_every_field_of_the_schema(self):
        kinds = pods_schema().schema["$defs"]
        fields = {name for kind in ("node", "pod", "deleted", "instance", "interface", "service", "missing") for name in kinds[kind]["properties"]}
        self.assertEqual({name for name, _ in tables.columns("pods")}, fields)

    def test_the_example_is_valid(self):
        for line in (SCHEMA / "pods.example.jsonl").read_text(encoding="utf-8").splitlines():
            pods_schema().validate(json.loads(line))

    def test_the_lines_of_the_proof_are_valid(self):
        validator, story = pods_schema(), Story(1, flows=0)
        for at in LISTINGS:
            for line in story.cluster.lines(at):
                validator.validate(line)

    def test_the_lines_of_instances_and_services_are_valid(self):
        world = World(scenario("services"), 1, flows=0)
        validator, listed = pods_schema(), world.listed(3600)
        lines = listed.lines(listed.listings[0])
        for line in lines:
            validator.validate(line)
        self.assertEqual({line["kind"] for line in lines}, {"node", "pod", "instance", "interface", "service"})
        validator.validate(missing_line("prod", "refused", lines[0]["observed_at"]))

    def test_the_lines_of_deleted_pods_are_valid(self):
        listed = World(scenario("force-deleted"), 1, flows=0).listed(3600)
        lines = [line for at in listed.replays for line in listed.deleted_lines(at)]
        for line in lines:
            pods_schema().validate(line)
        self.assertEqual({line["end_time"] is None for line in lines}, {True, False})

    def test_the_schema_refuses_invalid_lines(self):
        pod = json.loads((SCHEMA / "pods.example.jsonl").read_text(encoding="utf-8").splitlines()[1])
        for change in ({"ips": ["10.0.1.57/32"]}, {"start_time": "2026-05-04 08:00:11"}, {"uid": ""}, {"phase": "running"}, {"azId": "use2-az1"}):
            self.assertFalse(pods_schema().is_valid({**pod, **change}), change)


if __name__ == "__main__":
    unittest.main()
