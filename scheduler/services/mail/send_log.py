"""The send log: every reminder that was planned and every mail, with how it ended and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, TextClause, func, or_, select, text
from sqlalchemy.orm import Session

from scheduler.domain.folding import search_words
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import IS_UNSETTLED, Message, MessageState
from scheduler.models.patient import Patient
from scheduler.models.reminder import Reminder, ReminderState

PAGE = 50
COUNTED = timedelta(days=30)
TROUBLE = (MessageState.FAILED, MessageState.UNCERTAIN, MessageState.SKIPPED)


@dataclass(frozen=True)
class SendLogPage:
    """Some rows, and whether there are more after them."""

    rows: Sequence[Any]
    more: bool


def mails(session: Session, clinic: Clinic, state: str, words: str, page: int) -> SendLogPage:
    """Return mails with their patients, the latest due first. `state` is one of theirs, "trouble", or empty.

    Every word of `words` is found in the patient's name, phone, birth date or mail, or in the mail's address.
    """
    query = (
        select(Message, Patient)
        .outerjoin(Patient, Patient.id == Message.patient_id)
        .where(Message.clinic_id == clinic.id)
        .order_by(Message.due_at.desc(), Message.id.desc())
    )
    if state == "trouble":
        query = query.where(or_(Message.state.in_(TROUBLE), Message.resends > 0))
    elif state in set(MessageState):
        query = query.where(Message.state == state)
    for word in search_words(words):
        by_name = Patient.search_key.contains(word, autoescape=True)
        query = query.where(or_(by_name, func.lower(Message.address).contains(word, autoescape=True)))
    return _page(session, query, page)


def planned(session: Session, clinic: Clinic, page: int) -> SendLogPage:
    """Return reminders still to come with their visits, the next first."""
    query = (
        select(Reminder, Appointment, Patient)
        .join(Appointment, Appointment.id == Reminder.appointment_id)
        .join(Patient, Patient.id == Appointment.patient_id)
        .where(Reminder.clinic_id == clinic.id, Reminder.state == ReminderState.PENDING)
        .order_by(Reminder.due_at, Reminder.id)
    )
    return _page(session, query, page)


def counts(session: Session, clinic: Clinic, now: datetime) -> Mapping[str, int]:
    """Return how many mails of the last 30 days and of those to come there are in each state."""
    return _by_state(session, Message.clinic_id == clinic.id, Message.due_at > now - COUNTED)


def open_counts(session: Session) -> Mapping[str, int]:
    """Return how many mails of all clinics wait to leave, or did not arrive and wait for the desk, by state."""
    return {
        **_by_state(session, text("message.state = 'pending'")),
        **_by_state(session, text("message.state = 'leased'")),
        **_by_state(session, IS_UNSETTLED),
    }


def day_counts(session: Session, now: datetime) -> Mapping[str, int]:
    """Return how many mails of all clinics were due in the last 24 hours, by state."""
    of_all = Message.clinic_id.in_(select(Clinic.id))  # so that the index by clinic and time serves
    return _by_state(session, of_all, Message.due_at > now - timedelta(days=1), Message.due_at <= now)


def unclear(session: Session, clinic: Clinic) -> int:
    """Return how many mails wait for the desk to decide whether they have arrived."""
    query = select(func.count()).where(
        Message.clinic_id == clinic.id, IS_UNSETTLED, Message.state == MessageState.UNCERTAIN
    )
    return session.scalar(query) or 0


def _by_state(session: Session, *where: ColumnElement[bool] | TextClause) -> dict[str, int]:
    query = select(Message.state, func.count()).where(*where).group_by(Message.state)
    return {state.value: count for state, count in session.execute(query)}


def _page(session: Session, query: Any, page: int) -> SendLogPage:
    rows = session.execute(query.limit(PAGE + 1).offset(PAGE * page)).all()
    return SendLogPage(rows[:PAGE], len(rows) > PAGE)
