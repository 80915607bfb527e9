"""Starts moto's server on the socket that it has as standard input. The calls of its state machines carry the credentials of the state
machine's role.

moto makes every such call with one access key. The fake AWS knows a role by an access key id that begins with ASIA and goes on
with the role's ARN in hexadecimal digits (hookline_local::iam::credentials_of).
"""

import socket
import types

from moto import server
from moto.stepfunctions.parser.asl.utils import boto_client
from werkzeug.serving import make_server


def boto_client_for(region, service, state_credentials=None):
    client = _without_role(region, service, state_credentials)
    if state_credentials is not None:
        access_key = "ASIA" + state_credentials.role_arn.encode().hex().upper()

        def with_role(request, **_):
            header = request.headers["Authorization"]
            if isinstance(header, bytes):
                header = header.decode()
            start, credential = header.split("Credential=", 1)
            scope = credential.split("/", 1)[1]
            del request.headers["Authorization"]
            request.headers["Authorization"] = f"{start}Credential={access_key}/{scope}"

        client.meta.events.register("before-send", with_role)
    return client


# Every module has imported the function by its name, so the function itself changes.
original = boto_client.boto_client_for
boto_client._without_role = types.FunctionType(
    original.__code__, original.__globals__, original.__name__, original.__defaults__
)
original.__code__ = boto_client_for.__code__


def serve_standard_input(host, port, app, *, threaded, request_handler, **_):
    listener = socket.socket(fileno=0)
    listener.setblocking(True)
    listener.listen(128)
    make_server(host, port, app, threaded=threaded, request_handler=request_handler, fd=0).serve_forever()


server.run_simple = serve_standard_input
server.main()
