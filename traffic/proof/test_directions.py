"""Tests the records that do not tell their direction, at nodes that no listing has: what they show of the other end, and what they do not."""

import unittest

import rules
from scene import TEN, A, B, Scene
from traffic import Outside

#: Between two listings.
BEGIN, END = TEN + 1300, TEN + 2700


class Directions(unittest.TestCase):
    def setUp(self):
        self.scene = Scene(described=True)

    def node(self, zone, begin=BEGIN, end=END, **other):
        """A node that no listing has. EC2 describes it without its address, because it has ended."""
        return self.scene.builder.node(zone, start=begin, end=end, **other)

    def flow(self, source, destination, at, without, **change):
        """1000 bytes, of which the record at the end `without` does not tell its direction."""
        self.scene.recorder.flow(source, destination, at, 1000)
        self.scene.change({"flow_direction": "-", **change}, flow_direction="egress" if without is source else "ingress", instance_id=without.instance)

    def test_the_destinations_record_shows_that_it_is_the_clusters(self):
        source, destination = self.node(A), self.node(B)
        self.flow(source, destination, TEN + 1800, destination)
        self.assertEqual(self.scene.found(), {("cluster", "(unlisted node)", A[1], "(unlisted node)", B[1]): 1000})

    def test_the_sources_record_shows_that_it_is_the_clusters(self):
        source, destination = self.node(A), self.node(B)
        self.flow(source, destination, TEN + 1800, source, traffic_path=None)
        self.assertEqual(self.scene.found(), {("cluster", "(unlisted node)", A[1], "(unlisted node)", B[1]): 1000})

    def test_the_record_of_the_next_node_with_the_address_shows_nothing_of_the_other_end(self):
        host, first = Outside("198.51.100.7", 1), self.node(A, end=TEN + 1900)
        self.scene.recorder.flow(host, first, TEN + 1800, 70)
        following = self.node(A, begin=TEN + 1960, address=first.address)
        self.flow(host, following, TEN + 2100, following)
        self.assertEqual(self.scene.found(), {("ingress", "(outside)", "", "(unlisted node)", A[1]): 70})

    def test_whose_the_address_was_does_not_tell_the_direction(self):
        # A listing has the spot instance, and EC2 does not tell when it ended. The next node has its address.
        spot = self.node(B, begin=TEN - 7200, end=TEN + 1300, spot=True)
        source, destination = self.node(A, begin=TEN + 1400), self.node(B, begin=TEN + 1400, address=spot.address)
        self.flow(source, destination, TEN + 1800, destination)
        self.assertEqual(self.scene.found(), {("cluster", "(unlisted node)", A[1], "(unknown)", B[1]): 1000})


#: As in rules.py.
WITHOUT = {
    "a record without a direction shows the other end": ("CASE WHEN is_of_other_end THEN either_who END", "NULL", "test_the_destinations_record_shows_that_it_is_the_clusters"),
    "and of the source": ("CASE WHEN is_of_other_end THEN either_who END", "NULL", "test_the_sources_record_shows_that_it_is_the_clusters"),
    "with its zone": ("CASE WHEN is_of_other_end THEN either_az_id END", "NULL", "test_the_destinations_record_shows_that_it_is_the_clusters"),
    "if the nodes were there at the same time": (
        "either_no <> node_no AND either_start_s + 60 <= last_s AND node_start_s + 60 <= either_last_s", "either_no <> node_no",
        "test_the_record_of_the_next_node_with_the_address_shows_nothing_of_the_other_end",
    ),
    "only a known holder tells the direction": ("WHEN d.is_known AND d.instance_id <> r.instance_id", "WHEN d.instance_id <> r.instance_id", "test_whose_the_address_was_does_not_tell_the_direction"),
}


class EveryRuleIsNeeded(rules.EveryRuleIsNeeded, unittest.TestCase):
    rules = ((Directions, WITHOUT),)


if __name__ == "__main__":
    unittest.main()
