"""Appointments that are proposed to a patient by email: nothing of them is booked, nor held unless the desk holds it.

The mail goes the way of all mails, so without the consent to unencrypted mail it says only that there is a message.
The patient answers on the private page, or by phone; an answer opens a task of the desk. The latest proposal counts,
until it is answered, a course is booked, or its first appointment begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.localtime import from_minute, to_minute
from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.status import CarePlanStatus
from scheduler.errors import Invalid
from scheduler.models.care_plan import CarePlan
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.patient import Patient
from scheduler.models.site import Site
from scheduler.models.task import Task, TaskKind, open_of_patient
from scheduler.models.versions import raise_versions
from scheduler.services.actors import Actor
from scheduler.services.mail import notices, outbox
from scheduler.services.mail.reminders import address_of, recipients
from scheduler.services.trail import audit

REMEMBERED = timedelta(days=60)
ANSWERED_WITHIN = timedelta(days=1)  # how soon the desk should act on an answer
BOOKED = (CarePlanStatus.ACTIVE, CarePlanStatus.ON_HOLD, CarePlanStatus.COMPLETED)


@dataclass(frozen=True)
class EmailedVisit:
    """One visit of a proposal. Those that patients do not come to are not mailed."""

    start: datetime
    end: datetime
    title: str
    position: int | None
    series_length: int | None
    visible: bool = True


def may_be_emailed(patient: Patient) -> bool:
    """Tell whether there is an address to which a proposal can go."""
    return patient.may_be_notified and any(address_of(patient, one) for one in recipients(patient))


def email(
    session: Session,
    actor: Actor,
    patient: Patient,
    visits: Sequence[EmailedVisit],
    path: str,
    now: datetime,
    held_until: datetime | None = None,
    site: Site | None = None,
) -> None:
    """Mail a proposal to the patient and who looks after them; it takes the place of one that has not left.

    `path` is the page where the desk can book it, `held_until` the end of its hold, if it is held. Raises Invalid
    without an address.
    """
    if not may_be_emailed(patient):
        raise Invalid([("email", "is needed to email a proposal")])
    for earlier in _sent(session, patient, now, lock=True):
        if earlier.state is MessageState.PENDING:
            earlier.state, earlier.ended_at = MessageState.VOID, now
            earlier.explain(MessageReason.CHANGED_UNSENT)
    values = {
        "proposed": [_document(one) for one in sorted(visits, key=lambda one: one.start) if one.visible],
        "path": path,
        "held_until": to_minute(held_until) if held_until else None,
        "site": site.public_id if site else None,
    }
    first = min(one.start for one in visits if one.visible)
    for recipient in recipients(patient):
        outbox.enqueue(
            session,
            actor.clinic,
            MessageKind.PROPOSAL,
            now,
            patient=patient,
            recipient=recipient,
            values=values,
            expires_at=min(first, held_until or first),
        )
    audit.record(session, actor, "patient.proposal-emailed", patient, now)


def open_for(session: Session, patient: Patient, now: datetime) -> Message | None:
    """Return the latest proposal that the patient has not answered and that can still be booked."""
    found = _sent(session, patient, now)
    visits = visits_of(found[0]) if found else []
    if not visits or "answered" in found[0].values or visits[0].start <= now:
        return None
    booked = select(CarePlan.id).where(
        CarePlan.patient_id == patient.id,
        CarePlan.status.in_(BOOKED),
        CarePlan.status_at >= found[0].created_at,
    )
    return None if session.scalars(booked.limit(1)).first() else found[0]


def visits_of(message: Message) -> list[EmailedVisit]:
    """Return the proposed visits in order of time; none of a message whose record was erased."""
    return [
        EmailedVisit(**{**one, "start": from_minute(one["start"]), "end": from_minute(one["end"])})
        for one in message.values.get("proposed", ())
    ]


def held_until(message: Message, now: datetime) -> datetime | None:
    """Return until when the proposed times are held, if they are."""
    minute = message.values.get("held_until")
    until = from_minute(minute) if minute is not None else None
    return until if until is not None and until > now else None


def answer(session: Session, actor: Actor, proposal: Message, now: datetime, *, accepts: bool) -> Task:
    """Record what the patient says of a proposal, open a task of the desk for it, and notify the desk."""
    patient = session.get_one(Patient, proposal.patient_id)
    for one in _sent(session, patient, now, lock=True):
        if one.created_at == proposal.created_at:  # also that to who looks after the patient
            one.values = {**one.values, "answered": now.isoformat()}
    task = open_of_patient(session, TaskKind.PROPOSAL, patient.id)
    if task is None:
        task = Task(
            clinic_id=patient.clinic_id, kind=TaskKind.PROPOSAL, patient_id=patient.id, created_at=now
        )
        session.add(task)
    until = held_until(proposal, now) or now + ANSWERED_WITHIN
    task.due_at = min(until, now + ANSWERED_WITHIN)
    kept = ("proposed", "path")
    task.details = {"accepts": accepts, **{name: proposal.values[name] for name in kept}}
    session.flush()
    audit.record(session, actor, "task.opened", task, now)
    notices.proposal_answered(session, patient, now)
    raise_versions(session, patient.clinic_id, [], now)
    return task


def finish(session: Session, actor: Actor, patient: Patient, now: datetime) -> None:
    """Complete the task about a proposal because a course was booked for its patient."""
    task = open_of_patient(session, TaskKind.PROPOSAL, patient.id)
    if task is not None:
        task.done_at, task.done_by_id, task.outcome = now, actor.user_id, "A course was booked"
        audit.record(session, actor, "task.completed", task, now)


def _sent(session: Session, patient: Patient, now: datetime, *, lock: bool = False) -> list[Message]:
    """Return what was proposed to the patient lately, the latest first, without what was voided.

    `lock` keeps a sender from claiming one meanwhile.
    """
    query = select(Message).where(
        Message.patient_id == patient.id,
        Message.kind == MessageKind.PROPOSAL,
        Message.state != MessageState.VOID,
        Message.created_at > now - REMEMBERED,
    )
    if lock:
        query = query.with_for_update().execution_options(populate_existing=True)
    return list(session.scalars(query.order_by(Message.id.desc())))


def _document(visit: EmailedVisit) -> dict[str, object]:
    return {**vars(visit), "start": to_minute(visit.start), "end": to_minute(visit.end)}
