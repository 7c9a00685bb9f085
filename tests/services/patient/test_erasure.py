"""An erased record names nobody any more, and the books still add up."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select, text

from scheduler.database import db
from scheduler.errors import Invalid, NotFound, WrongStatus
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment, of_patient
from scheduler.models.audit_event import AuditEvent
from scheduler.models.message import Message
from scheduler.models.patient import Patient
from scheduler.models.task import Task, TaskKind
from scheduler.models.visit_answer import CheckIn, DriverAnswer
from scheduler.processes.clock_jobs import erase_retained
from scheduler.services.feed import feeds
from scheduler.services.mail import settings_changes
from scheduler.services.patient import erasure, patients
from scheduler.services.patient.patient_search import search
from scheduler.services.trail import audit_chain
from scheduler.services.visit import books, requirements, visits
from tests.cast import NOW, add_patient
from tests.engines import SECRET_KEY, both
from tests.services.courses import book, visit

LATER = NOW + timedelta(days=400)
PLANTED = ("Lindqvist", "Nora", "nora@example.org", "Zimtstern", "0170 5551", "1984-03-09")


@pytest.fixture
def nora(session, harbor):
    """Nora with a course long over, and something that names her in every table that can."""
    nora = harbor.patients["Nora"]
    alice = harbor.actor("alice")
    fields = {"phone": "0170 5551", "birth_date": "1984-03-09", "alert_note": "Zimtstern"}
    patients.update(session, alice, nora, fields, NOW)
    course = book(session, harbor)
    first = visit(course, "infusion-1")
    requirements.complete(
        session, harbor.prescriber, course, "consent", NOW, document="Zimtstern.pdf", note="Zimtstern"
    )
    visits.cancel(session, alice, [first], NOW, "Zimtstern", "patient")
    session.add_all(
        [
            DriverAnswer(
                clinic_id=nora.clinic_id,
                appointment_id=first.id,
                schedule_version=1,
                has_driver=True,
                name="Zimtstern",
                phone="0170 5552",
                answered_at=NOW,
            ),
            CheckIn(clinic_id=nora.clinic_id, appointment_id=first.id, note="Zimtstern", answered_at=NOW),
            Task(
                clinic_id=nora.clinic_id,
                kind=TaskKind.ANSWER,
                patient_id=nora.id,
                appointment_id=first.id,
                details={"answers": [{"at": NOW.isoformat(), "note": "Zimtstern"}]},
                created_at=NOW,
                due_at=NOW,
                outcome="Zimtstern",
            ),
        ]
    )
    feeds.create(session, alice, nora.resource_id, "neutral", NOW)
    session.commit()
    return nora


def everything(session):
    """Return every value of every table as one text, without digests: any digits may stand in those."""
    session.flush()
    rows = []
    for table in db.metadata.sorted_tables:
        if table.name != "user":
            rows += [
                " ".join(map(str, row)) for row in session.execute(text(f'SELECT * FROM "{table.name}"'))
            ]
    return re.sub(r"[0-9a-f]{32,}", "", "\n".join(rows))


@both
def test_nothing_names_the_person_any_more(session, harbor, nora):
    before = everything(session)
    erasure.erase(session, harbor.actor("ada"), nora, "asked for by letter", LATER)
    after = everything(session)

    assert [word for word in PLANTED if word not in before] == []  # it could have leaked
    assert [word for word in PLANTED if word in after] == []


@both
def test_the_books_stay_whole(session, harbor, nora):
    counted = [select(func.count()).select_from(kind) for kind in (Appointment, Allocation, Message, Patient)]
    before = [session.scalar(query) for query in counted]
    times = [(one.start_at, one.kind, one.location_id) for one in of_patient(session, nora)]
    erasure.erase(session, harbor.actor("ada"), nora, "asked for by letter", LATER)
    session.commit()

    assert [session.scalar(query) for query in counted] == before
    assert [(one.start_at, one.kind, one.location_id) for one in of_patient(session, nora)] == times
    assert not books.faults(session, harbor.clinic.id, LATER).any
    assert audit_chain.verify(session, harbor.clinic, [SECRET_KEY]).faults == ()


def test_the_record_is_gone_from_search_and_pages(session, harbor, nora):
    erasure.erase(session, harbor.actor("ada"), nora, "asked for by letter", LATER)

    assert search(session, harbor.clinic, "") == []
    assert feeds.of_resource(session, nora.clinic_id, nora.resource_id) == []
    with pytest.raises(NotFound):
        patients.get(session, harbor.clinic, nora.public_id)


def test_who_erased_it_and_why_is_kept(session, harbor, nora):
    erasure.erase(session, harbor.actor("ada"), nora, "asked for by letter", LATER)
    session.flush()
    [row] = session.scalars(select(AuditEvent).where(AuditEvent.event == "patient.erased"))

    assert (row.object_id, row.user_id, row.reason) == (
        nora.public_id,
        harbor.users["ada"].id,
        "asked for by letter",
    )


def test_a_patient_with_visits_ahead_is_kept(session, harbor, nora):
    with pytest.raises(WrongStatus, match="visits are upcoming"):
        erasure.erase(session, harbor.actor("ada"), nora, "asked for by letter", NOW)
    assert nora.family_name == "Lindqvist"


def test_a_reason_is_needed(session, harbor, nora):
    with pytest.raises(Invalid, match="reason: must not be empty"):
        erasure.erase(session, harbor.actor("ada"), nora, " ", LATER)


def test_records_merged_into_it_go_along(session, harbor, nora):
    twin = add_patient(session, harbor, "Norah", "Lindquist")
    twin.merged_into_id = nora.id
    erasure.erase(session, harbor.actor("ada"), nora, "asked for by letter", LATER)

    assert (twin.given_name, twin.erased_at) == ("Erased", LATER)


@both
def test_the_clock_erases_after_the_retention_period_only(app, session, harbor, nora, monkeypatch):
    fresh = add_patient(session, harbor, "Max", "Mustermann")
    fresh.created_at = NOW + timedelta(days=9 * 365)
    settings_changes.change(session, harbor.actor("mona"), {"retention_years": 10}, NOW)
    last = max(one.end_at for one in of_patient(session, nora))
    session.commit()
    clock = app.extensions["clock"]
    outcomes = []
    for now in (NOW, last + timedelta(days=3640), last + timedelta(days=3660), last + timedelta(days=3661)):
        monkeypatch.setattr(clock, "now", lambda now=now: now)
        outcomes.append(erase_retained(app))
    session.expire_all()

    assert outcomes == ["erased 0", "erased 0", "erased 1", "erased 0"]
    assert (nora.given_name, fresh.given_name) == ("Erased", "Max")


def test_without_a_period_nothing_is_erased(session, harbor, nora):
    assert erasure.due(session, harbor.clinic, NOW + timedelta(days=36500), 10) == []
