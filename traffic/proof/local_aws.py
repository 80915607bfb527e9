"""AWS on this machine for the pipeline: ministack (S3, Glue, Athena by DuckDB), and moto's engine for the state machine.

moto makes the calls of a task to the address in MOTO_PORT. A small server stands there: it answers Lambda invocations with a Python
function, and hands all else on to ministack. Everything listens on loopback, at ports of its own, and ends with the `with` block.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3

REGION = "us-east-2"
_KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": REGION}

#: How long a server may take to answer for the first time, and an execution or a query to end.
STARTS_WITHIN, ENDS_WITHIN = 120, 600


class TimedOut(Exception):
    """Something did not happen in its time; the message says what was waited for."""


def wait_for(what, look, within, pause=0.1):
    """Looks until there is something, and returns it."""
    end = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise TimedOut(f"{what}: not within {within} s")
        time.sleep(pause)


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


class Process:
    """A server of another program, in a process of its own, that is ended by its id."""

    def __init__(self, name, command, port, health, **environment):
        self.name, self.port = name, port
        self._process = subprocess.Popen(
            command, env={**os.environ, **_KEYS, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_for(f"the first answer of {name}", lambda: self._answers(health), STARTS_WITHIN)
        except BaseException:
            self.stop()
            raise

    def _answers(self, path):
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with status {self._process.returncode} before it answered")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class LocalAws:
    """ministack, and where asked for the engine, for the length of a `with` block."""

    def __init__(self, functions=None):
        #: Function name → a Python function from payload to result. A raised `FunctionError` is the function's error.
        self._functions = functions
        self._stack = ExitStack()

    def __enter__(self):
        with ExitStack() as stack:
            port = free_port()
            self.ministack = Process(
                "ministack", [sys.executable, "-m", "ministack"], port, "/_ministack/health",
                GATEWAY_PORT=str(port), BIND_HOST="127.0.0.1", ATHENA_ENGINE="duckdb",
            )
            stack.callback(self.ministack.stop)
            if self._functions is not None:
                self._start_engine(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        self._stack.close()

    def _start_engine(self, stack):
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self.ministack.port, self._functions))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        stack.callback(server.server_close)
        stack.callback(server.shutdown)
        port = free_port()
        self.engine = Process(
            "moto", [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port, "/moto-api/",
            MOTO_PORT=str(server.server_address[1]),
        )
        stack.callback(self.engine.stop)
        configure = urllib.request.Request(
            f"http://127.0.0.1:{port}/moto-api/config", json.dumps({"stepfunctions": {"execute_state_machine": True}}).encode(), method="POST"
        )
        urllib.request.urlopen(configure, timeout=10).close()

    def client(self, service):
        port = self.engine.port if service == "stepfunctions" else self.ministack.port
        return boto3.client(
            service, endpoint_url=f"http://127.0.0.1:{port}", region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )


class FunctionError(Exception):
    """What a Lambda function fails with: an error type and a message."""

    def __init__(self, error_type, message):
        super().__init__(message)
        self.error_type = error_type


def _handler(port, functions):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            parts = self.path.split("/")
            if len(parts) > 3 and parts[2] == "functions":
                self._invoke(parts[3], body)
            else:
                self._hand_on(body)

        def _invoke(self, name, body):
            name = name.replace("%3A", ":").rsplit(":", 1)[-1]
            headers, status = {}, 200
            try:
                answer = functions[name](json.loads(body))
            except FunctionError as error:
                headers["X-Amz-Function-Error"] = "Unhandled"
                answer = {"errorType": error.error_type, "errorMessage": str(error)}
            except KeyError:
                status, answer = 404, {"Type": "User", "Message": f"Function not found: {name}"}
                headers["X-Amzn-Errortype"] = "ResourceNotFoundException"
            self._answer(status, json.dumps(answer).encode(), headers)

        def _hand_on(self, body):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ENDS_WITHIN)
            try:
                connection.request("POST", self.path, body, {name: value for name, value in self.headers.items() if name.lower() != "host"})
                answer = connection.getresponse()
                kept = {name: value for name, value in answer.getheaders() if name.lower().startswith(("content-type", "x-amz"))}
                self._answer(answer.status, answer.read(), kept)
            finally:
                connection.close()

        def _answer(self, status, body, headers):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler
