"""User data: as the CDK app makes it, and as cloud-init's own parser reads it."""

import json
import subprocess
from pathlib import Path

import bundle

EXAMPLES = Path(__file__).resolve().parents[1] / "user-data"
INSTALL = "\"$work/install.sh\" <<'HOOKLINE'\n"


def with_bundle(path):
    """An example, with the bundle in it that its group has."""
    packed = bundle.SIGNAL_BUNDLE if "rolling" in path.name else bundle.BUNDLE
    return path.read_text().replace("@BUNDLE@\n", packed.read_text())


def with_settings(name, settings):
    """An example of the user data that the CDK app makes, with the bundle, and with other settings of the node."""
    text = with_bundle(EXAMPLES / name)
    before, _, rest = text.partition(INSTALL)
    _, _, after = rest.partition("\nHOOKLINE\n")
    return f"{before}{INSTALL}{json.dumps(settings)}\nHOOKLINE\n{after}"


def parts_of(text):
    """The parts that cloud-init finds: type, content, and the value of YAML."""
    program = Path(__file__).with_name("cloud_init.py")
    done = subprocess.run(["/usr/bin/python3", "-B", str(program)], input=text.encode(), capture_output=True, check=True)
    return json.loads(done.stdout)


def script_of(text):
    """The first shell script of the user data."""
    return next(part["content"] for part in parts_of(text) if part["type"] == "text/x-shellscript")
