"""Runs a command in a pseudo-terminal: waits for a text, presses a key, and says in JSON what became of it.

    terminal.py TEXT KEY COMMAND …

Its standard library has what a test in Rust would need a crate for.
"""

import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time

LIMIT = 60  # seconds, until the text is there, and until the command has ended

text, key, *command = sys.argv[1:]
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
before = termios.tcgetattr(slave)
child = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=subprocess.PIPE, start_new_session=True)
written = b""


def read_until(is_done):
    """Takes what the command writes, so that it never waits for the terminal."""
    global written
    until = time.monotonic() + LIMIT
    while not is_done():
        if time.monotonic() > until:
            child.kill()
            sys.exit(f"nothing came of it in {LIMIT} s: {written!r}")
        if select.select([master], [], [], 0.1)[0]:
            written += os.read(master, 65536)


def has_ended():
    return child.poll() is not None


read_until(lambda: text.encode() in written or has_ended())
shown = termios.tcgetattr(slave)
if not has_ended():
    os.write(master, key.encode())
read_until(has_ended)
while select.select([master], [], [], 0)[0]:
    written += os.read(master, 65536)
print(
    json.dumps(
        {
            "code": child.returncode,
            "errors": child.stderr.read().decode(),
            "isRaw": not shown[3] & (termios.ICANON | termios.ECHO),
            "isRestored": termios.tcgetattr(slave) == before,
            "written": written.decode(errors="replace"),
        }
    )
)
