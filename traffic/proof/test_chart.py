"""The chart of the zone-to-zone matrix."""

import unittest
from xml.etree import ElementTree

import chart

ROWS = [
    {"src_az_id": "use2-az1", "dst_az_id": "use2-az1", "bytes": 3 * 2**30, "usd": 0.0},
    {"src_az_id": "use2-az1", "dst_az_id": "use2-az2", "bytes": 2**30, "usd": 0.02},
    {"src_az_id": "use2-az2", "dst_az_id": "use2-az1", "bytes": str(2**20), "usd": "0.0000195"},
    {"src_az_id": "use2-az1", "dst_az_id": "use2-az2", "bytes": 2**30, "usd": 0.02},
    {"src_az_id": "<&>", "dst_az_id": "", "bytes": 1, "usd": 0.0},
]


class Chart(unittest.TestCase):
    def setUp(self):
        self.svg = ElementTree.fromstring(chart.svg(ROWS, "An hour & more"))
        self.texts = [element.text for element in self.svg.iter("{http://www.w3.org/2000/svg}text")]
        self.tips = [element.text for element in self.svg.iter("{http://www.w3.org/2000/svg}title")]

    def test_each_pair_of_zones_has_a_square(self):
        self.assertEqual(len(self.tips) - 1, 16)
        for zone in ("use2-az1", "use2-az2", "<&>", "(not known)"):
            self.assertEqual(self.texts.count(zone), 2)

    def test_rows_of_a_pair_are_summed(self):
        self.assertIn(f"use2-az1 to use2-az2: {2 * 2**30} bytes, $0.04", self.tips)
        self.assertIn("use2-az2 to use2-az1: 1048576 bytes, under $0.01", self.tips)
        self.assertIn("use2-az2 to use2-az2: 0 bytes, $0.00", self.tips)

    def test_more_bytes_give_a_stronger_colour(self):
        strength = {
            group.find("{*}title").text.split(":")[0]: float(group.find("{*}rect").get("fill-opacity"))
            for group in self.svg.iter("{http://www.w3.org/2000/svg}g")
        }
        self.assertGreater(strength["use2-az1 to use2-az1"], strength["use2-az1 to use2-az2"])
        self.assertGreater(strength["use2-az1 to use2-az2"], strength["use2-az2 to use2-az1"])

    def test_the_chart_has_the_sum(self):
        self.assertTrue(any(text.startswith("60.0% stay in their zone; 2.0 GB cross, $0.04") for text in self.texts), self.texts)

    def test_no_rows_give_an_empty_chart(self):
        ElementTree.fromstring(chart.svg([], "Nothing"))

    def test_each_line_of_text_fits_its_picture(self):
        title = "Bytes between Availability Zones, 28 September 2026, 09:00 to 12:00 UTC"
        for zones in (1, 2, 3, 4):
            names = [f"use2-az{number}" for number in range(zones)]
            rows = [{"src_az_id": one, "dst_az_id": other, "bytes": 2**44, "usd": 20_000.0} for one in names for other in names]
            svg = ElementTree.fromstring(chart.svg(rows, title))
            width, height = int(svg.get("width")), int(svg.get("height"))
            texts = list(svg.iter("{http://www.w3.org/2000/svg}text"))
            self.assertEqual(" ".join(text.text for text in texts if text.get("font-size")), title)
            for text in texts:
                # DejaVu Sans, a wide font that many machines have: 0.66 em for a letter on average if it is bold, else 0.58.
                size = float(text.get("font-size", "13")) * len(text.text) * (0.66 if text.get("font-weight") else 0.58)
                x, anchor = float(text.get("x")), text.get("text-anchor", "start")
                left = {"start": x, "middle": x - size / 2, "end": x - size}[anchor]
                self.assertGreaterEqual(left, 0, text.text)
                self.assertLessEqual(left + size, width, text.text)
                self.assertLess(float(text.get("y")), height)
            heights = sorted({float(text.get("y")) for text in texts if text.get("x") == "16"})
            self.assertTrue(all(second - first >= 14 for first, second in zip(heights, heights[1:])), heights)

    def test_sizes_have_units(self):
        self.assertEqual([chart.human(size) for size in (0, 1023, 1024, 5 * 2**40, 2**60)], ["0 B", "1023 B", "1.0 KB", "5.0 TB", "1048576.0 TB"])


if __name__ == "__main__":
    unittest.main()
