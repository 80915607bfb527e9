"""The programs of the tests: what is missing on this machine, and the Debian packages of `packages.txt` that have it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

LIST = Path(__file__).resolve().parents[1] / "packages.txt"


def packages():
    lines = (line.split("#")[0].strip() for line in LIST.read_text().splitlines())
    return [line for line in lines if line]


def install(out=sys.stdout):
    """Installs the packages that are not there: as root on Debian. What it does is written to `out`."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    query = ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n", *packages()]
    found = subprocess.run(query, capture_output=True, text=True, check=False).stdout
    there = {line.split()[1] for line in found.splitlines() if line.startswith("installed ")}
    absent = [name for name in packages() if name not in there]
    if not absent:
        return
    print("Installing", " ".join(absent), file=out, flush=True)
    apt = ["apt-get", "--quiet=2", "--option", "Dpkg::Use-Pty=0"]
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "stdout": subprocess.DEVNULL, "check": False}
    subprocess.run([*apt, "update"], **quiet)
    # If this fails, whoever needs a package says so.
    subprocess.run([*apt, "install", "--yes", "--no-install-recommends", *absent], **quiet)


def become_root(script, *args):
    """With CI=true, runs the script as root by sudo, if there is one: nothing may be left out then, and namespaces need root."""
    if os.environ.get("CI") == "true" and os.geteuid() != 0 and shutil.which("sudo"):
        # sudo takes no other variables along.
        ours = [f"{name}={value}" for name, value in os.environ.items() if name.startswith("HOOKLINE_")]
        os.execvp("sudo", ["sudo", "--non-interactive", "CI=true", *ours, sys.executable, "-B", str(script), *args])
