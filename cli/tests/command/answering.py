#!/usr/bin/env python3
"""A function that answers each invocation with the JSON of its environment variable ANSWER, by the Runtime API for custom runtimes
(Lambda Developer Guide, "Using the Lambda runtime API for custom runtimes").

What is kept of it is what the command prints. The suite `operator` runs the real functions.
"""

import json
import os
import urllib.request

api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
answer = json.loads(os.environ["ANSWER"])
while True:
    with urllib.request.urlopen(f"{api}/next") as invocation:
        request = invocation.headers["Lambda-Runtime-Aws-Request-Id"]
        dry_run = json.load(invocation)["dryRun"]
    body = json.dumps({**answer, "dryRun": dry_run}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{api}/{request}/response", body, method="POST")).close()
