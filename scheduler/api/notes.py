"""Notes of staff about patients and visits. For scheduling; not part of the medical record."""

from __future__ import annotations

from typing import Annotated, Literal

from scheduler import clock
from scheduler.api.appointments import find as find_appointment
from scheduler.api.fields import At, Body, Id, TextLine, View, at
from scheduler.api.operations import Answer, call
from scheduler.database import db
from scheduler.http import access
from scheduler.models import patient_note
from scheduler.models.patient_note import PatientNote
from scheduler.services.actors import Actor
from scheduler.services.patient import notes, patients


class NoteView(View):
    """A note. `call_outcome` is set on the note of a call; `struck_at` on one that was a mistake."""

    id: Id
    patient_id: Id
    appointment_id: Id | None
    call_outcome: Literal["reached", "message-left", "no-answer", "wrong-number"] | None
    text: str
    created_at: At
    created_by: str | None
    struck_at: At | None


class NoteList(View):
    items: list[NoteView]


class NewNote(Body):
    """A note about the patient, or about one of their visits."""

    text: Annotated[str, TextLine(notes.LONGEST, required=True, lines=True)]
    appointment_id: Id | None = None


@call("GET", "/patients/<patient_id>/notes", may="notes", gives=NoteList)
def list_notes(actor: Actor, patient_id: str) -> Answer:
    """List a patient's notes, the latest first, without those that were mistakes."""
    patient = patients.get(db.session(), actor.clinic, patient_id)
    access.touch(patient)
    return Answer(NoteList(items=[view(one) for one in patient_note.of_patient(db.session(), patient)]))


@call("POST", "/patients/<patient_id>/notes", may="notes", body=NewNote, gives=NoteView, status=201)
def add_note(actor: Actor, body: NewNote, patient_id: str) -> Answer:
    """Write a note. It is never changed afterwards."""
    patient = patients.get(db.session(), actor.clinic, patient_id)
    visit = find_appointment(actor, body.appointment_id) if body.appointment_id else None
    return Answer(view(notes.add(db.session(), actor, patient, body.text, clock.now(), visit)))


@call("POST", "/notes/<note_id>/mistake", may="notes", gives=NoteView, refuses=(409,))
def strike_note(actor: Actor, note_id: str) -> Answer:
    """Mark a note as a mistake: lists leave it out. 409 `wrong-status` when it is marked already."""
    note = notes.find(db.session(), actor, note_id)
    return Answer(view(notes.strike(db.session(), actor, note, clock.now())))


def view(note: PatientNote) -> NoteView:
    """Return a note as the API shows one."""
    access.touch(note.patient)
    return NoteView(
        id=note.public_id,
        patient_id=note.patient.public_id,
        appointment_id=note.appointment.public_id if note.appointment else None,
        call_outcome=note.call_outcome.value if note.call_outcome else None,
        text=note.text,
        created_at=at(note.created_at),
        created_by=note.created_by.email if note.created_by else None,
        struck_at=at(note.struck_at) if note.struck_at else None,
    )
