"""Mails: which left, wait or did not arrive, what to do about one, and whom to call."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field
from sqlalchemy.orm import Session

from scheduler import clock
from scheduler.api.fields import At, Body, Id, Instant, TextLine, View, at
from scheduler.api.notes import NoteView
from scheduler.api.notes import view as note_view
from scheduler.api.operations import Answer, call
from scheduler.api.paging import Paged, page
from scheduler.database import db
from scheduler.domain.identity import CallOutcome
from scheduler.errors import NotFound
from scheduler.http import access
from scheduler.models import message as messages
from scheduler.models.message import Message, MessageState
from scheduler.models.patient import Patient
from scheduler.services.actors import Actor
from scheduler.services.mail import call_list
from scheduler.services.patient import notes, patients

State = Literal["pending", "leased", "sent", "skipped", "failed", "uncertain", "void"]


class MessageView(View):
    """A mail. `uncertain` means that no one knows whether the server took it; `settled_at` is when a person dealt with
    one that did not arrive.
    """

    id: Id
    kind: str
    patient_id: Id | None
    appointment_ids: list[Id]
    recipient: str
    status: State
    reason: str
    attempts: int
    created_at: At
    due_at: At
    ended_at: At | None
    settled_at: At | None


class MessagePage(View):
    items: list[MessageView]
    next_cursor: str | None


class MessageQuery(Paged):
    status: list[State] = Field(default=[], max_length=7)
    patient_id: Id | None = None
    start: Annotated[Instant | None, Field(alias="from")] = None
    end: Annotated[Instant | None, Field(alias="to")] = None


class CallView(View):
    """A patient to call, because mails about these visits did not or may not have arrived."""

    patient_id: Id
    appointment_ids: list[Id]
    reasons: list[str]
    urgent_at: At


class CallList(View):
    items: list[CallView]


class CallBody(Body):
    """How a call ended. A patient who was reached, or got a message, leaves the list."""

    outcome: Literal["reached", "message-left", "no-answer", "wrong-number"] = "reached"
    note: Annotated[str, TextLine(notes.LONGEST, lines=True)] = ""


Deed = Callable[[Session, Actor, Message, datetime], object]


@call("GET", "/messages", may="send-log", query=MessageQuery, gives=MessagePage)
def list_messages(actor: Actor, query: MessageQuery) -> Answer:
    """List mails by when they are due, the latest first."""
    session = db.session()
    patient = patients.get(session, actor.clinic, query.patient_id) if query.patient_id else None
    states = [MessageState(one) for one in query.status]
    rows = messages.listed(actor.clinic.id, patient, states, query.start, query.end)
    order = (Message.due_at, Message.public_id)
    found, cursor = page(
        session, rows, query, order, lambda row: (row.due_at, row.public_id), newest_first=True
    )
    return Answer(MessagePage(items=[_view(row) for row in found], next_cursor=cursor))


@call("GET", "/messages/<message_id>", may="send-log", gives=MessageView)
def get_message(actor: Actor, message_id: str) -> Answer:
    """Show one mail."""
    message = messages.by_public_id(db.session(), actor.clinic.id, message_id)
    if message is None:
        raise NotFound
    return Answer(_view(message))


@call("POST", "/messages/<message_id>/resend", may="send-log", gives=MessageView, refuses=(409,))
def resend_message(actor: Actor, message_id: str) -> Answer:
    """Send the same news as a new mail, which is the answer. 409 `wrong-status` where its visits have changed."""
    message = call_list.find(db.session(), actor.clinic, message_id)
    again = call_list.resend(db.session(), actor, message, clock.now())
    db.session().flush()
    return Answer(_view(again))


@call("POST", "/messages/<message_id>/release", may="send-log", gives=MessageView, refuses=(409,))
def release_message(actor: Actor, message_id: str) -> Answer:
    """Send an uncertain mail once more, with the same Message-ID."""
    return _done(actor, message_id, call_list.release)


@call("POST", "/messages/<message_id>/discard", may="send-log", gives=MessageView, refuses=(409,))
def discard_message(actor: Actor, message_id: str) -> Answer:
    """Take an uncertain mail for delivered."""
    return _done(actor, message_id, call_list.discard)


@call("GET", "/calls", may="send-log", gives=CallList)
def list_calls(actor: Actor) -> Answer:
    """List the patients to call, the nearest visit first."""
    return Answer(
        CallList(items=[_call(one) for one in call_list.calls(db.session(), actor.clinic, clock.now())])
    )


@call("POST", "/patients/<patient_id>/call", may="send-log", body=CallBody, gives=NoteView, status=201)
def log_call(actor: Actor, body: CallBody, patient_id: str) -> Answer:
    """Note how a call to a patient about all that is on the list ended."""
    patient = patients.get(db.session(), actor.clinic, patient_id)
    outcome = CallOutcome(body.outcome)
    return Answer(note_view(notes.log_call(db.session(), actor, patient, outcome, body.note, clock.now())))


def _done(actor: Actor, message_id: str, deed: Deed) -> Answer:
    message = call_list.find(db.session(), actor.clinic, message_id)
    deed(db.session(), actor, message, clock.now())
    return Answer(_view(message))


def _call(one: call_list.CallListEntry) -> CallView:
    access.touch(one.patient)
    return CallView(
        patient_id=one.patient.public_id,
        appointment_ids=[visit.public_id for visit in one.visits],
        reasons=one.reasons,
        urgent_at=at(one.urgent_at),
    )


def _view(message: Message) -> MessageView:
    session = db.session()
    patient = session.get(Patient, message.patient_id) if message.patient_id else None
    if patient is not None:
        access.touch(patient)
    return MessageView(
        id=message.public_id,
        kind=message.kind.value,
        patient_id=patient.public_id if patient else None,
        appointment_ids=messages.appointment_ids(session, message),
        recipient=message.recipient,
        status=message.state.value,
        reason=message.reason,
        attempts=message.attempts,
        created_at=at(message.created_at),
        due_at=at(message.due_at),
        ended_at=at(message.ended_at) if message.ended_at else None,
        settled_at=at(message.settled_at) if message.settled_at else None,
    )
