"""Pods get addresses of the node's interfaces: the configuration that the node writes, run by the real plugins of containernetworking.

kit/pods.py does what Multus does with it. Here run macvlan (passthru) and host-device; ipvlan, which this kernel need not have, runs in test_qemu.py.
"""

import json
import unittest

from kit import pods
from kit.machine import need, wait_for
from kit.node import NAMESPACES, Node, Vpc
from kit.pods import FOLDER, PLUGINS

FIRST, SECOND = "02:00:00:00:00:11", "02:00:00:00:00:12"


def network(kind, **more):
    return {"network": "signaling", "subnetIds": ["subnet-0a"], "deviceIndex": 1, "mtu": 1500, "cni": {"type": kind, **more}}


class PodsTest(unittest.TestCase):
    def setUp(self):
        need(*NAMESPACES, "ping", "host-device", "host-local", "macvlan", root=True)
        self.vpc = Vpc(self)
        self.vpc.subnet("subnet-0a", "10.0.1.0/24")

    def node(self, mac, configuration, addresses="10.0.1.4", prefixes=None, ipv6=None):
        node = Node(self, self.vpc)
        node.primary()
        node.install({"gate": [configuration]})
        node.plug(mac, "ens6", "subnet-0a")
        node.show(mac, interface_id="eni-1", subnet_id="subnet-0a", device_number=1, local_ipv4s=addresses, ipv4_prefix=prefixes,
                  subnet_ipv4_cidr_block="10.0.1.0/24", ipv6s=ipv6, subnet_ipv6_cidr_blocks=ipv6 and "2001:db8:0:a::/64")
        node.interfaces()
        return node

    def configuration(self, node, name="signaling"):
        return pods.configuration_of_node(node, name)

    def cni(self, node, command, pod, check=True, previous=None):
        _, result = pods.cni(node, command, self.configuration(node), pod, previous=previous, check=check)
        return result

    def add(self, node, pod):
        """Adds the interface to a new pod. Returns the result, and its address."""
        pods.start(node, pod)
        result = self.cni(node, "ADD", pod)
        return result, result["ips"][0]["address"]

    def reserved(self, node):
        folder = node.outside("/run/hookline/addresses/signaling")
        return sorted(path.name for path in folder.iterdir() if path.name[0].isdigit()) if folder.exists() else []


class TheConfiguration(PodsTest):
    def test_has_exactly_the_addresses_of_the_interface(self):
        node = self.node(FIRST, network("ipvlan", routes=[{"dst": "10.8.0.0/16"}]), "10.0.1.4\n10.0.1.77\n10.0.1.9", "10.0.1.32/28\n10.0.1.192/28")
        self.assertEqual(self.configuration(node), {
            "cniVersion": "1.0.0", "name": "signaling", "type": "ipvlan", "master": "signaling", "mode": "l2", "mtu": 1500,
            "ipam": {"type": "host-local", "dataDir": "/run/hookline/addresses", "routes": [{"dst": "10.8.0.0/16", "gw": "10.0.1.1"}], "ranges": [[
                {"subnet": "10.0.1.0/24", "rangeStart": start, "rangeEnd": end, "gateway": "10.0.1.1"}
                for start, end in (("10.0.1.9", "10.0.1.9"), ("10.0.1.32", "10.0.1.47"), ("10.0.1.77", "10.0.1.77"), ("10.0.1.192", "10.0.1.207"))
            ]]},
        })

    def test_has_the_ipv6_address_if_one_pod_has_the_interface(self):
        for configuration, sets in (
            (network("host-device"), 2),
            (network("macvlan"), 2),
            (network("ipvlan", addresses="primary"), 2),
            # There is one for many pods.
            (network("ipvlan"), 1),
            (network("ipvlan", addresses="all"), 1),
        ):
            with self.subTest(configuration["cni"]):
                node = self.node(FIRST, configuration, "10.0.1.4\n10.0.1.9", ipv6="2001:db8:0:a::4")
                ipv4, *ipv6 = self.configuration(node)["ipam"]["ranges"]
                self.assertEqual({one["gateway"] for one in ipv4}, {"10.0.1.1"})
                self.assertEqual(ipv6, [[{"subnet": "2001:db8:0:a::/64", "rangeStart": "2001:db8:0:a::4", "rangeEnd": "2001:db8:0:a::4",
                                          "gateway": "fe80:ec2::1"}]][: sets - 1])
                node.end()

    def test_follows_an_ipv6_address_that_comes_and_goes(self):
        node = self.node(FIRST, network("host-device"))
        for shown in ("2001:db8:0:a::4", "2001:db8:0:a::5", None):
            node.show(FIRST, ipv6s=shown, subnet_ipv6_cidr_blocks="2001:db8:0:a::/64")
            node.interfaces("apply")
            _, *ipv6 = self.configuration(node)["ipam"]["ranges"]
            self.assertEqual([one[0]["rangeStart"] for one in ipv6], [shown] if shown else [])

    def test_gives_each_address_once_and_then_no_more(self):
        node = self.node(FIRST, network("ipvlan"), "10.0.1.4\n10.0.1.9", "10.0.1.32/28")
        # The real host-local alone: ipvlan needs a kernel that has it, as in test_qemu.py.
        configuration = self.configuration(node)
        found = []
        for number in range(18):
            done = node.run(f"{PLUGINS}/host-local", check=False, text=json.dumps(configuration), env={
                "CNI_COMMAND": "ADD", "CNI_CONTAINERID": f"c{number}", "CNI_NETNS": "/run/netns/none", "CNI_IFNAME": "net1", "CNI_PATH": PLUGINS})
            answer = json.loads(done.stdout)
            if done.returncode:
                self.assertIn("no IP addresses available in range set", answer["msg"])
                break
            found.append(answer["ips"][0])
        self.assertEqual(sorted(one["address"] for one in found), sorted(["10.0.1.9/24", *(f"10.0.1.{last}/24" for last in range(32, 48))]))
        self.assertEqual({one["gateway"] for one in found}, {"10.0.1.1"})

    def test_follows_addresses_that_come_and_go(self):
        node = self.node(FIRST, network("ipvlan"))
        self.assertIsNone(self.configuration(node), "only the primary address is there")
        node.show(FIRST, local_ipv4s="10.0.1.4\n10.0.1.9")
        node.interfaces("apply")
        self.assertEqual([one["rangeStart"] for one in self.configuration(node)["ipam"]["ranges"][0]], ["10.0.1.9"])
        node.show(FIRST, local_ipv4s="10.0.1.4")
        node.interfaces("apply")
        self.assertIsNone(self.configuration(node))
        self.assertEqual(node.names(FOLDER, ".*"), [], "no file that was being written")

    def test_of_an_earlier_boot_is_removed_while_the_subnet_is_not_known_and_keeps_kubelet_back(self):
        node = self.node(FIRST, network("macvlan"))
        node.run("rm", "-rf", "/run/hookline")
        node.show(FIRST, subnet_ipv4_cidr_block=None)
        done = node.interfaces(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("kubelet waits: signaling: the metadata service does not show its subnet yet", node.console())
        self.assertIsNone(self.configuration(node))
        node.show(FIRST, subnet_ipv4_cidr_block="10.0.1.0/24")
        node.interfaces()
        before = self.configuration(node)
        self.assertIsNotNone(before)
        # Later in the same boot, pods go on to start.
        node.show(FIRST, subnet_ipv4_cidr_block=None)
        node.interfaces()
        self.assertEqual(self.configuration(node), before)

    def test_of_a_network_that_the_node_has_no_more_is_removed(self):
        node = self.node(FIRST, network("macvlan"))
        self.assertIsNotNone(self.configuration(node))
        node.write(f"{FOLDER}/mine.conf", '{"name":"mine"}')
        node.install({"gate": [{**network("macvlan"), "network": "other", "interfaceName": "signaling"}]})
        node.interfaces("apply")
        self.assertEqual(node.names(FOLDER), ["hookline-other.conf", "mine.conf"])


class APod(PodsTest):
    def test_reaches_a_pod_of_another_node_over_its_second_interface(self):
        for kind in ("macvlan", "host-device"):
            with self.subTest(kind=kind):
                one = self.node(FIRST, network(kind), "10.0.1.4")
                other = self.node(SECOND, network(kind), "10.0.1.5")
                first, address = self.add(one, "pod")
                self.assertEqual(address, "10.0.1.4/24")
                _, there = self.add(other, "pod")
                self.assertEqual(there, "10.0.1.5/24")
                # The VPC delivers to the hardware address of the interface only.
                link = one.json("ip", "-n", "pod", "-json", "link", "show", "net1")[0]
                self.assertEqual((link["address"], link["mtu"]), (FIRST, 1500))
                wait_for("the other pod answers", lambda: not one.run("ip", "netns", "exec", "pod", "ping", "-c1", "-W1", "10.0.1.5", check=False).returncode)
                self.cni(one, "CHECK", "pod", previous=first)
                self.assertEqual(self.reserved(one), ["10.0.1.4"])
                self.cni(one, "DEL", "pod")
                self.assertEqual(self.reserved(one), [])
                # The interface is the node's again, under its name; host-device leaves it down.
                one.interfaces("apply")
                link = one.link("signaling")
                self.assertEqual((link["address"], "UP" in link["flags"]), (FIRST, True))
                one.end()
                other.end()

    def test_has_an_ipv6_address_too_and_reaches_pods_by_it(self):
        one = self.node(FIRST, network("host-device"), "10.0.1.4", ipv6="2001:db8:0:a::4")
        other = self.node(SECOND, network("host-device"), "10.0.1.5", ipv6="2001:db8:0:a::5")
        result, _ = self.add(one, "pod")
        self.add(other, "pod")
        self.assertEqual([ip["address"] for ip in result["ips"]], ["10.0.1.4/24", "2001:db8:0:a::4/64"])
        wait_for("the other pod answers",
                 lambda: not one.run("ip", "netns", "exec", "pod", "ping", "-c1", "-W1", "2001:db8:0:a::5", check=False).returncode)
        self.cni(one, "CHECK", "pod", previous=result)
        self.cni(one, "DEL", "pod")
        self.assertEqual(self.reserved(one), [])

    def test_gets_the_address_of_a_prefix_after_a_reboot_that_left_pods_behind(self):
        node = self.node(FIRST, network("macvlan", addresses="secondary"), "10.0.1.4", "10.0.1.32/28")
        _, before = self.add(node, "pod")
        self.assertEqual(before, "10.0.1.32/24")
        # A reboot: the pods are gone, and nobody called DEL for them.
        node.run("ip", "netns", "del", "pod")
        node.run("rm", "-rf", "/run/hookline")
        node.interfaces()
        _, after = self.add(node, "again")
        self.assertEqual(after, "10.0.1.32/24")

    def test_is_refused_if_its_interface_is_not_there(self):
        node = self.node(FIRST, network("host-device"))
        self.add(node, "pod")
        node.run("ip", "netns", "add", "second")
        status, result = pods.cni(node, "ADD", self.configuration(node), "second", check=False)
        self.assertNotEqual(status, 0)
        self.assertIn("failed to find host device", result["msg"])
        done = node.run("ip", "-n", "second", "link", "show", "net1", check=False)
        self.assertNotEqual(done.returncode, 0)
