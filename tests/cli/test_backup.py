"""Backup and restore: what comes back is what was there, and nothing is sent a second time."""

import json
import stat
from contextvars import Context
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, func, insert, inspect, select, text
from sqlalchemy.exc import IntegrityError

from config import MailServer
from scheduler.app import create_app
from scheduler.cli import backup as backup_command
from scheduler.database import begin_write, db
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message
from scheduler.models.opening import Offer
from scheduler.models.patient import Patient
from scheduler.notify.smtp import Connection
from scheduler.processes.dispatch import Outbound, dispatch
from scheduler.processes.sealing import seal_trails
from scheduler.services.actors import Actor
from scheduler.services.mail import call_list, restored
from scheduler.services.mail.letters import Letterhead
from scheduler.services.transfer import backup_files
from scheduler.services.visit import books
from tests.cast import NOW, add_patient
from tests.chaos.crowd import gather
from tests.cli.test_users import run
from tests.engines import SECRET_KEY, both, empty_database, test_settings
from tests.offers import offered
from tests.services.courses import visit
from tests.smtp_server import Script, smtp_server

FORGED = "the key is not the backup's, or the file was altered or cut off"
PLAIN = "the backup is not encrypted; a key was given, so it may have been exchanged"
KEY = "8f1d0c5b7a3e4962b1c8d7e6f5a40392"


@pytest.fixture
def other(other_url, tmp_path):
    """An app of its own on the second database."""
    offset = tmp_path / "offset"
    offset.write_text(f"{(NOW - datetime.now(UTC)).total_seconds()}")
    app = create_app(test_settings(tmp_path / "other", other_url, CLOCK_FILE=str(offset)))
    yield app
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def key_file(tmp_path):
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    return str(file)


@pytest.fixture
def booked(app, session, harbor, hill, nora_course):
    """A course, a patient merged into one with a higher id, an offer of an open time, and a sealed trail."""
    offered(session, harbor, visit(nora_course, "infusion-3"))
    twice, real = (add_patient(session, harbor, "Max", "Mustermann") for _ in range(2))
    twice.merged_into_id = real.id
    session.commit()
    seal_trails(app)


def backup(app, file, *options):
    result = run(app, "backup", str(file), "--json", *options)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def restore(app, file, *options):
    result = run(app, "restore", str(file), "--json", *options)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def refusal(app, file, *options):
    result = run(app, "restore", str(file), *options)
    assert result.exit_code == 1, result.output
    return result.stderr.splitlines()[-1].removeprefix(f"Error: {file}: ")


@both
def test_what_comes_back_is_what_was_there(app, booked, other, tmp_path):
    taken = backup(app, tmp_path / "all")
    back = restore(other, tmp_path / "all")

    assert (back["rows"], back["checksum"]) == (taken["rows"], taken["checksum"])
    assert taken["rows"] > 300
    with other.app_context():
        merged = select(func.count(Patient.id)).where(Patient.merged_into_id.is_not(None))
        assert db.session.scalar(select(func.count(Appointment.id))) == 24
        assert db.session.scalar(merged) == 1
        one = db.session.scalars(select(Offer)).one()
        assert one.entry.appointment.start_at == one.opening.end_at
        assert not books.faults(db.session(), 1, NOW).any
    assert run(other, "audit", "verify", "--clinic", "harbor").exit_code == 0


@both
def test_new_rows_are_counted_on_and_the_guard_stands(app, booked, other, tmp_path):
    backup(app, tmp_path / "all")
    restore(other, tmp_path / "all")
    made = run(other, "user", "create", "eve@example.org", "--role", "nurse", "--clinic", "harbor")

    assert made.exit_code == 0, made.output
    with other.app_context():
        taken = select(Allocation.__table__).where(Allocation.released_at.is_(None))
        again = dict(db.session.execute(taken).mappings().first())
        again.pop("id")
        with pytest.raises(IntegrityError):
            db.session.execute(insert(Allocation).values(again))


def test_a_clinic_moves_from_sqlite_to_postgresql(app, booked, shared_folder, tmp_path):
    taken = backup(app, tmp_path / "all")
    with empty_database("postgresql", shared_folder, tmp_path) as url:
        moved = create_app(test_settings(tmp_path / "moved", url))
        back = restore(moved, tmp_path / "all")
        with moved.app_context():
            db.engine.dispose()

    assert back["checksum"] == taken["checksum"]


def test_a_backup_is_its_owners_and_overwrites_nothing(app, booked, tmp_path):
    file = tmp_path / "all"
    backup(app, file)
    again = run(app, "backup", str(file))

    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (again.exit_code, again.output) == (1, f"Error: {file}: is there already\n")
    assert list(tmp_path.glob("*.part")) == []


def test_an_encrypted_backup_opens_with_its_key_only(app, booked, other, key_file, tmp_path):
    file, wrong = tmp_path / "all", tmp_path / "wrong"
    wrong.write_text(KEY[::-1])
    taken = backup(app, file, "--key-file", key_file)

    assert b"Lindqvist" not in file.read_bytes()
    assert refusal(other, file) == "the backup is encrypted; give its key"
    assert refusal(other, file, "--key-file", str(wrong)) == FORGED
    assert restore(other, file, "--key-file", key_file)["checksum"] == taken["checksum"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda content: content[:-1], "the file is cut off"),
        (lambda content: content[:200], "the file is cut off"),
        (lambda content: b"x" + content[1:], "the file is not a backup of Seriate"),
        (lambda content: content[:90] + bytes([content[90] ^ 1]) + content[91:], FORGED),
        (lambda content: content[:16] + b"\0" + content[17:], PLAIN),
    ],
)
def test_an_altered_encrypted_backup_is_refused(app, booked, other, key_file, tmp_path, change, words):
    file = tmp_path / "all"
    backup(app, file, "--key-file", key_file)
    file.write_bytes(change(file.read_bytes()))

    assert refusal(other, file, "--key-file", key_file) == words


def test_a_row_that_was_changed_is_noticed_and_nothing_stays(app, booked, other, tmp_path):
    file = tmp_path / "all"
    backup(app, file)
    with file.open("rb") as opened:
        lines = list(backup_files.read(opened, None))
    with file.open("wb") as opened:
        writer = backup_files.Writer(opened, None)
        for line in lines:
            writer.put(line.replace("Lindqvist", "Lundquist"))
        writer.close()

    assert refusal(other, file) == "the rows of patient are not those that were written"
    with other.app_context():
        assert inspect(db.engine).get_table_names() == []


@both
def test_a_refused_restore_leaves_neither_a_file_nor_tables(app, booked, other, other_url, tmp_path):
    file = tmp_path / "all"
    backup(app, file)
    with file.open("rb") as opened:
        lines = list(backup_files.read(opened, None))
    with file.open("wb") as opened:
        writer = backup_files.Writer(opened, None)
        for line in lines:
            writer.put(line.replace("Lindqvist", "Lundquist"))
        writer.close()
    for _ in range(2):
        assert refusal(other, file) == "the rows of patient are not those that were written"

    assert left_by(other_url) in ([], ["alembic_version"])
    assert list(tmp_path.glob("empty.db*")) == []


def left_by(url):
    """Return the database's tables, and no rows in them; looking makes no file."""
    if url.startswith("sqlite"):
        return []
    engine = create_engine(url)
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        rows = connection.scalar(text("SELECT count(*) FROM alembic_version")) if tables else 0
    engine.dispose()
    assert rows == 0
    return tables


def test_progress_is_shown_to_a_terminal_only_and_not_when_quiet(app, booked, tmp_path, monkeypatch):
    unseen = run(app, "backup", str(tmp_path / "one"))
    monkeypatch.setattr(backup_command, "_is_watched", lambda: True)
    seen = run(app, "backup", str(tmp_path / "two"))
    quiet = run(app, "backup", str(tmp_path / "three"), "--quiet")

    assert (unseen.stderr, quiet.stderr) == ("", "")
    assert "clinic: 2 rows\n" in seen.stderr


def test_a_database_with_anything_in_it_is_left_alone(app, booked, tmp_path):
    file = tmp_path / "all"
    backup(app, file)

    assert refusal(app, file).startswith("the database is not empty (clinic")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ("0999_later", "it has schema 0999_later, which this version does not know: use a newer one"),
        ("0190", "it has schema 0190 of the time before the first release, which no later version can read"),
    ],
)
def test_a_backup_of_an_unknown_schema_is_refused(app, booked, other, tmp_path, schema, words):
    file = tmp_path / "all"
    with file.open("wb") as opened:
        writer = backup_files.Writer(opened, None)
        writer.put(f'{{"seriate_backup":1,"schema":"{schema}","taken_at":"2026-11-27","tables":[]}}\n')
        writer.close()

    assert refusal(other, file) == words


@both
def test_nothing_that_was_due_is_sent_again(app, session, harbor, other, tmp_path):
    gather(session, harbor.clinic, 3)
    session.commit()
    backup(app, tmp_path / "all")
    back = restore(other, tmp_path / "all")
    script = Script()
    with smtp_server(script) as port:
        tick(other, port)
        agreed = run(other, "clock", "agree")
        tick(other, port)
        before = len(script.received)
        with other.app_context():
            begin_write(db.session())
            message = db.session.scalars(select(Message).order_by(Message.id)).first()
            clinic = db.session.get_one(Clinic, message.clinic_id)
            call_list.release(db.session(), Actor(clinic, None, None, "command"), message, NOW)
            db.session.commit()
            db.session.remove()
        tick(other, port)

    assert (back["held"], agreed.output, before) == (3, "sending resumed\n", 0)
    assert [one.recipient for one in script.received] == ["p0@example.org"]


def test_without_the_doubt_they_would_be_sent_again(app, session, harbor, other, tmp_path, monkeypatch):
    """The control: the same restore with nothing put into doubt."""
    gather(session, harbor.clinic, 3)
    session.commit()
    backup(app, tmp_path / "all")
    monkeypatch.setattr(restored, "_doubt", lambda *_: 0)
    restore(other, tmp_path / "all")
    run(other, "clock", "agree")
    script = Script()
    with smtp_server(script) as port:
        tick(other, port)

    assert len(script.received) == 3


def test_a_restore_that_was_ended_halfway_is_finished_first(app, booked, other, tmp_path, monkeypatch):
    file = tmp_path / "all"
    backup(app, file)
    with monkeypatch.context() as patch:
        patch.setattr(restored, "look_through", end_here)
        run(other, "restore", str(file))
    refused = run(other, "clock", "agree")
    back = restore(other, file)

    assert (refused.exit_code, refused.output) == (1, f"Error: {restored.UNFINISHED.words()}\n")
    assert ("rows" in back, back["signed_out"]) == (False, 0)
    assert run(other, "clock", "agree").output == "sending resumed\n"


def end_here(*_):
    raise SystemExit(9)


def tick(app, port):
    """Let the clock send what it may."""
    server = MailServer("127.0.0.1", port, "plain")
    head = Letterhead("https://seriate.example", (SECRET_KEY,), "Seriate <clinic@seriate.example>")
    out = Outbound(app, lambda: Connection(server, 5), head, "resend", clock=lambda: NOW)
    Context().run(dispatch, out)
