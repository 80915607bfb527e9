"""Packs what is installed on a node, for user data, which has room for 16 KB.

    python3 node/bundle.py            writes bundle.txt and bundle-signal.txt
    python3 node/bundle.py --check    says whether they are current

Only a node with a rolling update tells CloudFormation that it is ready, so only `bundle-signal.txt` has what does so. The others need its room: a
managed node group has the least.

A bundle is a file in the repository, so that the same release gives the same user data on every machine. Otherwise another version of a
compressor would make another launch template, and new nodes for nothing.

The format: for each file its path and its text, with a NUL after each; then LZMA; then one number in base 94, in lines: its digits are all
characters of ASCII that can be seen. Python reads it in a few lines, and cloud-init runs on Python. The files have lost their comments, empty lines
and indentation, and many options are short. tar would cost 6 % more, base 85 2 %, and xz around LZMA 50 bytes.

The number is a multiple of 3**20, by the 32 bits at its end: LZMA itself has no checksum, and a digit that is wrong, lost or in another place would
give other programs. 3 divides no power of 94, so no such change leaves a multiple but by chance, once in three thousand million times. No line has `${` or `%{`, which templates of CloudFormation (Fn::Sub) and Terraform take for theirs.
"""

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

#: Characters in a line. Mail programs and MIME parsers take lines of up to 998, and each end of a
#: line is a byte.
WIDTH = 980

#: An order that is packed well, which a search found; any other is right, too. What is not named
#: comes last.
_ORDER = (
    "settings.jq", "cni.jq", "addresses.jq", "assign.jq", "network-file.jq", "hookline-signal", "imds.sh", "common.sh", "hookline-gate", "cni.sh",
    "networkd.sh", "links.sh", "hookline-interfaces", "nodeadm.sh", "install.sh", "hookline-signal.service", "hookline-interfaces.timer",
    "hookline-interfaces.service", "50-hookline.conf",
)  # fmt: skip

#: Options of the scripts' programs (jq, curl, grep, rm, …). Each name has the same short form in every program that the scripts call with it.
_SHORT = {
    "raw-output": "r", "compact-output": "c", "from-file": "f", "parents": "p", "force": "f", "silent": "s", "show-error": "S", "request": "X",
    "header": "H", "write-out": "w", "max-time": "m", "slurp": "s", "raw-input": "R", "invert-match": "v", "max-count": "m", "directory": "d",
    "recursive": "r", "line-regexp": "x", "symbolic": "s",
}  # fmt: skip

#: The first and the last digit of a number: `!` and `~`.
_FIRST, _LAST = 33, 126
_BASE = _LAST - _FIRST + 1

#: Every bundle is a multiple of it. cdk/lib/nodegroup/amazon-linux-2023.ts has both numbers, too.
_CHECK, _CHECK_BITS = 3**20, 32

#: What a template that user data is pasted into takes for its own. White space between digits means
#: nothing.
_OF_TEMPLATES = re.compile(r"(?<=[$%])(?=\{)")

_SMALLEST = [{"id": lzma.FILTER_LZMA1, "preset": 9 | lzma.PRESET_EXTREME, "lc": 3, "lp": 0, "pb": 0, "nice_len": 64}]


def files(signal=True):
    """The files: path, and text without comments, empty lines and indentation. Without `signal`, those of a node that has no rolling update."""
    paths = [HERE / top for top in CONTENT]
    found = [file for path in paths for file in (path, *path.rglob("*")) if file.is_file()]
    order = {name: place for place, name in enumerate(_ORDER)}
    for file in sorted(found, key=lambda file: (order.get(file.name, len(order)), file)):
        # Lines that are comments, but not the first line of a script.
        text = re.sub(r"^[ \t]*#(?!!).*\n", "", file.read_text(), flags=re.MULTILINE)
        text = re.sub(r"^[ \t\n]+", "", text, flags=re.MULTILINE)
        text = re.sub(rf" --({'|'.join(_SHORT)})(?=[ \n])", lambda option: f" -{_SHORT[option[1]]}", text)
        name = file.relative_to(HERE).as_posix()
        if signal or name not in OF_SIGNAL:
            yield name, text


def pack(signal=True):
    """The text of a bundle."""
    raw = "".join(f"{name}\0{text}\0" for name, text in files(signal))
    return in_lines(_in_digits(lzma.compress(raw.encode(), format=lzma.FORMAT_ALONE, filters=_SMALLEST)))


def in_lines(packed):
    """Digits in lines, with an end of a line in what a template would take for its own."""
    lines = "".join(f"{packed[at:at + WIDTH]}\n" for at in range(0, len(packed), WIDTH))
    return _OF_TEMPLATES.sub("\n", lines)


def _in_digits(packed):
    """Bytes and their check as a number in base 94. LZMA's first byte is not 0, so that none is lost."""
    number, digits = int.from_bytes(packed, "big") << _CHECK_BITS, []
    number += -number % _CHECK
    while number:
        number, digit = divmod(number, _BASE)
        digits.append(chr(_FIRST + digit))
    return "".join(reversed(digits))


def content(text):
    """What a bundle has: a list of path and text; None if it is damaged. The same as in user data (cdk/lib/nodegroup/amazon-linux-2023.ts)."""
    number = 0
    for digit in b"".join(text.encode().split()):
        number = number * 94 + digit - 33
    if not number or number % _CHECK:
        return None
    packed = number.to_bytes(number.bit_length() // 8 + 1, "big")[: -_CHECK_BITS // 8]
    parts = lzma.decompress(packed).decode().split("\0")
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
