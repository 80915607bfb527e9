"""Calls of Athena and CloudWatch that AWS refuses, for a test: a server between hookline-local and ministack, which hands on everything else."""

import http.client
import json
import threading
import uuid
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

#: Headers of one connection, which are not handed on.
_OF_CONNECTION = {"connection", "transfer-encoding", "content-length"}


class Refusals:
    """Refuses the calls that `refused` names, for the duration of a `with` block. `server(port)` starts it in front of the server at a port."""

    def __init__(self):
        self._refused, self._unseen = [], []

    @contextmanager
    def refused(self, action, containing="", error="AccessDeniedException"):
        """Refuses the calls of an action whose request has a text, as AWS refuses a caller without the permission, or with another error. Yields the list of their requests."""
        calls = []
        rule = (action, containing.encode(), calls, error)
        self._refused.append(rule)
        try:
            yield calls
        finally:
            self._refused.remove(rule)

    @contextmanager
    def unseen(self, containing):
        """Lets Athena run the queries whose text has this, and refuses each look at one of them. Yields the list of the requests that were refused."""
        rule = (containing.encode(), looks := [])
        self._unseen.append(rule)
        try:
            yield looks
        finally:
            self._unseen.remove(rule)
            self._refused = [refused for refused in self._refused if refused[2] is not looks]

    def note(self, target, body, answer):
        """Takes notice of a call that was handed on, and of its answer."""
        for containing, looks in list(self._unseen):
            if _action(target) == "StartQueryExecution" and containing in body:
                self._refused.append(("GetQueryExecution", json.loads(answer)["QueryExecutionId"].encode(), looks, "AccessDeniedException"))

    def answer(self, target, body):
        """The refusal of a call, or None. `target`: the header X-Amz-Target, by which a service with the protocol JSON knows the action."""
        action = _action(target)
        for name, containing, calls, error in list(self._refused):
            if name == action and containing in body:
                calls.append(body)
                return {"__type": error, "message": f"User: test is not authorized to perform: {action}"}
        return None

    @contextmanager
    def server(self, port):
        """Yields the port at which calls are refused or handed on."""
        handler = type("Handler", (_Handler,), {"refusals": self, "behind": port})
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever, daemon=True)
            thread.start()
            try:
                yield server.server_address[1]
            finally:
                server.shutdown()


def _action(target):
    return (target or "").rpartition(".")[2]


class _Handler(BaseHTTPRequestHandler):
    def _call(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        refusal = self.refusals.answer(self.headers.get("X-Amz-Target"), body)
        if refusal is not None:
            headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": str(uuid.uuid4())}
            self._write(400, headers.items(), json.dumps(refusal).encode())
            return
        connection = http.client.HTTPConnection("127.0.0.1", self.behind)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in _OF_CONNECTION}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
            self.refusals.note(self.headers.get("X-Amz-Target"), body, content)
            self._write(answer.status, answer.getheaders(), content)
        finally:
            connection.close()

    do_GET = do_POST = _call

    def _write(self, status, headers, body):
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in _OF_CONNECTION:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Says nothing of each call."""
