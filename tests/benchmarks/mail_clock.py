"""What the mail benchmarks run in processes of their own: a clock's dispatch, and a mail server that counts."""

import os
import sys
from datetime import timedelta
from pathlib import Path

from config import MailServer
from scheduler.app import create_app
from scheduler.notify.console import ConsoleConnection
from scheduler.notify.smtp import Connection
from scheduler.processes.clock_process import TURN_SECONDS
from scheduler.processes.dispatch import Outbound, dispatch
from scheduler.services.mail.letters import Letterhead
from tests.cast import NOW
from tests.engines import SECRET_KEY, test_settings
from tests.smtp_server import Script, smtp_server

HEAD = Letterhead("https://seriate.example", (SECRET_KEY,), "Seriate <clinic@seriate.example>")


def ask(pipe, what):
    """Ask a mail server in another process."""
    pipe.send(what)
    return pipe.recv()


def run_server(pipe, delay):
    """Take mails until the pipe closes; say the port, how many there were, or what one looked like."""
    script = Script(delay=delay)
    with smtp_server(script) as port:
        for what in _lines(pipe):
            answers = {"port": port, "count": len(script.received)}
            pipe.send(script.received[0].content if what == "content" else answers[what])


def run_clock(pipe, folder, url, port, connections):
    """Say that we are ready, and dispatch each time we are told to go."""
    sys.setswitchinterval(TURN_SECONDS)
    app = create_app(test_settings(Path(folder), url))
    out = outbound(app, port, connections)
    pipe.send("ready")
    for _ in _lines(pipe):
        pipe.send(dispatch(out))


def run_console_clock(pipe, folder, url):
    """Say which process we are, and dispatch to nowhere when we are told to go."""
    app = create_app(test_settings(Path(folder), url))
    nowhere = Path(os.devnull).open("w")  # noqa: SIM115  (for as long as the process lives)
    out = outbound(app, 0, 4)
    out.connect = lambda: ConsoleConnection(nowhere)
    pipe.send(os.getpid())
    for _ in _lines(pipe):
        pipe.send(dispatch(out))


def outbound(app, port, connections):
    """Return a clock's dispatch to a local server; its leases outlast any pause of the machine."""
    server = MailServer("127.0.0.1", port, "plain")
    return Outbound(
        app,
        lambda: Connection(server, 30),
        HEAD,
        "resend",
        lambda: NOW,
        connections,
        lease=timedelta(minutes=10),
        beat=len,
    )


def _lines(pipe):
    while True:
        try:
            yield pipe.recv()
        except EOFError:
            return
