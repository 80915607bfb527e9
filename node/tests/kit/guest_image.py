"""What a guest of QEMU starts from: a kernel, and the files that it has in memory.

The kernel is Debian's for clouds. `apt-get download` fetches its package, which is unpacked in `.local/guest-kernel` and not installed. The files
are this machine's: the programs below with their libraries, some rules of udev, the CNI plugins; and what user data unpacks on a node. They
are packed anew in each run, which takes a second.
"""

import fcntl
import os
import platform
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

from kit.machine import find, leave_out, need
from kit.node import ROOT, unpack_bundle
from kit.pods import PLUGINS

#: Depends on the newest kernel.
METAPACKAGE = "linux-image-cloud-amd64"
KERNELS = ROOT.parent / ".local/guest-kernel"

#: What the kernel and udev load when it is needed.
MODULES = ("virtio_pci", "virtio_net", "virtio_console", "ipvlan")

#: What the node's programs, the tests and guest-init.sh run.
PROGRAMS = ("bash", "cat", "chmod", "cmp", "curl", "cut", "dirname", "env", "flock", "grep", "install", "ip", "jq", "ln", "ls", "mkdir", "mktemp", "modprobe",
            "mount", "mv", "ping", "rm", "sed", "sleep", "sync", "tee", "timeout", "dbus-daemon", "networkctl", "systemd-networkd", "systemd-udevd",
            "udevadm")

CNI = ("ipvlan", "host-local", "static")

#: Files of this machine that these read. Without the rules, udev neither loads drivers nor names
#: links.
FILES = ("/etc/passwd", "/etc/group", "/etc/nsswitch.conf", "/etc/dbus-1", "/usr/share/dbus-1/system.conf", "/usr/share/dbus-1/system.d",
         "/usr/lib/systemd/network/99-default.link", "/usr/lib/udev/rules.d/50-udev-default.rules", "/usr/lib/udev/rules.d/75-net-description.rules",
         "/usr/lib/udev/rules.d/80-drivers.rules", "/usr/lib/udev/rules.d/80-net-setup-link.rules")


def need_guests():
    """As `need`: QEMU, all that a guest runs, and what the kernel is for and comes from."""
    if platform.machine() != "x86_64" or not find("apt-get"):
        leave_out("needs Debian on an x86_64 processor", fail=os.geteuid() == 0)
    need("cpio", "depmod", "dpkg-deb", "qemu-system-x86_64", *PROGRAMS, *CNI, root=True, linux=True)


def kernel():
    """The folder with the kernel, `vmlinuz`, and its modules. It is fetched once."""
    KERNELS.mkdir(parents=True, exist_ok=True)
    # Also by two runs at the same time.
    with (KERNELS / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        there = sorted(KERNELS.glob("linux-image-*"))
        return there[-1] if there else fetch()


def fetch():
    """Fetches and unpacks the package of the newest kernel."""
    with tempfile.TemporaryDirectory(dir=KERNELS) as work:
        package = newest()
        # apt's own user cannot write here, so root fetches.
        run("apt-get", "--quiet=2", "--option", "APT::Sandbox::User=root", "download", package, cwd=work)
        [file] = Path(work).glob("*.deb")
        unpacked = Path(work) / "unpacked"
        run("dpkg-deb", "--extract", str(file), str(unpacked))
        version = package.removeprefix("linux-image-")
        (unpacked / f"boot/vmlinuz-{version}").rename(unpacked / "vmlinuz")
        run("depmod", "--basedir", str(unpacked), version)
        # Complete, or not there.
        return unpacked.rename(KERNELS / package)


def newest():
    """The kernel's package that the metapackage depends on."""
    # What apt knows may be out of date, or nothing.
    run("apt-get", "--quiet=2", "update")
    done = subprocess.run(["apt-cache", "depends", METAPACKAGE], capture_output=True, text=True, check=False)
    found = [line.split()[-1] for line in done.stdout.splitlines() if "Depends: linux-image-" in line]
    return found[0] if found else leave_out(f"needs the package {METAPACKAGE}, which Debian has", fail=os.geteuid() == 0)


def run(*args, **more):
    done = subprocess.run(args, capture_output=True, text=True, check=False, **more)
    if done.returncode:
        raise AssertionError(f"{' '.join(args)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(file):
    """Writes the guest's files into an archive for QEMU's `-initrd`. Returns the kernel's path."""
    folder = kernel()
    [version] = [path.name for path in (folder / "lib/modules").iterdir()]
    with tempfile.TemporaryDirectory() as work, file.open("wb") as archive:
        own = Path(work)
        # Where Debian has had them since 12.
        for name in ("bin", "sbin", "lib", "lib64"):
            (own / name).symlink_to(f"usr/{name}")
        for name in ("dev", "etc/systemd/network", "proc", "run", "sys", "tmp", "usr/local", "var"):
            (own / name).mkdir(parents=True)
        (own / "var/run").symlink_to("/run")
        # networkd's DHCP client calls itself by it.
        (own / "etc/machine-id").write_text(f"{uuid.uuid4().hex}\n")
        shutil.copy(Path(__file__).with_name("guest-init.sh"), own / "init")
        (own / "init").chmod(0o755)
        unpack_bundle(own / "bundle")
        # The kernel reads archives that follow one another.
        pack(archive, own, [path.relative_to(own) for path in sorted(own.rglob("*"))])
        pack(archive, folder, modules(folder, version))
        pack(archive, Path("/"), programs(), "--dereference")
    return folder / "vmlinuz"


def pack(archive, folder, paths, *options):
    """Appends files, after the folders that they are in."""
    listed = {}
    for path in paths:
        listed.update(dict.fromkeys([*reversed(path.parents[:-1]), path]))
    done = subprocess.run(["cpio", "--create", "--quiet", "--format=newc", *options, "--directory", str(folder)], check=False,
                          input="".join(f"{path}\n" for path in listed).encode(), stdout=archive, stderr=subprocess.PIPE)
    if done.returncode:
        raise AssertionError(f"the guest's files cannot be packed: {done.stderr.decode()}")


def modules(folder, version):
    """The modules with those that they need, and the tables by which modprobe and udev find them."""
    found = [path.relative_to(folder) for path in (folder / "lib/modules" / version).glob("modules.*")]
    for name in MODULES:
        lines = run("modprobe", "--dirname", str(folder), "--set-version", version, "--show-depends", name).splitlines()
        found += [Path(line.split()[1]).relative_to(folder) for line in lines if line.startswith("insmod ")]
    return found


def programs():
    """The programs, their libraries, and the files that they read, by their paths without the first slash."""
    executables = [find(name) for name in PROGRAMS] + [f"{PLUGINS}/{name}" for name in CNI]
    libraries = {word for word in run("ldd", *executables).split() if word.startswith("/") and not word.endswith(":")}
    files = [found for name in FILES for found in (Path(name), *sorted(Path(name).rglob("*"))) if found.is_file()]
    # A library is found by its name, which may be a link; the folders are the real ones.
    return [(path.parent.resolve() / path.name).relative_to("/") for path in (*map(Path, executables), *map(Path, sorted(libraries)), *files)]
