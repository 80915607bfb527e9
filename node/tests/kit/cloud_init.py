"""Parses user data by cloud-init's own parser, and prints its parts as JSON: content type, content, and the value of YAML.

Debian has cloud-init as a module of its own Python, with PyYAML. The program runs there: /usr/bin/python3 cloud_init.py < user-data. With `--types` it
reads a JSON object, whose values are user data in base64, and prints the content types of each value's parts, whatever the contents are.
"""

import base64
import json
import sys
import tempfile

import yaml
from cloudinit import helpers, user_data


def parts_of(blob):
    with tempfile.TemporaryDirectory() as folder:
        paths = helpers.Paths({"cloud_dir": folder, "run_dir": folder, "templates_dir": folder})
        message = user_data.UserDataProcessor(paths).process(blob)
    return [part for part in message.walk() if part.get_content_maintype() != "multipart"]


def read(part):
    content = part.get_payload(decode=True).decode("ascii")
    kind = part.get_content_type()
    return {"type": kind, "content": content, "yaml": yaml.safe_load(content) if kind == "application/node.eks.aws" else None}


def main():
    if "--types" in sys.argv:
        named = json.load(sys.stdin)
        found = {name: [part.get_content_type() for part in parts_of(base64.b64decode(blob))] for name, blob in named.items()}
    else:
        found = [read(part) for part in parts_of(sys.stdin.buffer.read())]
    json.dump(found, sys.stdout)


main()
