"""How wide a text is, so that a picture has room for it: the widths of the letters of DejaVu Sans, the widest of the sans-serif fonts that FAMILY names.

`python font.py FOLDER` writes font.json, the widths, from the files of the font in a folder: DejaVuSans.ttf and DejaVuSans-Bold.ttf, which Debian
has in /usr/share/fonts/truetype/dejavu (package fonts-dejavu-core). The tables of such a file are those of OpenType's specification.
"""

import json
import struct
import sys
from pathlib import Path

WIDTHS = Path(__file__).resolve().with_suffix(".json")

#: What a picture's root has, so that its texts are no wider than this module says: these fonts, and no letter at a full pixel or nearer to the next one.
FAMILY = "DejaVu Sans, Arial, Helvetica, sans-serif"
STYLE = f'font-family="{FAMILY}" text-rendering="geometricPrecision" style="font-kerning: none"'

#: The letters that have a width here: printable ASCII, and what cuts a text.
LETTERS = [*map(chr, range(0x20, 0x7F)), "…"]

_FONTS = json.loads(WIDTHS.read_text(encoding="utf-8")) if WIDTHS.exists() else {}


def width(text, size, bold=False):
    """The pixels that a text takes."""
    font = _FONTS["bold" if bold else "regular"]
    unknown = sorted(set(text) - set(font["widths"]))
    if unknown:
        raise ValueError(f"font.json has no width of {unknown} in {text!r}: add them to LETTERS, and run font.py")
    return sum(font["widths"][letter] for letter in text) * size / font["unitsPerEm"]


def _tables(data):
    """The tables of a font's file, by name."""
    (count,) = struct.unpack_from(">H", data, 4)
    rows = (struct.unpack_from(">4sIII", data, 12 + 16 * number) for number in range(count))
    return {name.decode(): data[begin : begin + length] for name, _, begin, length in rows}


def _glyphs(cmap):
    """The number of each letter's glyph, from a subtable of format 4."""
    (count,) = struct.unpack_from(">H", cmap, 2)
    places = (struct.unpack_from(">HHI", cmap, 4 + 8 * number)[2] for number in range(count))
    table = next(cmap[place:] for place in places if struct.unpack_from(">H", cmap, place)[0] == 4)
    (doubled,) = struct.unpack_from(">H", table, 6)
    # After the ends of the segments come two bytes of nothing.
    ends, begins, deltas, offsets = (struct.unpack_from(f">{doubled // 2}H", table, 14 + part * doubled + (2 if part else 0)) for part in range(4))

    def glyph(code):
        segment = next(number for number, end in enumerate(ends) if end >= code)
        if begins[segment] > code:
            return 0
        if not offsets[segment]:
            return (code + deltas[segment]) % 0x10000
        place = 16 + 3 * doubled + 2 * segment + offsets[segment] + 2 * (code - begins[segment])
        (found,) = struct.unpack_from(">H", table, place)
        return (found + deltas[segment]) % 0x10000 if found else 0

    return {letter: glyph(ord(letter)) for letter in LETTERS}


def read(file):
    """The widths of the letters in a font's file."""
    tables = _tables(file.read_bytes())
    (units,), (full,) = struct.unpack_from(">H", tables["head"], 18), struct.unpack_from(">H", tables["hhea"], 34)
    # The glyphs after the last width of the table have that one.
    return {
        "unitsPerEm": units,
        "widths": {letter: struct.unpack_from(">H", tables["hmtx"], 4 * min(glyph, full - 1))[0] for letter, glyph in _glyphs(tables["cmap"]).items()},
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    found = {weight: read(folder / name) for weight, name in (("regular", "DejaVuSans.ttf"), ("bold", "DejaVuSans-Bold.ttf"))}
    WIDTHS.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
