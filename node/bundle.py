"""Packs what is installed on a node into `bundle.txt`, for user data, which has room for 16 KB.

    python3 node/bundle.py            writes bundle.txt
    python3 node/bundle.py --check    says whether it is current

The bundle is a file in the repository, so that the same release gives the same user data on every machine. Otherwise another version of a
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

#: What is packed: files, and folders with all that is in them.
CONTENT = ("install.sh", "program", "systemd")

#: Characters in a line. Mail programs and MIME parsers take lines of up to 998, and each end of a line is a byte.
WIDTH = 980

#: The order that is packed best: files of one language side by side.
_ORDER = (".conf", ".timer", ".service", "", ".sh", ".jq")

_SMALLEST = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "lc": 3, "lp": 0, "pb": 0, "nice_len": 64}]


def files():
    """The files: path, and text without comments, empty lines and indentation."""
    paths = [HERE / top for top in CONTENT]
    found = [file for path in paths for file in (path, *path.rglob("*")) if file.is_file()]
    for file in sorted(found, key=lambda file: (_ORDER.index(file.suffix), file), reverse=True):
        # Lines that are comments, but not the first line of a script.
        text = re.sub(r"^[ \t]*#(?!!).*\n", "", file.read_text(), flags=re.MULTILINE)
        text = re.sub(r"^[ \t\n]+", "", text, flags=re.MULTILINE)
        yield file.relative_to(HERE).as_posix(), text


def pack():
    """The text of bundle.txt."""
    raw = "".join(f"{name}\0{text}\0" for name, text in files())
    packed = base64.b85encode(lzma.compress(raw.encode(), check=lzma.CHECK_CRC32, filters=_SMALLEST)).decode()
    return "".join(f"{packed[at:at + WIDTH]}\n" for at in range(0, len(packed), WIDTH))


def content(text):
    """What a bundle has: a list of path and text. The same lines as in user data."""
    parts = lzma.decompress(base64.b85decode(text.replace("\n", ""))).decode().split("\0")
    return list(zip(parts[::2], parts[1::2]))


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit("usage: bundle.py [--check]")
    # Not the bytes: they depend on the version of liblzma.
    if BUNDLE.exists() and content(BUNDLE.read_text()) == list(files()):
        return
    if sys.argv[1:]:
        sys.exit(f"{BUNDLE} is not current: python3 node/bundle.py")
    BUNDLE.write_text(pack())


if __name__ == "__main__":
    main()
