"""The fake AWS of the pipeline, on this machine: hookline-local, and ministack behind it.

hookline-local is the only endpoint. It runs the real extract-pods over the Lambda Runtime API, serves the fake EKS cluster that extract-pods
lists over TLS, and runs the state machine on moto's engine. It forwards S3, Glue, Athena and CloudWatch to ministack, whose Athena uses
DuckDB. All servers listen on loopback, on free ports, and end with the `with` block.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import boto3

REGION = "us-east-2"
_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}

#: The services of ministack, by their names in a SigV4 scope. monitoring is CloudWatch. The second ones are those whose calls `refusals` may refuse.
FORWARDED = ("s3,glue", "athena,monitoring")

#: How long a server may take until its first answer, and an execution or a query until its end, in seconds.
STARTS_WITHIN, ENDS_WITHIN = 120, 600


class TimedOut(Exception):
    """Something did not happen in time. The message names it."""


class NotStarted(Exception):
    """A server did not start. The message has its output."""


def wait_for(what, look, within, pause=0.1):
    """Calls `look` until it returns something, and returns that."""
    end = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise TimedOut(f"{what}: not within {within} s")
        time.sleep(pause)


#: Runs ministack on the socket that it has as standard input.
_MINISTACK = Path(__file__).parents[2] / "tests/testkit/src/run_ministack.py"


def built(variable, what):
    """The path of something that `cargo xtask` has built. It passes the path in an environment variable."""
    path = os.environ.get(variable)
    if not path:
        raise NotStarted(f"{variable} is not set. It must be the path of {what}; `cargo xtask demo --traffic` and `cargo xtask test` set it")
    # Programs may start in another folder.
    return Path(path).resolve()


class Process:
    """A server in a process of its own. `log` is the file of its output, `stdin` what it has as standard input."""

    def __init__(self, name, command, log, stdin=None, **environment):
        self.name, self.log = name, Path(log)
        with self.log.open("wb") as file:
            try:
                self._process = subprocess.Popen(command, env={**os.environ, **_KEYS, **environment}, stdin=stdin, stdout=file, stderr=subprocess.STDOUT)
            except OSError as error:
                raise NotStarted(f"{name}: {error}") from error

    def wait_until(self, ready):
        """Waits until `ready` returns something, and returns that. It is an error if the process ends first."""

        def look():
            found = ready()
            if not found and self._process.poll() is not None:
                raise NotStarted(f"{self.name} ended with status {self._process.returncode}: {self.output().strip()}")
            return found

        try:
            return wait_for(f"the first answer of {self.name}", look, STARTS_WITHIN)
        except TimedOut as error:
            raise NotStarted(f"{error}. Its output: {self.output().strip()}") from error

    def output(self):
        return self.log.read_text(encoding="utf-8", errors="replace")

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False


class LocalAws:
    """hookline-local and ministack, for the duration of a `with` block.

    `clusters`: the contents of each EKS cluster, by its name. `interfaces`: the network interfaces of services in their VPC, as EC2 describes them.
    `refusals`: what refuses calls of Athena and CloudWatch, if a test wants that.
    """

    def __init__(self, clusters, interfaces=(), refusals=None):
        self._clusters, self._interfaces, self._refusals = clusters, list(interfaces), refusals
        self._stack = ExitStack()
        #: The value for AWS_ENDPOINT_URL.
        self.url = None

    def __enter__(self):
        local, functions = built("HOOKLINE_LOCAL", "the program hookline-local"), built("HOOKLINE_FUNCTIONS_DIR", "the folder of the functions' programs")
        with ExitStack() as stack:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="hookline-local-")))
            with socket.socket() as listener:
                listener.bind(("127.0.0.1", 0))
                port = listener.getsockname()[1]
                ministack = Process(
                    "ministack", [sys.executable, _MINISTACK], root / "ministack.log", stdin=listener,
                    GATEWAY_PORT=str(port), BIND_HOST="127.0.0.1", ATHENA_ENGINE="duckdb",
                )
            stack.callback(ministack.stop)
            command = [
                local, "--port", "0", "--region", REGION, "--functions-dir", functions, "--function", "extract-pods",
                "--python", sys.executable, "--log-dir", root / "logs",
            ]
            in_front = port if self._refusals is None else stack.enter_context(self._refusals.server(port))
            for services, at in zip(FORWARDED, (port, in_front)):
                command += ["--forward", f"{services}=http://127.0.0.1:{at}"]
            for name, contents in self._clusters.items():
                file = root / f"{name}.json"
                file.write_text(json.dumps(contents), encoding="utf-8")
                command += ["--cluster", f"{name}={file}"]
            if self._interfaces:
                file = root / "interfaces.json"
                file.write_text(json.dumps(self._interfaces), encoding="utf-8")
                command += ["--interfaces", file]
            hookline = Process("hookline-local", command, root / "hookline-local.log")
            stack.callback(hookline.stop)
            ministack.wait_until(lambda: _answers(f"http://127.0.0.1:{port}/_ministack/health"))
            self.url = hookline.wait_until(lambda: _endpoint(hookline.output()))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        self._stack.close()

    def client(self, service):
        return boto3.client(service, endpoint_url=self.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test")


def _endpoint(output):
    """The URL in the line that hookline-local prints when it is ready."""
    lines = output.splitlines(keepends=True)
    return next((line.split("=", 1)[1].strip() for line in lines if line.startswith("AWS_ENDPOINT_URL=") and line.endswith("\n")), None)
