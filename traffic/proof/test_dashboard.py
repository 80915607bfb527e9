"""The Grafana dashboard: its form, its queries on a generated cluster, and the picture of them in docs."""

import json
import re
import unittest
from datetime import datetime
from xml.etree import ElementTree

import duckdb
import jsonschema
import sqlglot

import dashboard
import font
import picture
import statement
import tables


class Form(unittest.TestCase):
    def setUp(self):
        self.built = json.loads(dashboard.FILE.read_text(encoding="utf-8"))
        self.schema = jsonschema.Draft202012Validator(json.loads((dashboard.GRAFANA / "dashboard.schema.json").read_text(encoding="utf-8")))

    def test_the_file_is_what_the_module_makes(self):
        self.assertEqual(dashboard.FILE.read_text(encoding="utf-8"), dashboard.text(), "run traffic/proof/dashboard.py")

    def test_the_file_fits_the_schema(self):
        self.schema.validate(self.built)

    def test_the_schema_refuses_what_grafana_does_not_know(self):
        for change in ({"panel": []}, {"panels": [{**self.built["panels"][0], "datasource": "Athena"}]}, {"time": {"from": "now-7d"}}):
            self.assertFalse(self.schema.is_valid({**self.built, **change}), change)

    def test_panels_do_not_overlap(self):
        taken = set()
        for panel in self.built["panels"]:
            at = panel["gridPos"]
            cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
            self.assertLessEqual(max(x for x, _ in cells), 23, panel["title"])
            self.assertFalse(cells & taken, panel["title"])
            taken |= cells
        self.assertEqual(len({panel["id"] for panel in self.built["panels"]}), len(self.built["panels"]))

    def test_each_variable_of_a_query_is_there(self):
        names = {variable["name"] for variable in self.built["templating"]["list"]}
        used = set(re.findall(r"\$\{?(?!__)(\w+)", json.dumps(self.built["panels"])))
        self.assertEqual(used, names)


class Queries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rows = dict(zip(dashboard.PANELS, picture.rows_of_panels()))

    def test_each_panel_has_rows_of_a_generated_cluster(self):
        for panel, rows in self.rows.items():
            self.assertTrue(rows, panel.title)

    def test_a_time_series_has_a_rising_time_and_numbers(self):
        for panel, rows in self.rows.items():
            if panel.kind == "timeseries":
                times = [row["time"] for row in rows]
                self.assertEqual(times, sorted(set(times)))
                self.assertIsInstance(times[0], datetime)
                self.assertTrue(all(isinstance(value, float) for row in rows for name, value in row.items() if name != "time"))

    def test_each_unit_is_of_a_column(self):
        for panel, rows in self.rows.items():
            unknown = {name for name, _ in panel.units} - set(rows[0]) - {name for name, _ in dashboard.SUMS}
            self.assertEqual(unknown, set(), panel.title)

    def test_the_hours_add_up_to_the_total(self):
        by_title = {panel.title: rows for panel, rows in self.rows.items()}
        (total,) = by_title["Cost of crossing zones"]
        for name in ("in the cluster", "between clusters", "with services"):
            self.assertAlmostEqual(sum(row[name] for row in by_title["Cost by hour"]), total[name], places=1)
            self.assertGreater(total[name], 0)

    def test_each_query_parses_with_grafanas_macros_replaced(self):
        for panel in dashboard.PANELS:
            text = panel.sql().replace("$__timeFrom()", "TIMESTAMP '2026-05-04 09:00:00'").replace("$__timeTo()", "TIMESTAMP '2026-05-04 12:00:00'").replace("'$cluster'", "'prod'")
            self.assertNotIn("$", text)
            for dialect in ("athena", "trino"):
                self.assertEqual(len(sqlglot.parse(text, read=dialect, error_level=sqlglot.ErrorLevel.RAISE)), 1, panel.title)


class Variables(unittest.TestCase):
    def test_the_clusters_are_those_of_the_last_days_and_all_of_them(self):
        connection = duckdb.connect()
        self.addCleanup(connection.close)
        tables.create_result_tables(connection)
        # Rows of hours from before the table had the column have no cluster.
        for cluster, ago in (("prod", 1), ("prod", 2), ("gone", 8 * 24), ("batch", 6 * 24), (None, 1)):
            connection.execute(
                "INSERT INTO cross_az_traffic (hour, cluster) VALUES (CAST(current_timestamp AS timestamp) - to_hours(?), ?)", [ago, cluster]
            )
        for text in (dashboard.CLUSTERS, statement.as_trino_means(dashboard.CLUSTERS, "athena")):
            self.assertEqual(connection.execute(text).fetchall(), [("(all)",), ("batch",), ("prod",)])


    def test_prices_are_empty_and_the_columns_of_one_that_is_empty_are_too(self):
        built = dashboard.build()
        boxes = {variable["name"]: variable["query"] for variable in built["templating"]["list"] if variable["type"] == "textbox"}
        self.assertEqual(boxes, {"nat_usd_per_gb": "", "internet_usd_per_gb": ""})
        (text,) = (panel["targets"][0]["rawSQL"] for panel in built["panels"] if panel["title"] == "NAT gateways and ways out")
        text = text.replace("$__timeFrom()", "TIMESTAMP '2026-05-04 09:00:00'").replace("$__timeTo()", "TIMESTAMP '2026-05-04 12:00:00'").replace("'$cluster'", "'(all)'")
        connection = duckdb.connect()
        self.addCleanup(connection.close)
        tables.create_result_tables(connection)
        connection.execute(
            "INSERT INTO cross_az_traffic (hour, scope, dst_group_kind, dst_group, bytes, usd_out, usd_in, cluster, src_namespace, src_group) "
            "VALUES (TIMESTAMP '2026-05-04 09:00:00', 'egress', 'NatGateway', 'nat-0a', 1073741824, 0, 0, 'prod', 'shop', 'cart')"
        )
        for nat, internet, costs in (("", "", (None, None)), ("0.045", "", (0.045, None)), ("0.045", "0.09", (0.045, 0.09))):
            filled = text.replace("$nat_usd_per_gb", nat).replace("$internet_usd_per_gb", internet)
            self.assertNotIn("$", filled)
            ((*_, processed, out),) = connection.execute(statement.as_trino_means(filled, "athena")).fetchall()
            self.assertEqual((processed, out), costs)


class Picture(unittest.TestCase):
    def test_the_picture_is_what_the_queries_show(self):
        drawn = picture.svg()
        self.assertEqual(picture.FILE.read_text(encoding="utf-8"), drawn, "run traffic/proof/picture.py")
        texts = [element.text for element in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
        for panel in dashboard.PANELS:
            self.assertIn(panel.title, texts)

    def test_no_text_of_the_picture_overlaps_another_one_or_leaves_its_panel(self):
        svg = "{http://www.w3.org/2000/svg}"
        root = ElementTree.parse(picture.FILE).getroot()
        panels = [[float(rect.get(name)) for name in ("x", "y", "width", "height")] for rect in root.iter(f"{svg}rect") if rect.get("x")]
        boxes = []
        for text in root.iter(f"{svg}text"):
            size, bold = float(text.get("font-size")), text.get("font-weight") == "bold"
            wide = font.width(text.text or "", size, bold)
            left = float(text.get("x")) - {"middle": wide / 2, "end": wide}.get(text.get("text-anchor"), 0)
            # From the top of its capitals to the ends of a `y`.
            boxes.append((left, float(text.get("y")) - 0.75 * size, left + wide, float(text.get("y")) + 0.25 * size, text.text))
        for number, (left, top, right, bottom, text) in enumerate(boxes):
            self.assertTrue(any(x <= left and right <= x + w and y <= top and bottom <= y + h for x, y, w, h in panels), text)
            over = [other[4] for other in boxes[:number] if left < other[2] and other[0] < right and top < other[3] and other[1] < bottom]
            self.assertEqual(over, [], text)


if __name__ == "__main__":
    unittest.main()
