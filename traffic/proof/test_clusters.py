"""Tests of several clusters in one VPC and one table: the rules, what is stored, the metrics and the queries."""

import re
import unittest
from collections import defaultdict
from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace

import duckdb
import sqlglot

import answers
import once
import rules
import runs
import statement
import tables
from cluster import Builder, utc
from scene import TEN, UNTIL, A, B, LoggedScene
from story import BEGIN, DAY, END, FIRST_HOUR, LAST_HOUR, LISTINGS
from traffic import published
from world import EVERY_FIVE, World, scenario

GB = 2**30
BOTH = ("prod", "batch")
#: A generated flow has so many times its bytes.
SCALE = 2000


class Scene(LoggedScene):
    """Two clusters, prod and batch, each with a node in each zone. batch is listed twenty seconds after prod."""

    def __init__(self, later=20):
        super().__init__()
        self.other = Builder(2, BEGIN, END, "batch", self.builder)
        self.other.cluster.listings, self.other.cluster.described = [at + later for at in LISTINGS], True
        self.other_a, self.other_b = self.other.node(A), self.other.node(B)

    def other_pod(self, node, group, **more):
        return self.other.pod(node, "shop", group, **more)

    def found(self):
        """{(scope, source cluster, source group, destination cluster, destination group): bytes}"""
        summed = defaultdict(int)
        for (_, scope, source, destination), size in answers.measured(self.rows()).items():
            summed[(scope, source.cluster, source.group, destination.cluster, destination.group)] += size
        return dict(summed)


class Rules(unittest.TestCase):
    def setUp(self):
        self.scene = Scene()

    def test_traffic_between_two_clusters_has_both_names_and_costs_at_both_ends(self):
        cart, job = self.scene.pod(self.scene.a, "cart"), self.scene.other_pod(self.scene.other_b, "job")
        self.scene.log.flow(cart, job, TEN, GB)
        self.scene.log.flow(job, cart, TEN, 70)
        self.assertEqual(self.scene.found(), {("clusters", "prod", "cart", "batch", "job"): GB, ("clusters", "batch", "job", "prod", "cart"): 70})
        (row,) = [row for row in self.scene.rows() if row["src_group"] == "cart"]
        self.assertEqual((row["cross_az"], row["usd_out"], row["usd_in"], row["in_zone_share"]), (True, 0.01, 0.01, None))

    def test_traffic_within_each_cluster_has_its_cluster_and_its_share(self):
        scene = self.scene
        for make, first, second, near in ((scene.pod, scene.a, scene.b, 3), (scene.other_pod, scene.other_a, scene.other_b, 1)):
            cart, far = make(first, "cart"), make(second, "db")
            scene.log.flow(cart, far, TEN, 1000)
            if near == 3:
                scene.log.flow(cart, make(scene.builder.node(A), "db"), TEN, 3000)
        self.assertEqual(scene.found(), {("cluster", "prod", "cart", "prod", "db"): 4000, ("cluster", "batch", "cart", "batch", "db"): 1000})
        self.assertEqual({(row["cluster"], row["in_zone_share"]) for row in scene.rows()}, {("prod", 0.75), ("batch", 0.0)})

    def test_an_address_that_passes_to_another_cluster_is_each_clusters_in_its_time(self):
        scene = self.scene
        server = scene.pod(scene.b, "server")
        first = scene.pod(scene.a, "first", start=BEGIN, end=TEN - 1800, listed_end=True)
        second = scene.other_pod(scene.other_a, "second", start=TEN - 1700, addresses=first.addresses)
        scene.log.flow(first, server, TEN - 2000, 1)
        scene.log.flow(second, server, TEN - 1600, 20)
        self.assertEqual(scene.found(), {("cluster", "prod", "first", "prod", "server"): 1, ("clusters", "batch", "second", "prod", "server"): 20})

    def test_a_pod_with_an_address_of_a_prefix_is_its_clusters(self):
        # EC2 does not list the address at the interface of the node, so that the listing of prod has nothing of it.
        scene = self.scene
        scene.other_a.prefixes = True
        server, pod = scene.pod(scene.b, "server"), scene.other_pod(scene.other_a, "pod")
        lines = [line for line in scene.cluster.lines(TEN + 1200) if line["kind"] == "interface" and line["group_name"] == scene.other_a.instance]
        self.assertEqual([line["ips"] for line in lines], [[scene.other_a.address]])
        scene.log.flow(pod, server, TEN, 1000)
        self.assertEqual(scene.found(), {("clusters", "batch", "pod", "prod", "server"): 1000})

    def test_nodes_of_two_clusters_with_one_name_have_their_own_pods(self):
        self.scene = scene = Scene(later=0)
        scene.other_b.name = scene.a.name
        server = scene.pod(scene.c, "server")
        for pod in (scene.pod(scene.a, "cart"), scene.other_pod(scene.other_b, "job")):
            scene.log.flow(pod, server, TEN, 1000)
        self.assertEqual(scene.found(), {("cluster", "prod", "cart", "prod", "server"): 1000, ("clusters", "batch", "job", "prod", "server"): 1000})

    def test_a_node_of_another_cluster_with_the_name_of_a_node_that_is_gone_does_not_keep_its_pods(self):
        # The pod is listed at 10:20 still, its node only at 9:20. Meanwhile another pod has the address, and no listing has that one.
        self.scene = scene = Scene(later=0)
        old = scene.builder.node(A, end=TEN + 600)
        scene.other_b.name = old.name
        pod, server = scene.pod(old, "pod", end=TEN + 600, lingers=1800), scene.pod(scene.b, "server")
        dark = scene.builder.node(A, logged=False)
        after = scene.pod(dark, "after", addresses=pod.addresses, start=TEN + 900, end=TEN + 1150)
        scene.log.flow(after, server, TEN + 1000, 1000)
        self.assertEqual(scene.found(), {("cluster", "prod", "(unknown)", "prod", "server"): 1000})

    def test_a_listing_of_another_cluster_does_not_end_a_pod(self):
        # prod lists the first pod at 10:20 and not at 11:20. Until then it may be there; that batch is listed at 10:20:20 does not matter. So what
        # a record has from the first half minute of the second pod may be the first pod's.
        scene = self.scene
        server = scene.pod(scene.b, "server")
        first = scene.pod(scene.a, "first", start=BEGIN, end=TEN + 2900)
        second = scene.pod(scene.a, "second", start=TEN + 2990, addresses=first.addresses)
        scene.log._record_of("egress", [(first, first.addresses[0]), (server, server.addresses[0])], TEN + 3000, 1)
        scene.log._record_of("egress", [(second, first.addresses[0]), (server, server.addresses[0])], TEN + 3025, 20)
        self.assertEqual(scene.found(), {("cluster", "prod", "(unknown)", "prod", "server"): 1, ("cluster", "prod", "second", "prod", "server"): 20})

    def test_an_address_of_another_clusters_node_that_no_pod_is_listed_with_is_that_clusters(self):
        # The listing of prod at 10:20 has the pod's address at an interface of the instance, because EC2 has it. batch has no listing with the pod.
        scene = self.scene
        server, pod = scene.pod(scene.b, "server"), scene.other_pod(scene.other_a, "pod", start=TEN + 900, end=TEN + 1210)
        scene.log.flow(server, pod, TEN + 1000, 1000)
        self.assertEqual(scene.found(), {("clusters", "prod", "server", "batch", "(unknown)"): 1000})

    def test_an_address_that_two_clusters_have_is_of_an_unknown_cluster_in_between_if_its_end_did_not_log(self):
        scene = self.scene
        server = scene.pod(scene.b, "server")
        first = scene.pod(scene.a, "first", start=BEGIN, end=TEN - 1700)
        scene.other_pod(scene.other_a, "second", start=TEN + 900, addresses=first.addresses)
        between = scene.other_pod(scene.other_a, "between", start=TEN - 1200, end=TEN - 600, addresses=first.addresses)
        scene.log.flow(server, between, TEN - 900, 1000)
        self.assertEqual(scene.found(), {("clusters", "prod", "server", "batch", "(unknown)"): 1000})
        scene.change({"log_status": "SKIPDATA"}, instance_id=scene.other_a.instance)
        self.assertEqual(scene.found(), {("clusters", "prod", "server", "(unknown)", "(unknown)"): 1000})

    def test_an_address_that_nodes_of_two_clusters_logged_is_of_an_unknown_cluster_where_none_did(self):
        scene = self.scene
        server, address = scene.pod(scene.b, "server"), scene.builder.address(A)
        # No listing has a pod with the address.
        one = scene.pod(scene.a, "one", start=TEN - 2300, end=TEN - 1700, addresses=[address])
        two = scene.other_pod(scene.other_a, "two", start=TEN - 1500, end=TEN - 900, addresses=[address])
        scene.log.flow(server, one, TEN - 2000, 1)
        scene.log.flow(server, two, TEN - 1200, 20)
        scene.change({"log_status": "SKIPDATA"}, instance_id=scene.other_a.instance)
        self.assertEqual(scene.found(), {("cluster", "prod", "server", "prod", "(unknown)"): 21})
        scene.log.flow(server, two, TEN - 1000, 300)
        found = scene.found()
        self.assertEqual(found, {("clusters", "prod", "server", "(unknown)", "(unknown)"): 321})


#: As in rules.py.
WITHOUT = {
    "what two clusters send to each other is of no one cluster": (
        "      ELSE 'clusters'\n", "      ELSE 'cluster'\n",
        "test_traffic_between_two_clusters_has_both_names_and_costs_at_both_ends",
    ),
    "the listings of a cluster follow each other": (
        "ON l.cluster = h.cluster AND", "ON l.cluster = '' AND",
        "test_a_listing_of_another_cluster_does_not_end_a_pod",
    ),
    "a node of the same cluster": (
        " AND n.cluster = p.cluster", "",
        "test_a_node_of_another_cluster_with_the_name_of_a_node_that_is_gone_does_not_keep_its_pods",
    ),
    "an instance of a cluster is no service": (
        " AND c.instance_id IS NULL", "",
        "test_an_address_of_another_clusters_node_that_no_pod_is_listed_with_is_that_clusters",
    ),
    "an unknown address is of a cluster only if it is of one": (
        "CASE WHEN h.in_one_cluster THEN h.cluster ELSE '(unknown)' END", "h.cluster",
        "test_an_address_that_two_clusters_have_is_of_an_unknown_cluster_in_between_if_its_end_did_not_log",
    ),
    "the records of nodes of two clusters tell no cluster": (
        "split_part(min(dst_own_who) OVER flow, chr(31), 1) = split_part(max(dst_own_who) OVER flow, chr(31), 1)",
        "true",
        "test_an_address_that_nodes_of_two_clusters_logged_is_of_an_unknown_cluster_where_none_did",
    ),
    "the share is of a group of one cluster": (
        "PARTITION BY hour, cluster, src_namespace", "PARTITION BY hour, src_namespace",
        "test_traffic_within_each_cluster_has_its_cluster_and_its_share",
    ),
}


class EveryRuleIsNeeded(rules.EveryRuleIsNeeded, unittest.TestCase):
    rules = ((Rules, WITHOUT),)


class Stored(unittest.TestCase):
    """Runs on a world of two clusters."""

    @classmethod
    def setUpClass(cls):
        cls.world = World(replace(scenario("two-clusters"), middle=True), 3, 12)
        cls.root = once.folder(cls.world.traffic, cls.world.listed(EVERY_FIVE))

    def setUp(self):
        self.connection = duckdb.connect()
        self.addCleanup(self.connection.close)
        tables.create_result_tables(self.connection)

    def run_at(self, until=UNTIL, minutes=170, clusters=BOTH, kept=lambda _file: True, **more):
        return runs.scheduled(self.connection, self.root, until, minutes=minutes, clusters=clusters, kept=kept, **more)

    def store(self):
        """As `run_at` does with both clusters and all files."""
        return once.store(self.connection, self.root, BOTH)

    def stored(self):
        return self.connection.execute("SELECT * FROM cross_az_traffic ORDER BY ALL").fetchall()

    def without_clusters(self):
        """The table as it was before it had the columns, and after the statement that adds them."""
        columns = re.findall(r"(\w+) string", statement.add_cluster())
        self.assertEqual([name for name, _ in tables.columns("cross_az_traffic")][-2:], columns)
        for name in columns:
            self.connection.execute(f"ALTER TABLE cross_az_traffic DROP COLUMN {name}")
        for name in columns:
            self.connection.execute(f"ALTER TABLE cross_az_traffic ADD COLUMN {name} VARCHAR")

    @staticmethod
    def of(*clusters, until=None):
        """Files without the listings of these clusters after a time."""
        return lambda file: not any(file.name.startswith(f"{name}-") and (until is None or published(file) >= until.timestamp()) for name in clusters)

    def test_a_run_stores_the_rows_of_both_clusters_and_a_second_run_changes_nothing(self):
        self.store()
        rows = answers.rows(self.connection.execute("SELECT * FROM cross_az_traffic"))
        self.assertEqual({row["cluster"] for row in rows if row["scope"] == "cluster"}, set(BOTH))
        self.assertEqual(sum(row["bytes"] for row in rows), sum(self.world.traffic.rows_of(FIRST_HOUR, LAST_HOUR).values()))
        self.assertEqual(self.run_at().changed, 0)

    def test_rows_of_before_get_the_cluster_that_there_was(self):
        self.run_at(clusters=("prod",), kept=self.of("batch"))
        before = self.stored()
        self.assertGreater(len(before), 50)
        self.without_clusters()
        text = statement.backfill_cluster("prod", "TIMESTAMP '2026-05-02 00:00:00'", "TIMESTAMP '2026-05-06 00:00:00'")
        self.assertEqual(len(sqlglot.parse(text, read="athena", error_level=sqlglot.ErrorLevel.RAISE)), 1)
        self.assertEqual(self.connection.execute(text).fetchone()[0], len(before))
        self.assertEqual(self.stored(), before)
        self.assertEqual(self.connection.execute(text).fetchone()[0], 0)
        self.assertEqual(self.run_at(clusters=("prod",), kept=self.of("batch")).changed, 0)

    def test_the_statement_in_docs_is_this_one(self):
        page = (statement.SQL.parents[1] / "docs" / "cross-az-traffic" / "deploy.md").read_text(encoding="utf-8")
        begin = "TIMESTAMP '2026-01-01 00:00:00' + INTERVAL '$days' DAY"
        text = statement.backfill_cluster("prod", begin, f"{begin} + INTERVAL '4' DAY")
        self.assertIn(" ".join(text.split()), " ".join(page.split()))

    def test_a_run_replaces_rows_of_before_that_have_no_cluster_yet(self):
        self.store()
        right = self.stored()
        self.without_clusters()
        self.run_at()
        self.assertEqual(self.stored(), right)

    def test_rows_of_before_are_in_every_query_of_all_clusters(self):
        # There was one cluster. Its listings name it.
        self.run_at(clusters=("prod",), kept=self.of("batch"))
        self.connection.execute(f"UPDATE cross_az_traffic SET bytes = {SCALE} * bytes, usd_out = {SCALE} * usd_out, usd_in = {SCALE} * usd_in")
        begin, end = (f"TIMESTAMP '{utc(*DAY, hour).strftime(statement.UNTIL_FORMAT)}'" for hour in (9, 12))
        names = [name for name in statement.NAMED if name not in (*statement.OF_FLOW_LOGS, statement.WITH_CROSS_AZ, "reconcile")]

        def found():
            tables_of = {name: answers.rows(self.connection.execute(statement.named(name, begin, end))) for name in names}
            columns = ("cluster", "peer_cluster")
            return {name: sorted(str({key: value for key, value in row.items() if key not in columns}) for row in rows) for name, rows in tables_of.items()}

        before = found()
        self.without_clusters()
        for name, rows in found().items():
            with self.subTest(name=name):
                self.assertTrue(rows)
                self.assertEqual(rows, before[name])

    def test_an_hour_without_a_listing_of_one_cluster_is_kept_and_told(self):
        lost = self.of("batch", until=utc(*DAY, 10))
        done = self.run_at(kept=lost)
        self.assertEqual(done.hours, "TIMESTAMP '2026-05-04 09:00:00'")
        self.assertEqual(done.unlisted, "2026-05-04 10:00 (0 of 1 listings of batch), 2026-05-04 11:00 (0 of 1 listings of batch)")
        # The nightly run says so too.
        done = self.run_at(UNTIL + timedelta(days=1), kept=lost, windows=statement.SETTLING)
        self.assertIn("2026-05-04 10:00 (0 of 1 listings of batch)", done.unlisted)

    def test_a_cluster_that_is_not_listed_for_days_is_not_taken_for_a_new_one(self):
        self.store()
        # Its last rows are nine days old, and no listing that a run reads has it.
        self.connection.execute("UPDATE cross_az_traffic SET hour = hour - INTERVAL '9' DAY")
        self.connection.execute("DELETE FROM cross_az_inputs")
        before = self.stored()
        lost = self.of("batch")
        done = self.run_at(kept=lost)
        self.assertEqual((done.hours, self.stored()), ("", before))
        self.assertEqual(done.unlisted, ", ".join(f"2026-05-04 {hour} (0 of 1 listings of batch)" for hour in ("09:00", "10:00", "11:00")))
        # The operator stores them without it, as docs say.
        done = self.run_at(kept=lost, clusters=("prod",))
        self.assertEqual((done.hours.count("TIMESTAMP"), done.unlisted), (3, ""))
        # When it is listed again, the hours that were made without it need no listing of it.
        done = self.run_at(kept=lost)
        self.assertEqual((done.hours.count("TIMESTAMP"), done.unlisted, done.changed), (3, "", 0))

    def test_a_cluster_without_rows_for_a_month_is_taken_for_a_new_one(self):
        self.store()
        self.connection.execute("UPDATE cross_az_traffic SET hour = hour - INTERVAL '31' DAY")
        self.connection.execute("DELETE FROM cross_az_inputs")
        done = self.run_at(kept=self.of("batch"))
        self.assertEqual((done.hours.count("TIMESTAMP"), done.unlisted), (3, ""))

    def test_hours_before_a_new_cluster_need_no_listing_of_it(self):
        done = self.run_at(kept=lambda file: not file.name.startswith("batch-") or published(file) >= utc(*DAY, 11, 10).timestamp())
        self.assertEqual((done.hours.count("TIMESTAMP"), done.unlisted), (3, ""))

    def test_a_cluster_that_is_no_longer_asked_for_needs_no_listing(self):
        done = self.run_at(clusters=("prod",), kept=self.of("batch", until=utc(*DAY, 10)))
        self.assertEqual((done.hours.count("TIMESTAMP"), done.unlisted), (3, ""))


class Metrics(unittest.TestCase):
    def setUp(self):
        self.connection = duckdb.connect()
        self.addCleanup(self.connection.close)
        tables.create_result_tables(self.connection)

    def store(self, hour, scope, cluster, peer, size, usd, kind="Label"):
        row = [datetime(*DAY, hour), scope, "shop", kind, "cart", "a", "shop", "Label", "db", "b", True, size, usd, usd, None, cluster, peer]
        self.connection.execute(f"INSERT INTO cross_az_traffic VALUES ({', '.join('?' * len(row))})", row)

    def test_each_cluster_has_metrics_of_its_own(self):
        self.store(11, "cluster", "prod", "", 1000, 1.0)
        self.store(11, "cluster", "batch", "", 20, 0.25)
        self.store(10, "clusters", "batch", "prod", 60, 0.5, kind="Unknown")
        self.store(11, "cluster", "gone", "", 5, 0.125)
        text = statement.metrics_template(until="2026-05-04 12:00:00", records="7", age="600", clusters=(*BOTH, "idle"))
        now = datetime(*DAY, 12, 20)
        rows = self.connection.execute(statement.at(text, now)).fetchall()
        self.assertEqual(self.connection.execute(statement.as_trino_means(statement.at(text, now), "athena")).fetchall(), rows)
        found = {(cluster, metric, source, at[11:13]): float(value) for at, metric, _, value, source, _, cluster in rows}
        at_eleven = {key[:3]: value for key, value in found.items() if key[3] == "11"}
        total = "(all)"
        self.assertEqual(
            at_eleven,
            {
                **{(cluster, "CrossAzBytes", total): size for cluster, size in (("prod", 1000), ("batch", 20), ("idle", 0))},
                **{(cluster, "InZoneBytes", total): 0 for cluster in (*BOTH, "idle")},
                **{(cluster, "CrossAzUsd", total): usd for cluster, usd in (("prod", 2.0), ("batch", 0.5), ("idle", 0))},
                ("prod", "CrossAzBytes", "shop/cart"): 1000, ("batch", "CrossAzBytes", "shop/cart"): 20,
            },
        )
        of_the_run = {key[:2]: value for key, value in found.items() if key[3] == "12"}
        for cluster, unknown, usd in (("prod", 0, 2.0), ("batch", 75, 1.5), ("idle", 0, 0)):
            own = {metric: value for (name, metric), value in of_the_run.items() if name == cluster}
            self.assertEqual(own, {"RecordsRead": 7, "NewestRecordAge": 600, "UnknownShare": unknown, "CrossAzUsdLastDay": usd})


    def test_a_row_of_an_unknown_cluster_is_of_the_receivers_or_of_the_first(self):
        unknown = statement.UNKNOWN_CLUSTER
        self.store(11, "cluster", "prod", "", 60, 1.0)
        self.store(11, "cluster", "batch", "", 60, 1.0)
        for hour, scope, cluster, peer, usd in ((11, "clusters", unknown, "batch", 0.25), (10, "clusters", unknown, unknown, 0.5), (9, "egress", unknown, "", 2.0)):
            self.store(hour, scope, cluster, peer, 20, usd, kind="Unknown")
        # Stored before the table had clusters.
        self.store(8, "cluster", None, None, 20, 4.0)
        text = statement.metrics_template(until="2026-05-04 12:00:00", records="7", age="600", clusters=BOTH)
        rows = self.connection.execute(statement.at(text, datetime(*DAY, 12, 20))).fetchall()
        found = {(cluster, metric): float(value) for _, metric, _, value, _, _, cluster in rows if metric in ("UnknownShare", "CrossAzUsdLastDay")}
        self.assertEqual(
            found,
            {("prod", "UnknownShare"): 40, ("batch", "UnknownShare"): 25, ("prod", "CrossAzUsdLastDay"): 15.0, ("batch", "CrossAzUsdLastDay"): 2.5},
        )


class Queries(unittest.TestCase):
    """The queries for people on what the query finds of a world of two clusters."""

    @classmethod
    def setUpClass(cls):
        cls.world = World(replace(scenario("two-clusters"), middle=True), 3, 12)
        context = answers.opened(SimpleNamespace(traffic=cls.world.traffic, cluster=cls.world.listed(EVERY_FIVE)))
        cls.connection, _ = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        cls.connection.execute(f"CREATE TABLE cross_az_traffic AS {statement.cross_az(UNTIL)}")
        # A larger cluster, because the queries round.
        cls.connection.execute(f"UPDATE cross_az_traffic SET bytes = {SCALE} * bytes, usd_out = {SCALE} * usd_out, usd_in = {SCALE} * usd_in")

    def ask(self, name, **parameters):
        begin, end = (f"TIMESTAMP '{utc(*DAY, hour).strftime(statement.UNTIL_FORMAT)}'" for hour in (9, 12))
        return answers.rows(self.connection.execute(statement.named(name, begin, end, **parameters)))

    def test_a_query_of_one_cluster_has_its_rows_of_all_clusters(self):
        for name in ("by-workload", "cost-by-day", "in-zone-share-by-namespace", "zone-matrix", "nat-and-internet", "what-to-do"):
            with self.subTest(name=name):
                every = self.ask(name)
                for cluster in BOTH:
                    own = [row for row in every if row["cluster"] == cluster]
                    # what-to-do has its first fifty rows only.
                    self.assertEqual(self.ask(name, cluster=cluster)[: len(own)], own)
                    self.assertTrue(own or name == "nat-and-internet")

    def test_the_pairs_of_a_cluster_have_those_with_another_cluster(self):
        for cluster in BOTH:
            rows = self.ask("top-talkers", cluster=cluster)
            self.assertTrue(all(cluster in (row["cluster"], row["peer_cluster"]) for row in rows))
            self.assertTrue(any(row["peer_cluster"] == cluster for row in rows))

    def test_each_workload_pays_for_its_end_of_what_crosses_between_clusters(self):
        true = defaultdict(float)
        for key, size in self.world.traffic.rows_of(FIRST_HOUR, LAST_HOUR).items():
            _, scope, source, destination = key
            if answers.paid_ends(key) and scope in ("cluster", "clusters"):
                for end in (source, destination):
                    true[(end.cluster, scope)] += SCALE * size / GB * 0.01
        found = defaultdict(float)
        for row in self.ask("by-workload"):
            found[(row["cluster"], "cluster")] += row["usd_in_the_cluster"]
            found[(row["cluster"], "clusters")] += row["usd_with_clusters"]
        # What no listing shows may be of an unknown cluster.
        unknown = sum(found[(statement.UNKNOWN_CLUSTER, scope)] for scope in ("cluster", "clusters"))
        self.assertLess(unknown, 0.1 * sum(true.values()))
        for key, usd in true.items():
            self.assertAlmostEqual(found[key], usd, delta=unknown + 0.01, msg=key)


if __name__ == "__main__":
    unittest.main()
