"""Nothing about a person is written to an erased record, whichever path tries."""

from datetime import timedelta

import pytest
from sqlalchemy import JSON, Enum, LargeBinary, String, text
from sqlalchemy.orm import Session

from scheduler.database import db
from scheduler.domain.person import Person
from scheduler.errors import RecordErased
from scheduler.models.message import MessageKind
from scheduler.models.patient import Patient
from scheduler.models.visit_answer import DriverAnswer
from scheduler.processes.clock_jobs import erase_retained
from scheduler.services.mail import outbox
from scheduler.services.patient import compaction, erasure, patient_answers, patients, unsubscribing
from scheduler.services.visit import requirements, visits
from tests.cast import NOW
from tests.engines import both
from tests.services.courses import book, visit

LATER = NOW + timedelta(days=400)


@pytest.fixture
def course(session, harbor):
    """Nora's course, long over; her record is erased."""
    course = book(session, harbor)
    erasure.erase(session, harbor.actor("ada"), harbor.patients["Nora"], "asked for by letter", LATER)
    session.commit()
    return course


def change_address(session, cast, _course):
    patients.update(session, cast.actor("alice"), cast.patients["Nora"], {"email": "back@example.org"}, LATER)


def name_driver(session, cast, course):
    one = visit(course, "infusion-1")
    patient_answers.tell_driver(session, cast.actor("alice"), one, LATER, True, "Max", "0170 1")


def answer_check_in(session, cast, course):
    patient_answers.check_in(session, cast.actor("alice"), visit(course, "infusion-1"), LATER, {"mood": "3"})


def send_a_link(session, cast, _course):
    outbox.enqueue(session, cast.clinic, MessageKind.LINK, LATER, patient=cast.patients["Nora"])


def cancel_with_a_reason(session, cast, course):
    one = visit(course, "infusion-1")
    visits.cancel(session, cast.actor("alice"), [one], LATER, "moved to Berlin", "patient")


def note_a_requirement(session, cast, course):
    requirements.complete(session, cast.prescriber, course, "consent", LATER, document="Nora.pdf")


def unsubscribe(session, cast, _course):
    unsubscribing.unsubscribe(session, cast.actor("alice"), cast.patients["Nora"], LATER)


@both
@pytest.mark.parametrize(
    "write",
    [
        change_address,
        name_driver,
        answer_check_in,
        send_a_link,
        cancel_with_a_reason,
        note_a_requirement,
        unsubscribe,
    ],
)
def test_an_erased_record_refuses_what_names_the_person(session, harbor, course, write):
    with pytest.raises(RecordErased):
        write(session, harbor, course)
        session.flush()


def test_what_says_nothing_about_the_person_still_passes(session, harbor, course):
    one = visit(course, "infusion-1")
    one.pinned, one.status_reason = True, ""
    session.flush()

    assert one.pinned


@pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)
def test_a_change_that_began_before_the_erasure_is_refused_after_it(app, session, harbor):
    nora = harbor.patients["Nora"]
    with Session(db.engine) as beside:
        seen = beside.get_one(Patient, nora.id)
        assert seen.erased_at is None
        erasure.erase(session, harbor.actor("ada"), nora, "asked for by letter", LATER)
        session.commit()
        seen.email = "back@example.org"
        with pytest.raises(RecordErased):
            beside.flush()


@both
def test_what_slipped_in_beside_the_erasure_is_erased_by_the_clock(app, session, harbor, course, monkeypatch):
    one = visit(course, "infusion-1")
    values = {"clinic_id": one.clinic_id, "appointment_id": one.id, "schedule_version": 1}
    answer = {"has_driver": True, "name": "Max Quill", "phone": "0170 1", "answered_at": LATER}
    session.execute(DriverAnswer.__table__.insert().values(**values, **answer))
    session.execute(text("UPDATE patient SET email = 'back@example.org'"))
    session.commit()
    monkeypatch.setattr(app.extensions["clock"], "now", lambda: LATER + timedelta(hours=1))
    erase_retained(app)
    session.expire_all()

    assert session.query(DriverAnswer).count() == 0
    assert harbor.patients["Nora"].email is None


WORDS_OF_THE_CLINIC = {
    "api_token": {"name", "prefix", "digest", "scopes", "made_via", "public_id"},
    "audit_head": {"seal"},
    "channel": {"name", "reason", "held_reason", "held_code"},  # the mail server's words, redacted
    "clinic": {
        *("key", "name", "zone_name", "country", "subdivision", "phone", "address"),
        *("settings_document", "public_id"),
    },
    "closure": {"reason", "public_id"},
    "inbox_position": {"mailbox"},
    "mail_check": {"settings", "faults"},
    "invitation": {"name", "answer", "public_id"},  # of members of staff
    "job_run": {"name", "host", "outcome"},
    "known_browser": {"digest"},
    "location": {"name", "capabilities", "public_id"},
    "message_subject": {"method"},  # REQUEST or CANCEL
    "allocation": {"phase", "role"},
    "plan_definition": {"key", "title", "document", "digest", "public_id"},
    "practitioner": {"name", "public_id"},
    "offer": {"why", "public_id"},
    "opening": {"resource_ids", "public_id"},
    "report_file_part": {"content"},  # ids and figures
    "site": {"phone", "name", "address", "public_id"},
    "replan": {"closure", "options", "result", "job", "step_job", "public_id"},
    "replan_course": {
        "displaced",
        "moves",
        "bent",
        "gaps",
        "reasons",
        "suggestions",
        "operation",
        "public_id",
    },  # ids and rules
    "request_count": {"limit_name", "digest"},
    "sign_in_try": {"rule", "digest"},
    "user": {
        *("email", "name", "password", "fs_uniquifier", "last_login_ip", "current_login_ip"),
        *("tf_primary_method", "tf_totp_secret", "mf_recovery_codes"),
    },
    "user_session": {"digest", "address", "agent", "public_id"},
}


def test_a_new_column_for_words_has_been_thought_of():
    """Either erasing empties it and its table is compacted, or it is listed above as never about a patient."""
    found = {
        table.name: {one.name for one in table.columns if can_hold_words(one)}
        for table in db.metadata.sorted_tables
        if table.name not in compaction.TABLES
    }

    assert {name: columns for name, columns in found.items() if columns} == WORDS_OF_THE_CLINIC


def can_hold_words(column):
    kind = getattr(column.type, "impl", column.type)
    return isinstance(kind, String | JSON | LargeBinary) and not isinstance(kind, Enum)


def test_a_person_is_found_by_id_by_contact_and_by_both_names():
    person = Person(frozenset({"abcdefgh01234567"}), ("nora@example.org",), (("Zoë", "Li"),))
    named = [
        '{"id": "abcdefgh01234567"}',
        "to NORA@example.org",
        r'{"given": "Zo\u00eb", "family": "Li"}',
        "Li Zoë",
    ]
    others = ["abcdefgh01234568", "xabcdefgh01234567", "Li", "Zoë", "nora@example.com"]

    assert [person.is_named_in(text) for text in (*named, *others)] == [True] * 4 + [False] * 5
