"""Runs ministack on the socket that it has as standard input, with what it lacks: in CloudFormation saved queries of Logs Insights and
alarms of metric math; for each function the credentials of its role; and for a state machine's own calls of Auto Scaling, the credentials
of its role and the endpoint that functions have.

Of a query it checks the properties, and nothing can look the query up: ministack has no PutQueryDefinition either. Source of the limits and
of the return value: CloudFormation Template Reference, AWS::Logs::QueryDefinition; CloudWatch Logs API Reference, PutQueryDefinition.

Of an alarm of metric math it checks the metrics. ministack then keeps the alarm as one of its first metric, which is never evaluated. Source
of the rules: CloudWatch API Reference, PutMetricAlarm and MetricDataQuery.

The credentials have the form by which the fake AWS of this repository knows who calls (local/src/iam/roles.rs). ministack gives every
function the same ones, which are nobody's. It reads no role from them, and checks no permission by them. Source: AWS Lambda Developer
Guide, "Defining Lambda function permissions with an execution role".

A state machine calls an action of Auto Scaling as its role. An error has the name of the exception in the AWS SDK for Java, and is an
AutoScalingException where that has none. ministack would call its own Auto Scaling, as nobody. Source: Step Functions Developer Guide,
"Learning to use AWS service SDK integrations in Step Functions".
"""

import contextvars
import inspect
import os
import re
import uuid

import boto3
import hypercorn.asyncio
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from ministack.app import main
from ministack.core import lambda_runtime
from ministack.core.responses import get_region
from ministack.services import lambda_svc, stepfunctions
from ministack.services.cloudformation import provisioners

TYPE = "AWS::Logs::QueryDefinition"
PROPERTIES = {"LogGroupNames", "Name", "Parameters", "QueryLanguage", "QueryString"}


def check(properties):
    unknown = sorted(set(properties) - PROPERTIES)
    if unknown:
        raise ValueError(f"{TYPE}: Encountered unsupported property {', '.join(unknown)}")
    for name, longest in (("Name", 255), ("QueryString", 10_000)):
        if not 1 <= len(properties.get(name, "")) <= longest:
            raise ValueError(f"{TYPE} {name}: expected 1 to {longest} characters")
    if not all(isinstance(name, str) and name for name in properties.get("LogGroupNames", [])):
        raise ValueError(f"{TYPE} LogGroupNames: expected names")
    if len(properties.get("Parameters", [])) > 20:
        raise ValueError(f"{TYPE} Parameters: more than 20")


def create(logical_id, properties, stack_name):
    check(properties)
    return str(uuid.uuid4()), {}


def update(physical_id, old_properties, properties, stack_name):
    check(properties)
    return physical_id, {}


def delete(physical_id, properties):
    pass


assert TYPE not in provisioners._RESOURCE_HANDLERS, f"ministack knows {TYPE} by now: remove this"
provisioners._RESOURCE_HANDLERS[TYPE] = {"create": create, "update": update, "delete": delete}

ALARM = "AWS::CloudWatch::Alarm"
OF_ONE_METRIC = {"Dimensions", "ExtendedStatistic", "MetricName", "Namespace", "Period", "Statistic", "Unit"}

record_of_one_metric = provisioners._cw_metric_alarm_record
assert "metric math" in inspect.getsource(record_of_one_metric), "ministack knows metric math by now: remove this"


def first_metric(properties):
    """Checks the metrics of an alarm, and returns the first of them."""
    queries = properties["Metrics"]
    both = sorted(OF_ONE_METRIC & set(properties))
    if both:
        raise ValueError(f"{ALARM}: {', '.join(both)} beside Metrics")
    ids = [query.get("Id", "") for query in queries]
    if len(set(ids)) < len(ids) or not all(re.fullmatch(r"[a-z][a-zA-Z0-9_]{0,254}", one) for one in ids):
        raise ValueError(f"{ALARM} Metrics: expected different Ids, each with a small letter first, found {ids}")
    if not all(("Expression" in query) != ("MetricStat" in query) for query in queries):
        raise ValueError(f"{ALARM} Metrics: expected either Expression or MetricStat in each")
    if sum(query.get("ReturnData", True) for query in queries) != 1:
        raise ValueError(f"{ALARM} Metrics: expected one with ReturnData")
    metrics = [query["MetricStat"] for query in queries if "MetricStat" in query]
    if not 1 <= len(metrics) <= 10:
        raise ValueError(f"{ALARM} Metrics: expected 1 to 10 metrics, found {len(metrics)}")
    return metrics[0]


def record(name, properties):
    if not properties.get("Metrics"):
        return record_of_one_metric(name, properties)
    metric = first_metric(properties)
    of_one = {key: value for key, value in properties.items() if key != "Metrics"}
    return record_of_one_metric(name, {**of_one, **metric["Metric"], "Period": metric["Period"], "Statistic": metric["Stat"]})


provisioners._cw_metric_alarm_record = record


def access_key_of_role(role):
    return "ASIA" + role.encode().hex().upper()


def credentials_of_role(config):
    return {"AWS_ACCESS_KEY_ID": access_key_of_role(config["Role"]), "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "test"}


for module in (lambda_runtime, lambda_svc):
    assert callable(module.execution_credentials)
    module.execution_credentials = credentials_of_role

AUTO_SCALING = ":aws-sdk:autoscaling:"

# The role of the execution that this thread runs. ministack copies the context to the threads that it starts for an execution.
role_of_execution = contextvars.ContextVar("role_of_execution")

run_execution = stepfunctions._run_execution
invoke_aws_sdk_integration = stepfunctions._invoke_aws_sdk_integration


def run_execution_as_its_role(execution_arn):
    execution = stepfunctions._executions[execution_arn]
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"])
    if machine:
        role_of_execution.set(machine["roleArn"])
    run_execution(execution_arn)


def call_auto_scaling(resource, parameters):
    """Calls what a state's Resource names, and returns the answer."""
    action = resource.partition(AUTO_SCALING)[2]
    # A session of its own: each execution is a thread.
    client = boto3.session.Session().client(
        "autoscaling",
        endpoint_url=os.environ["AWS_ENDPOINT_URL_AUTO_SCALING"],
        region_name=get_region(),
        aws_access_key_id=access_key_of_role(role_of_execution.get()),
        aws_secret_access_key="test",
        aws_session_token="test",
        # The state machine says itself how often it tries.
        config=Config(retries={"total_max_attempts": 1}),
    )
    method = re.sub("(?<=[a-z])(?=[A-Z])", "_", action).lower()
    try:
        answer = getattr(client, method)(**parameters)
    except ParamValidationError as error:
        raise stepfunctions._ExecutionError("States.Runtime", str(error)) from error
    except ClientError as error:
        code = error.response["Error"]["Code"]
        known = {shape.error_code for shape in client.meta.service_model.error_shapes}
        name = f"{code}Exception" if code in known else "AutoScalingException"
        raise stepfunctions._ExecutionError(f"AutoScaling.{name}", f"{code}: {error.response['Error']['Message']}") from error
    return {key: value for key, value in answer.items() if key != "ResponseMetadata"}


def invoke_as_role(resource, parameters):
    invoke = call_auto_scaling if AUTO_SCALING in resource else invoke_aws_sdk_integration
    return invoke(resource, parameters)


stepfunctions._run_execution = run_execution_as_its_role
stepfunctions._invoke_aws_sdk_integration = invoke_as_role

serve = hypercorn.asyncio.serve


def serve_standard_input(app, config):
    config.bind = ["fd://0"]
    return serve(app, config)


hypercorn.asyncio.serve = serve_standard_input

if __name__ == "__main__":
    main()
