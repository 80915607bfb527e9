"""The NetworkAttachmentDefinitions that the CDK app makes (`network-definitions.json`, written by `npm run generate` in `cdk/`), run by the
real plugins of containernetworking.

kit/pods.py does what Multus does with a definition. The plugin also gets the `ips` of the pod's annotation as `runtimeConfig`
(k8snetworkplumbingwg/multus-cni, docs/how-to-use.md). whereabouts is not in Debian, so its configuration is checked. The definition with
ipvlan, which this kernel need not have, runs in test_qemu.py.
"""

import ipaddress
import json
import re
import unittest

from kit import pods
from kit.machine import need
from kit.node import NAMESPACES, ROOT, Node, Vpc

MACS = {"signaling": "02:00:00:00:00:11", "storage": "02:00:00:00:00:13"}
ITEMS = json.loads((ROOT / "tests/network-definitions.json").read_text())
DEFINITIONS = {item["metadata"]["name"]: item for item in ITEMS if item["kind"] == "NetworkAttachmentDefinition"}
CONFIGURATIONS = {name: json.loads(item["spec"]["config"]) for name, item in DEFINITIONS.items() if "spec" in item}


class TheDefinitions(unittest.TestCase):
    def test_have_what_the_crd_allows(self):
        """k8snetworkplumbingwg/multus-cni, deployments/multus-daemonset-thick.yml: `spec.config` is a text, and may be absent. Names are RFC 1123."""
        self.assertEqual(len(DEFINITIONS), 7)
        for name, item in DEFINITIONS.items():
            with self.subTest(name):
                self.assertEqual(item["apiVersion"], "k8s.cni.cncf.io/v1")
                self.assertLessEqual(set(item), {"apiVersion", "kind", "metadata", "spec"})
                self.assertLessEqual(set(item.get("spec", {})), {"config"})
                self.assertRegex(name, r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")

    def test_have_one_type_and_one_mode_for_each_interface(self):
        of_interface = {}
        for one in CONFIGURATIONS.values():
            of_interface.setdefault(one.get("master") or one["device"], set()).add((one["type"], one.get("mode")))
        self.assertEqual(of_interface, {"signaling": {("macvlan", "passthru")}, "up0": {("ipvlan", "l3")}, "storage": {("host-device", None)}})

    def test_have_ranges_of_their_zone_and_an_ipam(self):
        for zone, net in (("a", "10.0.2.0/24"), ("b", "10.1.2.0/24")):
            ipam = CONFIGURATIONS[f"up-us-west-2{zone}"]["ipam"]
            self.assertEqual((ipam["type"], ipam["range"]), ("whereabouts", net))
            subnet = ipaddress.ip_network(net)
            self.assertEqual(ipaddress.ip_address(ipam["gateway"]), subnet[1])
            for end in ("range_start", "range_end"):
                self.assertIn(ipaddress.ip_address(ipam[end]), list(subnet)[4:-1])
        self.assertTrue(all(one["ipam"]["type"] for one in CONFIGURATIONS.values()))

    def test_are_those_that_the_demo_application_asks_for(self):
        [demo] = [item for item in ITEMS if item["kind"] == "Deployment"]
        wanted = json.loads(demo["spec"]["template"]["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"])
        self.assertEqual([one["name"] for one in wanted], ["up-us-west-2a", "management"])
        self.assertLessEqual({one["name"] for one in wanted}, set(DEFINITIONS))
        self.assertTrue(all(re.fullmatch(r"net\d", one["interface"]) for one in wanted))


class APod(unittest.TestCase):
    """On a node whose interfaces are named as the same configuration says."""

    def setUp(self):
        need(*NAMESPACES, "ping", "host-device", "static", "macvlan", root=True)
        self.vpc = Vpc(self)
        self.vpc.subnet("subnet-01", "10.0.1.0/24")
        self.vpc.subnet("subnet-03", "10.0.3.0/24")

    def node(self):
        node = Node(self, self.vpc)
        node.primary()
        node.install({"gate": [{"network": "signaling", "subnetIds": ["subnet-01"], "deviceIndex": 1, "mtu": 1500},
                               {"network": "storage", "subnetIds": ["subnet-03"], "deviceIndex": 3}]})
        for network, subnet, index in (("signaling", "subnet-01", 1), ("storage", "subnet-03", 3)):
            node.plug(MACS[network], f"ens{index + 5}", subnet)
            node.show(MACS[network], interface_id=f"eni-{index}", subnet_id=subnet, device_number=index, local_ipv4s=f"10.0.{index}.4",
                      subnet_ipv4_cidr_block=f"10.0.{index}.0/24")
        node.interfaces()
        return node

    def cni(self, node, command, name, address, previous=None, check=True, **more):
        configuration = {**pods.configuration(node, DEFINITIONS[name]), "runtimeConfig": {"ips": [address]}, **more}
        return pods.cni(node, command, configuration, "pod", previous=previous, check=check)

    def test_gets_an_address_of_the_pod_range_and_the_subnets_gateway(self):
        for name, third in (("signaling-us-west-2a", 1), ("storage-us-west-2a", 3)):
            with self.subTest(name):
                node = self.node()
                node.run("ip", "netns", "add", "pod")
                address = f"10.0.{third}.130/24"
                _, result = self.cni(node, "ADD", name, address)
                self.assertEqual([one["address"] for one in result["ips"]], [address])
                in_pod = ("ip", "netns", "exec", "pod")
                # The address of the VPC's router, as the kit's subnet has it.
                node.run(*in_pod, "ping", "-c1", "-W5", f"10.0.{third}.1")
                if third == 1:
                    self.assertIn("10.8.0.0/16 via 10.0.1.1", node.run(*in_pod, "ip", "route").stdout)
                self.cni(node, "CHECK", name, address, previous=result)
                self.cni(node, "DEL", name, address, previous=result)
                self.assertNotIn("net1", node.run(*in_pod, "ip", "link").stdout)

    def test_gets_nothing_from_an_interface_of_another_name(self):
        node = self.node()
        node.run("ip", "netns", "add", "pod")
        status, result = self.cni(node, "ADD", "signaling-us-west-2a", "10.0.1.130/24", check=False, master="eth9")
        self.assertNotEqual(status, 0)
        self.assertIn("not found", result["msg"])

    def test_gets_nothing_with_an_mtu_above_the_interfaces(self):
        """What the CDK app refuses: the plugin would refuse it for each pod."""
        node = self.node()
        node.run("ip", "netns", "add", "pod")
        status, _ = self.cni(node, "ADD", "signaling-us-west-2a", "10.0.1.130/24", check=False, mtu=9001)
        self.assertNotEqual(status, 0)
