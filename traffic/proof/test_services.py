"""Tests the rules for services in the VPC, one at a time, and that none can be left out."""

import json
import unittest

import rules
import services
import statement
from scene import TEN, A, B, C, LoggedScene
from services import Service
from story import BEGIN
from traffic import Outside

GB = 2**30


class Scene(LoggedScene):
    """A cluster, and services that a test adds."""

    def __init__(self):
        super().__init__()
        self.services = []
        self.cluster.services = services.there(self.services)

    def service(self, kind, name, zone, **other):
        interface, address = self.builder.interface(), other.pop("address", None) or self.builder.address(zone)
        made = Service(kind, name, interface, address, zone, **{"start": BEGIN - 86400, **other})
        self.services.append(made)
        return made


class Rules(unittest.TestCase):
    def setUp(self):
        self.scene = Scene()
        self.pod = self.scene.pod(self.scene.a)
        self.host = Outside("198.51.100.9", 1)

    def test_a_service_has_its_name_and_zone_in_both_directions(self):
        scene, database = self.scene, self.scene.service("RDS", "shop-db", B)
        scene.log.flow(self.pod, database, TEN, 1000)
        scene.log.flow(database, self.pod, TEN, 70)
        self.assertEqual(scene.found(), {("egress", "pod", A[1], "shop-db", B[1]): 1000, ("ingress", "shop-db", B[1], "pod", A[1]): 70})
        kinds = {row["src_group_kind"] for row in scene.rows()}
        self.assertEqual(kinds, {"Label", "RDS"})

    def test_crossing_zones_to_a_service_costs_what_its_kind_says(self):
        for kind, out, back in (("RDS", (0.01, 0.01), (0.01, 0.01)), ("ElastiCache", (0.01, 0), (0, 0.01)), ("ApplicationLoadBalancer", (0, 0), (0, 0))):
            with self.subTest(kind=kind):
                scene = Scene()
                pod, service = scene.pod(scene.a), scene.service(kind, "it", B)
                scene.log.flow(pod, service, TEN, GB)
                scene.log.flow(service, pod, TEN, GB)
                usd = {row["scope"]: (row["usd_out"], row["usd_in"]) for row in scene.rows()}
                self.assertEqual(usd, {"egress": out, "ingress": back})
                self.assertTrue(all(row["cross_az"] for row in scene.rows()))

    def test_a_service_in_the_same_zone_costs_nothing(self):
        scene, database = self.scene, self.scene.service("RDS", "shop-db", A)
        scene.log.flow(self.pod, database, TEN, GB)
        self.assertEqual([(row["cross_az"], row["usd_out"], row["usd_in"]) for row in scene.rows()], [(False, 0, 0)])

    def test_what_goes_through_a_nat_gateway_has_its_name_and_zone(self):
        scene, nat = self.scene, self.scene.service("NatGateway", "nat-0a", B)
        scene.log.through(nat, self.pod, self.host, TEN, 1000)
        scene.log.through(nat, self.host, self.pod, TEN, 70)
        self.assertEqual(scene.found(), {("egress", "pod", A[1], "nat-0a", B[1]): 1000, ("ingress", "nat-0a", B[1], "pod", A[1]): 70})

    def test_what_goes_through_a_balancer_that_preserves_the_client_has_its_name(self):
        scene, balancer = self.scene, self.scene.service("NetworkLoadBalancer", "shop", C)
        scene.log.through(balancer, self.host, self.pod, TEN, 1000)
        self.assertEqual(scene.found(), {("ingress", "shop", C[1], "pod", A[1]): 1000})

    def test_a_pair_that_goes_through_two_services_has_the_name_of_neither(self):
        scene = self.scene
        for zone in (B, C):
            scene.log.through(scene.service("NatGateway", f"nat-{zone[1]}", zone), self.pod, self.host, TEN, 1000)
        self.assertEqual(scene.found(), {("egress", "pod", A[1], "(public address, through the VPC)", ""): 2000})

    def test_a_pair_that_goes_through_two_interfaces_of_one_service_has_its_name_without_a_zone(self):
        scene = self.scene
        for zone in (B, C):
            scene.log.through(scene.service("NatGateway", "nat-0a", zone), self.pod, self.host, TEN, 1000)
        self.assertEqual(scene.found(), {("egress", "pod", A[1], "nat-0a", ""): 2000})

    def test_a_pair_that_goes_through_two_nat_instances_has_the_name_of_neither(self):
        # The second one takes over. A zone is known if both are in it.
        for other, zone in ((B, B[1]), (C, "")):
            with self.subTest(zone=zone):
                self.setUp()
                scene = self.scene
                nats = [scene.service("Instance", name, at, instance=name) for name, at in (("i-1", B), ("i-2", other))]
                for nat, at, size in zip(nats, (TEN, TEN + 1800), (1000, 20)):
                    scene.log.through(nat, self.pod, self.host, at, size)
                    scene.log.through(nat, self.host, self.pod, at, 7 * size)
                # What a NAT instance logs of what it sends has its own name. As many bytes more have reached the pod.
                scene.log._record_of("ingress", [(self.host, self.host.address), (self.pod, self.pod.addresses[0])], TEN + 2400, 7140)
                self.assertEqual(
                    scene.found(),
                    {
                        ("egress", "pod", A[1], "(unknown)", zone): 1020, ("ingress", "i-1", B[1], "pod", A[1]): 7000,
                        ("ingress", "i-2", other[1], "pod", A[1]): 140, ("ingress", "(unknown)", zone, "pod", A[1]): 7140,
                    },
                )
                self.assertEqual({kind for row in scene.rows() for kind in (row["src_group_kind"], row["dst_group_kind"])}, {"Label", "Instance"})

    def test_a_pair_that_goes_through_two_instances_of_which_only_the_interface_tells_has_the_name_of_neither(self):
        # A NAT instance takes over the interface of another one, and the format of the flow log lacks instance-id.
        scene = self.scene
        first = scene.service("Instance", "i-1", B, end=TEN + 1500)
        second = Service("Instance", "i-2", first.interface, first.address, B, TEN + 1560)
        scene.services.append(second)
        for nat, at, size in ((first, TEN, 1000), (second, TEN + 3000, 20)):
            scene.log.through(nat, self.pod, self.host, at, size)
        self.assertEqual(scene.found(), {("egress", "pod", A[1], "(public address, through the VPC)", ""): 1020})

    def test_an_unknown_pod_behind_a_nat_gateway_keeps_its_dollars(self):
        scene, nat = self.scene, self.scene.service("NatGateway", "nat-0a", B)
        unlisted = scene.pod(scene.a, start=TEN + 1300, end=TEN + 2200)
        scene.log.through(nat, unlisted, self.host, TEN + 1500, 1000)
        self.assertEqual(scene.found(), {("egress", "(unknown)", A[1], "nat-0a", B[1]): 1000})

    def test_skipped_records_of_a_node_count_by_those_of_the_service(self):
        scene, database = self.scene, self.scene.service("RDS", "shop-db", B)
        for minute in range(5, 60, 5):
            scene.log.flow(self.pod, database, TEN + 60 * minute, 1000)
            scene.log.flow(database, self.pod, TEN + 60 * minute, 70)
        for row in (row for rows in scene.traffic.records.values() for row in rows if row["instance_id"] == scene.a.instance and row["start"] > TEN + 1000):
            row.update(log_status="SKIPDATA")
        self.assertEqual(scene.found(), {("egress", "pod", A[1], "shop-db", B[1]): 11_000, ("ingress", "shop-db", B[1], "pod", A[1]): 770})

    def test_skipped_records_of_an_unknown_pod_count_by_those_of_the_service(self):
        for address in ("10.0.9.9", "172.20.9.9", "192.168.9.9", "100.64.9.9", "198.18.9.9", "198.19.9.9"):
            with self.subTest(address=address):
                self.setUp()
                scene, database = self.scene, self.scene.service("RDS", "shop-db", B)
                unlisted = scene.pod(scene.a, start=TEN + 1300, end=TEN + 2200, addresses=[address])
                for minute in (25, 30):
                    scene.log.flow(unlisted, database, TEN + 60 * minute, 1000)
                for row in (row for rows in scene.traffic.records.values() for row in rows if row["instance_id"] == scene.a.instance and row["start"] >= TEN + 1800):
                    row.update(log_status="SKIPDATA")
                self.assertEqual(scene.found(), {("egress", "(unknown)", A[1], "shop-db", B[1]): 2000})

    def test_the_records_of_a_service_count_with_ipv6_addresses_too(self):
        scene = self.scene
        pod, database = scene.pod(scene.a, addresses=["2600:1f16:abc:de00::7"]), scene.service("RDS", "shop-db", B, address="2600:1f16:abc:de01::9")
        scene.log.flow(pod, database, TEN, 1000)
        scene.log.flow(database, pod, TEN, 70)
        scene.change({"log_status": "SKIPDATA"}, instance_id=scene.a.instance)
        self.assertEqual(scene.found(), {("egress", "pod", A[1], "shop-db", B[1]): 1000, ("ingress", "shop-db", B[1], "pod", A[1]): 70})

    def test_a_service_that_a_later_listing_shows_is_not_an_unknown_pod_before(self):
        # No listing shows it at 10:15. Its own records do.
        scene, database = self.scene, self.scene.service("RDS", "shop-db", B)
        database.start = TEN + 1000
        scene.log.flow(database, self.pod, TEN + 900, 1000)
        scene.log.flow(database, self.pod, TEN + 4500, 70)
        self.assertEqual(scene.found(), {("ingress", "shop-db", B[1], "pod", A[1]): 1070})

    def test_traffic_between_services_is_not_the_clusters(self):
        scene = self.scene
        scene.log.flow(scene.service("NetworkLoadBalancer", "shop", A), scene.service("RDS", "shop-db", B), TEN, 1000)
        for host in (self.host, Outside("10.8.0.9", 1)):
            scene.log.flow(scene.services[0], host, TEN, 1000)
        instance = scene.service("Instance", "i-0b", C, instance="i-0b")
        scene.log.flow(instance, scene.services[1], TEN, 1000)
        self.assertEqual(scene.found(), {})

    def test_a_pod_with_an_interface_that_ec2_shows_is_a_pod(self):
        # A pod on Fargate: EC2 shows its interface, which is attached to no instance of the account.
        scene = self.scene
        pod = scene.builder.fargate(B, "shop", "fargate")
        scene.services.append(Service("Interface", "something", f"eni-{pod.uid[:17]}", pod.addresses[0], B, BEGIN + 600))
        scene.log.flow(self.pod, pod, TEN, 1000)
        for row in (row for rows in scene.traffic.records.values() for row in rows if row["flow_direction"] == "ingress"):
            row.update(interface_id=f"eni-{pod.uid[:17]}", instance_id="-", dstaddr=pod.addresses[0])
        # Only the pod's own interface logged.
        scene.change({"log_status": "SKIPDATA"}, flow_direction="egress")
        self.assertEqual(scene.found(), {("cluster", "pod", A[1], "fargate", B[1]): 1000})

    def test_a_service_has_its_address_although_a_pod_in_an_overlay_network_is_listed_with_it(self):
        # The addresses of an overlay network may also be addresses in the VPC. No packet of the pod has its own address.
        scene, database = self.scene, self.scene.service("RDS", "shop-db", B)
        scene.pod(scene.c, "overlay", addresses=[database.address])
        scene.log.flow(self.pod, database, TEN, 1000)
        scene.log.flow(database, self.pod, TEN, 70)
        self.assertEqual(scene.found(), {("egress", "pod", A[1], "shop-db", B[1]): 1000, ("ingress", "shop-db", B[1], "pod", A[1]): 70})

    def test_a_pod_and_a_service_after_it_have_the_address_each_in_its_time(self):
        scene = self.scene
        first = scene.pod(scene.b, "first", end=TEN + 600, listed_end=True)
        database = scene.service("RDS", "shop-db", B, address=first.addresses[0], start=TEN + 900)
        scene.log.flow(self.pod, first, TEN, 1000)
        scene.log.flow(self.pod, database, TEN + 2000, 70)
        self.assertEqual(scene.found(), {("cluster", "pod", A[1], "first", B[1]): 1000, ("egress", "pod", A[1], "shop-db", B[1]): 70})

    def test_a_service_that_is_gone_does_not_have_its_address(self):
        # A listing at 10:20 shows it, that at 11:20 does not.
        scene, database = self.scene, self.scene.service("RDS", "shop-db", B, end=TEN + 2000)
        scene.log.flow(self.pod, database, TEN + 900, 1)
        scene.log.flow(self.pod, Outside(database.address, 1), TEN + 3000, 20)
        self.assertEqual(
            scene.found(), {("egress", "pod", A[1], "shop-db", B[1]): 1, ("egress", "pod", A[1], "(in or through the VPC)", ""): 20},
        )

    def test_a_record_without_a_direction_is_of_the_node_if_the_other_end_is_a_service(self):
        scene, database = self.scene, self.scene.service("RDS", "shop-db", B)
        unlisted = scene.pod(scene.a, start=TEN + 1300, end=TEN + 2200)
        scene.log.flow(database, unlisted, TEN + 1500, 1000)
        scene.change({"flow_direction": "-", "traffic_path": None, "dstaddr": unlisted.addresses[0]}, instance_id=scene.a.instance)
        self.assertEqual(scene.found(), {("ingress", "shop-db", B[1], "(unknown)", A[1]): 1000})


#: As in rules.py.
WITHOUT = {
    "services have addresses": (
        " OR p.kind = 'interface' AND c.instance_id IS NULL) AND p.ip IS NOT NULL", ") AND p.ip IS NOT NULL",
        "test_a_pod_and_a_service_after_it_have_the_address_each_in_its_time",
    ),
    "what a pod has is not that of an interface which nobody knows": (
        "WHEN h.is_service OR h.is_attached THEN bool_and(h.is_service OR h.is_attached) OVER (PARTITION BY h.ip)", "WHEN h.is_service OR h.is_attached THEN true",
        "test_a_pod_with_an_interface_that_ec2_shows_is_a_pod",
    ),
    "what a service has is not a pod's in an overlay network": (
        "ELSE coalesce(h.begin_s >= h.service_until_s OR coalesce(h.end_s, h.held_s, h.begin_s) <= h.service_from_s, true)", "ELSE true",
        "test_a_service_has_its_address_although_a_pod_in_an_overlay_network_is_listed_with_it",
    ),
    "a service may have what a pod had": (
        "WHEN h.is_recognised THEN true\n", "",
        "test_a_pod_and_a_service_after_it_have_the_address_each_in_its_time",
    ),
    "a service that is gone is outside": (
        "WHERE part = '' OR NOT is_service_only", "WHERE true",
        "test_a_service_that_is_gone_does_not_have_its_address",
    ),
    "services among each other are not the cluster": (
        "WHERE NOT src_is_outside OR NOT dst_is_outside\n", "WHERE true\n",
        "test_traffic_between_services_is_not_the_clusters",
    ),
    "a service's records count": (
        "(NOT dst_is_service OR NOT src_is_service AND (src_no IS NOT NULL OR src_may_be_private))", "NOT dst_is_service",
        "test_skipped_records_of_a_node_count_by_those_of_the_service",
    ),
    "a service's records count with the addresses of pods": (
        "(NOT dst_is_service OR NOT src_is_service AND (src_no IS NOT NULL OR src_may_be_private))", "(NOT dst_is_service OR NOT src_is_service AND src_may_be_private)",
        "test_the_records_of_a_service_count_with_ipv6_addresses_too",
    ),
    "a service is no unknown pod": (
        "CASE WHEN at_source THEN nullif(split_part(own_who, chr(31), 1), '') END AS src_own_cluster", "CASE WHEN at_source THEN split_part(own_who, chr(31), 1) END AS src_own_cluster",
        "test_a_service_that_a_later_listing_shows_is_not_an_unknown_pod_before",
    ),
    "the service in between": (
        "coalesce(dst_who, service) AS dst_who", "dst_who",
        "test_what_goes_through_a_nat_gateway_has_its_name_and_zone",
    ),
    "the service in between of ingress": (
        "coalesce(src_who, service) AS src_who", "src_who",
        "test_what_goes_through_a_balancer_that_preserves_the_client_has_its_name",
    ),
    "the zone of the service in between": (
        "CASE WHEN dst_who IS NULL THEN service_az_id END", "NULL",
        "test_what_goes_through_a_nat_gateway_has_its_name_and_zone",
    ),
    "only one service in between": (
        "split_part(first_service, chr(31), 4) = split_part(last_service, chr(31), 4)", "true",
        "test_a_pair_that_goes_through_two_services_has_the_name_of_neither",
    ),
    "only one zone in between": (
        "CASE WHEN first_service = last_service THEN nullif", "CASE WHEN true THEN nullif",
        "test_a_pair_that_goes_through_two_interfaces_of_one_service_has_its_name_without_a_zone",
    ),
    "only one instance in between": (
        "(split_part(max(dst_own_who) OVER flow, chr(31), 1) <> '' OR min(dst_own_who) OVER flow = max(dst_own_who) OVER flow)", "true",
        "test_a_pair_that_goes_through_two_nat_instances_has_the_name_of_neither",
    ),
    "only one instance in between of ingress": (
        "(split_part(max(src_own_who) OVER flow, chr(31), 1) <> '' OR min(src_own_who) OVER flow = max(src_own_who) OVER flow)", "true",
        "test_a_pair_that_goes_through_two_nat_instances_has_the_name_of_neither",
    ),
    "only one zone of instances in between": (
        "CASE WHEN min(CASE WHEN NOT at_source THEN own_az_id END) OVER flow = max(CASE WHEN NOT at_source THEN own_az_id END) OVER flow", "CASE WHEN true",
        "test_a_pair_that_goes_through_two_nat_instances_has_the_name_of_neither",
    ),
    "only one zone of instances in between of ingress": (
        "CASE WHEN min(CASE WHEN at_source THEN own_az_id END) OVER flow = max(CASE WHEN at_source THEN own_az_id END) OVER flow", "CASE WHEN true",
        "test_a_pair_that_goes_through_two_nat_instances_has_the_name_of_neither",
    ),
    "only one instance that had the interface": (
        "CASE WHEN NOT bool_or(i.kind = 'instance') AND min(i.group_kind || chr(31) || i.group_name) = max(i.group_kind || chr(31) || i.group_name)", "CASE WHEN NOT bool_or(i.kind = 'instance')",
        "test_a_pair_that_goes_through_two_instances_of_which_only_the_interface_tells_has_the_name_of_neither",
    ),
    "services in between of pods that are unknown": (
        "(src_no IS NULL OR dst_no IS NULL)", "(src_no IS NOT NULL OR dst_no IS NOT NULL)",
        "test_an_unknown_pod_behind_a_nat_gateway_keeps_its_dollars",
    ),
    "a service is outside": (
        "WHEN coalesce(src_is_outside, true) THEN 'ingress'", "WHEN src_who IS NULL THEN 'ingress'",
        "test_a_service_has_its_name_and_zone_in_both_directions",
    ),
    "a service is the other end of a node's record": (
        "WHEN n.instance_id IS NOT NULL AND s.is_service THEN false\n", "",
        "test_a_record_without_a_direction_is_of_the_node_if_the_other_end_is_a_service",
    ),
    "some kinds are free": (
        "dst_group_kind IN (:free_kinds))", "dst_group_kind IN ('nothing'))",
        "test_crossing_zones_to_a_service_costs_what_its_kind_says",
    ),
    "of some kinds only the cluster's end pays": (
        "src_group_kind IN (:free_kinds, :half_kinds)", "src_group_kind IN (:free_kinds)",
        "test_crossing_zones_to_a_service_costs_what_its_kind_says",
    ),
}


class EveryRuleIsNeeded(rules.EveryRuleIsNeeded, unittest.TestCase):
    rules = ((Rules, WITHOUT),)


class Prices(unittest.TestCase):
    def setUp(self):
        self.prices = json.loads((statement.SQL.parent / "prices.json").read_text(encoding="utf-8"))

    def test_who_pays_is_what_the_proof_says(self):
        pays = self.prices["servicesThatPay"]
        self.assertEqual({**dict.fromkeys(pays["nothing"], 0), **dict.fromkeys(pays["clusterEndOnly"], 1)}, services.PAID)

    def test_each_price_has_its_source_and_date(self):
        prices = [self.prices["crossAz"], *(price for region in self.prices["regions"].values() for price in region.values())]
        for price in prices:
            (date,) = (price[name] for name in ("published", "read") if name in price)
            self.assertRegex(date, r"^\d{4}-\d{2}-\d{2}$")
            self.assertGreater(price.get("usd", price.get("usdPerGb")), 0)
            self.assertIn("AWS Price List", price["source"])

    def test_a_price_is_of_its_region(self):
        # The prefix of the usage types of each Region (Cost and Usage Report User Guide, "Understanding data transfer charges"). us-east-1 has none.
        prefixes = {
            "us-east-2": "USE2-", "sa-east-1": "SAE1-", "eu-central-1": "EUC1-", "eu-west-1": "EU-", "eu-west-2": "EUW2-", "ap-northeast-1": "APN1-",
            "ap-northeast-2": "APN2-", "ap-southeast-1": "APS1-",
        }
        for region, known in self.prices["regions"].items():
            self.assertLessEqual(set(known), {"natGatewayUsdPerGb", "internetUsdPerGb"})
            for name, price in known.items():
                usage = "NatGateway-Bytes" if name == "natGatewayUsdPerGb" else "DataTransfer-Out-Bytes"
                if f" {region}," not in price["source"]:
                    self.assertRegex(price["source"], rf", {prefixes.get(region, '')}{usage}\b")


if __name__ == "__main__":
    unittest.main()
