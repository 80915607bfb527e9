"""The state machine from its input to its end, on this machine: moto's engine, ministack's Athena, the real extract-pods on a simulated cluster."""

import gzip
import json
import tempfile
import time
import unittest
from datetime import datetime

import answers
import kubernetes_objects
import pipeline
from cluster import CLUSTER, rfc3339
from local_aws import ENDS_WITHIN, LocalAws, wait_for
from story import Story, hours_until
from traffic import write_flow_logs, write_listings


class Pipeline(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        now = int(time.time())
        cls.story = Story(8, flows=1500, hours_later=hours_until(now))
        cluster, asked_for = cls.story.cluster, cls.story.at(12, 20)
        cls.until, cls.hour = rfc3339(asked_for + 7), rfc3339(cls.story.at(12))
        cls.lines = cluster.lines(now)
        cls.aws = LocalAws({CLUSTER: kubernetes_objects.contents(cluster, now)})
        cls.aws.__enter__()
        cls.addClassCleanup(cls.aws.__exit__, None, None, None)
        cls.machine = pipeline.deploy(cls.aws)
        with tempfile.TemporaryDirectory() as root:
            write_flow_logs(root, cls.story.traffic.records)
            pipeline.upload(cls.aws, pipeline.FLOW_LOGS_BUCKET, root, "AWSLogs/")
            # Earlier listings were written by earlier executions; the real extract-pods lists what is there now.
            write_listings(root, cluster, [at for at in cluster.listings if at < asked_for])
            pipeline.upload(cls.aws, pipeline.PODS_BUCKET, root, "pods/")

    def listings(self, bucket=pipeline.PODS_BUCKET):
        """The keys of what extract-pods has written."""
        objects = self.aws.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
        return {found["Key"] for found in objects}

    def tries(self, execution):
        """How often the execution has invoked extract-pods, and the errors of those that failed."""
        stepfunctions = self.aws.client("stepfunctions")
        events = stepfunctions.get_execution_history(executionArn=execution, maxResults=1000)["events"]
        failures = [event["lambdaFunctionFailedEventDetails"]["error"] for event in events if event["type"] == "LambdaFunctionFailed"]
        return sum(event["type"] == "LambdaFunctionScheduled" for event in events), failures

    def test_an_hour_by_the_schedule(self):
        ended = pipeline.run(self.aws, self.machine, self.until)
        self.assertEqual(ended["status"], "SUCCEEDED", ended.get("cause"))
        output = json.loads(ended["output"])
        self.assertEqual(output["until"], self.hour.replace("T", " ").removesuffix("Z"))
        listing = output["listing"]
        folder = f"pods/dt={self.hour[:10]}/hour={self.hour[11:13]}"
        self.assertEqual((listing["bucket"], listing["key"]), (pipeline.PODS_BUCKET, f"{folder}/prod.{ended['name']}.json.gz"))
        self.assertEqual(self.tries(ended["executionArn"]), (1, []))
        # What the real function writes of the cluster's objects is what the proof takes it to write.
        body = self.aws.client("s3").get_object(Bucket=listing["bucket"], Key=listing["key"])["Body"].read()
        written = [json.loads(line) for line in gzip.decompress(body).splitlines()]
        observed = {line.pop("observed_at") for line in written}
        self.assertEqual(len(observed), 1, "one listing, one moment")
        self.assertGreaterEqual(observed.pop(), self.lines[0]["observed_at"])
        expected = [{name: value for name, value in line.items() if name != "observed_at"} for line in self.lines]
        self.assertEqual(*(sorted(lines, key=lambda line: line["uid"]) for lines in (written, expected)))
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
        before = self.listings()
        for until, pods in (
            ("yesterday", None),
            ("2026-05-04T12:20:07+02:00", None),
            ("2026-05-04T12' OR '1'='1:20:07Z", None),  # It becomes a part of the SQL.
            (self.until, {"cluster": "prod"}),
        ):
            ended = pipeline.run(self.aws, self.machine, until, pods)
            self.assertEqual((ended["status"], ended.get("error")), ("FAILED", "Hookline.InvalidInput"), until)
            self.assertEqual(self.tries(ended["executionArn"]), (0, []), until)
        self.assertEqual(self.listings(), before)

    def test_a_listing_that_fails_is_tried_again(self):
        bucket = "hookline-pods-made-late"
        execution = pipeline.start(self.aws, self.machine, self.until, {"cluster": "prod", "bucket": bucket})
        _, failures = wait_for("a listing that failed", lambda: (found := self.tries(execution))[1] and found, ENDS_WITHIN)
        self.assertEqual(set(failures), {"Hookline.UploadFailed"})
        self.aws.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-east-2"})
        self.assertEqual(pipeline.end(self.aws, execution)["status"], "SUCCEEDED")
        self.assertEqual(len(self.listings(bucket)), 1)

    def test_a_listing_that_cannot_be_made_ends_it_by_its_name(self):
        ended = pipeline.run(self.aws, self.machine, self.until, {"cluster": "another", "bucket": pipeline.PODS_BUCKET})
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.ClusterNotFound"))
        self.assertIn("another", ended["cause"])
        tries, _ = self.tries(ended["executionArn"])
        self.assertEqual(tries, 1, "what will not get better is not tried again")

    def test_a_query_that_fails_ends_it_with_athenas_reason(self):
        machine = self.aws.client("stepfunctions").create_state_machine(
            name="broken", definition=pipeline.definition("SELECT no_such_column FROM flow_logs -- {}"), roleArn=f"arn:aws:iam::{pipeline.ACCOUNT}:role/broken"
        )
        ended = pipeline.run(self.aws, machine["stateMachineArn"], self.until)
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.QueryFailed"))
        self.assertIn("no_such_column", ended["cause"])


if __name__ == "__main__":
    unittest.main()
