"""The pipeline on this machine: buckets, tables and state machine as CDK deploys them, files as AWS and extract-pods deliver them.

The state machine's file, the queries, the tables' definitions and extract-pods are the real ones. Step Functions is moto's engine;
S3, Glue, Athena and CloudWatch are ministack's. The Athena of ministack does not have Iceberg. So the result tables are tables over Parquet
files here, which a test may write. The state machine runs the query itself instead of the statement that stores its rows
(traffic/sql/store.sql), and the values instead of the statement that stores them (store-inputs.sql). The rows are Athena's result, and the
query for the metrics contains that query instead of the table. The upkeep's statements fail. The wait between two looks at a query, or
two tries, is a second, and so is the one between two tries of a call.
"""

import json
import re
import uuid
from datetime import datetime, timedelta
from pathlib import Path

import statement
import tables
from local_aws import ENDS_WITHIN, LocalAws, wait_for

MACHINE = Path(__file__).resolve().parents[2] / "statemachine" / "cross-az-traffic.asl.json"
ACCOUNT, DATABASE, WORKGROUP = "123456789012", "hookline", "hookline-traffic"
INPUTS_PREFIX = "cross-az-inputs/"
FLOW_LOGS_BUCKET, PODS_BUCKET, RESULTS_BUCKET = "hookline-flow-logs", "hookline-pods", "hookline-athena-results"


class QueryFailed(Exception):
    """Athena could not run a query. The message has its reason."""


def table_input(name):
    """A table's definition with its locations filled in: a TableInput of AWS::Glue::Table."""
    definition = tables.definition(name)
    if definition["Parameters"].get("table_type") == "ICEBERG":
        # As a table over Parquet files.
        formats = {key: value for key, value in tables.definition("flow_logs")["StorageDescriptor"].items() if key not in ("Columns", "Location")}
        definition = {**definition, "TableType": "EXTERNAL_TABLE", "Parameters": {"EXTERNAL": "TRUE", "classification": "parquet"}}
        definition["StorageDescriptor"] = {**definition["StorageDescriptor"], **formats}
    text = json.dumps(definition)
    for parameter, place in (
        (":flow_logs_location", f"s3://{FLOW_LOGS_BUCKET}/{tables.FLOW_LOGS_PREFIX}"),
        (":pods_location", f"s3://{PODS_BUCKET}/{tables.PODS_PREFIX}"),
        (":cross_az_traffic_location", f"s3://{PODS_BUCKET}/cross-az-traffic/"),
        (":cross_az_inputs_location", f"s3://{PODS_BUCKET}/{INPUTS_PREFIX}"),
    ):
        text = text.replace(parameter, place)
    return json.loads(text)


def definition(sql, metrics_sql):
    """The state machine's definition, with these two queries, the real check of the inputs, and the names of this module."""
    text = MACHINE.read_text(encoding="utf-8")
    for name, value in (
        ("Partition", "aws"),
        ("ExtractPodsFunctionArn", f"arn:aws:lambda:us-east-2:{ACCOUNT}:function:extract-pods"),
        ("CheckInputsSql", statement.check_inputs_template()),
        ("SettleInputsSql", statement.check_inputs_template(statement.SETTLING)),
        ("StoreInputsSql", "SELECT * FROM (VALUES {}) AS hours (hour, records, listings, skipped)"),
        ("StoreTrafficSql", sql),
        ("TrafficMetricsSql", metrics_sql),
        ("WorkGroup", WORKGROUP),
        ("Database", DATABASE),
    ):
        text = text.replace("${" + name + "}", json.dumps(value)[1:-1])
    machine = json.loads(text)
    # The fake Athena is quick, and a query that fails there fails again at once.
    for wait in ("WaitForQuery", "PauseBeforeTry"):
        machine["States"][wait]["Seconds"] = 1
    for state in machine["States"].values():
        if ":aws-sdk:" in state.get("Resource", ""):
            state["Retry"][-1]["MaxDelaySeconds"] = 1
    return json.dumps(machine)


def query_template(usd_per_gb="0.01"):
    """The query as the state machine's statement, with {} for the window's end.

    The statement that stores the rows has more of them. moto ignores the arguments that are too many; Step Functions would refuse them.
    """
    return statement.with_parameters(statement.read("cross-az"), until="{}", usd_per_gb=usd_per_gb, interval=statement.INTERVAL, **statement.kinds())


def metrics_template():
    """The query for the metrics as the state machine's statement, with the other query under the name of the table.

    It has more placeholders than the state machine has arguments. So they have the numbers of the arguments: moto fills them in as Python does.
    """
    places = re.findall(r"{(\w+)}", statement.metrics_template(until="{until}", records="{records}", age="{age}"))
    until, records, age = (f"{{{places.index(name)}}}" for name in ("until", "records", "age"))
    return _with_table(statement.metrics_template(until=until, records=records, age=age), until)


def _with_table(text, until):
    """A query of the result table, with the rows before `until` under the name of the table."""
    table = query_template().replace("{}", until)
    return text.replace("WITH\n", f"WITH\ncross_az_traffic AS (\n{table}\n),\n", 1)


def ask_named(aws: LocalAws, name, until: datetime):
    """The rows of a named query for the three hours before `until`, a full hour, each a dictionary of texts."""
    begin, end = (f"TIMESTAMP '{time.strftime(statement.UNTIL_FORMAT)}'" for time in (until - timedelta(hours=3), until))
    athena = aws.client("athena")
    text = _with_table(statement.named(name, begin, end), until.strftime(statement.UNTIL_FORMAT))
    query = athena.start_query_execution(QueryString=text, QueryExecutionContext={"Database": DATABASE}, WorkGroup=WORKGROUP)["QueryExecutionId"]

    def ended():
        status = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]["Status"]
        return status if status["State"] in ("SUCCEEDED", "FAILED", "CANCELLED") else None

    status = wait_for(f"the end of the query {name}", ended, ENDS_WITHIN)
    if status["State"] != "SUCCEEDED":
        raise QueryFailed(f"{name}: {status.get('StateChangeReason')}")
    return results(aws, query)


def deploy(aws: LocalAws):
    """Creates what CDK creates: buckets, database, tables, workgroup, state machine. Returns the state machine's ARN."""
    s3, glue, athena = aws.client("s3"), aws.client("glue"), aws.client("athena")
    for bucket in (FLOW_LOGS_BUCKET, PODS_BUCKET, RESULTS_BUCKET):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-east-2"})
    glue.create_database(DatabaseInput={"Name": DATABASE})
    for table in ("flow_logs", "pods", "cross_az_traffic", "cross_az_inputs"):
        glue.create_table(DatabaseName=DATABASE, TableInput=table_input(table))
    athena.create_work_group(
        Name=WORKGROUP, Configuration={"ResultConfiguration": {"OutputLocation": f"s3://{RESULTS_BUCKET}/"}, "EnforceWorkGroupConfiguration": True}
    )
    machine = aws.client("stepfunctions").create_state_machine(
        name="cross-az-traffic", definition=definition(query_template(), metrics_template()), roleArn=f"arn:aws:iam::{ACCOUNT}:role/cross-az-traffic"
    )
    return machine["stateMachineArn"]


def upload(aws: LocalAws, bucket, root, prefix):
    """Uploads the files under root/prefix to a bucket, with the same keys. Returns how many."""
    s3 = aws.client("s3")
    files = [file for file in sorted((Path(root) / prefix).rglob("*")) if file.is_file()]
    for file in files:
        s3.put_object(Bucket=bucket, Key=file.relative_to(root).as_posix(), Body=file.read_bytes())
    return len(files)


def start(aws: LocalAws, machine, until, pods=None, **more):
    """Starts an execution. `more`: other fields of its input. Returns its ARN."""
    pods = {"cluster": "prod", "bucket": PODS_BUCKET} if pods is None else pods
    started = aws.client("stepfunctions").start_execution(
        stateMachineArn=machine, name=str(uuid.uuid4()), input=json.dumps({"until": until, "pods": pods, **more})
    )
    return started["executionArn"]


def end(aws: LocalAws, execution):
    """Waits for the end of an execution. Returns the answer of DescribeExecution."""
    stepfunctions = aws.client("stepfunctions")

    def ended():
        described = stepfunctions.describe_execution(executionArn=execution)
        return described if described["status"] != "RUNNING" else None

    return wait_for(f"the end of {execution}", ended, ENDS_WITHIN, pause=0.5)


def run(aws: LocalAws, machine, until, pods=None, **more):
    """Starts an execution and waits for its end. Returns the answer of DescribeExecution."""
    return end(aws, start(aws, machine, until, pods, **more))


def states(aws: LocalAws, execution):
    """The names of the states that an execution entered, in their order."""
    pages = aws.client("stepfunctions").get_paginator("get_execution_history").paginate(executionArn=execution)
    return [event["stateEnteredEventDetails"]["name"] for page in pages for event in page["events"] if "stateEnteredEventDetails" in event]


def results(aws: LocalAws, query):
    """The rows of a query that has ended, each a dictionary of texts (None for null)."""
    rows, names, token = [], None, {}
    while True:
        page = aws.client("athena").get_query_results(QueryExecutionId=query, **token)
        for row in page["ResultSet"]["Rows"]:
            values = [datum.get("VarCharValue") for datum in row["Data"]]
            if names is None:
                names = values
            else:
                rows.append(dict(zip(names, values)))
        if "NextToken" not in page:
            return rows
        token = {"NextToken": page["NextToken"]}
