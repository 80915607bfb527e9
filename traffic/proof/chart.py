"""Draws the zone-to-zone matrix as SVG: a row for each source zone, a column for each destination zone, a square for the bytes.

`python chart.py < rows.json > matrix.svg` draws the rows of sql/zone-matrix.sql, as a JSON list of objects.
"""

import json
import sys
import textwrap
from xml.sax.saxutils import escape

CELL, LEFT, TOP, RIGHT, BOTTOM = 132, 120, 84, 24, 64

#: The width for the two sentences below the squares.
NARROWEST = 576

#: The margin of texts, the height of a line of the title, and about the width of a letter of it: bold sans-serif of 16 px, in a wide font.
MARGIN, TITLE_LINE, TITLE_LETTER = 16, 22, 10.5


def human(size):
    """Bytes for people. A KB has 2^10 bytes, because the price of a GB is for 2^30 bytes."""
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if size < 1024 or unit == "TB":
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024


def _money(usd):
    return f"${usd:,.2f}" if usd >= 0.01 or usd == 0 else "under $0.01"


def matrix(rows):
    """Sums rows of {src_az_id, dst_az_id, bytes, usd} by zones. Returns the zones in order, and {(source, destination): (bytes, usd)}."""
    cells = {}
    for row in rows:
        at = (row["src_az_id"] or "(not known)", row["dst_az_id"] or "(not known)")
        size, usd = cells.get(at, (0, 0.0))
        cells[at] = (size + int(row["bytes"]), usd + float(row["usd"]))
    return sorted({zone for at in cells for zone in at}), cells


def svg(rows, title):
    """The chart. The squares of the diagonal are traffic within a zone, and grey. The more bytes, the stronger the colour."""
    zones, cells = matrix(rows)
    largest = max((size for size, _ in cells.values()), default=0)
    width = max(LEFT + CELL * len(zones) + RIGHT, NARROWEST)
    heading = textwrap.wrap(title, int((width - 2 * MARGIN) / TITLE_LETTER))
    top = TOP + TITLE_LINE * (len(heading) - 1)
    height = top + CELL * len(zones) + BOTTOM
    total = sum(size for size, _ in cells.values())
    crossing = sum(size for (source, destination), (size, _) in cells.items() if source != destination)
    usd = sum(cost for _, cost in cells.values())
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" role="img" '
        'font-family="sans-serif" font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *(
            f'<text x="{MARGIN}" y="{26 + TITLE_LINE * number}" font-size="16" font-weight="bold">{escape(line)}</text>'
            for number, line in enumerate(heading)
        ),
        f'<text x="{LEFT}" y="{top - 34}" fill="#555555">to</text>',
        f'<text x="{MARGIN}" y="{top - 10}" fill="#555555">from</text>',
    ]
    for number, zone in enumerate(zones):
        parts.append(f'<text x="{LEFT + CELL * number + CELL // 2}" y="{top - 10}" text-anchor="middle">{escape(zone)}</text>')
        parts.append(f'<text x="{LEFT - 12}" y="{top + CELL * number + CELL // 2 + 4}" text-anchor="end">{escape(zone)}</text>')
    for row, source in enumerate(zones):
        for column, destination in enumerate(zones):
            size, cost = cells.get((source, destination), (0, 0.0))
            share = size / largest if largest else 0
            colour = "#808080" if source == destination else "#d1495b"
            x, y = LEFT + CELL * column, top + CELL * row
            tip = f"{source} to {destination}: {size} bytes, {_money(cost)}"
            parts.append(
                f'<g><title>{escape(tip)}</title><rect x="{x}" y="{y}" width="{CELL - 4}" height="{CELL - 4}" fill="{colour}" '
                f'fill-opacity="{0.06 + 0.74 * share:.3f}"/>'
                f'<text x="{x + CELL // 2 - 2}" y="{y + CELL // 2 - 4}" text-anchor="middle" font-weight="bold">{human(size)}</text>'
                f'<text x="{x + CELL // 2 - 2}" y="{y + CELL // 2 + 16}" text-anchor="middle" fill="#333333">'
                f'{"in zone" if source == destination else _money(cost)}</text></g>'
            )
    share = f"{(total - crossing) / total:.1%} stay in their zone; " if total else ""
    parts.append(f'<text x="{MARGIN}" y="{height - 34}">{share}{human(crossing)} cross, {_money(usd)} for both directions.</text>')
    parts.append(f'<text x="{MARGIN}" y="{height - 14}" fill="#555555">No flow log has traffic within a node, so the chart does not show it.</text>')
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    sys.stdout.write(svg(json.load(sys.stdin), "Bytes between Availability Zones"))
