"""User data as cloud-init's own parser reads it."""

import json
import subprocess
from pathlib import Path


def parts_of(text):
    """The parts that cloud-init finds: type, content, and the value of YAML."""
    program = Path(__file__).with_name("cloud_init.py")
    done = subprocess.run(["/usr/bin/python3", "-B", str(program)], input=text.encode(), capture_output=True, check=True)
    return json.loads(done.stdout)


def script_of(text):
    """The first shell script of the user data."""
    return next(part["content"] for part in parts_of(text) if part["type"] == "text/x-shellscript")
