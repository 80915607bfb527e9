"""Parses user data by cloud-init's own parser, and prints its parts as JSON: content type, content, and the value of YAML.

Debian has cloud-init as a module of its own Python, with PyYAML. The program runs there: /usr/bin/python3 cloud_init.py < user-data
"""

import json
import sys
import tempfile

import yaml
from cloudinit import helpers, user_data


def main():
    blob = sys.stdin.buffer.read()
    with tempfile.TemporaryDirectory() as folder:
        paths = helpers.Paths({"cloud_dir": folder, "run_dir": folder, "templates_dir": folder})
        message = user_data.UserDataProcessor(paths).process(blob)
    parts = []
    for part in message.walk():
        if part.get_content_maintype() != "multipart":
            content = part.get_payload(decode=True).decode("ascii")
            kind = part.get_content_type()
            parts.append({"type": kind, "content": content, "yaml": yaml.safe_load(content) if kind == "application/node.eks.aws" else None})
    json.dump(parts, sys.stdout)


main()
