"""Creates, lists and deletes a network interface and reads an execution's history, as any boto3 program does.

Nothing here knows that the endpoint is a local one: boto3 takes it from AWS_ENDPOINT_URL. Prints what it saw as JSON.
"""

import json
import sys

import boto3
from botocore.exceptions import ClientError


def main(subnet_id: str, address: str, execution_arn: str) -> None:
    ec2 = boto3.client("ec2")
    created = ec2.create_network_interface(
        SubnetId=subnet_id,
        PrivateIpAddress=address,
        TagSpecifications=[
            {"ResourceType": "network-interface", "Tags": [{"Key": "owner", "Value": "somebody"}]}
        ],
    )["NetworkInterface"]
    interface_id = created["NetworkInterfaceId"]
    pages = ec2.get_paginator("describe_network_interfaces").paginate(
        Filters=[{"Name": "tag:owner", "Values": ["somebody"]}]
    )
    listed = [interface for page in pages for interface in page["NetworkInterfaces"]]
    ec2.delete_network_interface(NetworkInterfaceId=interface_id)
    try:
        ec2.describe_network_interfaces(NetworkInterfaceIds=[interface_id])
        after = "still there"
    except ClientError as error:
        after = error.response["Error"]["Code"]

    history = boto3.client("stepfunctions").get_execution_history(executionArn=execution_arn)
    json.dump(
        {
            "created": interface_id,
            "listed": [interface["NetworkInterfaceId"] for interface in listed],
            "address": listed[0]["PrivateIpAddress"],
            "after": after,
            "states": [
                event["stateEnteredEventDetails"]["name"]
                for event in history["events"]
                if "stateEnteredEventDetails" in event
            ],
        },
        sys.stdout,
    )


main(*sys.argv[1:])
