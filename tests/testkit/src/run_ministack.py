"""Runs ministack with what it lacks: in CloudFormation saved queries of Logs Insights and alarms of metric math, and for each function
the credentials of its role.

Of a query it checks the properties, and nothing can look the query up: ministack has no PutQueryDefinition either. Source of the limits and
of the return value: CloudFormation Template Reference, AWS::Logs::QueryDefinition; CloudWatch Logs API Reference, PutQueryDefinition.

Of an alarm of metric math it checks the metrics. ministack then keeps the alarm as one of its first metric, which is never evaluated. Source
of the rules: CloudWatch API Reference, PutMetricAlarm and MetricDataQuery.

The credentials have the form by which the fake AWS of this repository knows who calls (local/src/iam/roles.rs). ministack gives every
function the same ones, which are nobody's. It reads no role from them, and checks no permission by them. Source: AWS Lambda Developer
Guide, "Defining Lambda function permissions with an execution role".
"""

import inspect
import re
import uuid

from ministack.app import main
from ministack.core import lambda_runtime
from ministack.services import lambda_svc
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


def credentials_of_role(config):
    key = "ASIA" + config["Role"].encode().hex().upper()
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "test"}


for module in (lambda_runtime, lambda_svc):
    assert callable(module.execution_credentials)
    module.execution_credentials = credentials_of_role

if __name__ == "__main__":
    main()
