"""Notes of staff, what came of calls, and what a record says of a person beside names."""

import pytest
from sqlalchemy import select

from scheduler.domain.identity import AdministrativeSex, CallOutcome
from scheduler.domain.message_reasons import MessageReason
from scheduler.errors import Invalid, WrongStatus
from scheduler.models import patient_note
from scheduler.models.audit_event import AuditEvent
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.patient import Patient
from scheduler.services.mail import call_list
from scheduler.services.patient import erasure, merging, notes, patient_record, patient_search, patients
from scheduler.services.visit import visits
from tests.cast import NOW, add_patient
from tests.services.courses import visit

RECORD = {
    "pronouns": "she/her", "sex": "female", "address_line": "12 Elm Street", "city": "Utica", "state": "NY",
    "postal_code": "13501", "emergency_name": "Olga Lindqvist", "emergency_relation": "sister",
    "emergency_phone": "555 0142", "mrn": "MR-20417", "insurance_payer": "Blue Hill Health",
    "insurance_member_id": "BHH 88321",
}  # fmt: skip


@pytest.fixture
def alice(harbor):
    return harbor.actor("alice")


def audited(session):
    return [event.event for event in session.scalars(select(AuditEvent).order_by(AuditEvent.id))]


def test_notes_stand_with_the_patient_and_with_the_visit(session, alice, harbor, nora_course):
    nora, third = harbor.patients["Nora"], visit(nora_course, "infusion-3")
    first = notes.add(session, alice, nora, "Prefers the chair by the window.", NOW)
    about = notes.add(session, alice, nora, " Sister drives.\r\nCall her. ", NOW, third)

    assert patient_note.of_patient(session, nora) == [about, first]
    assert patient_note.of_appointment(session, third) == [about]
    assert about.text == "Sister drives.\nCall her."
    assert audited(session)[-2:] == ["patient.note-added"] * 2


def test_a_note_needs_a_text_and_a_visit_of_the_patient(session, alice, harbor, nora_course):
    other = add_patient(session, harbor, "Olga", "Berg")

    with pytest.raises(Invalid, match="text"):
        notes.add(session, alice, other, "  ", NOW)
    with pytest.raises(Invalid, match="another patient"):
        notes.add(session, alice, other, "x", NOW, visit(nora_course, "infusion-3"))


def test_a_mistake_is_left_out_but_stays_in_the_record(session, alice, harbor):
    nora = harbor.patients["Nora"]
    note = notes.add(session, alice, nora, "Meant for another patient.", NOW)
    notes.strike(session, alice, note, NOW)

    assert patient_note.of_patient(session, nora) == []
    assert patient_note.of_patient(session, nora, struck=True) == [note]
    with pytest.raises(WrongStatus):
        notes.strike(session, alice, note, NOW)


@pytest.mark.parametrize("outcome", CallOutcome)
def test_only_who_knows_leaves_the_call_list(session, alice, harbor, nora_course, outcome):
    mail = session.scalars(select(Message).where(Message.kind == MessageKind.CONFIRMATION)).one()
    mail.state, mail.ended_at = MessageState.FAILED, NOW
    mail.explain(MessageReason.NOT_COMPOSED)
    session.flush()
    nora = harbor.patients["Nora"]
    note = notes.log_call(session, alice, nora, outcome, "", NOW)
    listed = [call.patient for call in call_list.calls(session, harbor.clinic, NOW)]

    assert (note.call_outcome, note.text) == (outcome, "")
    assert (listed == []) is (outcome in (CallOutcome.REACHED, CallOutcome.MESSAGE_LEFT))


def test_a_record_is_checked_kept_and_found_by_its_numbers(session, alice, harbor):
    nora = patients.update(session, alice, harbor.patients["Nora"], RECORD, NOW)
    found = [
        patient_search.look_up(session, harbor.clinic, text, NOW, 5).exact for text in ("mr-20417", "88321")
    ]
    hidden = patient_search.look_up(session, harbor.clinic, "mr-20417", NOW, 5, names_only=True)

    assert nora.sex is AdministrativeSex.FEMALE
    assert found == [[nora], [nora]]
    assert hidden.exact == []
    with pytest.raises(Invalid, match="sex"):
        patients.update(session, alice, nora, {"sex": "blue"}, NOW)
    with pytest.raises(Invalid, match="emergency_phone"):
        patients.update(session, alice, nora, {"emergency_phone": "call me"}, NOW)


def test_it_is_in_the_patients_export_and_gone_after_erasure(session, harbor, nora_course):
    nora = patients.update(session, harbor.command, harbor.patients["Nora"], RECORD, NOW)
    notes.add(session, harbor.command, nora, "Sister drives.", NOW)
    exported = patient_record.export(session, harbor.command, nora, NOW)
    visits.cancel(
        session, harbor.command, [one for one in nora_course.appointments if one.status.is_ahead], NOW
    )
    erasure.erase(session, harbor.command, nora, "asked for", NOW)

    assert {name: exported["patient"][name] for name in RECORD} == RECORD
    assert [one["text"] for one in exported["notes"]] == ["Sister drives."]
    assert {getattr(nora, name) for name in RECORD} == {"", None}
    assert patient_note.of_patient(session, nora, struck=True) == []


def test_a_merger_keeps_what_the_other_record_says_and_its_notes(session, harbor):
    keep, other = harbor.patients["Nora"], add_patient(session, harbor, "Norah", "Lindqvist")
    patients.update(session, harbor.command, other, RECORD, NOW)
    note = notes.add(session, harbor.command, other, "Sister drives.", NOW)
    merging.merge(session, harbor.command, keep, other, {}, NOW)

    assert {name: getattr(keep, name) for name in RECORD} == RECORD
    assert patient_note.of_patient(session, keep) == [note]
    assert session.get_one(Patient, other.id).merged_into_id == keep.id
