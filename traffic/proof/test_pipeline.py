"""The state machine from its input to its end, on this machine: moto's engine, ministack's Athena, a simulated extract-pods."""

import json
import tempfile
import unittest
from datetime import datetime

import answers
import pipeline
from cluster import seconds, utc
from local_aws import FunctionError, LocalAws
from simulated import SimulatedExtractPods
from story import DAY, Story
from traffic import write_flow_logs, write_listings

ASKED_FOR = seconds(utc(*DAY, 12, 20))


class Pipeline(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.story = Story(8, flows=1500)
        # Earlier listings were written by earlier executions; this one writes the last.
        listings = list(cls.story.cluster.listings)
        cls.story.cluster.listings = [at for at in listings if at <= ASKED_FOR]
        cls.function = SimulatedExtractPods(cls.story.cluster, ASKED_FOR)
        cls.aws = LocalAws({"extract-pods": cls.function})
        cls.aws.__enter__()
        cls.addClassCleanup(cls.aws.__exit__, None, None, None)
        cls.function.aws = cls.aws
        cls.machine = pipeline.deploy(cls.aws)
        with tempfile.TemporaryDirectory() as root:
            write_flow_logs(root, cls.story.traffic.records)
            pipeline.upload(cls.aws, pipeline.FLOW_LOGS_BUCKET, root, "AWSLogs/")
            write_listings(root, cls.story.cluster, [at for at in listings if at < ASKED_FOR])
            pipeline.upload(cls.aws, pipeline.PODS_BUCKET, root, "pods/")

    def setUp(self):
        self.function.payloads.clear()
        self.function.failures.clear()

    def test_an_hour_by_the_schedule(self):
        self.function.failures.append(FunctionError("Hookline.KubernetesUnavailable", "simulated: HTTP 503"))
        ended = pipeline.run(self.aws, self.machine, "2026-05-04T12:20:07Z")
        self.assertEqual(ended["status"], "SUCCEEDED", ended.get("cause"))
        output = json.loads(ended["output"])
        self.assertEqual(output["until"], "2026-05-04 12:00:00")
        self.assertEqual(output["listing"]["key"].split("/")[:3], ["pods", "dt=2026-05-04", "hour=12"])
        self.assertEqual(len(self.function.payloads), 2, "a failed listing is tried again")
        payload = self.function.payloads[0]
        self.assertEqual(
            {name: payload[name] for name in ("cluster", "bucket", "hour")},
            {"cluster": "prod", "bucket": pipeline.PODS_BUCKET, "hour": "2026-05-04T12:00:00Z"},
        )
        self.assertTrue(payload["execution"])
        rows = pipeline.results(self.aws, output["queryExecutionId"])
        found = {
            answers.key({**row, "hour": datetime.strptime(row["hour"][:19], "%Y-%m-%d %H:%M:%S")}): int(row["bytes"]) for row in rows
        }
        # Files that come later than 12:20 lie here already, so all is found at once.
        self.assertEqual(answers.differences(found, self.story.truth()), [])
        usd = sum(float(row["usd_out"]) + float(row["usd_in"]) for row in rows)
        true = sum(size for key, size in self.story.truth().items() if answers.crosses(key)) / 2**30 * 0.02
        self.assertAlmostEqual(usd, true, places=9)

    def test_input_that_cannot_be_read_asks_for_nothing(self):
        for until, pods in (
            ("yesterday", None),
            ("2026-05-04T12:20:07+02:00", None),
            ("2026-05-04T12' OR '1'='1:20:07Z", None),  # It becomes a part of the SQL.
            ("2026-05-04T12:20:07Z", {"cluster": "prod"}),
        ):
            ended = pipeline.run(self.aws, self.machine, until, pods)
            self.assertEqual((ended["status"], ended.get("error")), ("FAILED", "Hookline.InvalidInput"), until)
        self.assertEqual(self.function.payloads, [])

    def test_a_listing_that_cannot_be_made_ends_it_by_its_name(self):
        self.function.failures.append(FunctionError("Hookline.KubernetesUnauthorized", "simulated: HTTP 401"))
        ended = pipeline.run(self.aws, self.machine, "2026-05-04T12:20:07Z")
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.KubernetesUnauthorized"))
        self.assertIn("simulated: HTTP 401", ended["cause"])
        self.assertEqual(len(self.function.payloads), 1, "what will not get better is not tried again")

    def test_a_query_that_fails_ends_it_with_athenas_reason(self):
        machine = self.aws.client("stepfunctions").create_state_machine(
            name="broken", definition=pipeline.definition("SELECT no_such_column FROM flow_logs -- {}"), roleArn=f"arn:aws:iam::{pipeline.ACCOUNT}:role/broken"
        )
        ended = pipeline.run(self.aws, machine["stateMachineArn"], "2026-05-04T12:20:07Z")
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.QueryFailed"))
        self.assertIn("no_such_column", ended["cause"])


if __name__ == "__main__":
    unittest.main()
