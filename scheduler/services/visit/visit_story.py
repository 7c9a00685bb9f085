"""What is known around a visit: its history, what was sent about it, and how reliably the patient came before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from scheduler.domain.status import CAME, LATE_AFTER, TO_MAKE_UP
from scheduler.domain.status import AppointmentStatus as S
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.care_plan import CarePlan
from scheduler.models.message import Message, MessageSubject
from scheduler.models.patient import Patient
from scheduler.models.reminder import Reminder
from scheduler.models.user import User

OVERRIDING = ("arrive", "check-in", "fulfill")  # whose reasons were mostly overrides before these were marked


@dataclass(frozen=True)
class HistoryEntry:
    """An event and the name of who did it."""

    event: AppointmentEvent
    by: str


@dataclass(frozen=True)
class Record:
    """How many visits a patient had, came late to, missed, and canceled (themselves, not the clinic)."""

    done: int
    late: int
    missed: int
    called_off: int


def history(session: Session, visit: Appointment) -> list[HistoryEntry]:
    """Return what happened to a visit, the latest first."""
    query = (
        select(AppointmentEvent, User.name, User.email)
        .outerjoin(User, User.id == AppointmentEvent.user_id)
        .where(AppointmentEvent.appointment_id == visit.id)
        .order_by(AppointmentEvent.id.desc())
    )
    return [HistoryEntry(event, name or email or event.by) for event, name, email in session.execute(query)]


def reason_field(event: AppointmentEvent) -> str:
    """Return which detail an event's reason is, as permissions name it: why a rule was overridden, or any other."""
    is_override = "override" in event.changes or event.kind in OVERRIDING
    return "override-reasons" if is_override else "reasons"


def messages(session: Session, visits: Sequence[Appointment]) -> list[Message]:
    """Return the mails about these visits, the latest first."""
    subjects = select(MessageSubject.message_id).where(
        MessageSubject.appointment_id.in_([visit.id for visit in visits])
    )
    query = select(Message).where(Message.id.in_(subjects))
    return list(session.scalars(query.order_by(Message.due_at.desc(), Message.id.desc())))


def reminders(session: Session, visit: Appointment) -> list[Reminder]:
    """Return the reminders of the visit's present time, in order of due time."""
    query = select(Reminder).where(
        Reminder.appointment_id == visit.id, Reminder.schedule_version == visit.schedule_version
    )
    return list(session.scalars(query.order_by(Reminder.due_at, Reminder.id)))


def record_of(session: Session, patient: Patient, before: datetime, but: Appointment | None = None) -> Record:
    """Return how a patient kept appointments up to now. A cancellation counts at once, not when its day is over.

    `but` is a visit beside which the record is shown: it is not part of what was before.
    """
    query = select(Appointment).where(
        Appointment.patient_id == patient.id,
        or_(Appointment.start_at < before, Appointment.status == S.CANCELLED),
        Appointment.status.in_(CAME | TO_MAKE_UP),
    )
    visits = [visit for visit in session.scalars(query) if visit is not but]
    came = _came(session, [visit.id for visit in visits if visit.status.has_come])
    return Record(
        done=sum(visit.status is S.FULFILLED for visit in visits),
        late=sum(visit.id in came and came[visit.id] >= visit.start_at + LATE_AFTER for visit in visits),
        missed=sum(visit.status is S.NOSHOW for visit in visits),
        called_off=sum(visit.status is S.CANCELLED and visit.cancel_side == "patient" for visit in visits),
    )


def _came(session: Session, appointment_ids: Sequence[int]) -> dict[int, datetime]:
    """Return when the patient came to each of these visits: the first of arriving and checking in that still holds."""
    query = (
        select(AppointmentEvent)
        .where(
            AppointmentEvent.appointment_id.in_(appointment_ids),
            AppointmentEvent.kind.in_(("arrive", "check-in", "undo")),
        )
        .order_by(AppointmentEvent.id)
    )
    events = list(session.scalars(query))
    undone = {event.changes["event"][0] for event in events if event.kind == "undo"}
    found: dict[int, datetime] = {}
    for event in events:
        if event.kind != "undo" and event.id not in undone:
            found.setdefault(event.appointment_id, event.at)
    return found


def messages_of_course(session: Session, care_plan: CarePlan) -> list[Message]:
    """Return the mails about a course's visits, the latest first."""
    return messages(session, appointments_of(care_plan))
