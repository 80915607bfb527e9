"""What a test needs of the machine that it runs on, and what any machine with programs can be asked."""

import json
import os
import shutil
import sys
import time
import unittest

#: Programs of the system that may not be on the path of a user.
_PLACES = "/usr/sbin:/sbin:/usr/bin:/bin:/usr/lib/systemd:/lib/systemd:/usr/lib/cni"


class TimedOut(Exception):
    """Something did not happen in time. The message names it."""


class Runs:
    """Something whose `run` runs programs."""

    def out(self, *args):
        return self.run(*args).stdout.strip()

    def json(self, *args):
        return json.loads(self.out(*args) or "[]")

    def link(self, name):
        """What `ip -details` says of a link, or None."""
        done = self.run("ip", "-details", "-json", "link", "show", "dev", name, check=False)
        return json.loads(done.stdout)[0] if done.returncode == 0 else None

    def managed(self, name):
        """networkd's administrative state of a link."""
        links = self.json("networkctl", "list", "--json=short")["Interfaces"]
        return next((link["AdministrativeState"] for link in links if link["Name"] == name), None)


def wait_for(what, look, within=60, pause=0.05):
    """Calls `look` until it returns something, and returns that."""
    end = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise TimedOut(f"{what}: not within {within} s")
        time.sleep(pause)


def find(program):
    """The path of a program, or None."""
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:{_PLACES}")


def missing(*programs, root=False, linux=False):
    """What is not here: programs, the user root, Linux."""
    found = [program for program in programs if not find(program)]
    if linux and sys.platform != "linux":
        found.insert(0, "Linux")
    if root and os.geteuid() != 0:
        found.insert(0, "the user root")
    return found


def need(*programs, root=False, linux=False):
    """Leaves the test out if something is not here, and says what. As root, or with CI=true, the test fails instead."""
    absent = missing(*programs, root=root, linux=linux)
    if not absent:
        return
    leave_out(f"needs {', '.join(absent)} (node/tests/packages.txt)", fail=os.geteuid() == 0)


def leave_out(reason, fail=False):
    """Leaves the test out. With CI=true, or if `fail`, the test fails instead."""
    raise AssertionError(reason) if fail or os.environ.get("CI") == "true" else unittest.SkipTest(reason)
