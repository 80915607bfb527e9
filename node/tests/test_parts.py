"""What needs no namespace: the scripts, the units, the settings, and which interface is which network's."""

import json
import os
import re
import subprocess
import tempfile
import unittest
from pathlib import Path

import bundle
from kit.machine import find, need

ROOT = Path(__file__).resolve().parents[1]
PROGRAM = ROOT / "program"

SIGNALING = {"network": "signaling", "subnetIds": ["subnet-0a"], "deviceIndex": 1}


def jq(*args, value):
    need("jq")
    return subprocess.run(["jq", "-L", str(PROGRAM), "--compact-output", *args], input=json.dumps(value), capture_output=True, text=True, check=False)


def settings(*networks, **more):
    done = jq("-f", str(PROGRAM / "settings.jq"), value={"gate": list(networks), **more})
    return json.loads(done.stdout) if done.returncode == 0 else done.stderr.split("): ", 1)[1].strip()


class TheScripts(unittest.TestCase):
    def test_have_no_warning_of_shellcheck(self):
        need("shellcheck")
        scripts = [ROOT / "install.sh", *(path for path in PROGRAM.iterdir() if path.suffix in ("", ".sh"))]
        self.assertGreater(len(scripts), 5)
        done = subprocess.run(["shellcheck", "--external-sources", "--source-path=SCRIPTDIR", *scripts], capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_are_in_the_bundle(self):
        """The bundle is what user data has. Its bytes are not compared: they depend on the version of liblzma."""
        for path, signal in ((bundle.BUNDLE, False), (bundle.SIGNAL_BUNDLE, True)):
            self.assertEqual(bundle.content(path.read_text()), list(bundle.files(signal)), f"{path.name} is not current: python3 node/bundle.py")

    def test_are_not_unpacked_from_a_bundle_that_is_damaged(self):
        """LZMA alone has no checksum: some of these damages give other programs, and no error."""
        text = bundle.BUNDLE.read_text()
        lines = text.splitlines(keepends=True)
        middle = len(text) // 2
        other = next(digit for digit in "ab" if digit != text[middle])
        first, second = lines[2:4]
        damaged = {
            "a digit is another one": text[:middle] + other + text[middle + 1 :],
            "the last digit is another one": text[:-2] + ("a" if text[-2] != "a" else "b") + "\n",
            "a digit is lost": text[:middle] + text[middle + 1 :],
            "a line is lost": text.replace(first, ""),
            "two lines are in another order": text.replace(first + second, second + first),
            "it ends early": "".join(lines[:-1]),
            "it is empty": "",
        }
        for what, changed in damaged.items():
            with self.subTest(what):
                self.assertNotEqual(changed, text)
                self.assertIsNone(bundle.content(changed))

    def test_are_packed_without_what_templates_take_for_their_own(self):
        """Two digits that are one beside the other may be `${` or `%{`, which Fn::Sub and Terraform's templatefile read."""
        lines = bundle.pack().splitlines()
        self.assertEqual([line for line in lines if "${" in line or "%{" in line], [])
        self.assertLessEqual(max(len(line) for line in lines), bundle.WIDTH)
        self.assertEqual(bundle.in_lines("a${b%{"), "a$\n{b%\n{\n")

    def test_are_in_the_folders_that_the_script_of_user_data_makes(self):
        script = (ROOT / "tests/user-data/al2023-managed.txt").read_text()
        made = re.search(r'^mkdir -p "\$work"/\{(.*)\}$', script, re.MULTILINE)[1].split(",")
        folders = {str(Path(name).parent) for name, _ in bundle.files()} - {"."}
        self.assertLessEqual(folders, {*made, *(str(Path(one).parent) for one in made)})

    def test_tell_cloudformation_nothing_without_the_bundle_for_it(self):
        without, whole = dict(bundle.files(signal=False)), dict(bundle.files())
        self.assertEqual(sorted(whole.keys() - without.keys()), sorted(bundle.OF_SIGNAL))
        self.assertEqual(without, {name: whole[name] for name in without})

    def test_fit_into_user_data(self):
        """EC2 takes 16,384 bytes. The rest is for the settings and for a NodeConfig, which has the cluster's CA."""
        self.assertLess(len(bundle.BUNDLE.read_bytes()), 11.9 * 1024)
        self.assertLess(len(bundle.SIGNAL_BUNDLE.read_bytes()), 12.25 * 1024)

    def test_measure_no_time_by_the_clock(self):
        """chrony can set it back, and a wait would last. Bash's SECONDS goes by it (variables.c, get_seconds); /proc/uptime does not."""
        for name, text in bundle.files():
            self.assertIsNone(re.search(r"(?<!\w)SECONDS\b", text), name)

    def test_have_no_comment_in_the_bundle_and_keep_their_first_line(self):
        for name, text in bundle.files():
            self.assertEqual(text.startswith("#!/usr/bin/env bash\n"), bool((ROOT / name).stat().st_mode & 0o100), name)
            comments = [line for line in text.splitlines()[1:] if line.startswith("#")]
            self.assertEqual(comments, [], name)

    def test_of_the_tests_run_on_the_systemd_of_amazon_linux_2023_on_debian_12(self):
        need("networkctl")
        # Elsewhere than on Debian 12, they run on what is there.
        release = Path("/etc/os-release")
        if release.exists() and 'VERSION_ID="12"' in release.read_text():
            version = subprocess.run([find("networkctl"), "--version"], capture_output=True, text=True, check=True).stdout
            self.assertTrue(version.startswith("systemd 252 "), version)


class TheUnits(unittest.TestCase):
    def test_are_installed_and_valid(self):
        """In an image: systemd-analyze reads them with a kubelet.service like that of the EKS AMI. Its status is 0 whatever it finds."""
        need("systemd-analyze")
        with tempfile.TemporaryDirectory() as image:
            subprocess.run(["bash", str(ROOT / "install.sh"), "--root", image], input='{"gate":[]}', text=True, check=True)
            units = Path(image) / "etc/systemd/system"
            self.assertEqual((units / "timers.target.wants/hookline-interfaces.timer").resolve(), (units / "hookline-interfaces.timer").resolve())
            (units / "kubelet.service").write_text("[Unit]\nDescription=Kubelet\nAfter=network.target\n[Service]\nExecStartPre=/bin/true\n"
                                                   "ExecStart=/bin/sleep 1\nRestart=on-failure\nRestartSec=5\nKillMode=process\n")
            # The paths of the programs are those of the image.
            for unit in units.rglob("*.*"):
                if unit.is_file() and not unit.is_symlink():
                    unit.write_text(unit.read_text().replace("/usr/local/libexec", f"{image}/usr/local/libexec"))
            done = subprocess.run(
                [find("systemd-analyze"), "verify", "--man=no", *(str(units / name) for name in (
                    "kubelet.service", "hookline-interfaces.service", "hookline-interfaces.timer", "hookline-signal.service"))],
                capture_output=True, text=True, check=False, env={**os.environ, "SYSTEMD_UNIT_PATH": f"{units}:"})
            ours = [line for line in done.stderr.splitlines() if "hookline" in line or "kubelet" in line]
            self.assertEqual(ours, [], done.stderr)
            shown = subprocess.run(["grep", "-h", "^", *sorted((units / "kubelet.service.d").iterdir())], capture_output=True, text=True, check=True)
            self.assertIn("TimeoutStartSec=infinity", shown.stdout)

    def test_that_are_wrong_are_noticed(self):
        need("systemd-analyze")
        with tempfile.TemporaryDirectory() as folder:
            unit = Path(folder) / "wrong.service"
            unit.write_text("[Service]\nExecStart=/bin/true\nExecStartPree=/bin/true\n")
            done = subprocess.run([find("systemd-analyze"), "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
            self.assertIn("ExecStartPree", done.stderr)


class Settings(unittest.TestCase):
    def test_get_their_defaults(self):
        self.assertEqual(settings(SIGNALING, {"network": "user-plane", "subnetIds": ["subnet-0b"], "cni": {"type": "ipvlan"}}), {
            "networks": [
                {**SIGNALING, "networkCard": 0, "interfaceName": "signaling", "mtu": 9001, "mode": "multus", "routingTable": 30000},
                {"network": "user-plane", "subnetIds": ["subnet-0b"], "networkCard": 0, "interfaceName": "user-plane", "mtu": 9001, "mode": "multus",
                 "cni": {"type": "ipvlan", "name": "user-plane", "mode": "l2", "addresses": "secondary", "routes": []}, "routingTable": 30001},
            ],
            "claimed": [],
            "cniConfDir": "/etc/cni/net.d/hookline.d",
        })

    def test_of_a_place_that_nobody_waits_for_name_the_field_that_is_wrong(self):
        place = {"subnetIds": ["subnet-0a"], "deviceIndex": 2}
        self.assertEqual(settings(claimed=[place])["claimed"], [{**place, "networkCard": 0}])
        for wrong, words in (({}, "claimed: must be a list of places"), ([{**place, "deviceIndex": None}], "claimed[0].deviceIndex: must be a whole number"),
                             ([place, {**place, "subnetIds": []}], "claimed[1].subnetIds: must be a list"), ([{**place, "network": "x"}], "claimed[0].network: unknown field")):
            with self.subTest(words):
                self.assertIn(words, settings(claimed=wrong))

    def test_that_are_the_models_list_are_the_gates_too(self):
        """The list of docs/node.md, which the model in local/src/node reads."""
        page = (ROOT.parent / "docs/node.md").read_text()
        listed = json.loads(page.split("```json\n")[1].split("```")[0])
        self.assertEqual([network["network"] for network in settings(*listed["gate"])["networks"]], ["signaling", "user-plane"])

    def test_that_are_wrong_name_the_field(self):
        """The cases are the CDK's too (cdk/test/nodegroup/node-settings.test.ts)."""
        for case in json.loads((ROOT / "tests/settings.json").read_text()):
            with self.subTest(words=case["node"]):
                found = settings(*case["networks"])
                self.assertIsInstance(found, str, found)
                self.assertIn(case["node"], found)

    def test_keep_out_of_the_folder_of_the_container_runtime(self):
        self.assertIn("must not be the folder of the container runtime itself", settings(SIGNALING, cniConfDir="/etc/cni/net.d/"))
        self.assertEqual(settings(SIGNALING, cniConfDir="/etc/cni/multus/net.d")["cniConfDir"], "/etc/cni/multus/net.d")


class AnAssignment(unittest.TestCase):
    """Beside the gate's own tests: which of the found interfaces are certain before all are there."""

    def assign(self, networks, *interfaces, primary_subnet="subnet-node", claimed=()):
        reading = {"mac": "02:00:00:00:00:01", "interfaces": [
            {"mac": "02:00:00:00:00:01", "subnetId": primary_subnet, "deviceNumber": 0, "networkCard": None},
            *({"mac": f"02:00:00:00:01:{number:02x}", "subnetId": subnet, "deviceNumber": index, "networkCard": card}
              for number, (subnet, index, card) in enumerate(interfaces)),
        ]}
        done = jq("-f", str(PROGRAM / "assign.jq"), "--argjson", "settings", json.dumps(settings(*networks, claimed=list(claimed))), value=reading)
        self.assertEqual(done.stderr, "")
        found = json.loads(done.stdout)
        return ({one["network"]["network"]: (int(one["interface"]["mac"][-2:], 16), one["certain"]) for one in found["found"]},
                [network["network"] for network in found["missing"]])

    def test_is_certain_if_no_other_network_has_the_subnet(self):
        other = {"network": "other", "subnetIds": ["subnet-0b"], "deviceIndex": 2}
        self.assertEqual(self.assign([SIGNALING, other], ("subnet-0a", 1, None)), ({"signaling": (0, True)}, ["other"]))

    def test_is_not_certain_in_a_subnet_of_two_networks(self):
        free = {"network": "free", "subnetIds": ["subnet-0a"]}
        # Its number reads 0: it is the interface of signaling, and it looks like that of the other
        # network.
        self.assertEqual(self.assign([SIGNALING, free], ("subnet-0a", 0, None)), ({"free": (0, False)}, ["signaling"]))
        self.assertEqual(self.assign([SIGNALING, free], ("subnet-0a", 1, None), ("subnet-0a", 0, None)),
                         ({"signaling": (0, False), "free": (1, False)}, []))

    def test_is_not_made_if_two_interfaces_could_be_the_network_s(self):
        """A launch template that is older than the profile: it does not know the other slot in the subnet."""
        free = {"network": "free", "subnetIds": ["subnet-0a"]}
        for interfaces in ((2, 7), (7, 2)):
            self.assertEqual(self.assign([free], *(("subnet-0a", index, None) for index in interfaces)), ({}, ["free"]))

    def test_leaves_a_claimed_place_alone(self):
        """A slot that the node ignores, in the subnet of a network without a place."""
        free = {"network": "free", "subnetIds": ["subnet-0a"]}
        claimed = [{"subnetIds": ["subnet-0a"], "deviceIndex": 2}]
        for interfaces, found in (
            ([("subnet-0a", 2, None)], None),
            # Its number is not there yet, or reads 0: it could be either.
            ([("subnet-0a", 0, None)], None),
            ([("subnet-0a", None, None)], None),
            ([("subnet-0a", 2, None), ("subnet-0a", 0, None)], None),
            ([("subnet-0a", 2, None), ("subnet-0a", 7, None)], 1),
            ([("subnet-0a", 7, None), ("subnet-0a", 2, None)], 0),
            ([("subnet-0a", 7, None)], 0),
            # The same number on another card is another place.
            ([("subnet-0a", 2, 1), ("subnet-0a", 2, 0)], 0),
        ):
            with self.subTest(interfaces):
                expected = ({}, ["free"]) if found is None else ({"free": (found, False)}, [])
                self.assertEqual(self.assign([free], *interfaces, claimed=claimed), expected)

    def test_waits_for_the_card_if_the_place_on_another_card_is_claimed(self):
        claimed = [{"subnetIds": ["subnet-0a"], "deviceIndex": 1, "networkCard": 1}]
        self.assertEqual(self.assign([SIGNALING], ("subnet-0a", 1, None), claimed=claimed), ({}, ["signaling"]))
        self.assertEqual(self.assign([SIGNALING], ("subnet-0a", 1, 1), claimed=claimed), ({}, ["signaling"]))
        self.assertEqual(self.assign([SIGNALING], ("subnet-0a", 1, 1), ("subnet-0a", 1, 0), claimed=claimed), ({"signaling": (1, False)}, []))
        # In another subnet, it is nobody's question.
        self.assertEqual(self.assign([SIGNALING], ("subnet-0a", 1, None), claimed=[{**claimed[0], "subnetIds": ["subnet-0b"]}]), ({"signaling": (0, True)}, []))

    def test_never_takes_the_primary_interface(self):
        place = {"network": "node", "subnetIds": ["subnet-node"], "deviceIndex": 0}
        self.assertEqual(self.assign([place]), ({}, ["node"]))

    def test_needs_the_card_of_the_profile(self):
        second = {**SIGNALING, "networkCard": 1}
        self.assertEqual(self.assign([second], ("subnet-0a", 1, None)), ({}, ["signaling"]))
        self.assertEqual(self.assign([second], ("subnet-0a", 1, 1)), ({"signaling": (0, True)}, []))

    def test_waits_until_the_subnet_of_the_primary_interface_is_known(self):
        free = {"network": "free", "subnetIds": ["subnet-0a"]}
        self.assertEqual(self.assign([free], ("subnet-0a", 1, None), primary_subnet=None), ({}, ["free"]))
        self.assertEqual(self.assign([free], ("subnet-0a", 1, None), primary_subnet="subnet-0a"), ({}, ["free"]))
