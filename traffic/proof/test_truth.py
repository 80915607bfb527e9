"""Compares the query on generated flow logs with the truth, to the byte."""

import unittest
from collections import defaultdict
from dataclasses import replace
from datetime import datetime

import sqlglot

import answers
import once
import statement
from cluster import Label, rfc3339, seconds, utc
from published import QUERY, Fleet
from story import DAY, FIRST_HOUR

SEEDS = range(1, 13)
UNTIL = utc(*DAY, 12)


class Truth(unittest.TestCase):
    def test_the_query_finds_the_truth_of_every_seed(self):
        for seed in SEEDS:
            opened = once.story(seed)
            with self.subTest(seed=seed):
                self.assertEqual(answers.differences(answers.measured(opened.ask(UNTIL)), opened.story.listed()), [])

    def test_the_query_finds_the_truth_of_every_seed_with_services_in_the_vpc(self):
        for seed in SEEDS:
            opened = once.story(seed, services=True)
            with self.subTest(seed=seed):
                found = answers.measured(opened.ask(UNTIL))
            self.assertEqual(answers.differences(found, opened.story.listed()), [])
            kinds = {end.kind for key in found for end in key[2:]}
            self.assertLessEqual({"NatGateway", "NetworkLoadBalancer", "RDS"}, kinds)

    def test_against_the_world_only_names_of_unlisted_pods_are_missing(self):
        for seed in SEEDS:
            opened = once.story(seed)
            story = opened.story
            with self.subTest(seed=seed):
                shares = answers.measure_on(opened.connection, story, story.truth(), UNTIL)
            ends = [end for key, size in story.listed().items() for end in [(key[2], size), (key[3], size)]]
            unlisted = sum(size for end, size in ends if end.kind == "Unknown") / sum(size for _, size in ends)
            self.assertEqual((shares["bytes_reported"], shares["wrong_share"]), (shares["bytes_true"], 0))
            self.assertAlmostEqual(shares["usd_missing_share"], 0, places=12)
            self.assertAlmostEqual(shares["unknown_share"], unlisted, places=12)
            self.assertGreater(unlisted, 0)

    def test_a_wrong_name_a_missing_name_and_missing_dollars_are_told_apart(self):
        a, b, unknown = (Label("shop", "Label", "a", "use2-az1"), Label("shop", "Label", "b", "use2-az2"), Label("", "Unknown", "(unknown)", "use2-az1"))
        wrong = Label("shop", "Label", "wrong", "use2-az2")

        def row(source, destination, size, usd):
            names = {f"{end}_{name}": value for end, label in (("src", source), ("dst", destination)) for name, value in zip(("namespace", "group_kind", "group", "az_id"), (label.namespace, label.kind, label.group, label.zone))}
            return {"hour": datetime(*DAY, 9), "scope": "cluster", "cluster": "", "peer_cluster": "", "bytes": size, "usd_out": usd, "usd_in": usd, "true_row": 0, **names}

        keys = [(int(utc(*DAY, 9).timestamp()), "cluster", a, b)]
        truth = {keys[0]: 1000 * 2**30}
        found = [row(a, b, 500 * 2**30, 5.0), row(unknown, b, 200 * 2**30, 2.0), row(a, wrong, 100 * 2**30, 1.0)]
        shares = answers.shares(found, keys, truth)
        self.assertEqual((shares["bytes_true"], shares["bytes_reported"]), (1000 * 2**30, 800 * 2**30))
        self.assertAlmostEqual(shares["unknown_share"], 0.1)
        self.assertAlmostEqual(shares["wrong_share"], 0.05)
        self.assertAlmostEqual(shares["usd_missing_share"], 0.2)
        # A byte that counts twice is wrong at both ends; so is one in another hour, or of traffic that is not the cluster's.
        self.assertAlmostEqual(answers.shares([row(a, b, 1100 * 2**30, 5.0)], keys, truth)["wrong_share"], 0.1)
        self.assertAlmostEqual(answers.shares([{**row(a, b, 100 * 2**30, 1.0), "hour": datetime(*DAY, 10)}], keys, truth)["wrong_share"], 0.1)
        other = [*keys, (keys[0][0], "cluster", b, a)]
        self.assertAlmostEqual(answers.shares([{**row(a, b, 100 * 2**30, 1.0), "true_row": 1}], other, truth, by_hour=False)["wrong_share"], 0.2)
        # `(unknown)`, but in another zone.
        elsewhere = Label("", "Unknown", "(unknown)", "use2-az3")
        self.assertAlmostEqual(answers.shares([row(elsewhere, b, 100 * 2**30, 1.0)], keys, truth)["wrong_share"], 0.05)
        # A name that has lost as many bytes as it has got from another one.
        two = [keys[0], (keys[0][0], "cluster", wrong, b)]
        swapped = [row(wrong, b, 10, 0), {**row(replace(unknown, zone=wrong.zone), b, 10, 0), "true_row": 1}]
        self.assertAlmostEqual(answers.shares(swapped, two, {key: 10 for key in two})["wrong_share"], 0.25)

    def test_a_story_has_every_difficulty(self):
        story = once.story(1).story
        truth = story.listed()
        scopes = {scope for _, scope, _, _ in truth}
        labels = {label for key in truth for label in key[2:]}
        zones = {label.zone for label in labels if label.zone}
        statuses = {row["log_status"] for rows in story.traffic.records.values() for row in rows}
        actions = {row["action"] for rows in story.traffic.records.values() for row in rows}
        pods = story.cluster.pods
        addresses = [pod.addresses[0] for pod in pods if not pod.host_network]
        late = [delivered for delivered, rows in story.traffic.records.items() for row in rows if delivered > row["end"] + 3600]
        senders = {label for _, _, label, _ in truth}
        self.assertEqual(scopes, {"cluster", "egress", "ingress"})
        self.assertEqual(len(zones), 3)
        self.assertEqual({"Node", "Unknown", "Outside", "Namespace", "Job", "Label"} - {label.kind for label in labels}, set())
        self.assertEqual(statuses, {"OK", "NODATA", "SKIPDATA"})
        self.assertEqual(actions, {"ACCEPT", "REJECT", "-"})
        self.assertTrue(any(pod.host_network for pod in pods))
        self.assertLess(len(set(addresses)), len(addresses), "no address is used again")
        self.assertTrue(late, "no late file")
        self.assertTrue(any(label.group == "sink" for label in labels))
        self.assertFalse(any(label.group == "sink" for label in senders), "a sink sends")

    def test_athenas_dialect_gives_the_same_result(self):
        opened = once.story(1)
        for dialect in ("athena", "trino"):
            translated = sqlglot.transpile(statement.cross_az(UNTIL), read=dialect, write="duckdb")[0]
            found = answers.measured(answers.rows(opened.connection.execute(translated)))
            self.assertEqual(answers.differences(found, opened.story.listed()), [], dialect)

    def test_trinos_meaning_gives_the_same_result(self):
        for seed in SEEDS:
            opened = once.story(seed)
            with self.subTest(seed=seed):
                text = statement.as_trino_means(statement.cross_az(UNTIL), "athena")
                self.assertIn("ARG_MAX_NULL", text.upper())
                found = answers.measured(answers.rows(opened.connection.execute(text)))
                self.assertEqual(answers.differences(found, opened.story.listed()), [])

    def test_dollars_and_share_follow_from_the_bytes(self):
        story = once.story(2).story
        found = once.story(2).ask(UNTIL, usd_per_gb="0.02")
        sent, stayed = defaultdict(int), defaultdict(int)
        for key, size in story.listed().items():
            hour, scope, source, _ = key
            if scope == "cluster":
                group = (hour, source.namespace, source.kind, source.group)
                sent[group] += size
                stayed[group] += 0 if answers.crosses(key) else size
        for row in found:
            key = answers.key(row)
            crosses = answers.crosses(key)
            self.assertEqual(row["cross_az"], crosses if key[1] == "cluster" else None)
            usd = row["bytes"] / 2**30 * 0.02 if crosses else 0
            self.assertAlmostEqual(row["usd_out"], usd, places=12)
            self.assertAlmostEqual(row["usd_in"], usd, places=12)
            if key[1] == "cluster":
                group = (key[0], key[2].namespace, key[2].kind, key[2].group)
                self.assertAlmostEqual(row["in_zone_share"], stayed[group] / sent[group], places=12)
            else:
                self.assertIsNone(row["in_zone_share"])

    def test_sources_with_one_label_in_several_zones_have_a_row_each(self):
        found = once.story(3).ask(UNTIL)
        zones = {row["src_az_id"] for row in found if row["src_group"] == "cart"}
        self.assertEqual(zones, {"use2-az1", "use2-az2", "use2-az3"})


class Published(unittest.TestCase):
    """The difference between the published sample's algorithm and the truth, on the same files."""

    @staticmethod
    def _published(connection, hour):
        text = statement.with_parameters(QUERY, from_s=hour, listed_at=rfc3339(hour + 3600 + 1200))
        return connection.execute(text).fetchone()[0]

    def test_on_a_plain_fleet_it_counts_bytes_more_than_once(self):
        fleet = Fleet(1)
        with answers.opened(fleet) as (connection, _):
            found = answers.measured(answers.ask(connection, utc(*DAY, 10)))
            self.assertEqual(answers.differences(found, fleet.truth()), [])
            true = sum(size for key, size in fleet.truth().items() if answers.crosses(key))
            published_ = self._published(connection, FIRST_HOUR)
        print(f"a plain fleet: {true} bytes crossed zones; the published algorithm finds {published_}, {published_ / true:.2f} times as many")
        self.assertGreater(published_, 1.5 * true)

    def test_on_a_difficult_cluster_it_is_wrong_for_every_seed(self):
        hour = seconds(utc(*DAY, 11))
        for seed in SEEDS:
            opened = once.story(seed)
            true = sum(size for key, size in opened.story.truth(hour, hour).items() if answers.crosses(key))
            with self.subTest(seed=seed):
                self.assertGreater(abs(self._published(opened.connection, hour) - true), true / 100)


if __name__ == "__main__":
    unittest.main()
