"""The Grafana dashboard of the cross-AZ traffic: panels for the data source Amazon Athena, each with a query of traffic/sql or traffic/grafana.

`python dashboard.py` writes traffic/grafana/cross-az-traffic.json. A test compares that file with this module, and checks it against
traffic/grafana/dashboard.schema.json. The time range is Grafana's, by the macros of the data source (grafana/athena-datasource, README, "Macros").
"""

import json
from dataclasses import dataclass

import statement

GRAFANA = statement.SQL.parent / "grafana"
FILE = GRAFANA / "cross-az-traffic.json"

#: What the macros stand for: TIMESTAMP '2026-05-04 09:00:00'.
FROM, TO = "$__timeFrom()", "$__timeTo()"

#: Prices of NAT gateways and of the internet differ by Region: the variables have them. One that is empty is not known.
PRICES = {name: f"nullif('${name}', '')" for name in ("nat_usd_per_gb", "internet_usd_per_gb")}

#: The variable that has the cluster.
CLUSTER = "$cluster"

#: The formats of a query of the data source (grafana/athena-datasource, src/types.ts, FormatOptions).
TIME_SERIES, TABLE = 0, 1
DATA_SOURCE = {"type": "grafana-athena-datasource", "uid": "${datasource}"}
CONNECTION = {"region": "__default", "catalog": "__default", "database": "__default"}

#: The clusters of the last days, for the variable. It has no option "All" of Grafana's own, because the data source decides how that is
#: written into a query.
CLUSTERS = f"""SELECT '{statement.ALL_CLUSTERS}' AS cluster
UNION
SELECT cluster
FROM cross_az_traffic
WHERE cluster IS NOT NULL AND hour >= CAST(current_timestamp AS timestamp) - INTERVAL '7' DAY
ORDER BY cluster"""


@dataclass(frozen=True)
class Panel:
    """A panel. `query` is a file of traffic/grafana, else a named query. Sizes are in Grafana's grid of 24 columns."""

    title: str
    kind: str
    query: str
    width: int
    height: int
    unit: str = "short"
    #: The units of columns that are not the panel's.
    units: tuple = ()
    stacked: bool = False

    def sql(self, begin=FROM, end=TO, cluster=CLUSTER, **parameters):
        """The query for a time range and a cluster."""
        file = GRAFANA / f"{self.query}.sql"
        if file.exists():
            return statement.with_parameters(statement.without_comments(file.read_text(encoding="utf-8")).strip(), **{"from": begin, "to": end, "cluster": cluster})
        return statement.named(self.query, begin, end, cluster=cluster, **parameters)


USD, BYTES, SHARE = "currencyUSD", "bytes", "percentunit"
SUMS = (("cross_az_bytes", BYTES), ("usd", USD), ("in_zone_share", SHARE))

PANELS = (
    Panel("Cost of crossing zones", "stat", "total", 6, 8, USD),
    Panel("Cost by hour", "timeseries", "cost-by-hour", 9, 8, USD, stacked=True),
    Panel("Share of bytes", "timeseries", "share-by-hour", 9, 8, SHARE),
    Panel(
        "What to do: a month of each pair of groups", "table", "what-to-do", 24, 9,
        units=(("cross_az_bytes", BYTES), ("usd_a_month", USD), ("a_saves_usd", USD), ("b_saves_usd", USD)),
    ),
    Panel("Kubernetes Services", "table", "kubernetes-services", 24, 9, units=(("bytes", BYTES), *SUMS)),
    Panel("By workload", "table", "by-workload", 16, 9, units=(("bytes", BYTES), *SUMS, ("usd_in_the_cluster", USD), ("usd_with_services", USD), ("usd_with_clusters", USD))),
    Panel("From zone to zone", "table", "zone-matrix", 8, 9, units=(("bytes", BYTES), ("usd", USD))),
    Panel("Services in the VPC", "table", "services", 24, 9, units=(("sent_bytes", BYTES), ("received_bytes", BYTES), *SUMS)),
    Panel(
        "NAT gateways and ways out", "table", "nat-and-internet", 24, 9,
        units=(("sent_bytes", BYTES), ("received_bytes", BYTES), ("usd_across_zones", USD), ("usd_processed", USD), ("usd_internet", USD)),
    ),
    Panel("Pairs that cost most", "table", "top-talkers", 24, 9, units=SUMS),
)


def _panel(number, panel, x, y):
    defaults = {"unit": panel.unit}
    if panel.kind == "timeseries":
        defaults["custom"] = {"fillOpacity": 20, "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"}}
    overrides = [{"matcher": {"id": "byName", "options": name}, "properties": [{"id": "unit", "value": unit}]} for name, unit in panel.units]
    target = {
        "refId": "A",
        "datasource": DATA_SOURCE,
        "format": TIME_SERIES if panel.kind == "timeseries" else TABLE,
        "connectionArgs": CONNECTION,
        "rawSQL": panel.sql(**PRICES),
    }
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "datasource": DATA_SOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "targets": [target],
    }


def build():
    """The dashboard, in Grafana's JSON."""
    panels, x, y, height = [], 0, 0, 0
    for number, panel in enumerate(PANELS, 1):
        if x + panel.width > 24:
            x, y, height = 0, y + height, 0
        panels.append(_panel(number, panel, x, y))
        x, height = x + panel.width, max(height, panel.height)
    return {
        "uid": "hookline-cross-az-traffic",
        "title": "Hookline: traffic across Availability Zones",
        "description": "What crosses Availability Zones, what it costs, and what to do. docs/cross-az-traffic.md explains it.",
        "tags": ["hookline", "eks"],
        "timezone": "utc",
        "editable": True,
        "schemaVersion": 39,
        "time": {"from": "now-7d/h", "to": "now/h"},
        "templating": {
            "list": [
                {"name": "datasource", "label": "Athena", "type": "datasource", "query": "grafana-athena-datasource"},
                # A query of the data source is an object, as in a panel (grafana/athena-datasource, src/variables.ts).
                {
                    "name": "cluster", "label": "Cluster", "type": "query", "datasource": DATA_SOURCE, "refresh": 1,
                    "query": {"refId": "A", "format": TABLE, "connectionArgs": CONNECTION, "rawSQL": CLUSTERS},
                    "current": {"text": statement.ALL_CLUSTERS, "value": statement.ALL_CLUSTERS},
                },
                {"name": "nat_usd_per_gb", "label": "NAT gateway, US dollars a GB", "type": "textbox", "query": ""},
                {"name": "internet_usd_per_gb", "label": "Internet, US dollars a GB", "type": "textbox", "query": ""},
            ]
        },
        "panels": panels,
    }


def text():
    """The content of the file."""
    return json.dumps(build(), indent=2) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
