"""A stand-in for the function extract-pods, which needs an EKS cluster: a cluster of a story instead."""

import gzip
import json
from datetime import datetime


class SimulatedExtractPods:
    """Writes a cluster's listing of a time, as the real function writes what it lists. `failures` are raised first, one a call."""

    def __init__(self, cluster, at):
        self.cluster, self.at = cluster, at
        self.aws, self.payloads, self.failures = None, [], []

    def __call__(self, payload):
        self.payloads.append(payload)
        if self.failures:
            raise self.failures.pop(0)
        hour = datetime.strptime(payload["hour"], "%Y-%m-%dT%H:%M:%SZ")
        key = hour.strftime(f"pods/dt=%Y-%m-%d/hour=%H/{payload['cluster']}.{payload['execution']}.json.gz")
        lines = self.cluster.lines(self.at)
        body = gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode())
        self.aws.client("s3").put_object(Bucket=payload["bucket"], Key=key, Body=body)
        kinds = [line["kind"] for line in lines]
        return {"bucket": payload["bucket"], "key": key, "pods": kinds.count("pod"), "nodes": kinds.count("node"), "bytes": len(body)}
