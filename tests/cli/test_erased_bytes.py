"""What an erasure leaves in the bytes: of the database's files, a new backup and the log.

Forty canaries lie in every column that can name a patient. Each is looked for before the erasure too, so that a search
that finds nothing fails.
"""

import json
import logging
import threading
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pysqlite3.dbapi2 as sqlite
import pytest
from sqlalchemy import make_url, text

from scheduler.database import db
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.models.idempotency_key import IdempotencyKey
from scheduler.models.job import Job, JobState
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.patient_request import PatientRequest, RequestKind, RequestState
from scheduler.models.visit_answer import CheckIn, DriverAnswer
from scheduler.services.feed import feeds
from scheduler.services.mail import outbox
from scheduler.services.patient import compaction, patients
from scheduler.services.transfer import backup_files
from scheduler.services.visit import requirements, visits
from tests.cast import NOW, add_patient
from tests.cli.test_users import run
from tests.clocks import StandingClock
from tests.engines import both
from tests.services.courses import book, visit

LATER = NOW + timedelta(days=400)
CANARIES = [f"qzx{number:02}canary{'abcdefghij'[number % 10] * 9}" for number in range(40)]
READ_FILES = """
    SELECT count(*) FROM pg_class, pg_read_binary_file(pg_relation_filepath(oid), true) AS content
    WHERE relkind IN ('r', 'i', 't', 'm') AND position(CAST(:canary AS bytea) IN content) > 0
"""


@pytest.fixture
def planted(app, session, harbor):
    """Nora with a course that is over and a canary in each field; the canaries that are in clear somewhere."""
    left = iter(CANARIES)
    nora, alice = harbor.patients["Nora"], harbor.actor("alice")
    course = book(session, harbor)
    fill(nora, left)
    for time in range(5):  # former values, and texts of many lengths, leave traces in pages too
        note = next(left) + "x" * 40 * time
        patients.update(session, alice, nora, {"alert_note": note, "phone": f"+1 212 555 01{time:02}"}, NOW)
        session.commit()
    twin = add_patient(session, harbor, "Norah", "Lindquist")
    fill(twin, left)
    twin.merged_into_id = nora.id
    first, second = visit(course, "infusion-1"), visit(course, "infusion-2")
    requirements.complete(
        session, harbor.prescriber, course, "consent", NOW, document=next(left), note=next(left)
    )
    visits.cancel(session, alice, [first], NOW, next(left), "patient")
    course.status_reason, course.override_reason = next(left), next(left)
    course.wishes = {**course.wishes, "note": next(left)}
    session.add_all(rows_about(nora, second, left))
    feeds.create(session, alice, nora.resource_id, "neutral", NOW)
    session.query(CalendarFeed).update({"last_client": next(left)})
    held = outbox.enqueue(session, harbor.clinic, MessageKind.LINK, NOW, patient=nora)
    held.state, held.address, held.subject_line = MessageState.UNCERTAIN, next(left), next(left)
    held.content, held.smtp_reply = next(left).encode(), next(left)
    held.values = {"words": next(left)}
    session.add_all(answers_about(harbor, nora, second, next(left)))
    session.add_all(jobs_about(harbor, nora, next(left), next(left)))
    assert next(left, None) is None, "each canary is planted"
    public_id = nora.public_id
    session.commit()
    session.close()
    app.extensions["clock"] = StandingClock(LATER)
    return public_id


def fill(patient, left):
    """Write a canary into each text of the record."""
    for name in (
        "given_name",
        "family_name",
        "preferred_name",
        "pronunciation",
        "interpreter",
        "email",
        "proxy_name",
    ):
        setattr(patient, name, next(left))
    patient.proxy_email = f"{next(left)}@example.org"
    patients.renew_search_key(patient)


def rows_about(patient, appointment, left):
    own = {"clinic_id": patient.clinic_id, "appointment_id": appointment.id}
    return [
        DriverAnswer(
            **own, schedule_version=1, has_driver=True, name=next(left), phone=next(left), answered_at=NOW
        ),
        CheckIn(**own, note=next(left), answered_at=NOW),
        PatientRequest(
            **own,
            schedule_version=1,
            kind=RequestKind.CALL,
            state=RequestState.DECLINED,
            note=next(left),
            created_at=NOW,
        ),
    ]


def answers_about(cast, patient, appointment, canary):
    """Stored answers of the API: one about the patient, one about a visit."""
    return [
        IdempotencyKey(
            clinic_id=cast.clinic.id,
            caller="token:1",
            route=f"POST /api/v1/{one.public_id}",
            key=one.public_id,
            body_digest="0" * 64,
            status=201,
            answer={"body": json.dumps({"id": one.public_id, "note": canary}), "headers": {}},
            created_at=LATER,
        )
        for one in (patient, appointment)
    ]


def jobs_about(cast, patient, waiting, ended):
    """An import that waits with the patient in its file, and one that was refused because the patient was known."""
    own = {"clinic_id": cast.clinic.id, "kind": "import-patients", "created_at": LATER}
    content = f"given_name,family_name,alert_note\n{patient.given_name},{patient.family_name},{waiting}\n"
    fault = {"unit": "line", "place": 2, "field": "name", "reason": f"{ended} (patient {patient.public_id})"}
    problem = {"code": "invalid", "title": "x", "status": 422, "detail": "1 fault", "faults": [fault]}
    return [
        Job(**own, state=JobState.WAITING, request={"format": "csv", "content": content}),
        Job(**own, state=JobState.FAILED, problem=problem, ended_at=LATER),
    ]


def files_of(url):
    path = Path(make_url(url).database)
    return b"".join(one.read_bytes() for one in path.parent.glob(f"{path.name}*"))


def backed_up(app, file):
    taken = run(app, "backup", str(file))
    assert taken.exit_code == 0, taken.output
    with file.open("rb") as opened:
        return "".join(backup_files.read(opened, None)).encode()


def seen_in(content):
    """Return the canaries in these bytes; a backup has the bytes of a mail in base64."""
    return [one for one in CANARIES if one.encode() in content or b64encode(one.encode()) in content]


def test_sqlite_keeps_nothing_in_file_log_or_backup(app, planted, database_url, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    before, copied = files_of(database_url), backed_up(app, tmp_path / "before")
    done = run(app, "patients", "erase", planted, "--reason", "asked by letter")

    assert done.exit_code == 0, done.output
    assert (seen_in(before), len(seen_in(copied))) == (CANARIES, 36)  # four are former values
    assert seen_in(files_of(database_url)) == []
    assert seen_in(backed_up(app, tmp_path / "after")) == []
    assert seen_in(f"{caplog.text}{done.output}".encode()) == []


def test_what_was_deleted_before_is_in_the_file_until_it_is_compacted(app, session, database_url):
    session.close()
    old = sqlite.connect(make_url(database_url).database, isolation_level=None)
    old.execute("PRAGMA secure_delete = OFF")
    old.execute("CREATE TABLE page AS WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n LIMIT 99)"
                f" SELECT i, '{CANARIES[0]}' || i AS word FROM n")  # fmt: skip
    old.execute("DROP TABLE page")
    old.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    old.close()
    before = seen_in(files_of(database_url))
    done = run(app, "erasure", "compact")

    assert (done.exit_code, done.output) == (0, "rewritten: the whole file\n")
    assert (before, seen_in(files_of(database_url))) == ([CANARIES[0]], [])


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_postgresql_keeps_nothing_in_its_tables_files_once_compacted(app, planted, tmp_path):
    execute("ANALYZE")
    before = in_files()
    erased = run(app, "patients", "erase", planted, "--reason", "asked by letter")
    between = in_files()
    done = run(app, "erasure", "compact")

    assert (erased.exit_code, done.exit_code) == (0, 0), done.output
    assert before == CANARIES
    assert between != []  # so the compaction has something to do
    assert in_files() == []
    assert seen_in(backed_up(app, tmp_path / "after")) == []


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_a_transaction_that_still_sees_the_rows_is_said(app, planted, monkeypatch):
    monkeypatch.setattr(compaction, "OLDER_SECONDS", 0.3)
    with db.engine.connect() as reader:
        reader.execution_options(isolation_level="REPEATABLE READ")
        reader.execute(text("SELECT count(*) FROM clinic"))
        done = run(app, "erasure", "compact")

    assert done.exit_code == 1
    assert "a transaction that began earlier is still open" in done.output


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_a_transaction_that_ends_while_it_rewrites_keeps_no_row(app, planted):
    """The statistics' own worker is such a transaction: it begins at any time and ends by itself."""
    reader = db.engine.connect().execution_options(isolation_level="REPEATABLE READ")
    reader.execute(text("SELECT count(*) FROM clinic"))
    run(app, "patients", "erase", planted, "--reason", "asked by letter")
    ends = threading.Timer(1.5, reader.close)
    ends.start()
    done = run(app, "erasure", "compact")
    ends.join()

    assert done.exit_code == 0, done.output
    assert in_files() == []


def execute(statement):
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(statement))


def in_files():
    """Return the canaries in the files of the database's tables, indexes and statistics."""
    execute("CHECKPOINT")
    with db.engine.connect() as connection:
        return [one for one in CANARIES if connection.scalar(text(READ_FILES), {"canary": one.encode()})]


@both
def test_the_rows_of_the_log_and_of_jobs_say_what_happened(app, session, planted):
    run(app, "patients", "erase", planted, "--reason", "asked by letter")
    session.rollback()
    jobs = session.query(Job).order_by(Job.id).all()
    mails = session.query(Message).filter(Message.patient_id.is_not(None)).all()

    assert [(job.state, job.problem["code"], job.request) for job in jobs] == [
        (JobState.FAILED, "record-erased", {}),
        (JobState.FAILED, "invalid", {}),
    ]
    assert {(mail.address, mail.content, mail.smtp_reply) for mail in mails} == {(None, None, "")}
