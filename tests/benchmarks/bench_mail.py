"""How fast mail leaves, beside plain loops of smtplib to the same server: four connections against four loops.

The server answers each step after ten milliseconds. Ours claims, composes, passes the gate and records; the loop only
sends the same bytes. N= mails (400 unless said). Prints the ratio.
"""

import os
import smtplib
import threading
import time
from pathlib import Path

from sqlalchemy import select

from config import MailServer
from scheduler.database import db
from scheduler.jobs.dispatch import Outbound, dispatch
from scheduler.models.message import Message, MessageState
from scheduler.notify.smtp import Connection
from scheduler.services.letters import Letterhead
from tests.cast import NOW
from tests.chaos import crowd
from tests.engines import SECRET_KEY, both
from tests.smtp_server import Script, smtp_server

MAILS = int(os.environ.get("N", "400"))
LOOPS = 4
DELAY = 0.01
HEAD = Letterhead("https://seriate.example", (SECRET_KEY,), "Seriate <clinic@seriate.example>")


@both
def test_throughput(engine_name, app, session, harbor):
    crowd.gather(session, harbor.clinic, MAILS)
    session.close()
    ours, content = _ours(app)
    plain = _plain(content)
    print(f"\nmail on {engine_name}: {ours:.0f}/s, plain loops {plain:.0f}/s, ratio {ours / plain:.2f};"
          f" resident {_resident():.0f} MB")  # fmt: skip


def _ours(app):
    script = Script(delay=DELAY)
    with smtp_server(script) as port:
        server = MailServer("127.0.0.1", port, "plain")
        out = Outbound(app, lambda: Connection(server, 30), HEAD, "resend", lambda: NOW, LOOPS, beat=len)
        began = time.monotonic()
        assert dispatch(out) == f"sent {MAILS}"
        seconds = time.monotonic() - began
    with app.app_context():
        states = set(db.session.scalars(select(Message.state)))
    assert states == {MessageState.SENT}
    return MAILS / seconds, script.received[0].content


def _plain(content):
    script = Script(delay=DELAY)
    with smtp_server(script) as port:

        def loop():
            with smtplib.SMTP("127.0.0.1", port) as smtp:
                for number in range(MAILS // LOOPS):
                    smtp.sendmail("clinic@seriate.example", f"p{number}@example.org", content)

        threads = [threading.Thread(target=loop) for _ in range(LOOPS)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds = time.monotonic() - began
    return len(script.received) / seconds


def _resident():
    line = next(one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
