"""Runs ministack with one more resource type in its CloudFormation, which it does not know: a saved query of Logs Insights.

It checks the properties, and nothing can look the query up: ministack has no PutQueryDefinition either. Source of the limits and of
the return value: CloudFormation Template Reference, AWS::Logs::QueryDefinition; CloudWatch Logs API Reference, PutQueryDefinition.
"""

import uuid

from ministack.app import main
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

if __name__ == "__main__":
    main()
