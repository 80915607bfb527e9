"""The state machine from its input to its end, on this machine: moto's engine, ministack's Athena, a simulated extract-pods."""

import json
import tempfile
import unittest
from collections import Counter
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
        rows = pipeline.results(self.aws, output["traffic"]["queryExecutionId"])
        found = {
            answers.key({**row, "hour": datetime.strptime(row["hour"][:19], "%Y-%m-%d %H:%M:%S")}): int(row["bytes"]) for row in rows
        }
        # Files that come later than 12:20 lie here already, so all is found at once.
        self.assertEqual(answers.differences(found, self.story.truth()), [])
        usd = sum(float(row["usd_out"]) + float(row["usd_in"]) for row in rows)
        true = sum(size for key, size in self.story.truth().items() if answers.crosses(key)) / 2**30 * 0.02
        self.assertAlmostEqual(usd, true, places=9)
        data = json.loads(self.inputs_of(ended, "PutMetrics")[0])["metrics"]["data"]
        self.assertEqual(output["metrics"]["values"], len(data))
        found = {}
        for datum in data:
            names = {dimension["Name"]: dimension["Value"] for dimension in datum["Dimensions"]}
            self.assertEqual(names["Cluster"], "prod")
            self.assertEqual(datum["Unit"], "None" if datum["MetricName"] == "CrossAzUsd" else "Bytes")
            found[(datum["Timestamp"], datum["MetricName"], names["Source"], names["Destination"])] = round(datum["Value"], 12)
        self.assertEqual(found, self.metrics_of(rows))

    def inputs_of(self, execution, state):
        """What a state of an execution began with, each time."""
        events = self.aws.client("stepfunctions").get_execution_history(executionArn=execution["executionArn"], maxResults=1000)["events"]
        entered = (event.get("stateEnteredEventDetails", {}) for event in events)
        return [details["input"] for details in entered if details.get("name") == state]

    @staticmethod
    def metrics_of(rows):
        """The metrics of these rows: of each hour the sums, and the ten pairs that send most across zones."""
        hours = [f"2026-05-04T{hour}:00:00Z" for hour in ("09", "10", "11")]
        sums = Counter({(hour, name, "(all)", "(all)"): 0 for hour in hours for name in ("CrossAzBytes", "InZoneBytes")})
        pairs = Counter()
        for row in (row for row in rows if row["scope"] == "cluster"):
            size, hour = int(row["bytes"]), f"{row['hour'][:10]}T{row['hour'][11:13]}:00:00Z"
            if row["cross_az"] == "true":
                ends = ((row[f"{end}_namespace"], row[f"{end}_group"]) for end in ("src", "dst"))
                pairs[(hour, "CrossAzBytes", *("/".join(filter(None, end)) for end in ends))] += size
                sums[(hour, "CrossAzBytes", "(all)", "(all)")] += size
            elif row["cross_az"] == "false":
                sums[(hour, "InZoneBytes", "(all)", "(all)")] += size
        metrics = dict(sums)
        for hour in hours:
            usd = sums[(hour, "CrossAzBytes", "(all)", "(all)")] / 2**30 * 0.02
            metrics[(hour, "CrossAzUsd", "(all)", "(all)")] = round(usd, 12)
            of_the_hour = {key: size for key, size in pairs.items() if key[0] == hour}
            metrics.update(sorted(of_the_hour.items(), key=lambda pair: (-pair[1], pair[0]))[:10])
        return metrics

    def test_hours_that_are_too_old_for_cloudwatch_have_no_metrics(self):
        machine = self.machine_with("too-old", pipeline.metrics_template(days=13))
        ended = pipeline.run(self.aws, machine, "2026-05-04T12:20:07Z")
        self.assertEqual(ended["status"], "SUCCEEDED", ended.get("cause"))
        self.assertEqual(json.loads(ended["output"])["metrics"]["values"], 0)
        self.assertEqual(self.inputs_of(ended, "PutMetrics"), [])

    def test_metrics_that_cannot_be_read_end_it_and_the_traffic_is_stored(self):
        machine = self.machine_with("no-metrics", "SELECT 1 AS one UNION ALL SELECT 2")
        ended = pipeline.run(self.aws, machine, "2026-05-04T12:20:07Z")
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.MetricsNotPut"))
        self.assertIn("The traffic is stored, its metrics are not", ended["cause"])

    def machine_with(self, name, metrics_sql, sql=None):
        """The state machine with another query for the metrics, or for both."""
        made = self.aws.client("stepfunctions").create_state_machine(
            name=name,
            definition=pipeline.definition(pipeline.query_template() if sql is None else sql, metrics_sql),
            roleArn=f"arn:aws:iam::{pipeline.ACCOUNT}:role/{name}",
        )
        return made["stateMachineArn"]

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
        machine = self.machine_with("broken", "SELECT 1", sql="SELECT no_such_column FROM flow_logs -- {}")
        ended = pipeline.run(self.aws, machine, "2026-05-04T12:20:07Z")
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.QueryFailed"))
        self.assertIn("no_such_column", ended["cause"])
        self.assertIn("for the traffic", ended["cause"])


if __name__ == "__main__":
    unittest.main()
