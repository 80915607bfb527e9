"""The queries for people, on stored rows and on what the query finds of a world."""

import unittest
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import duckdb
import sqlglot

import answers
import cost_and_usage
import statement
import tables
from cluster import rfc3339, utc
from services import PAID
from story import DAY, FIRST_HOUR, LAST_HOUR
from world import EVERY_FIVE, World, scenario

NOW = datetime.now(timezone.utc).replace(tzinfo=None, minute=0, second=0, microsecond=0)
A, B, C = "use2-az1", "use2-az2", "use2-az3"


class Stored(unittest.TestCase):
    """Stored rows, of which each query must find the right ones."""

    def setUp(self):
        self.connection = duckdb.connect()
        self.addCleanup(self.connection.close)
        tables.create_result_tables(self.connection)
        tables.create_empty_listings(self.connection)

    def store(self, source, destination, gib, usd=(0.01, 0.01), scope="cluster", hour=NOW - timedelta(hours=1), cluster="prod", peer_cluster=""):
        """Stores a row. An end is (namespace, kind, group, zone)."""
        crosses = source[3] != destination[3] if source[3] and destination[3] else None
        usd = [price * gib if crosses else 0.0 for price in usd]
        row = [hour, scope, *source, *destination, crosses, gib * 2**30, *usd, None, cluster, peer_cluster]
        self.connection.execute(f"INSERT INTO cross_az_traffic VALUES ({', '.join('?' * len(row))})", row)

    def list_services(self, *services, at=NOW - timedelta(hours=1), cluster="prod"):
        """Stores the lines of a listing: each Service with its groups, (kind, name) of each."""
        for service, groups in services:
            self.list_line(service.line(cluster, groups, rfc3339(at.replace(tzinfo=timezone.utc).timestamp())), at)

    def list_line(self, line, at=NOW - timedelta(hours=1)):
        """Stores a line of a listing."""
        line = {**line, "dt": f"{at:%Y-%m-%d}", "hour": f"{at:%H}"}
        fields = ", ".join(f'"{name}"' for name in line)
        self.connection.execute(f"INSERT INTO pods ({fields}) VALUES ({', '.join('?' * len(line))})", list(line.values()))

    def ask(self, name, **parameters):
        """The rows of a named query, in each of the two meanings, within the hour of NOW: a run may last past its end, and past midnight."""
        text = statement.named(name, **parameters).replace("current_timestamp", f"TIMESTAMP '{NOW + timedelta(minutes=30)}'")
        plain = answers.rows(self.connection.execute(text))
        self.assertEqual(answers.rows(self.connection.execute(statement.as_trino_means(text, "athena"))), plain)
        return plain

    def test_rows_outside_the_time_range_are_left_out(self):
        cart, db = ("shop", "Label", "cart", A), ("data", "Label", "db", B)
        for name in set(statement.NAMED) - {*statement.OF_FLOW_LOGS, statement.WITH_CROSS_AZ, "reconcile", "nat-and-internet", "services", "kubernetes-services"}:
            with self.subTest(name=name):
                self.connection.execute("DELETE FROM cross_az_traffic")
                self.store(cart, db, 1, hour=NOW - timedelta(days=statement.NAMED[name] + 1))
                self.assertEqual(self.ask(name), [])
                self.store(cart, db, 1)
                self.assertTrue(self.ask(name))

    def test_the_first_queries_find_their_sums(self):
        cart = ("shop", "Label", "cart", A)
        self.store(cart, ("data", "StatefulSet", "db", A), 1)
        self.store(cart, ("data", "StatefulSet", "db", B), 1)
        self.store(cart, ("", "RDS", "shop-db", B), 2, scope="egress")
        rows = {name: [tuple(row.values()) for row in self.ask(name)] for name in ("top-talkers", "in-zone-share-by-namespace", "cost-by-day", "zone-matrix")}
        self.assertEqual(rows["top-talkers"], [("prod", "shop", "cart", "", "", "shop-db", 2 * 2**30, 0.04), ("prod", "shop", "cart", "", "data", "db", 2**30, 0.02)])
        self.assertEqual(rows["in-zone-share-by-namespace"], [("prod", "shop", 2**31, 2**30, 0.5, 0.02)])
        self.assertEqual(rows["cost-by-day"], [((NOW - timedelta(hours=1)).date(), "prod", 3 * 2**30, 0.03, 0.03, 0.02, 0.06)])
        self.assertEqual(rows["zone-matrix"], [("prod", A, A, 2**30, 0.0), ("prod", A, B, 2**30, 0.02)])

    def test_a_service_with_pods_in_the_clients_zone_would_save_what_crosses(self):
        cart = [("shop", "Deployment", "cart", zone) for zone in (A, B)]
        search = [("shop", "Deployment", "search", zone) for zone in (A, B)]
        for one, other in ((0, 1), (1, 0)):
            self.store(cart[one], search[other], 10)
            self.store(search[other], cart[one], 40)
        (row,) = self.ask("what-to-do")
        # One hour of the table is a 730th of a month.
        self.assertEqual((row["cross_az_bytes"], row["usd_a_month"]), (100 * 2**30, 1460.0))
        self.assertEqual((row["a_saves_usd"], row["b_saves_usd"], row["what_to_do"]), (1460.0, 1460.0, "trafficDistribution"))

    def test_an_hour_without_traffic_of_pods_counts_in_the_month(self):
        cart, search = ("shop", "Deployment", "cart", A), ("shop", "Deployment", "search", B)
        self.store(cart, search, 10)
        self.store(("", "Node", "(nodes)", A), search, 10, hour=NOW - timedelta(hours=2))
        self.store(cart, ("", "RDS", "shop-db", B), 10, scope="egress", hour=NOW - timedelta(hours=3))
        self.store(cart, search, 10, hour=NOW - timedelta(days=statement.NAMED["what-to-do"] + 1))
        (row,) = self.ask("what-to-do")
        # 10 GiB in three hours of the table, at 0.02 dollars: 730 / 3 * 0.2.
        self.assertEqual(row["usd_a_month"], 48.67)

    def test_a_service_without_pods_in_the_clients_zone_saves_nothing(self):
        # search is in one zone only, and cart in another two.
        for zone in (A, B):
            self.store(("shop", "Deployment", "cart", zone), ("shop", "Deployment", "search", C), 10)
        (row,) = self.ask("what-to-do")
        self.assertEqual((row["a_group"], row["a_saves_usd"], row["b_saves_usd"]), ("cart", 0, 0))
        self.assertEqual(row["what_to_do"], "pods in more zones: they have none in common")

    def test_a_service_with_pods_in_some_of_the_clients_zones_saves_a_part(self):
        # search is in the zones A and B. What cart in A sends to B could stay, what cart in C sends could not.
        search = [("shop", "Deployment", "search", zone) for zone in (A, B)]
        self.store(("shop", "Deployment", "cart", A), search[0], 5)
        self.store(("shop", "Deployment", "cart", A), search[1], 10)
        self.store(("shop", "Deployment", "cart", C), search[1], 30)
        (row,) = self.ask("what-to-do")
        self.assertEqual((row["a_group"], row["b_group"]), ("cart", "search"))
        self.assertEqual((row["usd_a_month"], row["b_saves_usd"], row["a_saves_usd"]), (584.0, 146.0, 0.0))
        self.assertEqual(row["what_to_do"], "trafficDistribution, and pods in more zones")

    def test_a_stateful_set_needs_a_client_that_knows_zones(self):
        self.store(("shop", "Deployment", "cart", A), ("data", "StatefulSet", "db", B), 10)
        (row,) = self.ask("what-to-do")
        self.assertIn("zone-aware routing in the client", row["what_to_do"])

    def test_each_workload_pays_for_its_ends(self):
        cart, db = ("shop", "Label", "cart", A), ("data", "Label", "db", B)
        self.store(cart, db, 10)
        self.store(db, cart, 30)
        self.store(cart, ("data", "Label", "db", A), 20)
        self.store(cart, ("", "RDS", "shop-db", B), 5, scope="egress")
        self.store(("", "ElastiCache", "sessions", B), cart, 7, scope="ingress", usd=(0.0, 0.01))
        found = {row["workload"]: (row["usd_in_the_cluster"], row["usd_with_services"], row["usd"], row["in_zone_share"]) for row in self.ask("by-workload")}
        self.assertEqual(found, {"cart": (0.4, 0.17, 0.57, round(20 / 72, 4)), "db": (0.4, 0.0, 0.4, round(20 / 60, 4))})

    def test_a_nat_gateway_costs_what_it_processes_in_both_directions(self):
        cart, nat = ("shop", "Label", "cart", A), ("", "NatGateway", "nat-0a", B)
        self.store(cart, nat, 10, scope="egress")
        self.store(nat, cart, 90, scope="ingress")
        self.store(cart, ("", "Outside", "(internet gateway)", ""), 2, scope="egress")
        self.store(("", "NetworkLoadBalancer", "web", B), cart, 50, scope="ingress")
        rows = self.ask("nat-and-internet", nat_usd_per_gb="0.045", internet_usd_per_gb="0.09")
        self.assertEqual(
            [tuple(row.values())[2:] for row in rows],
            [
                ("nat-0a", "shop", "cart", 10 * 2**30, 90 * 2**30, 2.0, 4.5, 0.9),
                ("(internet gateway)", "shop", "cart", 2 * 2**30, 0, 0.0, 0.0, 0.18),
            ],
        )
        unpriced = self.ask("nat-and-internet", nat_usd_per_gb="NULL", internet_usd_per_gb="NULL")
        self.assertEqual([row["usd_processed"] for row in unpriced], [None, 0.0])

    def test_what_goes_to_a_public_address_through_the_vpc_is_apart_from_what_stays_there(self):
        cart = ("shop", "Label", "cart", A)
        for path, gib in (("(public address, through the VPC)", 10), ("(in or through the VPC)", 5)):
            self.store(cart, ("", "Outside", path, ""), gib, scope="egress")
        rows = {row["path"]: (row["usd_processed"], row["usd_internet"]) for row in self.ask("nat-and-internet", nat_usd_per_gb="0.045", internet_usd_per_gb="0.09")}
        # Something in the VPC hands it on: a NAT gateway costs for that, an instance does not.
        self.assertEqual(rows, {"(public address, through the VPC)": (None, 0.9), "(in or through the VPC)": (0.0, 0.0)})

    def test_what_comes_from_outside_is_received(self):
        self.store(("", "Outside", "(outside)", ""), ("shop", "Label", "cart", A), 3, scope="ingress")
        (row,) = self.ask("nat-and-internet", nat_usd_per_gb="0.045", internet_usd_per_gb="0.09")
        self.assertEqual(list(row.values())[1:], ["Outside", "(outside)", "shop", "cart", 0, 3 * 2**30, 0.0, 0.0, 0.0])

    def test_a_bill_by_the_day_is_compared_with_whole_days(self):
        node, today = "i-0a1b2c3d4e5f60718", NOW.replace(hour=0)
        lines = []
        for ago in range(9):
            day = today - timedelta(days=ago)
            self.connection.execute("INSERT INTO pods (kind, instance_id, dt) VALUES ('instance', ?, ?)", [node, f"{day:%Y-%m-%d}"])
            for hour in (0, 23):
                self.store(("shop", "Label", "cart", A), ("data", "Label", "db", B), 1, hour=day + timedelta(hours=hour))
            start = day.replace(tzinfo=timezone.utc).timestamp()
            # Both ends of both hours, in one line of the day for each direction.
            lines += [cost_and_usage.line(start, node, operation, 2 * 2**30) for operation in ("InterZone-Out", "InterZone-In")]
        cost_and_usage.create(self.connection, lines)
        rows = self.ask("reconcile", cost_and_usage="cost_and_usage", region="us-east-2")
        self.assertEqual([row["day"] for row in rows], [(today - timedelta(days=ago)).date() for ago in range(7, 0, -1)])
        for row in rows:
            self.assertEqual((row["billed_gb"], row["explained_gb"], row["missing_gb"]), (4.0, 4.0, 0.0), row["day"])


class OfAWorld(unittest.TestCase):
    """What the queries say of a world's hours, compared with the world."""

    @classmethod
    def setUpClass(cls):
        cls.world = World(scenario("services"), 3, 20)
        cls.truth = cls.world.traffic.rows_of(FIRST_HOUR, LAST_HOUR)
        context = answers.opened(SimpleNamespace(traffic=cls.world.traffic, cluster=cls.world.listed(EVERY_FIVE)))
        cls.connection, _ = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        cls.connection.execute(f"CREATE TABLE cross_az_traffic AS {statement.cross_az(utc(*DAY, 12))}")

    def ask(self, name, **parameters):
        day = utc(*DAY, 0)
        begin, end = (day, day + timedelta(days=1)) if name == "reconcile" else (day.replace(hour=9), day.replace(hour=12))
        begin, end = (f"TIMESTAMP '{time.strftime(statement.UNTIL_FORMAT)}'" for time in (begin, end))
        text = statement.named(name, begin, end, **parameters)
        return answers.rows(self.connection.execute(sqlglot.transpile(text, read="athena", write="duckdb")[0]))

    def test_the_services_are_those_of_the_world(self):
        true = defaultdict(lambda: [0, 0, 0.0])
        for key, size in self.truth.items():
            _, scope, source, destination = key
            end = destination if scope == "egress" else source
            if scope != "cluster" and end.kind != "Outside":
                of = true[(end.kind, end.group, end.zone)]
                of[scope == "ingress"] += size
                of[2] += size / 2**30 * 0.01 * answers.paid_ends(key)
        found = {(row["kind"], row["name"], row["az_id"]): (row["sent_bytes"], row["received_bytes"], row["usd"]) for row in self.ask("services")}
        self.assertEqual(set(found), set(true))
        for key, (sent, received, usd) in true.items():
            self.assertEqual(found[key][:2], (sent, received))
            self.assertAlmostEqual(found[key][2], usd, places=4)
        self.assertLess(set(PAID) & {"ElastiCache", "ApplicationLoadBalancer"}, {kind for kind, _, _ in found})

    def test_the_ways_out_and_back_are_those_of_the_world(self):
        for name in ("services", "middle"):
            world = World(scenario(name), 3, 20)
            true = defaultdict(lambda: [0, 0])
            for (_, scope, source, destination), size in world.traffic.rows_of(FIRST_HOUR, LAST_HOUR).items():
                own, other = (source, destination) if scope == "egress" else (destination, source)
                if scope in ("egress", "ingress") and other.kind in ("NatGateway", "Outside"):
                    true[(other.kind, other.group, own.namespace, own.group)][scope == "ingress"] += size
            with answers.opened(SimpleNamespace(traffic=world.traffic, cluster=world.listed(EVERY_FIVE))) as (connection, _):
                connection.execute(f"CREATE TABLE cross_az_traffic AS {statement.cross_az(utc(*DAY, 12))}")
                begin, end = (f"TIMESTAMP '{utc(*DAY, hour).strftime(statement.UNTIL_FORMAT)}'" for hour in (9, 12))
                rows = answers.rows(connection.execute(statement.named("nat-and-internet", begin, end)))
            found = {(row["kind"], row["path"], row["src_namespace"], row["src_group"]): [row["sent_bytes"], row["received_bytes"]] for row in rows}
            self.assertEqual(found, true, name)
            paths = {path for _, path, *_ in found}
            self.assertLessEqual({"nat-0a"} if name == "services" else {"(in or through the VPC)", "(public address, through the VPC)", "(outside)"}, paths)

    def test_the_bill_is_explained_but_for_what_no_flow_log_has(self):
        bill = cost_and_usage.lines_of(self.world.traffic)
        window = [line for line in bill if FIRST_HOUR <= line["line_item_usage_start_date"].replace(tzinfo=timezone.utc).timestamp() <= LAST_HOUR]
        hour, other = FIRST_HOUR, "i-0fedcba9876543210"
        usual = [
            # Of an instance that is not the cluster's; of a public address; and what is not usage, not this Region, not this type of usage.
            cost_and_usage.line(hour, other, "InterZone-Out", 50 * 2**30),
            cost_and_usage.line(hour, other, "PublicIP-In", 3 * 2**30),
            cost_and_usage.line(hour, other, "InterZone-Out", 2**40, line_item_line_item_type="Credit"),
            cost_and_usage.line(hour, other, "InterZone-Out", 2**40, product_region_code="us-east-1", line_item_usage_type="DataTransfer-Regional-Bytes"),
            cost_and_usage.line(hour, other, "NatGateway", 2**40, line_item_usage_type="USE2-NatGateway-Bytes"),
        ]
        cost_and_usage.create(self.connection, window + usual)
        (row,) = self.ask("reconcile", cost_and_usage="cost_and_usage", region="us-east-2")
        instances = {node.instance for node in self.world.cluster.nodes}
        cluster = sum(line["line_item_usage_amount"] for line in window if line["line_item_resource_id"] in instances)
        services = sum(line["line_item_usage_amount"] for line in window if line["line_item_resource_id"] not in instances)
        self.assertAlmostEqual(row["billed_gb"], cluster, places=3)
        self.assertAlmostEqual(row["billed_to_others_gb"], services + 50, places=3)
        self.assertAlmostEqual(row["not_between_zones_gb"], 3, places=3)
        # A record's time is up to a minute late, so a packet near a full hour may be billed in another one.
        self.assertAlmostEqual(row["explained_share"], 1, delta=0.02)
        self.assertAlmostEqual(row["explained_of_services_gb"] / services, 1, delta=0.02)
        # A flow that no log has is billed all the same.
        node = self.world.nodes[0].instance
        cost_and_usage.create(self.connection, [*window, *usual, cost_and_usage.line(hour, node, "InterZone-In", 2**30)])
        (more,) = self.ask("reconcile", cost_and_usage="cost_and_usage", region="us-east-2")
        self.assertAlmostEqual(more["missing_gb"] - row["missing_gb"], 1, places=2)


if __name__ == "__main__":
    unittest.main()
