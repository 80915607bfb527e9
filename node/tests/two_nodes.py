"""Nodes in namespaces for the instances that somebody launches elsewhere: the part of `cargo xtask demo --node` that runs on real parts.

    python two_nodes.py --check             installs what it can, says what is missing, and ends with status 1 if anything is
    python two_nodes.py [--limit SECONDS]   runs the nodes

It reads a JSON object a line from standard input. The first says what there is to be, the others are the books of the fake AWS:

    {"nodes": 2, "subnets": {"subnet-…": "10.0.1.0/24"}, "manifests": [definitions and a Deployment with their names]}
    {"instance": "i-…", "userData": in base64, "mac": …, "targetState": …, "interfaces": {MAC: {CATEGORY: TEXT}}}

With the first line about an instance, its node boots. Each later one is what its metadata service shows from then on; a link is plugged in
for each hardware address that is new. When all nodes are ready, each gets a pod with all networks, and the pods ping one another.

It writes a JSON object a line: {"node", "part", "text"} for each step, whose part is "real" or "simulated"; at the end {"pods", "pings"}, or
{"error"}. It ends with its standard input, and all namespaces end with it: none has a name outside.
"""

import argparse
import base64
import contextlib
import json
import queue
import re
import signal
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

HERE = Path(__file__).resolve().parent
# The modules of `node/`, which the kit uses.
sys.path.insert(1, str(HERE.parent))

from kit import pods, user_data  # noqa: E402
from kit.machine import TimedOut, missing, wait_for  # noqa: E402
from kit.node import DAEMONS, Node, Vpc  # noqa: E402
from kit.packages import become_root, install  # noqa: E402

#: What the nodes and their pods run.
NEEDED = (*DAEMONS, "cloud-init", "ping", "host-device", "host-local", "macvlan")

#: The first name that the kernel of an EC2 instance with ENA gives a secondary interface is ens6,
#: if the primary one is ens5.
FIRST_LINK = 5


class Failed(Exception):
    """A step did not do what it should. The message names it."""


def write(line):
    print(json.dumps(line), flush=True)


class Machine:
    """The node of one instance."""

    def __init__(self, owner, vpc, instance, text):
        self.instance = instance
        self.user_data = text
        self.links = 0
        self.gate = None
        self.shown = 0
        self.ready = False
        self.node = Node(owner, vpc, daemons=True)
        self.node.publish(instanceId=instance)

    def say(self, part, text):
        write({"node": self.instance, "part": part, "text": text})

    def follow(self, books):
        """Shows in the metadata service what the fake AWS knows, and plugs in the links of new interfaces."""
        before = {one["mac"]: one for one in self.node.state["interfaces"]}
        self.node.publish(mac=books["mac"], targetState=books.get("targetState"),
                          interfaces=[{"mac": mac, **categories} for mac, categories in books["interfaces"].items()])
        for mac, categories in books["interfaces"].items():
            number = categories["device-number"]
            if mac not in before:
                link = f"ens{FIRST_LINK + self.links}"
                self.links += 1
                self.node.plug(mac, link, categories["subnet-id"])
                self.say("simulated", f"{categories['interface-id']} appears as {link}; IMDS says device index {number}")
            elif before[mac]["device-number"] != number:
                self.say("simulated", f"{categories['interface-id']}: IMDS says device index {number} now")

    def boot(self):
        """Runs the user data, and starts the gate as the drop-in of kubelet does."""
        parts = user_data.parts_of(self.user_data)
        script = next(part["content"] for part in parts if part["type"] == "text/x-shellscript")
        kinds = ", ".join(part["type"] for part in parts)
        self.node.run("mkdir", "-p", "/etc/systemd/system")
        self.node.run("bash", "-s", text=script)
        self.say("real", f"boots: cloud-init finds {kinds} in the user data; its script installs the gate")
        # The times of a real node: a look each second.
        self.gate = self.node.gate(HOOKLINE_POLL_SECONDS="1", HOOKLINE_REPORT_SECONDS="60")

    def look(self):
        """Goes on, if the gate has opened."""
        ended = self.gate.poll()
        self.show_log()
        if ended is None:
            return
        if ended != 0:
            raise Failed(f"{self.instance}: the gate ended with status {ended}")
        done = self.node.interfaces("require")
        for line in done.stderr.splitlines():
            self.say("real", line)
        self.ready = True
        self.say("real", "kubelet would start now")

    def show_log(self):
        lines = self.node.log("gate").splitlines()
        for line in lines[self.shown:]:
            # How to open the gate by hand is of no use here.
            self.say("real", line.partition(". To open the gate by hand")[0])
        self.shown = len(lines)

    def waits_for(self):
        """Why it is not ready."""
        if self.ready:
            return f"{self.instance} is ready"
        lines = self.node.log("gate").splitlines() if self.gate else []
        return f"{self.instance}: {lines[-1] if lines else 'it boots'}"

    def start_pod(self, manifests):
        """Starts a pod with the networks that the Deployment asks for. Returns what it got, by the definition's name."""
        [deployment] = [item for item in manifests if item["kind"] == "Deployment"]
        definitions = {item["metadata"]["name"]: item for item in manifests if item["kind"] == "NetworkAttachmentDefinition"}
        wanted = json.loads(deployment["spec"]["template"]["metadata"]["annotations"]["k8s.v1.cni.cncf.io/networks"])
        pods.start(self.node, "pod")
        got = {}
        for network in wanted:
            name, interface = network["name"], network["interface"]
            conf = pods.configuration(self.node, definitions[name])
            if conf is None:
                raise Failed(f"{self.instance}: the node has no CNI configuration of {name}")
            _, result = pods.cni(self.node, "ADD", conf, "pod", interface)
            address = result["ips"][0]["address"]
            [link] = self.node.json(*pods.inside("pod", "ip", "-json", "link", "show", interface))
            self.say("real", f"CNI ADD {name} ({conf['type']}, {conf['ipam']['type']}): {interface} of the pod has {address}")
            got[name] = {"interface": interface, "type": conf["type"], "address": address, "mac": link["address"], "mtu": link["mtu"]}
        return got

    def ping(self, other, name, address):
        """Pings a pod's address from this node's pod. Returns the milliseconds."""
        done = None

        def answered():
            nonlocal done
            # The first frames may come before a bridge forwards.
            done = self.node.run(*pods.inside("pod", "ping", "-c1", "-W1", address), check=False)
            return done.returncode == 0

        try:
            wait_for("an answer", answered, within=30)
        except TimedOut:
            raise Failed(f"the pod of {self.instance} gets no answer from {address}, the pod of {other} on {name}:\n{done.stdout}") from None
        milliseconds = float(re.search(r"time=([0-9.]+) ms", done.stdout)[1])
        self.say("real", f"ping from its pod to the pod of {other} by {name}, {address}: {milliseconds} ms")
        return milliseconds


class Books:
    """The lines of standard input, read by a thread, so that the nodes can go on while none comes."""

    def __init__(self):
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in sys.stdin:
            self.lines.put(line)
        self.lines.put(None)

    def next(self, seconds):
        """The next object, or None if there is none in this time."""
        try:
            line = self.lines.get(timeout=seconds)
        except queue.Empty:
            return None
        if line is None:
            raise Failed("standard input has ended")
        return json.loads(line)


def run(owner, books, machines):
    """Runs the nodes to the last ping. `machines` gets them as they come."""
    setting = None
    while setting is None:
        setting = books.next(1)
    vpc = Vpc(owner)
    for subnet, cidr in setting["subnets"].items():
        vpc.subnet(subnet, cidr)
    while len(machines) < setting["nodes"] or not all(machine.ready for machine in machines.values()):
        update = books.next(0.1)
        if update:
            instance = update["instance"]
            known = instance in machines
            if not known:
                machines[instance] = Machine(owner, vpc, instance, base64.b64decode(update["userData"]).decode())
            machines[instance].follow(update)
            if not known:
                machines[instance].boot()
        for machine in machines.values():
            if not machine.ready:
                machine.look()

    found = {instance: machine.start_pod(setting["manifests"]) for instance, machine in machines.items()}
    pings = []
    for instance, machine in machines.items():
        for other, networks in found.items():
            for name, pod in networks.items():
                if other != instance:
                    address = pod["address"].partition("/")[0]
                    milliseconds = machine.ping(other, name, address)
                    pings.append({"from": instance, "to": other, "definition": name, "address": address, "milliseconds": milliseconds})
    return {"pods": found, "pings": pings}


def check():
    """Installs what it can. Says what is missing."""
    install(sys.stderr)
    absent = missing(*NEEDED, root=True, linux=True)
    if absent:
        return (f"The nodes are network namespaces of Linux with real programs in them. Missing here: {', '.join(absent)}. "
                "As root on Debian, the packages of node/tests/packages.txt are installed; elsewhere, install them yourself.")
    return None


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--check", action="store_true")
    arguments.add_argument("--limit", type=int, default=180)
    given = arguments.parse_args()
    become_root(Path(__file__), *sys.argv[1:])
    problem = check()
    if problem or given.check:
        if problem:
            print(problem, file=sys.stderr)
        return 1 if problem else 0

    machines = {}

    def too_long(_signal, _frame):
        waits = "; ".join(machine.waits_for() for machine in machines.values()) or "no instance runs"
        raise Failed(f"the nodes are not done within {given.limit} s: {waits}")

    signal.signal(signal.SIGALRM, too_long)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.alarm(given.limit)
    with contextlib.ExitStack() as stack:
        try:
            write(run(SimpleNamespace(addCleanup=stack.callback), Books(), machines))
        except (Failed, AssertionError, KeyboardInterrupt) as error:
            write({"error": str(error) or "interrupted"})
            return 1
        finally:
            signal.alarm(0)
    return 0


if __name__ == "__main__":
    sys.exit(main())
