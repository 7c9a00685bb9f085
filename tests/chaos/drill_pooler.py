"""Behind PgBouncer in transaction mode, where each transaction may get another connection: bookings and mail go on.

Two web processes, the clock and the worker share a pool of five connections while programs book, move and cancel over
HTTP and reminders fall due. No request fails, no process logs an error, every mail leaves. The control is the web
server with prepared statements, which meets statements of other clients.
"""

import os
import pwd
import re
import subprocess
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, make_url, select

from scheduler.models.message import Message, MessageState
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.visit import books
from tests.cast import NOW, add_place
from tests.chaos import crowd
from tests.chaos.bookers import bookers, figures
from tests.chaos.debian import program
from tests.chaos.drill_storm import serve
from tests.chaos.report import tell
from tests.chaos.settings import SEED, rounds
from tools import processes

POOL = 5
BOOKERS = 4
MAILS = 60
SENT, UNDELIVERED = {MessageState.SENT}, {MessageState.FAILED, MessageState.UNCERTAIN}
LATER = timedelta(minutes=30)
ERRORS = re.compile(r"^\S*(?:Error|Statement\w*|Exception)\b.*|.*\bERROR\b.*", re.MULTILINE)
CONFIG = """[databases]
* = host={socket} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool}
max_client_conn = 200
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""


@pytest.fixture
def pooled(database_url, tmp_path):
    """The address of the test's database behind a PgBouncer of its own."""
    command = [program("pgbouncer", "pgbouncer")]
    url = make_url(database_url)
    port, folder = processes.free_port(), Path("/tmp") / f"seriate-pool-{os.getpid()}"
    folder.mkdir()
    socket = url.query.get("host") or url.host
    file = folder / "pgbouncer.ini"
    file.write_text(CONFIG.format(socket=socket, user=url.username, port=port, pool=POOL, folder=folder))
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
        command += ["-u", "nobody"]
    server = subprocess.Popen(
        [*command, str(file)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    yield url.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
    server.terminate()
    server.wait(30)
    for left in folder.iterdir():
        left.unlink()
    folder.rmdir()


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_pooler(engine_name, app, system, pooled, session, harbor, tmp_path):
    attempts = rounds(120, 2000)
    for name in ("Room B", "Room C"):
        add_place(session, harbor, name, "room")
    crowd.gather(session, harbor.clinic, MAILS)
    session.commit()
    system.environ["DATABASE_URL"] = pooled
    system.commands["worker"] = processes.worker()
    serve(system)
    system.start("mail", "clock", "worker")
    system.wait(system.is_well)
    compacted = system.flask("erasure", "compact")
    with bookers(app, session, harbor, tmp_path, BOOKERS, SEED, url=system.url) as crew:
        crew.start_all()
        crew.wait_for(attempts, 600)
        crew.stop()
        lost, unknown = crew.lost()
        found = figures(crew.answered())
    system.travel(
        NOW + LATER
    )  # mails about changes leave three minutes later, so that a change can be taken back
    system.wait(lambda: waiting(session) == 0)
    sent, undelivered = ended(session, SENT), ended(session, UNDELIVERED)
    wrong = books.faults(session, harbor.clinic.id, NOW).overlapping
    errors = [
        line for name in ("web", "clock", "worker") for line in ERRORS.findall(system.log(name).read_text())
    ]
    system.stop()
    serve(system, "tests.chaos.preparing_server")
    (tmp_path / "control").mkdir()
    planted = control(app, session, harbor, tmp_path / "control", system)
    tell(
        "pooler",
        engine_name,
        {"pool": POOL, **found, "mails sent": sent, "errors": len(errors), "lost": lost, "overlaps": wrong},
        {"bug": "prepared statements", "errors": planted},
    )

    assert errors == []
    assert (compacted.returncode, "names a pooler" in compacted.stderr) == (
        1,
        True,
    )  # it needs session settings
    assert (found["asked again"], lost, unknown, wrong) == (0, 0, 0, 0)
    assert sent >= MAILS  # beside those about bookings
    assert undelivered == 0
    assert planted > 0


def control(app, session, harbor, folder, system):
    """Return how many errors the web server logs until there is one, or after 120 answers."""
    before = len(system.log("web").read_text())
    with bookers(app, session, harbor, folder, BOOKERS, f"{SEED}-control", url=system.url) as crew:
        crew.start_all()
        last = time.monotonic() + 120
        while time.monotonic() < last and len(crew.answered()) < 120:
            found = re.findall(
                r"\w*PreparedStatement|InvalidSqlStatementName", system.log("web").read_text()[before:]
            )
            if found:
                return len(found)
            time.sleep(0.5)
    return 0


def waiting(session):
    session.rollback()
    mails = select(func.count()).where(Message.state.in_((MessageState.PENDING, MessageState.LEASED)))
    reminders = select(func.count()).where(Reminder.state == ReminderState.PENDING, Reminder.due_at <= NOW)
    return session.scalar(mails) + session.scalar(reminders)


def ended(session, states):
    return session.scalar(select(func.count()).where(Message.state.in_(states)))
