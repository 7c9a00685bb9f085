"""A query that runs every few seconds does not slow down as visits and mails accumulate."""

import pytest
from sqlalchemy import event, text

from scheduler.database import begin_write, db
from scheduler.services import wellbeing
from scheduler.services.day import digest
from scheduler.services.mail import call_list, due, leases, message_ends, send_log
from scheduler.services.trail import audit_chain
from scheduler.services.visit import books, changes, unrecorded
from tests.cast import NOW

SEVEN = NOW.replace(hour=12)  # in New York


@pytest.fixture
def asked(app):
    """The SELECTs that the database is sent, with what they are given."""
    found = []

    def listen(_connection, _cursor, statement, parameters, *_):
        if statement.startswith("SELECT"):
            found.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", listen)
    yield found
    event.remove(db.engine, "before_cursor_execute", listen)


def test_no_query_of_a_job_reads_a_whole_table(session, harbor, asked):
    session.commit()
    begin_write(session)
    message_ends.expire(session, NOW)
    due.collect(session, NOW)
    leases.claim(session, "token", NOW, 32)
    leases.recover(session, NOW, "resend")
    steps = plan(session, asked)

    assert len(steps) >= 4
    assert set(scans(session, steps)) <= {"SCAN CONSTANT ROW"}  # the database's clock


LARGE = ("appointment", "message", "message_subject", "allocation", "reminder", "audit_event", "care_plan")
QUESTIONS = {
    "flask status": lambda session, clinic: books.faults(session, clinic.id, NOW),
    "what is unrecorded": lambda session, clinic: unrecorded.find(session, clinic, NOW),
    "what waits": lambda session, _: wellbeing.waiting(session, NOW),
    "metrics: what is open": lambda session, _: send_log.open_counts(session),
    "metrics: the day": lambda session, _: send_log.day_counts(session, NOW),
    "messages": lambda session, clinic: send_log.counts(session, clinic, NOW),
    "the call list": lambda session, clinic: call_list.calls(session, clinic, NOW),
    "what is unclear": send_log.unclear,
    "whose digest is due": lambda session, _: digest.due_clinics(session, SEVEN),
    "which reservations are over": lambda session, _: changes.clinics_with_expired(session, NOW),
    "which trails have grown": lambda session, _: audit_chain.due_clinics(session, NOW),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_no_frequent_query_reads_all_history(session, harbor, asked, name):
    """Each large table is searched by an index, whose first columns narrow it to what is ahead, open, or of late."""
    clinic = harbor.clinic
    session.commit()
    session.refresh(clinic)
    asked.clear()
    QUESTIONS[name](session, clinic)
    steps = plan(session, asked)

    assert steps
    assert [step for step in scans(session, steps) if step.split()[1] in LARGE] == []
    whole = [step for step in steps if step.endswith("(clinic_id=?)") and "unsettled" not in step]
    assert [step for step in whole if step.split()[1] in LARGE] == []


def plan(session, asked):
    driver = session.connection().connection.driver_connection
    return [row[3] for one in asked for row in driver.execute(f"EXPLAIN QUERY PLAN {one[0]}", one[1])]


def scans(session, steps):
    """Return the steps that go through a whole table, or an index of all its rows; a partial index holds few."""
    partial = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'"
    few = set(session.scalars(text(partial)))
    return [step for step in steps if step.startswith("SCAN") and step.split()[-1] not in few]
