"""Packs what is installed on a node, for user data, which has room for 16 KB.

    python3 node/bundle.py            writes bundle.txt and bundle-signal.txt
    python3 node/bundle.py --check    says whether they are current

Only a node with a rolling update tells CloudFormation that it is ready, so only `bundle-signal.txt` has what does so. The others need its room: a
managed node group has the least.

A bundle is a file in the repository, so that the same release gives the same user data on every machine. Otherwise another version of a
compressor would make another launch template, and new nodes for nothing.

The format: for each file its path and its text, with a NUL after each; then xz, then base 85 in lines. Python's standard library
has all of it, and cloud-init runs on Python. The files have lost their comments, empty lines and indentation. tar would cost 6 % more.
"""

import base64
import lzma
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUNDLE = HERE / "bundle.txt"
#: With what tells CloudFormation that the node is ready.
SIGNAL_BUNDLE = HERE / "bundle-signal.txt"

#: What is packed: files, and folders with all that is in them.
CONTENT = ("install.sh", "program", "systemd")

#: What only a node with a rolling update has.
OF_SIGNAL = ("program/hookline-signal", "systemd/hookline-signal.service")

#: Characters in a line. Mail programs and MIME parsers take lines of up to 998, and each end of a line is a byte.
WIDTH = 980

#: The order that is packed best: files of one language side by side.
_ORDER = (".conf", ".timer", ".service", "", ".sh", ".jq")

_SMALLEST = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 3, "lp": 0, "pb": 0, "nice_len": 64}]


def files(signal=True):
    """The files: path, and text without comments, empty lines and indentation. Without `signal`, those of a node that has no rolling update."""
    paths = [HERE / top for top in CONTENT]
    found = [file for path in paths for file in (path, *path.rglob("*")) if file.is_file()]
    for file in sorted(found, key=lambda file: (_ORDER.index(file.suffix), file), reverse=True):
        # Lines that are comments, but not the first line of a script.
        text = re.sub(r"^[ \t]*#(?!!).*\n", "", file.read_text(), flags=re.MULTILINE)
        text = re.sub(r"^[ \t\n]+", "", text, flags=re.MULTILINE)
        name = file.relative_to(HERE).as_posix()
        if signal or name not in OF_SIGNAL:
            yield name, text


def pack(signal=True):
    """The text of a bundle."""
    raw = "".join(f"{name}\0{text}\0" for name, text in files(signal))
    packed = base64.b85encode(lzma.compress(raw.encode(), check=lzma.CHECK_CRC32, filters=_SMALLEST)).decode()
    return "".join(f"{packed[at:at + WIDTH]}\n" for at in range(0, len(packed), WIDTH))


def content(text):
    """What a bundle has: a list of path and text. The same lines as in user data."""
    parts = lzma.decompress(base64.b85decode(text.replace("\n", ""))).decode().split("\0")
    return list(zip(parts[::2], parts[1::2]))


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit("usage: bundle.py [--check]")
    for path, signal in ((BUNDLE, False), (SIGNAL_BUNDLE, True)):
        # Not the bytes: they depend on the version of liblzma.
        if path.exists() and content(path.read_text()) == list(files(signal)):
            continue
        if sys.argv[1:]:
            sys.exit(f"{path} is not current: python3 node/bundle.py")
        path.write_text(pack(signal))


if __name__ == "__main__":
    main()
