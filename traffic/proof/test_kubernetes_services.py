"""Kubernetes Services in the queries for people: which are named, what there is to do with each, and what their groups receive.

Also that their lines are taken for nothing else: no query that reads listings finds other rows because of them.
"""

import unittest
from collections import defaultdict
from datetime import timedelta
from types import SimpleNamespace
from unittest import mock

import answers
import cost_and_usage
import statement
import tables
import test_queries
from cluster import Cluster, utc
from kubernetes_services import KubernetesService, missing_line
from listing_cost import scans
from story import DAY, FIRST_HOUR, LAST_HOUR
from test_queries import NOW
from world import EVERY_FIVE, World, scenario

A, B, C = "use2-az1", "use2-az2", "use2-az3"
CART, SEARCH = ("Deployment", "cart"), ("Deployment", "search")


def service(name, namespace="shop", **other):
    return KubernetesService(namespace, name, {"component": name}, **other)


class Stored(unittest.TestCase):
    """Stored rows and listings."""

    setUp, store, list_services, list_line, ask = (getattr(test_queries.Stored, name) for name in ("setUp", "store", "list_services", "list_line", "ask"))

    def crossing(self, zones=(A, B), cluster="prod"):
        """Traffic from cart in the zone A to search in the last of these zones. search has pods in all of them."""
        for zone in zones:
            self.store(("shop", *CART, A), ("shop", *SEARCH, zone), 10, cluster=cluster)

    def told(self, zones=(A, B)):
        """The last three columns of the only pair."""
        self.crossing(zones)
        (row,) = self.ask("what-to-do")
        self.assertEqual((row["a_group"], row["b_group"]), ("cart", "search"))
        return [row[name] for name in ("what_to_do", "a_service", "b_service")]

    def test_a_service_without_traffic_distribution_is_to_get_it(self):
        self.list_services((service("find"), [SEARCH]))
        self.assertEqual(self.told(), ["trafficDistribution", "no Service selects it", "set trafficDistribution: PreferClose on the Service shop/find"])

    def test_a_service_that_has_it_is_told_with_what_that_means(self):
        for value in ("PreferClose", "PreferSameZone", "PreferSameNode"):
            self.setUp()
            self.list_services((service("find", distribution=value), [SEARCH]))
            meaning = f"shop/find has trafficDistribution: {value} already: look for callers that go around it, and for zones without a ready pod"
            self.assertEqual(self.told(), ["nothing to set: a_service and b_service say why", "no Service selects it", meaning])

    def test_without_pods_in_the_zones_of_the_callers_there_is_nothing_to_set(self):
        self.list_services((service("basket"), [CART]), (service("find", distribution="PreferClose"), [SEARCH]))
        self.assertEqual(
            self.told(zones=(B,)),
            [
                "pods in more zones: they have none in common",
                "shop/basket: no zone of its callers has a pod of it",
                "shop/find has trafficDistribution: PreferClose: no zone of its callers has a pod of it",
            ],
        )

    def test_a_headless_service_and_a_local_one_get_no_advice_to_set_it(self):
        self.list_services((service("peers", headless=True), [SEARCH]), (service("same-node", internal="Local"), [SEARCH]))
        self.assertEqual(
            self.told(),
            [
                "nothing to set: a_service and b_service say why", "no Service selects it",
                "shop/peers is headless: its clients choose the pod; shop/same-node has internalTrafficPolicy: Local: what crosses zones did not come through it",
            ],
        )

    def test_the_annotation_that_takes_precedence_is_named(self):
        self.list_services((service("find", topology_mode="Auto", distribution="PreferClose"), [SEARCH]))
        advice = "remove service.kubernetes.io/topology-mode and set trafficDistribution: PreferClose on the Service shop/find"
        self.assertEqual(self.told(), ["trafficDistribution", "no Service selects it", advice])
        self.setUp()
        self.list_services((service("find", topology_mode="disabled"), [SEARCH]))
        self.assertEqual(self.told()[2], "set trafficDistribution: PreferClose on the Service shop/find")

    def test_a_service_of_a_stateful_set_gets_no_advice_to_set_it(self):
        self.list_services((service("db"), [("StatefulSet", "db")]))
        for zone in (A, B):
            self.store(("shop", *CART, A), ("shop", "StatefulSet", "db", zone), 10)
        (row,) = self.ask("what-to-do")
        self.assertEqual(row["b_service"], "shop/db is in front of the StatefulSet db, whose pods are not alike")

    def test_a_stateful_set_behind_a_label_is_named_and_gets_no_advice_to_set_it(self):
        group, other = ("Label", "db"), ("Label", "db", "Deployment", "db-proxy")
        front, peers = service("db"), service("db-peers", headless=True)
        at = f"{NOW - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
        for zone in (A, B):
            self.store(("shop", *CART, A), ("shop", *group, zone), 10)
        for controllers, what, told in (
            ([other], "trafficDistribution", "set trafficDistribution: PreferClose on the Service shop/db; shop/db-peers is headless: its clients choose the pod"),
            (
                [other, ("Label", "db", "StatefulSet", "db-main")], "zone-aware routing in the client: the pods of a StatefulSet are not alike",
                "shop/db is in front of the StatefulSet db-main, whose pods are not alike; shop/db-peers is headless: its clients choose the pod",
            ),
        ):
            self.connection.execute("DELETE FROM pods")
            for one in (front, peers):
                self.list_line(one.line("prod", [group], at, controllers))
            (row,) = self.ask("what-to-do")
            self.assertEqual((row["a_group"], row["b_group"], row["what_to_do"], row["b_service"]), ("cart", "db", what, told))
        # The StatefulSet of another group of the Service is not this one's.
        self.connection.execute("DELETE FROM pods")
        self.list_line(front.line("prod", [group, ("Label", "queue")], at, [("Label", "queue", "StatefulSet", "queue")]))
        (row,) = self.ask("what-to-do")
        self.assertEqual((row["what_to_do"], row["b_service"]), ("trafficDistribution", "set trafficDistribution: PreferClose on the Service shop/db"))

    def test_a_listing_from_before_controllers_were_told_is_read(self):
        line = service("find").line("prod", [SEARCH], f"{NOW - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}")
        del line["selected_controllers"]
        self.list_line(line)
        self.assertEqual(self.told(), ["trafficDistribution", "no Service selects it", "set trafficDistribution: PreferClose on the Service shop/find"])

    def test_of_several_services_those_with_something_to_do_come_first(self):
        names = ("a", "b", "c", "d", "e")
        self.list_services(*((service(name, distribution=None if name == "e" else "PreferClose"), [SEARCH]) for name in names))
        what, _, told = self.told()
        self.assertEqual(what, "trafficDistribution")
        parts = told.split("; ")
        self.assertEqual([part.split(" has ")[0] for part in parts], ["set trafficDistribution: PreferClose on the Service shop/e", "shop/a", "shop/b", "2 more"])

    def test_a_cluster_whose_services_are_not_listed_is_told_as_such(self):
        self.list_services((service("find"), [SEARCH]), cluster="another")
        self.assertEqual(self.told(), ["trafficDistribution", "no Services are listed", "no Services are listed"])

    def test_a_cluster_that_refuses_to_list_its_services_is_told_apart(self):
        self.list_line(missing_line("another", "refused", "2026-05-04T11:20:03Z"))
        for reason, text in (
            ("refused", "the cluster refuses to list its Services: apply extract-pods-role.yaml again"),
            ("failed", "its Services could not be listed: the log of extract-pods says why"),
        ):
            self.setUp()
            # What else is missing says nothing of Services.
            self.list_line({**missing_line("prod", "refused", "2026-05-04T11:20:03Z"), "name": "instances"})
            self.assertEqual(self.told()[2], "no Services are listed")
            self.setUp()
            self.list_line(missing_line("prod", reason, "2026-05-04T11:20:03Z"))
            self.assertEqual(self.told(), ["trafficDistribution", text, text])
            self.assertEqual(self.ask("kubernetes-services"), [])

    def test_the_newest_reason_counts(self):
        for hours, reason in ((3, "refused"), (2, "failed")):
            at = NOW - timedelta(hours=hours)
            self.list_line(missing_line("prod", reason, f"{at:%Y-%m-%dT%H:%M:%SZ}"), at)
        self.assertEqual(self.told()[2], "its Services could not be listed: the log of extract-pods says why")

    def test_services_that_an_older_listing_has_count_though_the_newest_lacks_them(self):
        self.list_services(*((service(f"find-{number}", distribution="PreferClose"), [SEARCH]) for number in range(4)), at=NOW - timedelta(hours=2))
        self.list_line(missing_line("prod", "failed", f"{NOW - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"))
        what, cart, search = self.told()
        self.assertEqual((what, cart), ("nothing to set: a_service and b_service say why", "no Service selects it"))
        self.assertTrue(search.startswith("shop/find-0 has trafficDistribution: PreferClose already"), search)

    def test_a_service_is_of_its_cluster_its_namespace_and_its_kind_of_group(self):
        self.list_services((service("find"), [SEARCH]), cluster="another")
        self.list_services((service("find", namespace="team"), [SEARCH]), (service("label"), [("Label", "search")]))
        self.assertEqual(self.told()[2], "no Service selects it")

    def test_the_newest_listing_of_each_cluster_counts(self):
        self.list_services((service("old"), [SEARCH]), at=NOW - timedelta(hours=3))
        self.list_services((service("new"), [SEARCH]), at=NOW - timedelta(hours=2))
        self.list_services((service("other"), [SEARCH]), at=NOW - timedelta(hours=5), cluster="another")
        self.crossing()
        self.crossing(cluster="another")
        found = {row["cluster"]: row["b_service"] for row in self.ask("what-to-do")}
        self.assertEqual(found, {name: f"set trafficDistribution: PreferClose on the Service shop/{of}" for name, of in (("prod", "new"), ("another", "other"))})
        self.assertEqual({row["service"] for row in self.ask("kubernetes-services")}, {"new", "other"})

    def test_a_listing_that_is_older_than_a_day_does_not_count(self):
        self.list_services((service("find"), [SEARCH]), at=NOW - timedelta(hours=26))
        self.assertEqual(self.told()[2], "no Services are listed")
        self.assertEqual(self.ask("kubernetes-services"), [])

    def test_a_service_has_what_its_groups_receive_in_the_cluster(self):
        cart, db = [("shop", *CART, zone) for zone in (A, B)], ("data", "StatefulSet", "db", B)
        self.store(db, cart[0], 10)
        self.store(db, cart[1], 30)
        self.store(("", "Node", "(nodes)", C), cart[0], 1)
        self.store(cart[0], db, 100)
        self.store(("", "RDS", "shop-db", C), cart[0], 50, scope="ingress")
        self.store(db, cart[0], 70, scope="clusters", peer_cluster="another")
        self.store(db, cart[0], 9, hour=NOW - timedelta(days=31))
        self.store(db, cart[0], 8, cluster="another")
        self.list_services((service("basket", distribution="PreferClose"), [CART]), (service("idle"), [("Label", "idle")]))
        basket, idle = self.ask("kubernetes-services")
        self.assertEqual(
            list(basket.values()),
            ["prod", "shop", "basket", "ClusterIP", ["80/TCP 8080 http"], "PreferClose", "Cluster", None, False, ["Deployment/cart"], 0, 41 * 2**30, 11 * 2**30, 0.22],
        )
        self.assertEqual([idle[name] for name in ("service", "bytes", "cross_az_bytes", "usd")], ["idle", 0, 0, 0.0])
        self.assertEqual(self.ask("kubernetes-services", cluster="another"), [])

    def test_a_group_of_two_services_is_in_both_rows_which_say_so(self):
        self.store(("data", "StatefulSet", "db", B), ("shop", *CART, A), 10)
        self.store(("data", "StatefulSet", "db", B), ("shop", *SEARCH, A), 5)
        self.list_services((service("front"), [CART, SEARCH]), (service("basket"), [CART]), (service("basket", namespace="team"), [CART]))
        found = {(row["namespace"], row["service"]): (row["shared_groups"], row["cross_az_bytes"] >> 30) for row in self.ask("kubernetes-services")}
        self.assertEqual(found, {("shop", "front"): (1, 15), ("shop", "basket"): (1, 10), ("team", "basket"): (0, 0)})


class OfAWorld(unittest.TestCase):
    """The Services of a generated cluster."""

    @classmethod
    def setUpClass(cls):
        cls.world = World(scenario("services"), 4, 20)
        cls.listed = cls.world.listed(EVERY_FIVE)
        context = answers.opened(SimpleNamespace(traffic=cls.world.traffic, cluster=cls.listed))
        cls.connection, _ = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        cls.connection.execute(f"CREATE TABLE cross_az_traffic AS {statement.cross_az(utc(*DAY, 12))}")

    def ask(self, name):
        begin, end = (f"TIMESTAMP '{utc(*DAY, hour).strftime(statement.UNTIL_FORMAT)}'" for hour in (9, 12))
        return answers.rows(self.connection.execute(statement.named(name, begin, end)))

    def test_each_service_that_selects_pods_has_what_they_receive(self):
        received = defaultdict(int)
        for (_, scope, _, destination), size in self.world.traffic.rows_of(FIRST_HOUR, LAST_HOUR).items():
            if scope == "cluster":
                received[(destination.namespace, destination.kind, destination.group)] += size
        pods = {(pod.namespace, pod.kind, pod.group): pod for pod in self.world.cluster.pods}
        true = {}
        for one in self.world.cluster.kubernetes_services:
            groups = [group for group, pod in pods.items() if one.selects(pod)]
            if groups:
                true[(one.namespace, one.name)] = sum(received[group] for group in groups)
        found = {(row["namespace"], row["service"]): row["bytes"] for row in self.ask("kubernetes-services")}
        self.assertEqual(found, true)
        self.assertEqual(set(true), {("shop", name) for name in ("cart", "front", "search", "search-peers", "search-old")})

    def test_the_pairs_of_the_world_have_their_services(self):
        told = {row["a_group"]: row["a_service"] for row in self.ask("what-to-do")}
        self.assertTrue(told["cart"].startswith("set trafficDistribution: PreferClose on the Service shop/cart; shop/front has"), told["cart"])
        self.assertTrue(told["checkout"].startswith("shop/front has trafficDistribution: PreferClose already"), told["checkout"])


class TakenForNothingElse(unittest.TestCase):
    """The rows of every query that reads listings, with and without lines of Services."""

    @staticmethod
    def rows(service_lines):
        """The rows of each query, with these lines in the place of those of Services."""
        world = World(scenario("everything"), 5, 20)
        story = SimpleNamespace(traffic=world.traffic, cluster=world.listed(EVERY_FIVE))
        with mock.patch.object(Cluster, "service_lines", service_lines), answers.opened(story) as (connection, _):
            tables.create_result_tables(connection)
            until = utc(*DAY, 12)
            found = {"check-inputs": answers.rows(connection.execute(statement.check_inputs(until, now=until + timedelta(minutes=20))))}
            connection.execute(f"INSERT INTO cross_az_traffic {statement.cross_az(until)}")
            found["cross-az"] = answers.rows(connection.execute("SELECT * FROM cross_az_traffic ORDER BY ALL"))
            cost_and_usage.create(connection, cost_and_usage.lines_of(story.traffic))
            day = utc(*DAY, 0)
            begin, end = (f"TIMESTAMP '{time.strftime(statement.UNTIL_FORMAT)}'" for time in (day, day + timedelta(days=1)))
            found["reconcile"] = answers.rows(connection.execute(statement.named("reconcile", begin, end, cost_and_usage="cost_and_usage", region="us-east-2")))
            found["what-to-do"] = answers.rows(connection.execute(statement.named("what-to-do", begin, end)))
            found["services"] = connection.execute("SELECT count(*) FROM pods WHERE kind = 'service'").fetchone()[0]
        return found

    def test_no_query_takes_a_service_for_something_else(self):
        real = Cluster.service_lines
        without = self.rows(lambda _self, _at: [])
        self.assertTrue(without["cross-az"] and without["reconcile"])
        # Listings from before there were Services are read as well.
        self.assertEqual({row["a_service"] for row in without["what-to-do"]}, {"no Services are listed"})
        self.assertEqual(without["services"], 0)

        def like_pods_and_nodes(cluster, at):
            """Lines of Services that have all fields of each pod, node, instance and interface, as no listing does."""
            with mock.patch.object(Cluster, "service_lines", lambda _self, _at: []):
                return [{**line, "kind": "service", "group_name": "a-service", "uid": "another"} for line in cluster.lines(at)]

        def missing(cluster, at):
            """The same lines, as the reason why something is missing."""
            return [{**line, "kind": "missing", "name": "services", "phase": "refused"} for line in like_pods_and_nodes(cluster, at)]

        for lines in (real, like_pods_and_nodes, missing):
            with_services = self.rows(lines)
            self.assertEqual(with_services["services"] > 0, lines is not missing)
            for name in ("check-inputs", "cross-az", "reconcile"):
                self.assertEqual(with_services[name], without[name], name)

    def test_each_query_that_reads_listings_is_in_this_test(self):
        reading = {file.stem for file in statement.SQL.glob("*.sql") if "FROM pods" in statement.read(file.stem)}
        self.assertEqual(reading, {"cross-az", "check-inputs", "reconcile", "what-to-do", "kubernetes-services", "by-service-and-port"})
        for name in ("what-to-do", "kubernetes-services", "by-service-and-port"):
            self.assertRegex(statement.read(name), r"WHERE \(?kind = 'service'")
        for name in ("what-to-do", "kubernetes-services"):
            # Athena scans a table for each mention. docs/cross-az-traffic/cost.md has what it costs.
            self.assertEqual(scans(statement.named(name), "pods"), 1)
        self.assertEqual(scans(statement.named("what-to-do"), "cross_az_traffic"), 6)


if __name__ == "__main__":
    unittest.main()
