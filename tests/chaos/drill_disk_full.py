"""The disk is full for a while: nothing is half written, no mail leaves whose check is not on it, all goes on after.

The database lies on a small disk of its own in memory, which a file fills up in the middle of the sending; so the
errors are the operating system's own. Mounting takes root. On PostgreSQL the log cannot be written then, the server
ends itself, and is started again once there is room. The control is a sender that does not write its sending checks.
"""

import itertools
import signal
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select, text
from sqlalchemy.exc import DBAPIError

from scheduler.database import begin_write, db
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.message import Message
from scheduler.services.visit import books
from scheduler.services.visit.books import Faults
from tests.cast import NOW, add_patient
from tests.chaos.harness import drill
from tests.chaos.own_server import own_server
from tests.chaos.report import tell
from tests.chaos.settings import FULL, rounds, short_on
from tests.engines import migrate
from tests.http.served import served
from tests.services.courses import book

SIZES = {"sqlite": "24m", "postgresql": "160m"}
BLOCK = 4096
LEASE = 5.0  # seconds: what the sender had in hand when the disk was full waits for its end
BOOKINGS = 3 if FULL else 1  # while the disk is full
VISITS = 24  # of the course that is booked
NUMBERS = itertools.count()


@pytest.fixture
def disk(engine_name):
    """A folder on a small disk of its own."""
    folder = Path(tempfile.mkdtemp(prefix="seriate-disk-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZES[engine_name]},mode=755", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        folder.rmdir()
        cannot = pytest.fail if FULL else pytest.skip
        cannot("this drill mounts a small disk, which takes root: run it in a container")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()


@pytest.fixture
def server(engine_name, disk):
    if engine_name == "sqlite":
        yield None
        return
    with own_server(disk) as running:
        yield running


@pytest.fixture
def database_url(server, disk, tmp_path):
    url = server.create("drill") if server else f"sqlite:///{disk / 'seriate.db'}"
    migrate(url, tmp_path)
    return url


@short_on("sqlite")
def test_disk_full(engine_name, forked, app, session, harbor, disk, server, tmp_path):
    number = rounds(1, 10)
    clinic_id = harbor.clinic.id
    with drill(app, harbor.clinic, tmp_path, lease=LEASE, delay=0.002, turns=True) as running:
        sender = running.start()
        unchecked = refused = half = 0
        for _ in range(number):
            found = fill_and_free(app, session, harbor, disk, server, running)
            unchecked, refused, half = unchecked + found[0], refused + found[1], half + found[2]
        running.script.let_go()
        running.end(sender, signal.SIGTERM)
        running.wait_until_gone(sender)
        running.drain()
        count = running.count()
    session.rollback()
    faults = books.faults(session, clinic_id, NOW)
    corrupt = damaged(session, server)
    planted = control(app, session, harbor, disk, server, tmp_path / "control")
    tell(
        "disk-full",
        engine_name,
        {
            "times": number,
            "mails": count.mails,
            "without a check on the disk": unchecked,
            "bookings refused": refused,
            "half bookings": half,
            "lost": count.lost,
            "silent": count.silent,
            "duplicates": count.duplicates,
            "flagged": count.flagged,
        },
        {"bug": "sending checks are not written", "without a check on the disk": planted},
    )

    assert (unchecked, half, corrupt) == (0, 0, [])
    assert faults == Faults(0, count.mails, 0)  # the crowd's visits never had a chair
    assert (count.lost, count.silent, count.unflagged) == (0, 0, 0)
    assert refused > 0
    assert planted > 0


def test_an_upload_that_finds_no_room_is_refused(disk, monkeypatch):
    """The web server keeps large bodies in files; the disk of these is full."""
    monkeypatch.setenv("TMPDIR", str(disk))
    upload = (
        b"POST /settings/imports HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000\r\n\r\n" + b"a" * 5_000_000
    )
    with served() as running:
        (disk / "filler").write_bytes(b"x" * (20 << 20))
        full = running.raw(upload)
        health = running.get()[0]
        (disk / "filler").unlink()
        room = running.raw(upload.replace(b"Host: x", b"Host: x\r\nConnection: close"))

    assert full.startswith(b"HTTP/1.1 503")
    assert b"The disk of the server is full. Nothing was changed." in full
    assert health == 200
    assert room.startswith(b"HTTP/1.1 200")


def fill_and_free(app, session, harbor, disk, server, running):
    """Fill the disk while mail leaves; return the mails without a check, the bookings refused, and the half ones."""
    running.stand_still()
    running.add(24)
    running.script.turns.release(40)  # some leave, then the mail server stands still
    running.wait_for_mails(len(running.script.received) + 4)
    ballast = fill(disk, session, server)
    refused = sum(bool(refusal(session, harbor)) for _ in range(BOOKINGS))
    running.script.turns.release(200)
    time.sleep(2)  # the sender tries what it cannot do
    passed = None if server else checks(session)
    received = {one.recipient for one in running.script.received}
    ballast.unlink()
    if server:
        server.wait_until_down()
        server.start()
        db.engine.dispose()
        passed = checks(session)
    half = unfinished(session)
    running.wait_for_mails(len(received) + 1)
    assert refusal(session, harbor) == "", "no booking after there is room again"
    return len(received - passed), refused, half


def fill(disk, session, server):
    """Leave no room on the disk, and nothing that could be written over instead."""
    session.rollback()
    if not server:
        connection = db.engine.raw_connection()
        connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        connection.close()
    file = disk / "ballast"
    with suppress(OSError), file.open("wb", buffering=0) as ballast:
        while ballast.write(bytes(BLOCK)):
            pass
    if server:  # what room there is within its log is used up by words that change nothing
        engine = create_engine(server.address(), isolation_level="AUTOCOMMIT")
        with suppress(DBAPIError), engine.connect() as connection:
            while True:
                connection.execute(
                    text("SELECT pg_logical_emit_message(false, 'drill', repeat('x', 100000))")
                )
        engine.dispose()
    return file


def refusal(session, harbor):
    """Try to book a course for somebody new; return why that did not work."""
    name = f"D{next(NUMBERS)}"
    try:
        session.rollback()
        begin_write(session)
        add_patient(session, harbor, name, "Disk")
        book(session, harbor, patient=name)
        session.commit()
    except DBAPIError as trouble:
        session.rollback()
        return str(trouble.orig)
    return ""


def unfinished(session):
    """Return how many courses have not all their visits."""
    session.rollback()
    sizes = select(CarePlan.id, func.count(Appointment.id)).outerjoin(Appointment).group_by(CarePlan.id)
    found = [size for _, size in session.execute(sizes)]
    session.rollback()
    return sum(size != VISITS for size in found)


def checks(session):
    """Return whose mails have passed their sending check, as the disk has it."""
    session.rollback()
    passed = select(Message.address).where(Message.data_at.is_not(None) | (Message.resends > 0))
    found = set(session.scalars(passed))
    session.rollback()
    return found


def damaged(session, server):
    """Return what the engine says is wrong with its files; PostgreSQL's tables are read from end to end."""
    if server:
        for table in db.metadata.sorted_tables:
            session.execute(select(table)).all()
        session.rollback()
        return []
    found = session.execute(text("PRAGMA integrity_check")).scalars().all()
    session.rollback()
    return [words for words in found if words != "ok"]


def control(app, session, harbor, disk, server, folder):
    """The same with sending checks that are not written: return how many mails leave without one."""
    folder.mkdir()
    with drill(
        app, harbor.clinic, folder, control="check-not-written", lease=LEASE, delay=0.002, turns=True
    ) as running:
        sender = running.start()
        unchecked, _, _ = fill_and_free(app, session, harbor, disk, server, running)
        running.end(sender)
        running.wait_until_gone(sender)
    return unchecked
