"""The configuration of interfaces, with the real systemd-networkd and systemd-udevd."""

import unittest

from kit.machine import wait_for
from kit.node import NODEADM_CACHE, Node, Vpc

SIGNALING, USER_PLANE = "02:00:00:00:00:11", "02:00:00:00:00:12"

SETTINGS = {"gate": [
    {"network": "signaling", "subnetIds": ["subnet-0a"], "deviceIndex": 1, "mtu": 8900},
    {"network": "user-plane", "subnetIds": ["subnet-0b"], "interfaceName": "up0", "mtu": 1500},
]}
TO_THE_SYSTEM = {"gate": [{"network": "management", "subnetIds": ["subnet-0a"], "deviceIndex": 1, "mode": "os", "mtu": 1400}]}

#: What nodeadm writes when it takes a secondary interface: the keys of
#: nodeadm/cmd/nodeadm-internal/udev/eks-managed.network.tpl that matter here. veth has no permanent
#: address, so MACAddress stands for PermanentMACAddress.
EKS = """[Match]
MACAddress={mac}
[Link]
MTUBytes=9001
[Network]
DHCP=yes
IPv6DuplicateAddressDetection=0
LLMNR=no
[DHCPv4]
UseHostname=no
RouteMetric={metric}
UseRoutes=true
UseGateway=true
[Route]
Table={table}
Gateway=_dhcp4
[RoutingPolicyRule]
From={address}
Table={table}
Priority=32765
"""

#: The same for the primary interface, which has no table and no rule.
EKS_PRIMARY = "[Match]\nMACAddress={mac}\n[Link]\nMTUBytes=9001\n[Network]\nDHCP=ipv4\nLLMNR=no\n[DHCPv4]\nRouteMetric=512\n"


class InterfacesTest(unittest.TestCase):
    def node(self, settings=SETTINGS):
        """A node whose primary interface nodeadm has configured, with DHCP."""
        vpc = Vpc(self)
        vpc.subnet("subnet-node", "10.0.0.0/24", {"02:00:00:00:00:05": "10.0.0.10"})
        vpc.subnet("subnet-0a", "10.0.1.0/24", {SIGNALING: "10.0.1.4"}, ipv6=True)
        vpc.subnet("subnet-0b", "10.0.2.0/24", {USER_PLANE: "10.0.2.4"})
        node = Node(self, vpc, daemons=True)
        node.write(f"{NODEADM_CACHE}/ens5", "io.systemd.Network")
        node.write("/run/systemd/network/70-eks-ens5.network", EKS_PRIMARY.format(mac="02:00:00:00:00:05"))
        node.primary()
        node.run("networkctl", "reload")
        self.reaches(node, "ens5", "configured")
        if settings:
            node.install(settings)
        return node

    def reaches(self, node, link, state):
        wait_for(f"{link} is {state}", lambda: node.managed(link) == state)

    def attach(self, node, mac, link, subnet, number, address, plug=True):
        if plug:
            node.plug(mac, link, subnet)
        cidr = address.rsplit(".", 1)[0] + ".0/24"
        node.show(mac, interface_id=f"eni-{mac[-2:]}", subnet_id=subnet, device_number=number, local_ipv4s=address, subnet_ipv4_cidr_block=cidr)

    def attach_both(self, node):
        self.attach(node, SIGNALING, "ens6", "subnet-0a", 1, "10.0.1.4")
        self.attach(node, USER_PLANE, "ens7", "subnet-0b", 2, "10.0.2.4")

    def taken_by_nodeadm(self, node, link, mac, address, number):
        """nodeadm takes the interface, as it does before /run/nodeadm/init is there."""
        node.write(f"{NODEADM_CACHE}/{link}", "io.systemd.Network")
        node.write(f"/run/systemd/network/70-eks-{link}.network", EKS.format(mac=mac, address=address, metric=512 + number, table=10000 + number))
        node.run("networkctl", "reload")

    def is_left_to_multus(self, node, name, mac, mtu):
        link = node.link(name)
        self.assertIsNotNone(link, node.out("ip", "link"))
        self.assertEqual((link["address"], link["mtu"], "UP" in link["flags"]), (mac, mtu, True))
        self.assertEqual(node.managed(name), "unmanaged")
        self.assertEqual((node.addresses(name), node.addresses(name, "inet6")), ([], []))
        self.assertEqual(node.routes(name), [])
        for key, value in (("ipv4", "rp_filter"), "2"), (("ipv4", "arp_ignore"), "1"), (("ipv4", "arp_announce"), "2"), (("ipv6", "accept_ra"), "0"):
            self.assertEqual(node.out("cat", f"/proc/sys/net/{key[0]}/conf/{name}/{key[1]}"), value, key)

    def primary_is_untouched(self, node):
        self.assertEqual(node.addresses("ens5"), ["10.0.0.10/24"])
        self.assertEqual(node.managed("ens5"), "configured")
        self.assertEqual([route["dst"] for route in node.routes("ens5", "main") if route["dst"] == "default"], ["default"])

    def boot_hook_passes(self, node):
        """What nodeadm-boot-hook waits for, up to a minute (nodeadm/internal/system/networking.go, ensureInterfacesConfigured)."""
        managed = {name for name in node.names(NODEADM_CACHE) if node.read(f"{NODEADM_CACHE}/{name}").strip() == "io.systemd.Network"} | {"ens5"}
        states = {link["Name"]: link["AdministrativeState"] for link in node.json("networkctl", "list", "--json=short")["Interfaces"]}
        wanted = {name: "configured" if name in managed else "unmanaged" for name in {*states, *managed}}
        self.assertEqual(states, wanted)


class AnInterfaceForMultus(InterfacesTest):
    def test_that_nodeadm_took_at_boot_is_taken_over(self):
        node = self.node(settings=None)
        self.attach_both(node)
        self.taken_by_nodeadm(node, "ens6", SIGNALING, "10.0.1.4", 1)
        self.reaches(node, "ens6", "configured")
        # Before: DHCP's address, a default route beside the primary's, and a rule. Without these,
        # the test would show nothing.
        self.assertEqual(node.addresses("ens6"), ["10.0.1.4/24"])
        self.assertIn("default", [route["dst"] for route in node.routes("ens6", "main")])
        self.assertIn((32765, "10.0.1.4", "10001"), node.rules())
        node.install(SETTINGS)
        node.interfaces()
        self.is_left_to_multus(node, "signaling", SIGNALING, 8900)
        self.is_left_to_multus(node, "up0", USER_PLANE, 1500)
        self.assertEqual([rule for rule in node.rules() if rule[0] == 32765], [])
        self.assertEqual([node.link(name) for name in ("ens6", "ens7")], [None, None])
        self.assertEqual({name: node.read(f"{NODEADM_CACHE}/{name}") for name in node.names(NODEADM_CACHE)},
                         {"ens5": "io.systemd.Network", "ens6": "cni", "ens7": "cni", "signaling": "cni", "up0": "cni"})
        self.assertEqual(node.names("/run/systemd/network", "70-*"), ["70-eks-ens5.network"])
        self.primary_is_untouched(node)
        self.boot_hook_passes(node)

    def test_that_comes_late_is_never_taken_by_networkd(self):
        node = self.node()
        node.interfaces("prepare")
        self.attach(node, SIGNALING, "ens6", "subnet-0a", 1, "10.0.1.4")
        # A script that waits in cloud-final keeps nodeadm's second phase from starting, so nodeadm
        # takes it.
        self.taken_by_nodeadm(node, "ens6", SIGNALING, "10.0.1.4", 1)
        self.reaches(node, "ens6", "unmanaged")
        self.assertEqual(node.addresses("ens6"), [])
        done = node.interfaces(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("user-plane: its interface is missing", done.stderr)
        self.is_left_to_multus(node, "signaling", SIGNALING, 8900)
        self.attach(node, USER_PLANE, "ens7", "subnet-0b", 2, "10.0.2.4")
        node.interfaces()
        self.is_left_to_multus(node, "up0", USER_PLANE, 1500)
        self.primary_is_untouched(node)
        self.boot_hook_passes(node)

    def test_that_came_after_nodeadm_was_done_is_brought_up(self):
        # It is unmanaged, down, and the cache says cni (awslabs/amazon-eks-ami issue 2180).
        node = self.node()
        self.attach_both(node)
        node.write(f"{NODEADM_CACHE}/ens6", "cni")
        self.assertNotIn("UP", node.link("ens6")["flags"])
        node.interfaces()
        self.is_left_to_multus(node, "signaling", SIGNALING, 8900)
        self.boot_hook_passes(node)

    def test_has_its_name_whatever_the_order_of_the_links(self):
        node = self.node()
        self.attach(node, USER_PLANE, "ens6", "subnet-0b", 2, "10.0.2.4")
        self.attach(node, SIGNALING, "ens7", "subnet-0a", 1, "10.0.1.4")
        node.interfaces()
        self.is_left_to_multus(node, "signaling", SIGNALING, 8900)
        self.is_left_to_multus(node, "up0", USER_PLANE, 1500)

    def test_gets_its_name_if_another_one_has_it(self):
        node = self.node()
        self.attach(node, SIGNALING, "up0", "subnet-0a", 1, "10.0.1.4")
        self.attach(node, USER_PLANE, "signaling", "subnet-0b", 2, "10.0.2.4")
        node.interfaces()
        self.is_left_to_multus(node, "signaling", SIGNALING, 8900)
        self.is_left_to_multus(node, "up0", USER_PLANE, 1500)

    def test_that_the_kernel_shows_late_is_waited_for(self):
        node = self.node({"gate": SETTINGS["gate"][:1]})
        self.attach(node, SIGNALING, "ens6", "subnet-0a", 1, "10.0.1.4", plug=False)
        done = node.interfaces(check=False, HOOKLINE_WAIT_SECONDS="1")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"signaling: there is no link with the hardware address {SIGNALING}", done.stderr)
        node.plug(SIGNALING, "ens6", "subnet-0a")
        node.interfaces()
        self.is_left_to_multus(node, "signaling", SIGNALING, 8900)

    def test_is_the_same_after_a_reboot(self):
        node = self.node()
        self.attach_both(node)
        node.interfaces()
        node.reboot()
        for name in ("ens5", "signaling", "up0"):
            node.run("ip", "link", "del", "dev", name)
        node.start_daemons()
        node.write("/run/systemd/network/70-eks-ens5.network", EKS_PRIMARY.format(mac="02:00:00:00:00:05"))
        node.plug("02:00:00:00:00:05", "ens5", "subnet-node")
        # The kernel finds them in another order, and udev has renamed them before nodeadm or
        # Hookline run.
        node.plug(USER_PLANE, "ens6", "subnet-0b")
        node.plug(SIGNALING, "ens7", "subnet-0a")
        wait_for("udev named them", lambda: node.link("signaling") and node.link("up0"))
        self.assertEqual((node.link("signaling")["address"], node.link("signaling")["mtu"]), (SIGNALING, 8900))
        node.run("networkctl", "reload")
        self.reaches(node, "ens5", "configured")
        self.reaches(node, "signaling", "unmanaged")
        # nodeadm-boot-hook comes before everything of Hookline.
        self.boot_hook_passes(node)
        node.interfaces()
        self.is_left_to_multus(node, "signaling", SIGNALING, 8900)
        self.is_left_to_multus(node, "up0", USER_PLANE, 1500)
        self.primary_is_untouched(node)

    def test_is_brought_up_again_when_a_pod_gave_it_back(self):
        node = self.node()
        self.attach_both(node)
        node.interfaces()
        node.run("ip", "link", "set", "signaling", "down")
        node.interfaces("apply")
        self.is_left_to_multus(node, "signaling", SIGNALING, 8900)

    def test_that_a_pod_has_is_not_missed(self):
        node = self.node()
        self.attach_both(node)
        node.interfaces()
        node.run("ip", "netns", "add", "pod")
        node.run("ip", "link", "set", "signaling", "netns", "pod")
        done = node.interfaces()
        self.assertEqual(done.stderr, "")

    def test_keeps_an_address_that_somebody_added(self):
        node = self.node()
        self.attach_both(node)
        node.interfaces()
        node.run("ip", "address", "add", "10.9.9.9/32", "dev", "signaling")
        node.interfaces("apply")
        self.assertEqual(node.addresses("signaling"), ["10.9.9.9/32"])

    def test_is_left_alone_when_nothing_is_to_be_done(self):
        node = self.node()
        self.attach_both(node)
        node.interfaces()
        files = node.out("bash", "-c", "stat -c '%n %i %y' /etc/systemd/network/* /etc/eks/nodeadm/*/*/*")
        done = node.interfaces()
        self.assertEqual(done.stderr, "")
        self.assertEqual(node.out("bash", "-c", "stat -c '%n %i %y' /etc/systemd/network/* /etc/eks/nodeadm/*/*/*"), files)

    def test_of_no_network_is_left_alone(self):
        # As on a node of an old launch template, after the profile got a network more.
        node = self.node({"gate": SETTINGS["gate"][:1]})
        self.attach_both(node)
        node.interfaces()
        self.is_left_to_multus(node, "signaling", SIGNALING, 8900)
        link = node.link("ens7")
        self.assertEqual((link["address"], link["mtu"], "UP" in link["flags"]), (USER_PLANE, 1500, False))
        self.assertEqual(node.managed("ens7"), "unmanaged")
        self.boot_hook_passes(node)

    def test_whose_name_another_link_has_keeps_kubelet_back(self):
        node = self.node({"gate": SETTINGS["gate"][:1]})
        self.attach(node, SIGNALING, "ens6", "subnet-0a", 1, "10.0.1.4")
        node.run("ip", "link", "add", "signaling", "type", "bridge")
        done = node.interfaces(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("kubelet waits: signaling: ens6 cannot be named signaling", node.console())
        self.assertIsNotNone(node.link("ens6"))
        node.run("ip", "link", "del", "signaling")
        node.interfaces()
        self.is_left_to_multus(node, "signaling", SIGNALING, 8900)


class AnInterfaceForTheOperatingSystem(InterfacesTest):
    def check(self, node):
        link = node.link("management")
        self.assertEqual((link["address"], link["mtu"], "UP" in link["flags"]), (SIGNALING, 1400, True))
        self.assertEqual(node.managed("management"), "configured")
        self.assertEqual(node.addresses("management"), ["10.0.1.4/24", "10.0.1.5/32"])
        self.assertEqual(sorted(route["dst"] for route in node.routes("management", "30000")), ["10.0.1.0/24", "default"])
        # No default route beside the primary's.
        self.assertEqual([route["dst"] for route in node.routes("management", "main")], ["10.0.1.0/24"])
        self.assertEqual(sorted(rule for rule in node.rules() if rule[0] == 32765), [(32765, "10.0.1.4", "30000"), (32765, "10.0.1.5", "30000")])
        self.primary_is_untouched(node)
        self.boot_hook_passes(node)
        # Packets from its address leave by it, and those of the node by the primary interface.
        node.run("ping", "-c1", "-W5", "-I", "10.0.1.4", "10.0.2.1")
        self.assertIn("dev management", node.out("ip", "route", "get", "10.0.2.1", "from", "10.0.1.4"))
        self.assertIn("dev ens5", node.out("ip", "route", "get", "10.0.2.1"))

    def test_has_its_addresses_and_a_routing_table_of_its_own(self):
        node = self.node(TO_THE_SYSTEM)
        node.vpc.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.attach(node, SIGNALING, "ens6", "subnet-0a", 1, "10.0.1.4\n10.0.1.5")
        node.show(SIGNALING, subnet_ipv4_cidr_block="10.0.1.0/24")
        node.interfaces()
        self.check(node)
        done = node.interfaces()
        self.assertEqual(done.stderr, "")
        self.check(node)

    def test_takes_over_what_nodeadm_did(self):
        node = self.node(TO_THE_SYSTEM)
        node.vpc.run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.attach(node, SIGNALING, "ens6", "subnet-0a", 1, "10.0.1.4\n10.0.1.5")
        node.show(SIGNALING, subnet_ipv4_cidr_block="10.0.1.0/24")
        node.run("rm", "-f", "/run/systemd/network/11-hookline-secondary.network")
        self.taken_by_nodeadm(node, "ens6", SIGNALING, "10.0.1.4", 1)
        self.reaches(node, "ens6", "configured")
        node.interfaces()
        self.check(node)
        self.assertEqual(node.read(f"{NODEADM_CACHE}/management"), "io.systemd.Network")

    def test_has_its_ipv6_address_and_a_route_by_the_router_of_the_vpc(self):
        node = self.node(TO_THE_SYSTEM)
        # An address elsewhere in the VPC, behind the router.
        node.vpc.run("ip", "address", "add", "2001:db8:0:b::4/128", "dev", "lo")
        node.vpc.run("ip", "route", "add", "2001:db8:0:a::/64", "dev", node.vpc.subnets["subnet-0a"])
        self.attach(node, SIGNALING, "ens6", "subnet-0a", 1, "10.0.1.4")
        node.show(SIGNALING, ipv6s="2001:db8:0:a::77")
        node.interfaces()
        # Its subnet is not shown yet: the address comes with it.
        self.assertEqual(node.addresses("management", "inet6"), [])
        node.show(SIGNALING, subnet_ipv6_cidr_blocks="2001:db8:0:a::/64")
        for shown in ("2001:db8:0:a::77", "2001:db8:0:a::77", None):
            node.show(SIGNALING, ipv6s=shown)
            done = node.interfaces()
            self.assertEqual("management: the metadata service does not show its IPv6 address any more" in done.stderr, shown is None, done.stderr)
            link_local, *others = sorted(node.addresses("management", "inet6"), key=lambda one: not one.startswith("fe80:"))
            self.assertTrue(link_local.startswith("fe80:"), link_local)
            self.assertEqual(others, ["2001:db8:0:a::77/128"])
            self.assertEqual(sorted((route["dst"], route.get("gateway")) for route in node.routes("management", "30000", "inet6")),
                             [("2001:db8:0:a::/64", None), ("default", "fe80:ec2::1")])
            # In the main table, the address itself and nothing of its subnet.
            self.assertEqual({route["dst"] for route in node.routes("management", "main", "inet6")} - {"fe80::/64", "2001:db8:0:a::77"}, set())
            self.assertEqual([rule for rule in node.rules("inet6") if rule[0] == 32765], [(32765, "2001:db8:0:a::77", "30000")])
            self.assertEqual(node.addresses("management"), ["10.0.1.4/24"])
            node.run("ping", "-c1", "-W5", "-I", "2001:db8:0:a::77", "2001:db8:0:b::4")
        self.boot_hook_passes(node)
        # Another address.
        node.show(SIGNALING, ipv6s="2001:db8:0:a::78")
        node.interfaces()
        self.assertIn("2001:db8:0:a::78/128", node.addresses("management", "inet6"))
        self.assertEqual([rule for rule in node.rules("inet6") if rule[0] == 32765], [(32765, "2001:db8:0:a::78", "30000")])

    def test_is_configured_though_the_link_has_another_owner_of_its_ipv6_address(self):
        node = self.node(TO_THE_SYSTEM)
        node.vpc.run("ip", "address", "add", "2001:db8:0:a::77/128", "dev", node.vpc.subnets["subnet-0a"], "nodad")
        self.attach(node, SIGNALING, "ens6", "subnet-0a", 1, "10.0.1.4")
        node.show(SIGNALING, ipv6s="2001:db8:0:a::77", subnet_ipv6_cidr_blocks="2001:db8:0:a::/64")
        node.interfaces()
        self.boot_hook_passes(node)

    def test_without_an_address_in_the_metadata_keeps_kubelet_back(self):
        node = self.node(TO_THE_SYSTEM)
        self.attach(node, SIGNALING, "ens6", "subnet-0a", 1, "10.0.1.4")
        node.show(SIGNALING, local_ipv4s=None)
        done = node.interfaces(check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("management: the metadata service does not show its address yet", done.stderr)


class Kubelet(InterfacesTest):
    def test_starts_by_hand_without_an_interface(self):
        node = self.node()
        self.attach(node, SIGNALING, "ens6", "subnet-0a", 1, "10.0.1.4")
        node.write("/run/hookline/open-gate", "")
        done = node.interfaces()
        self.assertIn("kubelet starts all the same: somebody made /run/hookline/open-gate", done.stderr)
        self.is_left_to_multus(node, "signaling", SIGNALING, 8900)

    def test_waits_for_another_run_that_does_not_end_and_says_so(self):
        node = self.node()
        self.attach_both(node)
        node.run("mkdir", "-p", "/run/hookline")
        node.background("another", "flock", "/run/hookline/lock", "sleep", "infinity")
        wait_for("the lock is held", lambda: node.run("flock", "--nonblock", "/run/hookline/lock", "true", check=False).returncode)
        self.assertEqual(node.interfaces(check=False, HOOKLINE_WAIT_SECONDS="1").returncode, 1)
        self.assertIn("hookline-interfaces: kubelet waits: another run does not end in 1 s: lslocks shows its PID, kill ends it", node.console())

    def test_that_another_run_does_not_end_stops_neither_a_start_by_hand_nor_a_later_one(self):
        for made, said in (("open-gate", "somebody made /run/hookline/open-gate"), ("interfaces-ready", "everything was configured in this boot before")):
            with self.subTest(made):
                node = self.node()
                self.attach_both(node)
                node.write(f"/run/hookline/{made}", "")
                node.background("another", "flock", "/run/hookline/lock", "sleep", "infinity")
                wait_for("the lock is held", lambda node=node: node.run("flock", "--nonblock", "/run/hookline/lock", "true", check=False).returncode)
                self.assertIn(f"kubelet starts all the same: {said}", node.interfaces(HOOKLINE_WAIT_SECONDS="1").stderr)

    def test_says_that_the_lock_cannot_be_made_or_taken(self):
        node = self.node()
        self.attach_both(node)
        node.run("mkdir", "-p", "/run/hookline/lock")
        self.assertEqual(node.interfaces(check=False).returncode, 1)
        self.assertIn("kubelet waits: /run/hookline/lock cannot be written", node.console())
        node.run("rmdir", "/run/hookline/lock")
        # A node without util-linux's flock, and one whose file system has no locks (flock(1):
        # EX_OSERR).
        for status, said in ((127, "there is no flock: install util-linux"), (71, "flock fails: see the journal")):
            with self.subTest(status):
                stub = f"printf '#!/bin/bash\nexit {status}\n' >/run/stub-{status} && chmod 755 /run/stub-{status}"
                node.run("bash", "-c", f"{stub} && mount --bind /run/stub-{status} $(command -v flock)")
                self.assertEqual(node.interfaces(check=False).returncode, 1)
                self.assertIn(f"kubelet waits: {said}", node.console())
                self.assertNotIn("another run", node.console())

    def test_tells_an_ambiguous_interface_from_a_missing_one(self):
        node = self.node({"gate": [{"network": "user-plane", "subnetIds": ["subnet-0c"]}]})
        self.attach(node, SIGNALING, "ens6", "subnet-0c", 1, "10.0.1.4", plug=False)
        self.attach(node, USER_PLANE, "ens7", "subnet-0c", 2, "10.0.1.5", plug=False)
        self.assertEqual(node.interfaces(check=False).returncode, 1)
        self.assertIn("user-plane: its interface is ambiguous (eni-11, eni-12 fit)", node.console())

    def test_starts_again_in_the_same_boot_though_an_interface_went_away(self):
        node = self.node()
        self.attach_both(node)
        node.interfaces()
        node.hide(USER_PLANE)
        done = node.interfaces()
        self.assertIn("user-plane: its interface is missing", done.stderr)
        self.assertIn("kubelet starts all the same: everything was configured in this boot before", done.stderr)


if __name__ == "__main__":
    unittest.main()
