"""From due reminders to messages: what the dispatch tick does first.

Reminders of one patient that fall due within two hours share a mail. Of one visit only the newest kind is sent, and
nothing after the start: after hours of downtime nobody gets a three-day and a one-day reminder together. A late one
that comes up in the quiet hours waits for their end if that is early enough. What is not sent says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.reminders import TOGETHER, outside_quiet
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import MessageKind
from scheduler.models.patient import Patient
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.letters import no_letter_to
from scheduler.services.outbox import enqueue
from scheduler.services.reminders import quiet_hours

AT_ONCE = 200
NEWER = "a later reminder took its place"
TOO_LATE = "too late: it came up when its time was over"
CHANGED = "the visit has changed"
Row = tuple[Reminder, Appointment]


def collect(session: Session, now: datetime, limit: int = AT_ONCE) -> int:
    """Turn due reminders into messages. Returns how many rows were looked at; call again while it is not 0."""
    rows = _due(session, now, limit)
    held = [_hold_if_quiet(session, reminder, now) for reminder, _ in rows]
    due = [row for row, is_held in zip(rows, held, strict=True) if not is_held]
    key = _patient_and_recipient
    for (patient_id, recipient), group in groupby(sorted(due, key=key), key=key):
        _collect_for(session, session.get_one(Patient, patient_id), recipient, list(group), now)
    session.flush()
    return len(rows)


def _collect_for(session: Session, patient: Patient, recipient: str, rows: list[Row], now: datetime) -> None:
    rows += _soon(session, patient, recipient, rows, now)
    good = _newest_only([row for row in rows if _still_holds(*row, now)])
    why_not = no_letter_to(patient, recipient, reminding=True)
    by_kind: dict[MessageKind, list[Row]] = {}
    for reminder, appointment in good:
        if why_not:
            reminder.state, reminder.reason = ReminderState.SKIPPED, why_not
        else:
            by_kind.setdefault(kind_of(reminder.rule), []).append((reminder, appointment))
    clinic = session.get_one(Clinic, patient.clinic_id)
    for kind, together in by_kind.items():
        _enqueue(session, clinic, patient, recipient, kind, together, now)


def kind_of(rule: str) -> MessageKind:
    """Return the kind of mail that a rule asks for: rules after the end check in, the others remind."""
    return MessageKind.CHECK_IN if rule.startswith("after-") else MessageKind.REMINDER


def _enqueue(
    session: Session,
    clinic: Clinic,
    patient: Patient,
    recipient: str,
    kind: MessageKind,
    rows: Sequence[Row],
    now: datetime,
) -> None:
    about = {appointment.id: appointment for _, appointment in rows}
    message = enqueue(
        session,
        clinic,
        kind,
        now,
        patient=patient,
        recipient=recipient,
        about=list(about.values()),
        due_at=min(reminder.due_at for reminder, _ in rows),
        expires_at=min(reminder.expires_at for reminder, _ in rows),
    )
    message.due_at = min(message.due_at, now)
    message.urgent_at = min(appointment.start_at for appointment in about.values())
    for reminder, _ in rows:
        reminder.state, reminder.message_id = ReminderState.QUEUED, message.id


def _due(session: Session, now: datetime, limit: int) -> list[Row]:
    query = (
        select(Reminder, Appointment)
        .join(Appointment, Reminder.appointment_id == Appointment.id)
        .where(Reminder.state == ReminderState.PENDING, Reminder.due_at <= now)
        .order_by(Reminder.due_at, Reminder.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=Reminder)
        .execution_options(populate_existing=True)
    )
    return [(reminder, appointment) for reminder, appointment in session.execute(query)]


def _soon(
    session: Session, patient: Patient, recipient: str, rows: Iterable[Row], now: datetime
) -> list[Row]:
    """Return the patient's other reminders that fall due soon after these."""
    query = (
        select(Reminder, Appointment)
        .join(Appointment, Reminder.appointment_id == Appointment.id)
        .where(
            Appointment.patient_id == patient.id,
            Reminder.recipient == recipient,
            Reminder.state == ReminderState.PENDING,
            Reminder.due_at <= now + TOGETHER,
            Reminder.id.not_in([reminder.id for reminder, _ in rows]),
        )
        .with_for_update(skip_locked=True, of=Reminder)
    )
    return [(reminder, appointment) for reminder, appointment in session.execute(query)]


def _still_holds(reminder: Reminder, appointment: Appointment, now: datetime) -> bool:
    if reminder.schedule_version != appointment.schedule_version or not appointment.status.is_live:
        reminder.state, reminder.reason = ReminderState.VOID, CHANGED
    elif reminder.expires_at <= now:
        reminder.state, reminder.reason = ReminderState.FAILED, TOO_LATE
    return reminder.state is ReminderState.PENDING


def _newest_only(rows: list[Row]) -> list[Row]:
    newest: dict[int, Row] = {}
    for row in sorted(rows, key=lambda row: (row[0].due_at, row[0].id)):
        if row[1].id in newest:
            older = newest[row[1].id][0]
            older.state, older.reason = ReminderState.SKIPPED, NEWER
        newest[row[1].id] = row
    return list(newest.values())


def _hold_if_quiet(session: Session, reminder: Reminder, now: datetime) -> bool:
    """Move a late reminder to the end of the quiet hours when that is early enough."""
    clinic = session.get_one(Clinic, reminder.clinic_id)
    if reminder.expires_at <= now:
        return False
    later = outside_quiet(now, reminder.expires_at, clinic.zone, quiet_hours(clinic.settings))
    if later <= now:
        return False
    reminder.due_at = later
    return True


def _patient_and_recipient(row: Row) -> tuple[int, str]:
    return row[1].patient_id, row[0].recipient
