"""The user data of node groups, as the CDK app makes it (`user-data/`, written by `npm run generate` in `cdk/`).

cloud-init's own parser reads it, and its script runs on a node in namespaces. nodeadm, EKS and Bottlerocket are not here: what they need is
checked by their sources, which are named beside each check.
"""

import base64
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import bundle
from kit import user_data
from kit.user_data import with_bundle
from kit.machine import find, need, wait_for
from kit.node import NAMESPACES, PROGRAMS, ROOT, SETTINGS, Node, Vpc

try:
    import tomllib
except ModuleNotFoundError:  # Python 3.10
    tomllib = None

EXAMPLES = ROOT / "tests/user-data"
KUBELET = "/etc/systemd/system/kubelet.service.d/50-hookline.conf"
NODEADM = "/etc/eks/nodeadm.d/50-hookline.yaml"
OF_AMAZON_LINUX = sorted(EXAMPLES.glob("al2023-*.txt"))
MANAGED = "al2023-managed.txt"

#: What EKS adds to the user data of a managed node group without an AMI of its own, as reports show
#: it (amazon-eks-ami#1988, eksctl#8037).
ADDED_BY_EKS = """--{boundary}
Content-Type: application/node.eks.aws

apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  cluster:
    apiServerEndpoint: https://0123456789ABCDEF0123456789ABCDEF.gr7.us-west-2.eks.amazonaws.com
    certificateAuthority: {certificate}
    cidr: 10.100.0.0/16
    name: core
  kubelet:
    config:
      maxPods: 234
      clusterDNS:
      - 10.100.0.10
    flags:
    - "--node-labels=eks.amazonaws.com/sourceLaunchTemplateVersion=1,eks.amazonaws.com/nodegroup-image=ami-0123456789abcdef0,eks.amazonaws.com/capacityType=ON_DEMAND,eks.amazonaws.com/nodegroup=upf,eks.amazonaws.com/sourceLaunchTemplateId=lt-0123456789abcdef0"

"""


def parts_of(text):
    """The parts that cloud-init finds."""
    need("cloud-init")
    return user_data.parts_of(text)


def script_of(text):
    need("cloud-init")
    return user_data.script_of(text)


def merged(text, first):
    """The user data with the NodeConfig of EKS, which comes first or last: its place is not documented."""
    boundary = re.search(r'boundary="(.+)"', text)[1]
    added = ADDED_BY_EKS.format(boundary=boundary, certificate=base64.b64encode(b"x" * 1100).decode())
    at = text.index(f"--{boundary}\n") if first else text.rindex(f"--{boundary}--")
    return text[:at] + added + text[at:]


class TheUserDataOfAmazonLinux(unittest.TestCase):
    def test_exists_for_each_kind_of_group(self):
        self.assertEqual([path.stem for path in OF_AMAZON_LINUX], ["al2023-managed-with-image", "al2023-managed", "al2023-self-managed-rolling", "al2023-self-managed"])

    def test_is_parsed_by_cloud_init(self):
        for path in OF_AMAZON_LINUX:
            with self.subTest(path.name):
                kinds = [part["type"] for part in parts_of(with_bundle(path))]
                self.assertEqual(kinds, ["text/x-shellscript"] if path.name == MANAGED else ["application/node.eks.aws", "text/x-shellscript"])

    def test_is_shorter_than_ec2s_limit_with_what_eks_adds(self):
        for path in OF_AMAZON_LINUX:
            with self.subTest(path.name):
                text = with_bundle(path)
                self.assertLess(len((merged(text, True) if path.name == MANAGED else text).encode()), 16_384)

    def test_has_ascii_and_short_lines_only(self):
        """RFC 5322 allows 998 characters in a line, and MIME without an encoding only ASCII."""
        for path in OF_AMAZON_LINUX:
            with self.subTest(path.name):
                text = with_bundle(path)
                self.assertTrue(text.isascii())
                scripts = [part["content"] for part in parts_of(text) if part["type"] == "text/x-shellscript"]
                self.assertLess(max(len(line) for script in scripts for line in script.splitlines()), 998)

    def test_has_nothing_that_a_template_takes_for_its_own(self):
        """Who pastes it into a template of CloudFormation (Fn::Sub) or Terraform (templatefile) gets what the CDK app makes."""
        for path in OF_AMAZON_LINUX:
            with self.subTest(path.name):
                self.assertEqual(re.findall(r"[$%]\{", with_bundle(path)), [])

    def test_keeps_its_parts_when_eks_adds_one(self):
        text = with_bundle(EXAMPLES / MANAGED)
        for first in (True, False):
            with self.subTest(first=first):
                parts = parts_of(merged(text, first))
                self.assertEqual(sorted(part["type"] for part in parts), ["application/node.eks.aws", "text/x-shellscript"])
                self.assertEqual(script_of(merged(text, first)).rstrip("\n"), script_of(text).rstrip("\n"))

    def test_has_a_script_without_a_warning_of_shellcheck(self):
        need("shellcheck")
        for path in OF_AMAZON_LINUX:
            with self.subTest(path.name), tempfile.TemporaryDirectory() as folder:
                script = Path(folder) / "script"
                script.write_text(script_of(with_bundle(path)))
                done = subprocess.run(["shellcheck", str(script)], capture_output=True, text=True, check=False)
                self.assertEqual((done.returncode, done.stdout), (0, ""))

    def test_has_a_node_config_with_all_that_nodeadm_needs(self):
        """awslabs/amazon-eks-ami, nodeadm/api/v1alpha1/nodeconfig_types.go and nodeadm/crds: the fields; internal/api/validation.go: name,
        apiServerEndpoint, certificateAuthority and cidr are required, unless EKS adds them."""
        known = {"cluster": {"name", "apiServerEndpoint", "certificateAuthority", "cidr", "enableOutpost", "id"},
                 "kubelet": {"config", "flags", "maxPodsExpression"}, "containerd": set(), "instance": set(), "featureGates": set()}
        for path in OF_AMAZON_LINUX:
            if path.name == MANAGED:
                continue
            with self.subTest(path.name):
                config = parts_of(with_bundle(path))[0]["yaml"]
                self.assertEqual((config["apiVersion"], config["kind"]), ("node.eks.aws/v1alpha1", "NodeConfig"))
                self.assertLessEqual(set(config["spec"]), set(known))
                for section, fields in config["spec"].items():
                    self.assertLessEqual(set(fields), known[section])
                cluster = config["spec"]["cluster"]
                self.assertEqual((cluster["name"], cluster["cidr"]), ("core", "10.100.0.0/16"))
                self.assertTrue(cluster["apiServerEndpoint"].startswith("https://"))
                self.assertIn(b"BEGIN CERTIFICATE", base64.b64decode(cluster["certificateAuthority"], validate=True))
                self.assertEqual(config["spec"]["kubelet"], {"config": {"maxPods": 147}, "flags": [
                    "--node-labels=workload=upf,example.com/rack=7",
                    "--register-with-taints=multus=pending:NoSchedule,example.com/spare=:PreferNoSchedule"]})

    def test_leaves_the_cluster_to_eks_on_a_managed_group_without_an_image(self):
        text = with_bundle(EXAMPLES / MANAGED)
        self.assertNotIn("apiServerEndpoint", text)
        self.assertNotIn("kubelet-extra-args", text)


class TheScript(unittest.TestCase):
    """On a node in namespaces, whose /etc and /usr/local are copies."""

    def setUp(self):
        need(*NAMESPACES, "cloud-init", root=True)
        self.node = Node(self, Vpc(self))
        self.node.run("mkdir", "-p", "/etc/systemd/system")

    def run_script(self, script, check=True):
        return self.node.run("bash", "-s", text=script, check=check)

    def test_installs_the_programs_with_settings_that_they_take(self):
        self.run_script(script_of(with_bundle(EXAMPLES / MANAGED)))
        found = json.loads(self.node.run("bash", "-c", f"jq -L {PROGRAMS} -f {PROGRAMS}/settings.jq {SETTINGS}").stdout)
        self.assertEqual([(one["network"], one["interfaceName"], one["mtu"], one["mode"]) for one in found["networks"]],
                         [("signaling", "signaling", 9001, "multus"), ("user-plane", "up0", 9001, "multus"), ("management é", "mgmt", 1500, "os")])
        for name, content in bundle.files(signal=False):
            if name.startswith("program/"):
                mode = "755" if (ROOT / name).stat().st_mode & 0o100 else "644"
                installed = f"{PROGRAMS}/{name.removeprefix('program/')}"
                self.assertEqual(self.node.run("cat", installed).stdout, content)
                self.assertEqual(self.node.run("stat", "--format", "%a", installed).stdout.strip(), mode)
        self.assertIn("TimeoutStartSec=infinity", self.node.run("cat", KUBELET).stdout)
        signal = self.node.run("bash", "-c", f"ls {PROGRAMS} /etc/systemd/system /etc/systemd/system/kubelet.service.wants | grep signal || true").stdout
        self.assertEqual(signal, "", "no unit that names a program which is not there")
        left = self.node.run("bash", "-c", "ls -d /tmp/tmp.*/install.sh || true").stdout
        self.assertEqual(left, "")

    def test_gives_nodeadm_max_pods_after_all_others(self):
        """nodeadm reads /etc/eks/nodeadm.d after the user data, and the later value wins (awslabs/amazon-eks-ami, nodeadm)."""
        self.run_script(script_of(with_bundle(EXAMPLES / MANAGED)))
        drop_in = self.node.run("cat", NODEADM).stdout
        read = subprocess.run(["/usr/bin/python3", "-c", "import sys, yaml, json; json.dump(yaml.safe_load(sys.stdin), sys.stdout)"],
                              input=drop_in, capture_output=True, text=True, check=True).stdout
        self.assertEqual(json.loads(read), {"apiVersion": "node.eks.aws/v1alpha1", "kind": "NodeConfig", "spec": {"kubelet": {"config": {"maxPods": 147}}}})

    def test_of_a_group_with_its_own_node_config_needs_no_drop_in(self):
        for name in ("al2023-managed-with-image.txt", "al2023-self-managed.txt"):
            with self.subTest(name):
                self.run_script(script_of(with_bundle(EXAMPLES / name)))
                self.assertEqual(self.node.run("test", "-e", NODEADM, check=False).returncode, 1)

    def test_installs_programs_that_run_from_a_folder_where_nothing_may_be_executed(self):
        """As hardened images mount /tmp."""
        self.node.run("bash", "-c", "mkdir /run/tmp && mount -t tmpfs -o noexec tmpfs /run/tmp")
        self.node.run("bash", "-s", text=script_of(with_bundle(EXAMPLES / MANAGED)), env={"TMPDIR": "/run/tmp"})
        self.assertEqual(self.node.run(f"{PROGRAMS}/hookline-interfaces", check=False).returncode, 2, "its usage")

    def test_may_run_again(self):
        script = script_of(with_bundle(EXAMPLES / MANAGED))
        self.run_script(script)
        self.run_script(script)

    def test_that_fails_leaves_kubelet_a_gate_that_is_not_there(self):
        """systemd does not start a unit whose ExecStartPre fails, and nodeadm starts kubelet even if a script fails."""
        script, whole = script_of(with_bundle(EXAMPLES / MANAGED)), bundle.BUNDLE.read_text()
        line = whole.splitlines()[3]
        self.assertIn(whole, script)
        for what, damaged in {"a digit is lost": script.replace(line, line[:-1]), "nothing is packed": script.replace(whole, "")}.items():
            with self.subTest(what):
                done = self.run_script(damaged, check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("Hookline: damaged user data", done.stderr)
                self.assertNotIn("Traceback", done.stderr)
                self.assertIn(f"ExecStartPre={PROGRAMS}/hookline-gate", self.node.run("cat", KUBELET).stdout)
                self.assertNotEqual(self.node.run("test", "-e", f"{PROGRAMS}/hookline-gate", check=False).returncode, 0)


class TheSignal(unittest.TestCase):
    """What a node with a rolling update tells CloudFormation. kubelet and cfn-signal are stubs."""

    PROGRAM = f"{PROGRAMS}/hookline-signal"
    SENT = "/opt/aws/sent"
    STUB = f"#!/bin/bash\nprintf '%s\\n' \"$*\" >>{SENT}\n"

    def setUp(self):
        need(*NAMESPACES, "cloud-init", root=True)
        self.node = Node(self, Vpc(self))
        # /opt and /var/lib/hookline of the node are not those of this machine.
        self.node.run("bash", "-c", "mkdir -p /etc/systemd/system /run/opt/aws/bin /run/lib && mount --bind /run/opt /opt && mount --bind /run/lib /var/lib")
        self.node.run("bash", "-s", text=script_of(with_bundle(EXAMPLES / "al2023-self-managed-rolling.txt")))

    def stub(self, path, text):
        self.node.write(path, text)
        self.node.run("chmod", "755", path)

    def kubelet(self, joined=True):
        """A kubelet that is healthy and, if it has joined, has the certificate that the cluster signed (client-go, certificate_store.go)."""
        if joined:
            self.node.write("/var/lib/kubelet/pki/kubelet-server-current.pem", "")
        self.node.write("/run/kubelet/healthz", "ok")
        self.node.background("kubelet", sys.executable, "-m", "http.server", "10248", "--bind", "127.0.0.1", "--directory", "/run/kubelet")

    def test_is_sent_once_when_kubelet_is_healthy(self):
        self.stub("/opt/aws/bin/cfn-signal", self.STUB)
        signal = self.node.background("signal", "bash", "-x", self.PROGRAM)
        self.node.write("/var/lib/kubelet/pki/kubelet-server-current.pem", "")
        wait_for("it asks kubelet again", lambda: self.node.log("signal").count("healthz") > 1)
        self.assertFalse(self.node.exists(self.SENT))
        self.kubelet()
        self.assertEqual(signal.wait(timeout=60), 0, self.node.log("signal"))
        sent = "--success true --stack hookline --resource NodeGroupupfGroup0123ABCD --region us-west-2\n"
        self.assertEqual(self.node.read(self.SENT), sent)
        self.node.run(self.PROGRAM)
        self.assertEqual(self.node.read(self.SENT), sent, "a later start of kubelet, which must not count in a later update")

    def test_is_not_sent_by_a_kubelet_that_is_healthy_before_the_cluster_has_taken_it(self):
        """Its endpoint or its CA is wrong, or its role has no access entry."""
        self.stub("/opt/aws/bin/cfn-signal", self.STUB)
        self.kubelet(joined=False)
        wait_for("kubelet", lambda: not self.node.run("curl", "--silent", "--fail", "http://localhost:10248/healthz", check=False).returncode)
        signal = self.node.background("signal", "bash", "-x", self.PROGRAM)
        wait_for("it looks again", lambda: self.node.log("signal").count("kubelet-server-current.pem") > 1)
        self.assertFalse(self.node.exists(self.SENT))
        self.node.write("/var/lib/kubelet/pki/kubelet-server-current.pem", "")
        self.assertEqual(signal.wait(timeout=60), 0, self.node.log("signal"))
        self.assertTrue(self.node.exists(self.SENT))

    def test_is_sent_again_if_cloudformation_was_not_reached(self):
        self.stub("/opt/aws/bin/cfn-signal", "#!/bin/bash\nexit 1\n")
        self.kubelet()
        wait_for("kubelet", lambda: not self.node.run("curl", "--silent", "--fail", "http://localhost:10248/healthz", check=False).returncode)
        self.assertNotEqual(self.node.run(self.PROGRAM, check=False).returncode, 0)
        self.stub("/opt/aws/bin/cfn-signal", self.STUB)
        self.node.run(self.PROGRAM)
        self.assertTrue(self.node.exists(self.SENT))

    def test_is_not_sent_again_if_no_update_waits_for_it(self):
        """The first nodes of a group, and those of a scale-out (aws-cloudformation/aws-cloudformation-templates#126)."""
        says = "An error occurred (ValidationError): Stack arn:aws:cloudformation:… is in CREATE_COMPLETE state and cannot be signaled"
        self.stub("/opt/aws/bin/cfn-signal", f"#!/bin/bash\necho '{says}' >&2\nexit 1\n")
        self.kubelet()
        self.node.run(self.PROGRAM)
        self.stub("/opt/aws/bin/cfn-signal", self.STUB)
        self.node.run(self.PROGRAM)
        self.assertFalse(self.node.exists(self.SENT), "it would count in a later update")

    def test_comes_with_cfn_signal_if_the_image_does_not_have_it(self):
        self.stub("/usr/local/bin/dnf", "#!/bin/bash\n[[ $* == *'install aws-cfn-bootstrap' ]] && cp /run/stub /opt/aws/bin/cfn-signal\n")
        self.stub("/run/stub", self.STUB)
        self.kubelet()
        self.node.run(self.PROGRAM, env={"PATH": f"/usr/local/bin:{os.environ['PATH']}"})
        self.assertTrue(self.node.exists(self.SENT))

    def test_is_not_sent_by_a_node_that_nobody_waits_for(self):
        self.stub("/opt/aws/bin/cfn-signal", self.STUB)
        self.node.run("rm", "/etc/hookline/signal")
        self.node.run(self.PROGRAM)
        self.assertFalse(self.node.exists(self.SENT))

    def test_is_started_with_kubelet(self):
        link = "/etc/systemd/system/kubelet.service.wants/hookline-signal.service"
        self.assertEqual(self.node.out("readlink", link), "../hookline-signal.service")


class TheUserDataOfBottlerocket(unittest.TestCase):
    def read(self, name):
        if tomllib is None:
            need("Python 3.11")
        return tomllib.loads((EXAMPLES / name).read_text())["settings"]

    def test_leaves_the_cluster_to_eks_on_a_managed_group_without_an_image(self):
        self.assertEqual(self.read("bottlerocket-managed.toml"), {"kubernetes": {"max-pods": 147}})

    def test_has_all_that_a_self_managed_node_needs(self):
        """bottlerocket-os/bottlerocket: api-server, cluster-certificate and cluster-name are required."""
        kubernetes = self.read("bottlerocket-self-managed.toml")["kubernetes"]
        self.assertEqual(kubernetes["cluster-name"], "core")
        self.assertTrue(kubernetes["api-server"].startswith("https://"))
        self.assertIn(b"BEGIN CERTIFICATE", base64.b64decode(kubernetes["cluster-certificate"], validate=True))
        self.assertEqual(kubernetes["cluster-dns-ip"], "10.100.0.10")
        self.assertEqual(kubernetes["node-labels"], {"workload": "upf", "example.com/rack": "7"})
        self.assertEqual(kubernetes["node-taints"], {"multus": "pending:NoSchedule", "example.com/spare": ":PreferNoSchedule"})

    def test_gives_the_settings_to_a_bootstrap_container_at_each_boot(self):
        container = self.read("bottlerocket-self-managed.toml")["bootstrap-containers"]["hookline"]
        self.assertEqual((container["mode"], container["essential"]), ("always", True))
        settings = json.loads(base64.b64decode(container["user-data"], validate=True))
        self.assertEqual([one["network"] for one in settings["gate"]], ["signaling", "user-plane", "management é"])

    def test_is_shorter_than_ec2s_limit(self):
        for path in sorted(EXAMPLES.glob("bottlerocket-*.toml")):
            self.assertLess(len(path.read_bytes()), 16_384 - 2_304)
