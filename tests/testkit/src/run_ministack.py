"""Runs ministack with two things that it lacks.

CloudFormation's saved query of Logs Insights: it checks the properties, and nothing can look the query up, as ministack has no
PutQueryDefinition either. Source of the limits and of the return value: CloudFormation Template Reference, AWS::Logs::QueryDefinition;
CloudWatch Logs API Reference, PutQueryDefinition.

Credentials of its role for each function, in the form by which the fake AWS of this repository knows who calls
(local/src/iam/roles.rs). ministack gives every function the same ones, which are nobody's. It reads no role from them, and checks
no permission by them. Source: AWS Lambda Developer Guide, "Defining Lambda function permissions with an execution role".
"""

import uuid

from ministack.app import main
from ministack.core import lambda_runtime
from ministack.services import lambda_svc
from ministack.services.cloudformation.provisioners import _RESOURCE_HANDLERS

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


assert TYPE not in _RESOURCE_HANDLERS, f"ministack knows {TYPE} by now: remove this file"
_RESOURCE_HANDLERS[TYPE] = {"create": create, "update": update, "delete": delete}


def credentials_of_role(config):
    key = "ASIA" + config["Role"].encode().hex().upper()
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": "test", "AWS_SESSION_TOKEN": "test"}


for module in (lambda_runtime, lambda_svc):
    assert callable(module.execution_credentials)
    module.execution_credentials = credentials_of_role

if __name__ == "__main__":
    main()
