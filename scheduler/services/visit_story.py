"""What is known around a visit: its history, what was sent about it, and how reliably the patient came before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.care_plan import CarePlan
from scheduler.models.message import Message, MessageSubject
from scheduler.models.patient import Patient
from scheduler.models.reminder import Reminder
from scheduler.models.user import User


@dataclass(frozen=True)
class Told:
    """An event and the name of who did it."""

    event: AppointmentEvent
    by: str


@dataclass(frozen=True)
class Record:
    """How many visits a patient had, missed, and called off."""

    done: int
    missed: int
    called_off: int


def history(session: Session, visit: Appointment) -> list[Told]:
    """Return what happened to a visit, the latest first."""
    query = (
        select(AppointmentEvent, User.name, User.email)
        .outerjoin(User, User.id == AppointmentEvent.user_id)
        .where(AppointmentEvent.appointment_id == visit.id)
        .order_by(AppointmentEvent.id.desc())
    )
    return [Told(event, name or email or event.by) for event, name, email in session.execute(query)]


def messages(session: Session, visits: Sequence[Appointment]) -> list[Message]:
    """Return the mails about these visits, the latest first."""
    subjects = select(MessageSubject.message_id).where(
        MessageSubject.appointment_id.in_([visit.id for visit in visits])
    )
    query = select(Message).where(Message.id.in_(subjects))
    return list(session.scalars(query.order_by(Message.due_at.desc(), Message.id.desc())))


def reminders(session: Session, visit: Appointment) -> list[Reminder]:
    """Return the reminders of the visit as it stands now, in order of due time."""
    query = select(Reminder).where(
        Reminder.appointment_id == visit.id, Reminder.schedule_version == visit.schedule_version
    )
    return list(session.scalars(query.order_by(Reminder.due_at, Reminder.id)))


def record_of(session: Session, patient: Patient, before: datetime) -> Record:
    """Return how a patient kept appointments up to now."""
    query = (
        select(Appointment.status, func.count())
        .where(Appointment.patient_id == patient.id, Appointment.start_at < before)
        .group_by(Appointment.status)
    )
    counts = {row[0]: row[1] for row in session.execute(query)}
    return Record(
        counts.get(AppointmentStatus.FULFILLED, 0),
        counts.get(AppointmentStatus.NOSHOW, 0),
        counts.get(AppointmentStatus.CANCELLED, 0),
    )


def messages_of_course(session: Session, care_plan: CarePlan) -> list[Message]:
    """Return the mails about a course's visits, the latest first."""
    return messages(session, care_plan.appointments)
