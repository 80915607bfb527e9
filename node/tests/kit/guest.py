"""A node that is a machine of its own: a guest of QEMU, with its own kernel and a PCI bus into which interfaces are plugged while it runs.

Real in it: the kernel with ipvlan, the hot-plug, udevd, networkd, the node's programs, the CNI plugins (guest_image.py). Not real: the interfaces
are virtio's and not ENA's, and PID 1 is guest-init.sh. The processor is emulated, so that it works everywhere.

QEMU runs in the namespaces of a `Node`, of which only the metadata service counts here. The guest reaches it by its primary interface, through
QEMU's network for users (`-netdev user`), which also gives the interface its address by DHCP.
"""

import json
import shlex
import socket
import subprocess

from kit.machine import Runs, TimedOut, wait_for
from kit.node import PROGRAMS, Node

PRIMARY = "02:00:00:00:00:05"
#: udev names an interface by its PCI slot: the primary one ens5, the next ones ens6 and ens7, as on
#: EC2.
PRIMARY_SLOT = 5
#: The primary interface, as nodeadm leaves it to networkd.
PRIMARY_NETWORK = f"[Match]\nPermanentMACAddress={PRIMARY}\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\n"

#: /dev/kvm may be there and not work, so the processor is always emulated (`tcg`).
QEMU = ("qemu-system-x86_64", "-machine", "pc", "-accel", "tcg", "-m", "256", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none")

#: Seconds that the guest may take for one answer. Other tests run at the same time.
LIMIT = 120


class Guest(Runs):
    """A node whose primary interface is configured. `image` is the kernel and the archive of guest_image.py."""

    def __init__(self, test, image):
        self.node = Node(test)
        self.node.show_primary(PRIMARY)
        work = self.node.work
        kernel, files = image
        self.qemu = self.node.background(
            "qemu", *QEMU, "-kernel", str(kernel), "-initrd", str(files), "-append", "console=ttyS0 panic=-1 quiet mitigations=off",
            "-serial", f"file:{work}/serial", "-qmp", f"unix:{work}/qmp,server=on,wait=off",
            # QEMU waits for the test, so that the guest finds the port open.
            "-chardev", f"socket,id=agent,path={work}/agent,server=on,wait=on",
            "-device", "virtio-serial-pci,addr=0x3", "-device", "virtserialport,chardev=agent",
            "-netdev", "user,id=primary,net=10.0.0.0/24,host=10.0.0.1,dns=10.0.0.2,dhcpstart=10.0.0.10",
            "-device", f"virtio-net-pci,netdev=primary,mac={PRIMARY},addr={PRIMARY_SLOT:#x},romfile=")
        self.agent = self.connect(test, "agent")
        self.qmp = self.connect(test, "qmp")
        self.qmp_message(lambda message: "QMP" in message)
        self.ask("qmp_capabilities")

    def connect(self, test, name):
        """A file of a socket that QEMU opens."""
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        test.addCleanup(client.close)
        client.settimeout(LIMIT)
        path = f"{self.node.work}/{name}"
        wait_for(f"QEMU's {name}", lambda: self.qemu.poll() is not None or client.connect_ex(path) == 0)
        file = client.makefile("rw", encoding="utf-8")
        test.addCleanup(file.close)
        return file

    def receive(self, file, end):
        """What comes up to this character."""
        found = []
        while True:
            try:
                character = file.read(1)
            except (TimeoutError, ConnectionError):
                character = ""
            if character == end:
                return "".join(found)
            if not character:
                serial = (self.node.work / "serial").read_text(errors="replace")
                raise TimedOut(f"the guest does not answer\n{self.node.log('qemu')}{serial[-4000:]}")
            found.append(character)

    # QEMU's monitor (QEMU Machine Protocol)

    def qmp_message(self, wanted):
        """The next message that is wanted. Others are events that nobody waits for."""
        while True:
            message = json.loads(self.receive(self.qmp, "\n"))
            if "error" in message:
                raise AssertionError(f"QEMU: {message['error']['desc']}")
            if wanted(message):
                return message

    def ask(self, command, **arguments):
        self.qmp.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.qmp.flush()
        self.qmp_message(lambda message: "return" in message)

    # The guest

    def run(self, *args, check=True, text=None, env=None):
        """Runs a program in the guest to its end."""
        variables = [f"{name}={shlex.quote(value)}" for name, value in (env or {}).items()]
        given = [] if text is None else [f"<<<{shlex.quote(text)}"]
        self.agent.write(" ".join([*variables, shlex.join(args), *given]) + "\0")
        self.agent.flush()
        status, output, errors = (self.receive(self.agent, "\0") for _ in range(3))
        if check and status != "0":
            raise AssertionError(f"{' '.join(args)}: status {status}\n{output}\n{errors}")
        return subprocess.CompletedProcess(args, int(status), output, errors)

    def read(self, path):
        return self.run("cat", path).stdout

    def names(self, folder):
        return sorted(self.run("ls", folder, check=False).stdout.split())

    def boot(self):
        """Waits until networkd has configured the primary interface."""
        self.run("tee", "/run/systemd/network/70-eks-ens5.network", text=PRIMARY_NETWORK)
        wait_for("networkd", lambda: not self.run("networkctl", "reload", check=False).returncode)
        wait_for("the primary interface", lambda: self.managed("ens5") == "configured")

    def install(self, settings):
        """Installs the node's programs, as user data does."""
        self.run("bash", "/bundle/install.sh", text=json.dumps(settings))

    def interfaces(self):
        return self.run(f"{PROGRAMS}/hookline-interfaces", "require", env={"HOOKLINE_DRIVERS": "virtio_net", "HOOKLINE_WAIT_SECONDS": "60"})

    def attach(self, segment, mac, slot, addresses, **categories):
        """Plugs an interface into a PCI slot, as EC2 does with an attached one, and shows it in the metadata service. Waits for its link."""
        name = f"eni{mac.replace(':', '')}"
        self.ask("netdev_add", type="dgram", id=name, **segment.plug(mac, addresses, self.node.work))
        self.ask("device_add", driver="virtio-net-pci", id=f"{name}-pci", netdev=name, mac=mac, addr=f"{slot:#x}", romfile="")
        self.node.show(mac, local_ipv4s="\n".join(addresses), **categories)
        wait_for(f"udev's name for {mac}", lambda: self.is_named(mac))

    def detach(self, segment, mac):
        name = f"eni{mac.replace(':', '')}"
        self.ask("device_del", id=f"{name}-pci")
        # Its parts are deleted first, with events of their own.
        self.qmp_message(lambda message: message.get("event") == "DEVICE_DELETED" and message["data"].get("device") == f"{name}-pci")
        self.ask("netdev_del", id=name)
        segment.unplug(mac)
        self.node.hide(mac)

    def is_named(self, mac):
        """Whether a link with this hardware address has another name than the kernel's. udev sets the MTU before."""
        return any(link["address"] == mac and not link["ifname"].startswith("eth") for link in self.json("ip", "-json", "link", "show"))
