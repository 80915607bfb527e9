"""A stand-in for the instance metadata service, version 2. It runs in a node's network namespace, on 169.254.169.254.

`python imds.py STATE`: STATE is a JSON file, read anew for each request:

    { "instanceId", "mac", "targetState"?, "tokens"?, "fault"?, "interfaces": [{ "mac", "interface-id", "subnet-id", … }] }

Source: EC2 user guide, "Instance metadata categories" and "Use the Instance Metadata Service to access instance metadata". A category that an
interface does not have is 404, as `network-card` on types with one card. A request without a token that is valid is 401.

`fault` is what is wrong now: "hang" (no answer), "500", "404" (every category), "no-token" (403, as with IMDS turned off), "garbage".
`tokens` is a number; when it changes, all tokens from before are invalid.
"""

import json
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

TOKEN, TTL = "X-aws-ec2-metadata-token", "X-aws-ec2-metadata-token-ttl-seconds"
MACS = "network/interfaces/macs/"

state_file = Path(sys.argv[1])
lock = threading.Lock()
#: Each token, with the number of `tokens` when it was given.
given = {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # One packet for an answer: two would wait for an acknowledgement in between.
    wbufsize = -1

    def answer(self, status, text=""):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def faulty(self, state):
        fault = state.get("fault")
        if fault == "hang":
            time.sleep(600)
        elif fault == "500":
            self.answer(500, "error")
        else:
            return False
        return True

    def do_PUT(self):
        state = json.loads(state_file.read_text())
        seconds = self.headers.get(TTL, "")
        if self.faulty(state):
            return
        if state.get("fault") == "no-token":
            self.answer(403)
        elif self.path != "/latest/api/token" or not seconds.isdigit() or not 1 <= int(seconds) <= 21600:
            self.answer(400)
        else:
            token = secrets.token_urlsafe(40) + "=="
            with lock:
                given[token] = state.get("tokens", 0)
            self.answer(200, token)

    def do_GET(self):
        state = json.loads(state_file.read_text())
        if self.faulty(state):
            return
        with lock:
            valid = given.get(self.headers.get(TOKEN)) == state.get("tokens", 0)
        if not valid:
            self.answer(401)
            return
        value = None if state.get("fault") == "404" else category(state, self.path.removeprefix("/latest/meta-data/"))
        if value is None:
            self.answer(404, "<html>not found</html>")
        else:
            self.answer(200, "%$\n<html>" if state.get("fault") == "garbage" else value)

    def log_message(self, *_):
        pass


def category(state, path):
    """The value of a category, or None if there is none."""
    top = {"mac": state.get("mac"), "instance-id": state.get("instanceId"), "autoscaling/target-lifecycle-state": state.get("targetState")}
    if path in top:
        return top[path]
    if path == MACS:
        return "\n".join(interface["mac"] + "/" for interface in state["interfaces"])
    mac, _, name = path.removeprefix(MACS).partition("/")
    for interface in state["interfaces"]:
        if path.startswith(MACS) and interface["mac"] == mac:
            return interface.get(name)
    return None


if __name__ == "__main__":
    server = ThreadingHTTPServer(("169.254.169.254", 80), Handler)
    print("ready", flush=True)
    server.serve_forever()
