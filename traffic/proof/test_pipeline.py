"""Executions of the state machine on this machine: moto's engine, ministack's Athena, the real extract-pods with a fake cluster."""

import gzip
import io
import json
import tempfile
import time
import unittest
from collections import Counter
from datetime import datetime, timedelta, timezone

import pyarrow
import pyarrow.parquet

import answers
import kubernetes_objects
import pipeline
import statement
from cluster import CLUSTER, rfc3339
from local_aws import ENDS_WITHIN, LocalAws, wait_for
from refusals import Refusals
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
        cls.refusals = Refusals()
        cls.aws = LocalAws({CLUSTER: kubernetes_objects.contents(cluster, now)}, refusals=cls.refusals)
        cls.aws.__enter__()
        cls.addClassCleanup(cls.aws.__exit__, None, None, None)
        cls.machine = pipeline.deploy(cls.aws)
        with tempfile.TemporaryDirectory() as root:
            write_flow_logs(root, cls.story.traffic.records)
            pipeline.upload(cls.aws, pipeline.FLOW_LOGS_BUCKET, root, "AWSLogs/")
            # Earlier executions wrote the earlier listings. The real extract-pods lists the present.
            write_listings(root, cluster, [at for at in cluster.listings if at < asked_for])
            pipeline.upload(cls.aws, pipeline.PODS_BUCKET, root, "pods/")

    def listings(self, bucket=pipeline.PODS_BUCKET):
        """The keys of the objects that extract-pods has written."""
        objects = self.aws.client("s3").list_objects_v2(Bucket=bucket).get("Contents", [])
        return {found["Key"] for found in objects}

    def attempts(self, execution):
        """How often the execution has invoked extract-pods, and the errors of the invocations that failed."""
        stepfunctions = self.aws.client("stepfunctions")
        events = stepfunctions.get_execution_history(executionArn=execution, maxResults=1000)["events"]
        failures = [event["lambdaFunctionFailedEventDetails"]["error"] for event in events if event["type"] == "LambdaFunctionFailed"]
        return sum(event["type"] == "LambdaFunctionScheduled" for event in events), failures

    def test_a_scheduled_execution_stores_the_truth(self):
        ended = pipeline.run(self.aws, self.machine, self.until)
        self.assertEqual(ended["status"], "SUCCEEDED", ended.get("cause"))
        output = json.loads(ended["output"])
        self.assertEqual(output["until"], self.hour.replace("T", " ").removesuffix("Z"))
        listing = output["listing"]
        folder = f"pods/dt={self.hour[:10]}/hour={self.hour[11:13]}"
        self.assertEqual((listing["bucket"], listing["key"]), (pipeline.PODS_BUCKET, f"{folder}/prod.{ended['name']}.json.gz"))
        self.assertEqual(self.attempts(ended["executionArn"]), (1, []))
        # The real function writes what the proof assumes that it writes.
        body = self.aws.client("s3").get_object(Bucket=listing["bucket"], Key=listing["key"])["Body"].read()
        written = [json.loads(line) for line in gzip.decompress(body).splitlines()]
        observed = {line.pop("observed_at") for line in written}
        self.assertEqual(len(observed), 1, "one listing, one moment")
        self.assertGreaterEqual(observed.pop(), self.lines[0]["observed_at"])
        expected = [{name: value for name, value in line.items() if name != "observed_at"} for line in self.lines]
        self.assertEqual(*(sorted(lines, key=lambda line: line["uid"]) for lines in (written, expected)))
        rows = pipeline.results(self.aws, output["traffic"]["queryExecutionId"])
        found = {
            answers.key({**row, "hour": datetime.strptime(row["hour"][:19], "%Y-%m-%d %H:%M:%S")}): int(row["bytes"]) for row in rows
        }
        # The files that arrive after 12:20 are in the bucket already, so the query finds everything at once.
        self.assertEqual(answers.differences(found, self.story.listed()), [])
        usd = sum(float(row["usd_out"]) + float(row["usd_in"]) for row in rows)
        true = sum(size for key, size in self.story.truth().items() if answers.crosses(key)) / 2**30 * 0.02
        self.assertAlmostEqual(usd, true, places=9)
        metrics = self.metrics_of(rows)
        # Runs of other tests, which have fewer listings, write other pairs of the same hours. The count says that this one wrote no more.
        in_cloudwatch = self.metrics_in_cloudwatch()
        self.assertEqual({key: in_cloudwatch.get(key) for key in metrics}, metrics)
        # Four more are of the run itself.
        self.assertEqual(output["metrics"]["values"], len(metrics) + 4)

    def metrics_in_cloudwatch(self):
        """The largest value in CloudWatch, by hour, metric, source and destination."""
        cloudwatch, found = self.aws.client("cloudwatch"), {}
        period = {"StartTime": self.story.at(9), "EndTime": self.story.at(12), "Period": 3600, "Statistics": ["Maximum"]}
        for page in cloudwatch.get_paginator("list_metrics").paginate(Namespace="Hookline"):
            for metric in page["Metrics"]:
                names = {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}
                if names["Cluster"] != "prod":
                    continue  # Of the test whose input has another cluster.
                for point in cloudwatch.get_metric_statistics(**metric, **period)["Datapoints"]:
                    self.assertEqual(point["Unit"], "None" if metric["MetricName"] == "CrossAzUsd" else "Bytes")
                    key = (int(point["Timestamp"].timestamp()), metric["MetricName"], names["Source"], names["Destination"])
                    found[key] = round(point["Maximum"], 12)
        return found

    def metrics_of(self, rows):
        """The metrics of these rows: for each hour the sums, and the ten pairs with the most bytes across zones."""
        hours = [self.story.at(hour) for hour in (9, 10, 11)]
        sums = Counter({(hour, name, "(all)", "(all)"): 0 for hour in hours for name in ("CrossAzBytes", "InZoneBytes")})
        pairs = Counter()
        for row in (row for row in rows if row["scope"] == "cluster"):
            size, hour = int(row["bytes"]), int(datetime.strptime(row["hour"][:19], "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc).timestamp())
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

    def test_the_run_tells_what_it_read(self):
        begin = datetime.now(timezone.utc).replace(microsecond=0)
        ended = pipeline.run(self.aws, self.machine, self.until)
        self.assertEqual(ended["status"], "SUCCEEDED", ended.get("cause"))
        dimensions = [{"Name": "Cluster", "Value": "prod"}, {"Name": "Source", "Value": "(all)"}, {"Name": "Destination", "Value": "(all)"}]
        found = {}
        for name in ("RecordsRead", "NewestRecordAge", "UnknownShare", "CrossAzUsdLastDay"):
            points = self.aws.client("cloudwatch").get_metric_statistics(
                Namespace="Hookline", MetricName=name, Dimensions=dimensions, StartTime=begin - timedelta(hours=1), EndTime=begin + timedelta(hours=1),
                Period=60, Statistics=["Maximum"],
            )["Datapoints"]
            self.assertTrue(points, name)
            found[name] = (max(points, key=lambda point: point["Timestamp"])["Maximum"], points[0]["Unit"])
        rows = [row for rows in self.story.traffic.records.values() for row in rows]
        hour = self.story.at(11)
        last = [row for row in rows if row["log_status"] == "OK" and row["action"] == "ACCEPT" and hour <= row["start"] < hour + 3600]
        newest = max(row["start"] for row in rows if row["log_status"] == "OK")
        self.assertEqual(found["RecordsRead"], (len(last), "Count"))
        self.assertAlmostEqual(found["NewestRecordAge"][0], begin.timestamp() - newest, delta=300)
        truth = self.story.listed()
        unknown = sum(size for key, size in truth.items() if "Unknown" in (key[2].kind, key[3].kind))
        self.assertAlmostEqual(found["UnknownShare"][0], 100 * unknown / sum(truth.values()), places=6)
        usd = sum(size for key, size in truth.items() if answers.crosses(key)) / 2**30 * 0.02
        self.assertAlmostEqual(found["CrossAzUsdLastDay"][0], usd, places=9)

    def test_hours_that_have_no_flow_logs_are_refused_and_have_no_metrics(self):
        ended = pipeline.run(self.aws, self.machine, "2026-01-04T12:20:07Z")
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.FlowLogsMissing"))
        self.assertIn("2026-01-04 11:00 (0 of an unknown number of records)", ended["cause"])
        entered = pipeline.states(self.aws, ended["executionArn"])
        self.assertIn("AskForMetrics", entered)
        # CloudWatch would refuse values of hours that are this old.
        self.assertEqual({"AskToStoreInputs", "AskToStore", "PutMetrics"} & set(entered), set())

    def stored_inputs(self, **columns):
        """What the hours of the story are made from, as stored by earlier runs."""
        hours = [datetime.fromtimestamp(self.story.at(hour), timezone.utc).replace(tzinfo=None) for hour in (9, 10, 11)]
        table = pyarrow.table({"hour": pyarrow.array(hours, pyarrow.timestamp("us")), **{name: pyarrow.array(values, pyarrow.int64()) for name, values in columns.items()}})
        file = io.BytesIO()
        pyarrow.parquet.write_table(table, file)
        s3, key = self.aws.client("s3"), f"{pipeline.INPUTS_PREFIX}stored.parquet"
        s3.put_object(Bucket=pipeline.PODS_BUCKET, Key=key, Body=file.getvalue())
        self.addCleanup(s3.delete_object, Bucket=pipeline.PODS_BUCKET, Key=key)

    def test_an_hour_with_fewer_records_than_it_was_made_from_is_refused_and_the_others_are_stored(self):
        self.stored_inputs(records=[10, 10**6, 10], listings=[1, 1, 1], skipped=[0, 0, 0])
        ended = pipeline.run(self.aws, self.machine, self.until)
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.FlowLogsIncomplete"))
        at = datetime.fromtimestamp(self.story.at(10), timezone.utc).strftime("%Y-%m-%d %H:%M")
        self.assertRegex(ended["cause"], rf": {at} \(\d+ of 1000000 records\)$")
        entered = pipeline.states(self.aws, ended["executionArn"])
        # If the traffic cannot be stored, what is remembered of its hours must stay as it was: runs.py has the same order.
        # So must it if its metrics cannot be put: else no later run would put them.
        self.assertLess(entered.index("AskToStore"), entered.index("PutMetrics"))
        self.assertLess(entered.index("PutMetrics"), entered.index("AskToStoreInputs"))

    def test_hours_with_fewer_listings_than_they_were_made_from_are_refused(self):
        self.stored_inputs(records=[10, 10, 10], listings=[9, 9, 9], skipped=[0, 0, 0])
        ended = pipeline.run(self.aws, self.machine, self.until)
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.ListingsMissing"))
        self.assertEqual(ended["cause"].count(" of 9 listings)"), 3)
        self.assertNotIn("AskToStore", pipeline.states(self.aws, ended["executionArn"]))

    def test_the_nightly_run_stores_the_hours_with_late_files_and_then_does_the_upkeep(self):
        # No run has stored an hour of the story, so the hours from 09:00 and the half hour before have more records than stored. The fake
        # Athena knows no upkeep.
        ended = pipeline.run(self.aws, self.machine, self.until, settle=True)
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.QueryFailed"))
        self.assertIn("for the upkeep", ended["cause"])
        entered = pipeline.states(self.aws, ended["executionArn"])
        self.assertNotIn("ExtractPods", entered)
        self.assertEqual(entered.count("AskToStore"), 2)
        self.assertEqual(entered.count("PutMetrics"), 2)
        last = entered[: entered.index("TakeUpkeep")]
        self.assertEqual(last[-4:], ["NextWindow", "IsUpkeepDue", "ListUpkeep", "NextUpkeep"])
        self.assertEqual(last.count("AskToStoreInputs"), 2)

    def test_the_nightly_run_ends_after_the_last_statement_of_the_upkeep(self):
        machine = self.machine_with("settling", pipeline.metrics_template(), upkeep="SELECT 1")
        ended = pipeline.run(self.aws, machine, self.until, settle=True)
        self.assertEqual(ended["status"], "SUCCEEDED", ended.get("cause"))
        self.assertEqual(json.loads(ended["output"])["until"], self.hour.replace("T", " ").removesuffix("Z"))
        self.assertEqual(pipeline.states(self.aws, ended["executionArn"]).count("TakeUpkeep"), 4)

    def test_a_window_that_fails_does_not_keep_the_nightly_run_from_the_others_and_the_upkeep(self):
        oldest = datetime.fromtimestamp(self.story.at(9), timezone.utc).strftime(statement.UNTIL_FORMAT)
        sql = f"SELECT CASE WHEN '{{}}' = '{oldest}' THEN error('it is broken') ELSE 'stored' END AS verdict"
        machine = self.machine_with("one-window-fails", pipeline.metrics_template(), sql=sql, upkeep="SELECT 1")
        ended = pipeline.run(self.aws, machine, self.until, settle=True)
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.QueryFailed"))
        self.assertRegex(ended["cause"], rf"^Of the other windows, the hours that were ready are stored, and the upkeep is done\. {self.told()}: Query \S+ for the traffic of the three hours before {oldest} ended as FAILED\.$")
        entered = pipeline.states(self.aws, ended["executionArn"])
        self.assertEqual([entered.count(name) for name in ("AskToStore", "AskToStoreInputs", "PutMetrics", "TakeUpkeep")], [2, 1, 1, 4])

    def told(self):
        """What a nightly run says of the windows that it could not do."""
        return (
            "The next nightly run does each of these windows again, with its metrics, if anything of it is missing; if one of them ends two days or more before "
            f"{self.before(12)}, run it yourself, with its end as until and without settle"
        )

    def settled(self, name, sql=None):
        """A nightly run whose upkeep does nothing. It has two windows, those before 09:00 and 12:00. Returns its end, its last state, and how often it entered each."""
        ended = pipeline.run(self.aws, self.machine_with(name, pipeline.metrics_template(), sql=sql, upkeep="SELECT 1"), self.until, settle=True)
        entered = pipeline.states(self.aws, ended["executionArn"])
        return ended, entered[-1], Counter(entered)

    def before(self, hour):
        """The end of a window as the statements have it."""
        return datetime.fromtimestamp(self.story.at(hour), timezone.utc).strftime(statement.UNTIL_FORMAT)

    def test_a_refused_query_of_a_window_does_not_keep_the_nightly_run_from_the_others(self):
        # The upkeep's SELECT and each window's statements are queries, so the text of the first window's tells which call is refused.
        with self.refusals.refused("StartQueryExecution", f"'{self.before(9)}' AS window_end") as calls:
            ended, last, entered = self.settled("one-window-refused", sql="SELECT '{}' AS window_end")
        self.assertEqual((ended["status"], ended["error"], last), ("FAILED", "Hookline.CallsRefused", "CallsRefused"))
        self.assertRegex(ended["cause"], rf"A call for the traffic of the three hours before {self.before(9)} was refused: .*not authorized to perform: StartQueryExecution")
        self.assertNotIn(f"of the three hours before {self.before(12)}", ended["cause"])
        self.assertEqual(len(calls), 7)
        self.assertEqual([entered[name] for name in ("AskToStore", "AskToStoreInputs", "PutMetrics", "TakeUpkeep")], [2, 1, 1, 4])

    def test_refused_looks_at_queries_of_every_window_are_told_after_the_upkeep_could_not_be_looked_at_either(self):
        machine = self.machine_with("no-looks", pipeline.metrics_template(), sql="SELECT '{}' AS window_end", upkeep="SELECT 1")
        execution = pipeline.start(self.aws, machine, self.until, settle=True)
        wait_for("the first window", lambda: "AskToStore" in pipeline.states(self.aws, execution), ENDS_WITHIN)
        with self.refusals.refused("GetQueryExecution"):
            ended = pipeline.end(self.aws, execution)
        self.assertEqual((ended["status"], pipeline.states(self.aws, execution)[-1]), ("FAILED", "QueryNotRun"))
        self.assertIn("Athena could not be asked for the upkeep", ended["cause"])
        for hour in (9, 12):
            self.assertIn(f"of the three hours before {self.before(hour)} was refused", ended["cause"])

    def test_refused_metrics_lose_no_stored_hours_and_keep_the_nightly_run_from_nothing(self):
        with self.refusals.refused("PutMetricData") as calls:
            ended, last, entered = self.settled("no-metrics-at-night")
        self.assertEqual((ended["status"], ended["error"], last), ("FAILED", "Hookline.CallsRefused", "CallsRefused"))
        self.assertRegex(ended["cause"], rf"A call for its metrics of the three hours before {self.before(9)} was refused: .*not authorized to perform: PutMetricData")
        # Retries for each of twenty-four windows would not fit into the run.
        self.assertIn(f" So the metrics of the three hours before {self.before(12)} were not tried.", ended["cause"])
        self.assertIn(self.told(), ended["cause"])
        self.assertEqual(len(calls), 7)
        # What the hours are made from is not stored, so the next nightly run does them again: test_stored.py shows it.
        self.assertEqual([entered[name] for name in ("NoteTraffic", "AskToStoreInputs", "PutMetrics", "TakeUpkeep")], [2, 0, 1, 4])

    def test_metrics_of_a_window_with_wrong_values_do_not_keep_the_others_from_theirs(self):
        # moto writes the service's name in small letters, so it tries again here what Step Functions does not.
        with self.refusals.refused("PutMetricData", error="InvalidParameterValue"):
            ended, last, entered = self.settled("wrong-values")
        self.assertEqual((ended["status"], ended["error"], last), ("FAILED", "Hookline.CallsRefused", "CallsRefused"))
        for hour in (9, 12):
            self.assertRegex(ended["cause"], rf"A call for its metrics of the three hours before {self.before(hour)} was refused: .*InvalidParameterValueException")
        self.assertEqual((entered["PutMetrics"], entered["LeaveMetrics"]), (2, 0))

    def test_traffic_that_was_stored_unseen_is_told_and_left_for_the_next_nightly_run(self):
        with self.refusals.unseen(f"'{self.before(9)}' AS window_end") as looks:
            ended, last, entered = self.settled("traffic-unseen", sql="SELECT '{}' AS window_end")
        self.assertEqual((ended["status"], ended["error"], last), ("FAILED", "Hookline.CallsRefused", "CallsRefused"))
        self.assertRegex(ended["cause"], rf"A call for the traffic of the three hours before {self.before(9)} was refused: .*not authorized to perform: GetQueryExecution")
        self.assertIn(self.told(), ended["cause"])
        self.assertEqual(len(looks), 7)
        self.assertEqual([entered[name] for name in ("AskToStore", "PutMetrics", "AskToStoreInputs", "TakeUpkeep")], [2, 1, 1, 4])

    def test_what_the_hours_are_made_from_that_was_stored_unseen_costs_no_metrics(self):
        # No later run does such a window again: nothing of it is missing.
        with self.refusals.unseen(f"FROM (VALUES (TIMESTAMP '{self.before(8)}'") as looks:
            ended, last, entered = self.settled("inputs-unseen")
        self.assertEqual((ended["status"], ended["error"], last), ("FAILED", "Hookline.CallsRefused", "CallsRefused"))
        self.assertRegex(ended["cause"], rf"A call for what the hours are made from of the three hours before {self.before(9)} was refused")
        self.assertEqual(len(looks), 7)
        self.assertEqual([entered[name] for name in ("AskToStore", "PutMetrics", "AskToStoreInputs", "TakeUpkeep")], [2, 2, 2, 4])

    def test_a_night_of_failed_queries_and_refused_calls_tells_both(self):
        sql = f"SELECT CASE WHEN '{{}}' = '{self.before(9)}' THEN error('it is broken') ELSE 'stored' END AS verdict"
        with self.refusals.refused("PutMetricData"):
            ended, last, _ = self.settled("both", sql=sql)
        self.assertEqual((ended["status"], ended["error"], last), ("FAILED", "Hookline.QueryFailed", "WindowsNotStored"))
        self.assertRegex(ended["cause"], rf"Query \S+ for the traffic of the three hours before {self.before(9)} ended as FAILED\. A call for its metrics of the three hours before {self.before(12)} was refused")

    def test_refused_metrics_fail_an_hourly_run_after_the_traffic_is_stored_and_are_left_for_the_next_runs(self):
        for action, containing in (("PutMetricData", ""), ("StartQueryExecution", "NewestRecordAge")):
            with self.subTest(action=action), self.refusals.refused(action, containing):
                ended = pipeline.run(self.aws, self.machine, self.until)
            self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.MetricsNotPut"))
            self.assertIn(f"not authorized to perform: {action}", ended["cause"])
            self.assertIn("NoteTraffic", entered := pipeline.states(self.aws, ended["executionArn"]))
            self.assertNotIn("AskToStoreInputs", entered)

    def test_metrics_that_cannot_be_read_fail_the_execution_after_the_traffic_is_stored(self):
        machine = self.machine_with("no-metrics", "SELECT 1 AS one UNION ALL SELECT 2")
        ended = pipeline.run(self.aws, machine, self.until)
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.MetricsNotPut"))
        self.assertIn("The traffic is stored, its metrics are not", ended["cause"])

    def test_the_upkeep_asks_for_more_rounds_while_athena_says_so(self):
        reason = "ICEBERG_VACUUM_MORE_RUNS_NEEDED: Removed 1000 files in this round of vacuum, but there are more files remaining"
        machine = self.machine_with("many-rounds", pipeline.metrics_template(), upkeep=f"SELECT error('{reason}')")
        ended = pipeline.run(self.aws, machine, "2026-01-04T12:20:07Z", settle=True)
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.QueryFailed"))
        self.assertIn(reason, ended["cause"])
        entered = pipeline.states(self.aws, ended["executionArn"])
        # One query checks the inputs. The first statement of the upkeep runs twenty times.
        self.assertEqual((entered.count("TakeUpkeep"), entered.count("StartQuery")), (1, 1 + 20))

    def test_a_query_that_lost_to_another_commit_is_run_again(self):
        reason = "ICEBERG_COMMIT_ERROR: Failed to commit Iceberg update to table"
        machine = self.machine_with("conflict", pipeline.metrics_template(), sql=f"SELECT error('{reason}') -- {{}}")
        ended = pipeline.run(self.aws, machine, self.until)
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.QueryFailed"))
        self.assertIn(reason, ended["cause"])
        entered = pipeline.states(self.aws, ended["executionArn"])
        # After the check of the inputs: three tries. What the hours are made from is not stored.
        self.assertEqual((entered.count("AskToStore"), entered.count("StartQuery")), (1, 1 + 3))
        self.assertNotIn("AskToStoreInputs", entered)

    def machine_with(self, name, metrics_sql, sql=None, upkeep=None):
        """Creates the state machine with another query for the metrics, or with both queries replaced, or the upkeep's. Returns its ARN."""
        definition = pipeline.definition(pipeline.query_template() if sql is None else sql, metrics_sql)
        if upkeep is not None:
            machine = json.loads(definition)
            machine["States"]["ListUpkeep"]["Result"]["left"] = [f"{upkeep} -- {number}" for number in range(4)]
            definition = json.dumps(machine)
        made = self.aws.client("stepfunctions").create_state_machine(
            name=name,
            definition=definition,
            roleArn=f"arn:aws:iam::{pipeline.ACCOUNT}:role/{name}",
        )
        return made["stateMachineArn"]

    def test_invalid_input_fails_before_any_call(self):
        before = self.listings()
        for until, pods in (
            ("yesterday", None),
            ("2026-05-04T12:20:07+02:00", None),
            ("2026-05-04T12' OR '1'='1:20:07Z", None),  # It would become part of the SQL.
            (self.until, {"cluster": "prod"}),
        ):
            ended = pipeline.run(self.aws, self.machine, until, pods)
            self.assertEqual((ended["status"], ended.get("error")), ("FAILED", "Hookline.InvalidInput"), until)
            self.assertEqual(self.attempts(ended["executionArn"]), (0, []), until)
        self.assertEqual(self.listings(), before)

    def test_a_failed_listing_is_retried(self):
        bucket = "hookline-pods-made-late"
        execution = pipeline.start(self.aws, self.machine, self.until, {"cluster": "prod", "bucket": bucket})
        _, failures = wait_for("a listing that failed", lambda: (found := self.attempts(execution))[1] and found, ENDS_WITHIN)
        self.assertEqual(set(failures), {"Hookline.UploadFailed"})
        self.aws.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-east-2"})
        self.assertEqual(pipeline.end(self.aws, execution)["status"], "SUCCEEDED")
        self.assertEqual(len(self.listings(bucket)), 1)

    def test_a_listing_that_cannot_succeed_fails_the_execution_with_its_error(self):
        ended = pipeline.run(self.aws, self.machine, self.until, {"cluster": "another", "bucket": pipeline.PODS_BUCKET})
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.ClusterNotFound"))
        self.assertIn("another", ended["cause"])
        attempts, _ = self.attempts(ended["executionArn"])
        self.assertEqual(attempts, 1, "an error that stays is not retried")
        # The hours have listings of earlier runs, so they are stored all the same.
        self.assertIn("NoteTraffic", pipeline.states(self.aws, ended["executionArn"]))

    def test_a_failed_query_fails_the_execution_with_the_reason_of_athena(self):
        machine = self.machine_with("broken", "SELECT 1", sql="SELECT no_such_column FROM flow_logs -- {}")
        ended = pipeline.run(self.aws, machine, self.until)
        self.assertEqual((ended["status"], ended["error"]), ("FAILED", "Hookline.QueryFailed"))
        self.assertIn("no_such_column", ended["cause"])
        self.assertIn("for the traffic", ended["cause"])


if __name__ == "__main__":
    unittest.main()
