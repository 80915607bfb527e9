"""The templates of the examples that have node groups, by cfn-lint. `cargo test --workspace --test deployed` lints the others, which it deploys."""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from kit.machine import leave_out, need
from kit.node import ROOT

#: What cfn-lint says of these on purpose. W3005, a DependsOn that a reference makes needless: the
#: CDK makes them. W3010, zones by name: they are the configuration's.
LEFT_OUT = ("W3005", "W3010")
EXAMPLES = {
    "managed-node-groups": ("bin/hookline.ts", "examples/managed-node-groups/hookline.config.ts"),
    "self-managed-nodes": ("bin/hookline.ts", "examples/self-managed-nodes/hookline.config.json"),
    "from-an-empty-account": ("bin/hookline.ts", "examples/from-an-empty-account/hookline.config.json"),
    "from-an-empty-account-in-code": ("examples/from-an-empty-account-in-code/app.ts", None),
}


def tool(name):
    """The path that `cargo xtask test` gives in a variable."""
    if name not in os.environ:
        leave_out("needs the tools of the workspace: cargo xtask test --only node", fail=os.geteuid() == 0)
    return ROOT.parent / os.environ[name]


class TheTemplates(unittest.TestCase):
    def lint(self, folder):
        linter = tool("HOOKLINE_PYTHON").with_name("cfn-lint")
        templates = sorted(str(path) for path in folder.glob("*.template.json"))
        self.assertNotEqual(templates, [])
        done = subprocess.run([str(linter), "--ignore-checks", *LEFT_OUT, "--template", *templates], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def test_of_examples_with_node_groups_have_no_finding(self):
        need("node")
        cdk = tool("HOOKLINE_CDK")
        for name, (app, config) in EXAMPLES.items():
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                context = {**json.loads((cdk / "cdk.json").read_text())["context"], "functions": "stand-in", **({"config": config} if config else {})}
                done = subprocess.run(["node_modules/.bin/tsx", app], cwd=cdk, capture_output=True, text=True, check=False,
                                      env={**os.environ, "CDK_OUTDIR": folder, "CDK_CONTEXT_JSON": json.dumps(context)})
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(self.lint(Path(folder)), (0, ""))

    def test_that_are_wrong_have_one(self):
        with tempfile.TemporaryDirectory() as folder:
            wrong = {"Resources": {"Group": {"Type": "AWS::EKS::Nodegroup", "Properties": {"ClusterName": "core"}}}}
            (Path(folder) / "wrong.template.json").write_text(json.dumps(wrong))
            status, said = self.lint(Path(folder))
            self.assertNotEqual(status, 0)
            self.assertIn("'NodeRole' is a required property", said)


if __name__ == "__main__":
    unittest.main()
