"""What needs a kernel of its own: the plugin ipvlan, and interfaces that are plugged into the PCI bus while the node runs.

Two nodes are guests of QEMU (kit/guest.py). Between them are subnets of a VPC, as kit/segment.py has them.
"""

import shutil
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

from kit import guest_image, pods
from kit.guest import Guest
from kit.machine import wait_for
from kit.segment import Segment
from test_definitions import CONFIGURATIONS

#: The interfaces of each node. The second one's name and mode are those of the definition that the
#: CDK app makes.
SETTINGS = {"gate": [
    {"network": "signaling", "subnetIds": ["subnet-01"], "deviceIndex": 1, "mtu": 8900, "cni": {"type": "ipvlan", "routes": [{"dst": "10.8.0.0/16"}]}},
    {"network": "user-plane", "subnetIds": ["subnet-02"], "deviceIndex": 2, "interfaceName": "up0", "mtu": 9001,
     "cni": {"type": "ipvlan", "mode": "l3"}},
]}
#: An address that pods have a route to, and what becomes of it without one.
ELSEWHERE = "10.8.0.5"
QUESTION = f"a question for {ELSEWHERE}, which no interface has"
#: The device index of each interface, by its name.
NAMES = {"signaling": 1, "up0": 2}
#: The same, with the MTU.
LINKS = {"signaling": (1, 8900), "up0": (2, 9001)}


def both(function, *arguments):
    """Calls it for each of the two nodes at the same time."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(function, *arguments))


def with_routes(configuration):
    """A CNI configuration of the node, with the route of SETTINGS."""
    ipam = configuration["ipam"]
    return {**configuration, "ipam": {**ipam, "routes": [{"dst": "10.8.0.0/16", "gw": ipam["ranges"][0][0]["gateway"]}]}}


class Machine:
    """A node with the two interfaces, attached in an order."""

    def __init__(self, owner, image, subnets, number, order):
        self.subnets = subnets
        self.number = number
        self.guest = Guest(owner, image)
        self.order = order

    def mac(self, index):
        return f"02:00:00:00:{self.number:02x}:{index:02x}"

    def addresses(self, index):
        """The primary address, and one for a pod."""
        return [f"10.0.{index}.{4 + self.number}", f"10.0.{index}.{34 + self.number}"]

    def prepare(self):
        self.guest.boot()
        self.attach(self.order)
        #: What udev calls the first one that came. Hookline changes that.
        self.first = self.guest.link("ens6")["address"]
        self.guest.install(SETTINGS)
        self.guest.interfaces()

    def attach(self, order):
        """EC2 fills the PCI slots in the order in which interfaces are attached, and udev names them by their slots."""
        for slot, index in enumerate(order, 6):
            self.guest.attach(self.subnets[index], self.mac(index), slot, self.addresses(index), interface_id=f"eni-{self.number}{index}",
                              subnet_id=f"subnet-0{index}", device_number=index, subnet_ipv4_cidr_block=f"10.0.{index}.0/24")

    def links(self):
        """Device index and MTU of each interface, by its name."""
        found = {name: self.guest.link(name) for name in NAMES}
        macs = {self.mac(index): index for index in NAMES.values()}
        return {name: link and (macs.get(link["address"]), link["mtu"]) for name, link in found.items()}


class TwoNodes(unittest.TestCase):
    """One boot of the two serves all tests."""

    pair = None

    def setUp(self):
        guest_image.need_guests()
        if not self.pair:
            type(self).pair = self.boot()

    @classmethod
    def boot(cls):
        owner = SimpleNamespace(addCleanup=cls.addClassCleanup)
        folder = Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, folder)
        files = folder / "files"
        image = guest_image.build(files), files
        cls.subnets = {index: Segment(owner, f"10.0.{index}.0/24") for index in NAMES.values()}
        pair = [Machine(owner, image, cls.subnets, number, order) for number, order in enumerate(((2, 1), (1, 2)))]
        both(Machine.prepare, pair)
        return pair

    def test_have_pods_that_reach_one_another_by_ipvlan(self):
        definition = CONFIGURATIONS["up-us-west-2a"]
        cases = {
            # As the node's program writes them, for host-local.
            "node-l2": lambda machine: pods.configuration_of_node(machine.guest, "signaling"),
            # With routes, which the settings refuse: here is seen what becomes of them.
            "node-l3": lambda machine: with_routes(pods.configuration_of_node(machine.guest, "user-plane")),
            # As the CDK app makes it, but for whereabouts, which is not in Debian: `static` gives
            # the address.
            "definition-l3": lambda machine: {**definition, "ipam": {"type": "static", "addresses": [{"address": f"{machine.addresses(2)[1]}/24"}]}},
        }
        for case, configuration in cases.items():
            with self.subTest(case):
                self.reach(case, configuration)
        self.assertEqual([segment.dropped for segment in self.subnets.values()], [set(), {QUESTION}])

    def reach(self, pod, configuration):
        """A pod on each node gets its interface, one pings the other, and they give the interfaces back."""
        confs = both(configuration, self.pair)
        results = both(lambda machine, conf: self.add(machine, conf, pod), self.pair, confs)
        mtu, mode, address = confs[0]["mtu"], confs[0]["mode"], results[1]["ips"][0]["address"].partition("/")[0]
        self.assertEqual(pod[-2:], mode)
        one = self.pair[0].guest
        [link] = one.json(*pods.inside(pod, "ip", "-details", "-json", "link", "show", "net1"))
        self.assertEqual((link["mtu"], link["linkinfo"]["info_kind"], link["linkinfo"]["info_data"]["mode"]), (mtu, "ipvlan", mode))
        # A packet of the whole MTU, in one piece: 28 bytes are its headers.
        one.run(*pods.inside(pod, "ping", "-c1", "-W30", "-M", "do", "-s", str(mtu - 28), address))
        if confs[0]["ipam"].get("routes"):
            one.run(*pods.inside(pod, "ping", "-c1", "-W1", ELSEWHERE), check=False)
            segment = self.subnets[NAMES[confs[0]["master"]]]
            # l3 takes no route of the pod: the node looks for the address on the link itself
            # (docs/node-groups.md, "Limits").
            seen, packet = {"l2": (segment.routed, ELSEWHERE), "l3": (segment.dropped, QUESTION)}[mode]
            wait_for("the packet to another network", lambda: packet in seen)
        both(lambda machine, conf, result: self.remove(machine, conf, result, pod), self.pair, confs, results)

    def add(self, machine, conf, pod):
        pods.start(machine.guest, pod)
        _, result = pods.cni(machine.guest, "ADD", conf, pod)
        index = NAMES[conf["master"]]
        self.assertEqual([one["address"] for one in result["ips"]], [f"{machine.addresses(index)[1]}/24"])
        # A VPC delivers to the hardware address of the interface only.
        self.assertEqual(result["interfaces"][0]["mac"], machine.mac(index))
        return result

    def remove(self, machine, conf, result, pod):
        pods.cni(machine.guest, "CHECK", conf, pod, previous=result)
        pods.cni(machine.guest, "DEL", conf, pod, previous=result)
        self.assertNotIn("net1", machine.guest.out(*pods.inside(pod, "ip", "link")))
        # The address is free again.
        kept = machine.guest.names(f"/run/hookline/addresses/{conf['name']}")
        self.assertEqual([name for name in kept if name[0].isdigit()], [])

    def test_name_their_interfaces_alike_in_whatever_order_these_are_attached(self):
        # The order made a difference, and makes none any more.
        self.assertEqual([machine.first for machine in self.pair], [machine.mac(machine.order[0]) for machine in self.pair])
        for machine in self.pair:
            with self.subTest(order=machine.order):
                self.assertEqual(machine.links(), LINKS)
                self.assertEqual([machine.guest.link(name)["operstate"] for name in NAMES], ["UP", "UP"])
                self.assertEqual([machine.guest.managed(name) for name in ("ens5", *NAMES)], ["configured", "unmanaged", "unmanaged"])
                # udev gave the primary interface another name, by its path, and networkd has it all
                # the same.
                self.assertEqual(machine.guest.link("ens5")["altnames"], ["enp0s5"])

    def test_need_no_program_to_name_an_interface_again(self):
        """As at the next boot: udev names it by the files that the node's program wrote when it was first there."""
        machine = self.pair[0]
        # They stay down until the program runs, so a test that comes later gets other nodes.
        type(self).pair = None
        for index in machine.order:
            machine.guest.detach(machine.subnets[index], machine.mac(index))
        machine.attach(machine.order[::-1])
        self.assertEqual(machine.links(), LINKS)


if __name__ == "__main__":
    unittest.main()
