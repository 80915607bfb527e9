"""The query `by-service-and-port`: the ports of workloads with the names of cross-az.sql, and the Services of Kubernetes that lead to them."""

import unittest
import zlib
from collections import Counter
from datetime import timedelta

import answers
import once
import statement
import truth
from cluster import utc
from kubernetes_services import KubernetesService
from scene import TEN, UNTIL, A, B, LoggedScene
from story import DAY, FIRST_HOUR, LAST_HOUR
from world import EVERY_FIVE, EVERY_MINUTE, World, scenario

QUERY = statement.WITH_CROSS_AZ
GB = 2**30


def time(at):
    return f"TIMESTAMP '{at.strftime(statement.UNTIL_FORMAT)}'"


def ask(connection, begin=None, until=UNTIL, **parameters):
    """The rows for the three hours before `until`, in each of the two meanings. `begin`: the beginning of the range, if that is later."""
    text = statement.named(QUERY, time(begin or until - timedelta(hours=3)), time(until), **parameters)
    plain = answers.rows(connection.execute(text))
    assert answers.rows(connection.execute(statement.as_trino_means(text, "athena"))) == plain
    return plain


class Rules(unittest.TestCase):
    def setUp(self):
        self.scene = LoggedScene()
        self.client = self.scene.pod(self.scene.a, "client", kind="Deployment")
        self.server = self.scene.pod(self.scene.b, "server")

    def flow(self, ports, source=None, destination=None, size=GB, at=TEN, protocol=6):
        """A flow with these ports of source and destination."""
        source, destination = source or self.client, destination or self.server
        before = {id(row) for rows in self.scene.traffic.records.values() for row in rows}
        self.scene.log.flow(source, destination, at, size)
        for row in (row for rows in self.scene.traffic.records.values() for row in rows if id(row) not in before):
            row.update(srcport=ports[0], dstport=ports[1], protocol=protocol)

    def rows(self, *services, **parameters):
        self.scene.cluster.kubernetes_services = [*services]
        with answers.opened(self.scene) as (connection, _):
            return ask(connection, **parameters)

    def found(self, *services, **parameters):
        """{(workload or label, port, protocol): bytes}"""
        return {(row["label"] or row["workloads"][0], row["port"], row["protocol"]): row["bytes"] for row in self.rows(*services, **parameters)}

    def test_a_call_and_its_reply_are_in_the_row_of_the_servers_port(self):
        self.flow((40000, 5432))
        self.flow((5432, 40000), self.server, self.client, size=3 * GB)
        (row,) = self.rows()
        self.assertEqual(
            list(row.values()), ["prod", "shop", "server", None, None, None, "5432", "TCP", 4 * GB, 4 * GB, 0.08],
        )

    def test_ports_and_protocols_of_one_workload_are_rows_of_their_own(self):
        self.flow((40000, 80), size=2)
        self.flow((41000, 53), size=3)
        self.flow((41000, 53), size=4, protocol=17)
        self.assertEqual(self.found(), {("server", "80", "TCP"): 2, ("server", "53", "TCP"): 3, ("server", "53", "UDP"): 4})

    def test_if_nothing_tells_which_end_serves_there_is_no_port(self):
        for ports, protocol in (((8080, 9090), 6), ((40000, 50000), 17), ((0, 0), 1)):
            self.flow(ports, protocol=protocol, size=5)
        self.assertEqual(self.found(), {("server", None, "TCP"): 5, ("server", None, "UDP"): 5, ("server", None, "1"): 5})

    def test_a_port_is_that_of_the_pod_that_held_the_address_at_the_time(self):
        first = self.scene.pod(self.scene.b, "first", start=TEN - 7200, end=TEN - 1800, listed_end=True)
        second = self.scene.pod(self.scene.b, "second", addresses=first.addresses, start=TEN - 1700)
        self.flow((40000, 80), destination=first, size=1, at=TEN - 2400)
        self.flow((40000, 80), destination=second, size=20, at=TEN - 1500)
        self.assertEqual(self.found(), {("first", "80", "TCP"): 1, ("second", "80", "TCP"): 20})

    def test_a_service_with_the_port_as_its_target_is_told_apart_from_the_others(self):
        def service(name, *ports, namespace="shop", group="server"):
            return KubernetesService(namespace, name, {"component": group}, ports)

        self.flow((40000, 8080))
        (row,) = self.rows(
            service("both", (80, "TCP", 8080, "http"), (443, "TCP", 8443, None)), service("more", (8080, "TCP", 8080, None)), service("number", (8080, "TCP", 9090, None)),
            service("protocol", (80, "UDP", 8080, None)), service("named", (80, "TCP", "http", None)), service("other", (80, "TCP", 8080, None), group="client"),
            service("namespace", (80, "TCP", 8080, None), namespace="data"),
        )
        self.assertEqual((row["services"], row["other_services"]), (["shop/both", "shop/more"], ["shop/named", "shop/number", "shop/protocol"]))

    def test_a_label_has_the_workloads_that_services_show(self):
        self.server.controller = ("StatefulSet", "server-main")
        self.flow((40000, 8080))
        (row,) = self.rows(KubernetesService("shop", "server", {"component": "server"}))
        self.assertEqual((row["label"], row["workloads"], row["services"], row["other_services"]), ("server", ["StatefulSet/server-main"], ["shop/server"], None))
        self.flow((8080, 40000), self.client, self.server)
        self.assertEqual({(row["label"], *row["workloads"]) for row in self.rows(KubernetesService("shop", "server", {"component": "server"}))}, {
            ("server", "StatefulSet/server-main"), (None, "Deployment/client"),
        })

    def test_the_range_and_the_cluster_can_be_chosen(self):
        for hours in (-1, 0, 1):
            self.flow((40000, 8080), size=10 ** (hours + 1), at=TEN + 3600 * hours)
        self.assertEqual(self.found(), {("server", "8080", "TCP"): 111})
        self.assertEqual(self.found(begin=UNTIL - timedelta(hours=2)), {("server", "8080", "TCP"): 110})
        self.assertEqual(self.found(until=UNTIL - timedelta(hours=1)), {("server", "8080", "TCP"): 11})
        self.assertEqual(self.found(cluster="another"), {})

    def test_hours_of_the_past_have_the_services_of_that_time(self):
        # What docs/cross-az-traffic/table.md says to replace in the text of the named query.
        self.scene.cluster.kubernetes_services = [KubernetesService("shop", "server", {"component": "server"}, ((80, "TCP", 8080, None),))]
        self.flow((40000, 8080), size=5)
        text = statement.named(QUERY).replace("date_trunc('hour', CAST(current_timestamp AS timestamp))", time(UNTIL))
        now = "hour >= CAST(current_timestamp AS timestamp)"
        self.assertEqual(text.count(now), 1)
        with answers.opened(self.scene) as (connection, _):
            (row,) = answers.rows(connection.execute(text.replace(now, f"hour >= {time(UNTIL)}")))
        self.assertEqual((row["label"], row["services"], row["bytes"]), ("server", ["shop/server"], 5))


class OfAWorld(unittest.TestCase):
    def test_each_byte_is_in_the_row_of_its_server_and_port(self):
        world = World(scenario("two-clusters"), 3, 12)

        def served(key):
            """The end that serves, source or destination, and its port."""
            ends = [(end.cluster, end.namespace, end.kind, end.group) for end in key[2:]]
            place = max((0, 1), key=lambda place: (ends[place], place))
            return place, ends[place], 1 + zlib.crc32(str(ends[place]).encode()) % 32000

        for rows in world.traffic.records.values():
            for row in rows:
                place, _, port = served(world.traffic.keys[row["true_row"]])
                row["srcport"], row["dstport"] = (port, 40000) if place == 0 else (40000, port)
        true = Counter()
        for key, size in world.traffic.rows_of(FIRST_HOUR, LAST_HOUR).items():
            _, end, port = served(key)
            true[(*end, str(port))] += size
        with answers.opened(truth.listed(world, EVERY_MINUTE)) as (connection, _):
            rows = ask(connection, until=utc(*DAY, 12))
        found, unknown = Counter(), 0
        for row in rows:
            kind, name = ("Label", row["label"]) if row["label"] else row["workloads"][0].split("/", 1)
            if kind == "Unknown":
                unknown += row["bytes"]
            else:
                found[(row["cluster"], row["namespace"], kind, name, row["port"])] += row["bytes"]
        self.assertLess(unknown, 0.01 * sum(true.values()))
        self.assertEqual(sum(found.values()) + unknown, sum(true.values()))
        for end, size in found.items():
            # What is not there is `(unknown)`.
            self.assertLessEqual(size, true[end], end)

    def test_the_rows_add_up_to_those_of_the_table(self):
        listed = once.listed("everything", 2, 12, EVERY_FIVE)
        with answers.opened(listed) as (connection, _):
            rows = ask(connection, until=utc(*DAY, 12))
            table = answers.rows(connection.execute(statement.cross_az(utc(*DAY, 12))))
        # Each part of what the destination has more is rounded down, and so are dollars to four digits.
        self.assertAlmostEqual(sum(row["bytes"] for row in rows), sum(row["bytes"] for row in table), delta=len(table))
        self.assertAlmostEqual(sum(row["usd"] for row in rows), sum(row["usd_out"] + row["usd_in"] for row in table), delta=0.00005 * len(rows) + 1e-9)


if __name__ == "__main__":
    unittest.main()
