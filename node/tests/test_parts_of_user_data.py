"""The parts of user data that `hookline user-data explain` finds (`node/user-data/fixtures/parts.json`) are those that cloud-init's own parser finds."""

import base64
import json
import subprocess
import unittest

from kit.machine import need
from kit.node import ROOT

FIXTURES = ROOT / "user-data/fixtures"
LISTED = json.loads((FIXTURES / "parts.json").read_text())


def as_ec2_has_it(path):
    """User data in base64. EC2's API takes and gives it so; the instance sees what is in it."""
    data = path.read_bytes()
    return (data if path.suffix == ".base64" else base64.b64encode(data)).decode()


class ThePartsOfUserData(unittest.TestCase):
    maxDiff = None

    def test_are_those_that_cloud_init_finds(self):
        need("cloud-init")
        named = json.dumps({name: as_ec2_has_it(FIXTURES / name) for name in LISTED})
        done = subprocess.run(["/usr/bin/python3", "-B", str(ROOT / "tests/kit/cloud_init.py"), "--types"], input=named.encode(), capture_output=True, check=True)
        self.assertEqual(json.loads(done.stdout), LISTED)

    def test_are_listed_for_every_fixture_but_those_that_are_refused_or_fetched(self):
        names = {path.name for path in FIXTURES.iterdir()} - {"parts.json", "fault-bomb.gz", "fault-cut.gz", "include.txt"}
        self.assertEqual(set(LISTED), names)
