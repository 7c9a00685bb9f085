"""The web server around a small application, in a process of its own, with limits that a test can wait for."""

import http.client
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.running import ROOT
from tools.processes import LOOPBACK, free_port

PATIENCE = 60


class Served:
    """A running server, and ways to talk to it."""

    def __init__(self, port, process):
        self.port, self.process = port, process

    def get(self, path="/", **headers):
        """Return status, body and headers of a GET."""
        line = http.client.HTTPConnection(LOOPBACK, self.port, timeout=PATIENCE)
        line.request("GET", path, headers=headers)
        answer = line.getresponse()
        body = answer.read().decode()
        line.close()
        return answer.status, body, answer.headers

    def open(self, data=b""):
        """Return a connection on which so much has been sent."""
        line = socket.create_connection((LOOPBACK, self.port), timeout=PATIENCE)
        line.sendall(data)
        return line

    def raw(self, data, *, ends=False):
        """Send bytes, and return all that comes back until the server closes."""
        with self.open() as line:
            with suppress(OSError):  # the server may refuse before it has everything
                line.sendall(data)
                if ends:
                    line.shutdown(socket.SHUT_WR)
            return read(line)

    def children(self):
        """Return the process ids of the server's processes."""
        pid = self.process.pid
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def read(line):
    """Return what comes until the other side closes."""
    found = b""
    with suppress(ConnectionResetError):
        while data := line.recv(65_536):
            found += data
    return found


@contextmanager
def served(application="tests.http.small_app:app", *, workers=1, threads=2, **limits):
    """Serve an application; `limits` replace the constants of the server."""
    port = free_port()
    module, _, name = application.partition(":")
    lines = [
        "from scheduler.http import server",
        *(f"server.{limit} = {value!r}" for limit, value in limits.items()),
        f"from {module} import {name} as application",
        f"server.serve(application, server.listen('{LOOPBACK}', {port}), {workers}, {threads})",
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", "\n".join(lines)], cwd=ROOT, env=dict(os.environ), stderr=subprocess.PIPE
    )
    running = Served(port, process)
    try:
        wait(lambda: _answers(running))
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=PATIENCE)


def wait(wish, seconds=PATIENCE):
    """Return the first true answer; fail when none comes in time."""
    last = time.monotonic() + seconds
    while time.monotonic() < last:
        if answer := wish():
            return answer
        time.sleep(0.05)
    raise AssertionError("it did not come true")


def _answers(running):
    with suppress(OSError):
        return running.get()[0]
    return None
