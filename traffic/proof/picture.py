"""Draws what the panels of the Grafana dashboard show, as SVG, from their queries on three hours of two generated clusters.

`python picture.py` writes docs/cross-az-dashboard.svg. It is no screenshot: Grafana draws the same rows in its own way. A test compares the file with this
module.
"""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from xml.sax.saxutils import escape

import sqlglot

import answers
import dashboard
import font
import statement
from chart import human
from cluster import utc
from story import DAY
from world import EVERY_FIVE, World, scenario

FILE = Path(__file__).resolve().parents[2] / "docs" / "cross-az-dashboard.svg"

#: The size of a cell of Grafana's grid, and of a row of a table, in pixels.
CELL_WIDTH, CELL_HEIGHT, ROW = 54, 30, 22
#: A generated flow has so many times its bytes: a larger cluster, with dollars that one can read.
SCALE = 2000
#: The size of a table's texts, the most pixels that one asks for, and what is between two columns.
SMALL, WIDEST, GAP = 11, 190, 10
COLOURS = ("#3274d9", "#e0752d", "#37872d")


def rows_of_panels():
    """The rows of each panel's query, for three hours of two generated clusters. Trino's dialect is translated for DuckDB."""
    world = World(replace(scenario("services"), beside=True), 7, 40)
    listed = SimpleNamespace(traffic=world.traffic, cluster=world.listed(EVERY_FIVE))
    begin, end = (f"TIMESTAMP '{utc(*DAY, hour).strftime(statement.UNTIL_FORMAT)}'" for hour in (9, 12))
    with answers.opened(listed) as (connection, _):
        connection.execute(f"CREATE TABLE cross_az_traffic AS {statement.cross_az(utc(*DAY, 12))}")
        connection.execute(f"UPDATE cross_az_traffic SET bytes = {SCALE} * bytes, usd_out = {SCALE} * usd_out, usd_in = {SCALE} * usd_in")
        return [
            answers.rows(connection.execute(sqlglot.transpile(panel.sql(begin, end, statement.ALL_CLUSTERS, internet_usd_per_gb="0.09"), read="athena", write="duckdb")[0]))
            for panel in dashboard.PANELS
        ]


def shown(value, unit):
    """A value as people read it."""
    if value is None:
        return ""
    if unit == dashboard.USD:
        return f"${value:,.2f}"
    if unit == dashboard.BYTES:
        return human(value)
    if unit == dashboard.SHARE:
        return f"{100 * value:.1f} %"
    return ", ".join(value) if isinstance(value, list) else str(value)


def _text(x, y, text, size=12, more=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}"{more}>{escape(text)}</text>'


def _stat(panel, rows, x, y, width, _height):
    (row,) = rows
    for number, (name, value) in enumerate(row.items()):
        yield _text(x + 14, y + 66 + 64 * number, shown(value, panel.unit), 30, f' fill="{COLOURS[number]}"')
        yield _text(x + 14, y + 86 + 64 * number, name)


def _series(panel, rows, x, y, width, height):
    left, top, right, bottom = x + 70, y + 44, x + width - 20, y + height - 44
    names = list(rows[0])[1:]
    sums = [[sum(row[name] or 0 for name in names[: number + 1]) if panel.stacked else row[names[number]] or 0 for row in rows] for number in range(len(names))]
    most = max(max(line) for line in sums) or 1
    across = [left + (right - left) * number / max(1, len(rows) - 1) for number in range(len(rows))]
    for share in (0, 0.5, 1):
        level = bottom - (bottom - top) * share
        yield f'<path d="M{left:.0f} {level:.0f}H{right:.0f}" stroke="#ddd"/>'
        yield _text(left - 6, level + 4, shown(most * share, panel.unit), 11, ' text-anchor="end"')
    for number, line in enumerate(sums):
        points = " ".join(f"{at:.1f},{bottom - (bottom - top) * value / most:.1f}" for at, value in zip(across, line))
        yield f'<polyline points="{points}" fill="none" stroke="{COLOURS[number]}" stroke-width="2"/>'
        yield _text(left + 150 * number, y + height - 10, names[number], 12, f' fill="{COLOURS[number]}"')
    for at, row in zip(across, rows):
        time = row["time"] if isinstance(row["time"], datetime) else datetime.fromisoformat(str(row["time"]))
        yield _text(at, bottom + 16, time.strftime("%H:%M"), 11, ' text-anchor="middle"')


def _wide(text, bold=False):
    """The pixels that a text of a table takes."""
    return font.width(text, SMALL, bold)


def _cut(text, room):
    """A text that takes no more than so many pixels: cut, and with an ellipsis, if it is longer."""
    # The room is a sum of floating-point numbers.
    if _wide(text) <= room + 0.1:
        return text
    return next(text[:end] + "…" for end in range(len(text) - 1, -1, -1) if _wide(text[:end] + "…") <= room)


def _in_two_lines(name):
    """The name of a column in two lines that are about as long, if it has several words."""
    words = name.split("_")
    lines = [("_".join(words[:end]) + "_" * (0 < end < len(words)), "_".join(words[end:])) for end in range(len(words))]
    return min(lines, key=lambda pair: max(_wide(line, bold=True) for line in pair))


def _rooms(least, wanted, room):
    """The pixels of each column: what it needs at least, and of what is left, as its texts want it."""
    more = [want - need for need, want in zip(least, wanted)]
    left = room - sum(least)
    if left < 0:
        raise ValueError(f"the columns of a table need {sum(least):.0f} pixels, and its panel has {room}: make it wider in dashboard.py")
    return [need + (left * share / sum(more) if left < sum(more) else share + (left - sum(more)) / len(more)) for need, share in zip(least, more)]


def _table(panel, rows, x, y, panel_width, height):
    units, names = dict(panel.units), list(rows[0])
    cells = [[shown(row[name], units.get(name, "short")) for name in names] for row in rows[: int((height - 56) // ROW)]]
    longest = [max(_wide(line[number]) for line in cells) for number in range(len(names))]
    # A number is never cut.
    least = [max(*(_wide(line, bold=True) for line in _in_two_lines(name)), longest[number] if name in units else 0) + GAP for number, name in enumerate(names)]
    wanted = [max(need, min(WIDEST, longest[number]) + GAP) for number, need in enumerate(least)]
    at = x + 10
    for number, room in enumerate(_rooms(least, wanted, panel_width - 20)):
        name = names[number]
        for line, text in enumerate(("", name) if _wide(name, bold=True) <= room - GAP else _in_two_lines(name)):
            if text:
                yield _text(at, y + 38 + 13 * line, text, SMALL, ' font-weight="bold"')
        for line, row in enumerate(cells):
            yield _text(at, y + 48 + ROW * (line + 1), _cut(row[number], room - GAP), SMALL)
        at += room


def svg():
    """The picture."""
    built = dashboard.build()["panels"]
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in built) * CELL_HEIGHT
    width = 24 * CELL_WIDTH
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {font.STYLE} fill="#222">',
        "<title>The panels of the Grafana dashboard, on three hours of two generated clusters</title>",
        f'<rect width="{width}" height="{height}" fill="#f4f5f5"/>',
    ]
    draw = {"stat": _stat, "timeseries": _series, "table": _table}
    for panel, where, rows in zip(dashboard.PANELS, (panel["gridPos"] for panel in built), rows_of_panels()):
        x, y, w, h = where["x"] * CELL_WIDTH + 4, where["y"] * CELL_HEIGHT + 4, where["w"] * CELL_WIDTH - 8, where["h"] * CELL_HEIGHT - 8
        parts.append(f'<rect x="{x}" y="{y}" width="{w}" height="{h}" fill="#fff" stroke="#d8d9da"/>')
        parts.append(_text(x + 10, y + 22, panel.title, 14, ' font-weight="bold"'))
        parts.extend(draw[panel.kind](panel, rows, x, y, w, h))
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    FILE.write_text(svg(), encoding="utf-8")
