"""What a patient would get and when, under the clinic's present rules or under those that are about to be saved.

The same computation as the dispatch tick's: due times, quiet hours, what is settled, what shares a mail, what a newer
one overtakes. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.reminders import TOGETHER, Due, Topic, newest_of_each, outside_quiet
from scheduler.domain.settings import ClinicSettings
from scheduler.domain.status import EXPECTED
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import MessageKind
from scheduler.models.open_requirements import settled_on_the_way
from scheduler.models.patient import Patient
from scheduler.services.mail.due import kind_of
from scheduler.services.mail.reminders import calendar_of, dues_of, is_settled, is_told, quiet_hours, rules_of

Row = tuple[Due, Appointment]


@dataclass(frozen=True)
class Expected:
    """A mail to come; `late` ones were due before now and are never sent."""

    kind: MessageKind
    due_at: datetime
    visits: tuple[Appointment, ...]
    late: bool = False


def of_patient(
    session: Session, clinic: Clinic, settings: ClinicSettings, patient: Patient, now: datetime
) -> list[Expected]:
    """Return the mails that these rules ask for about a patient's visits ahead, soonest first."""
    rules, calendar = rules_of(settings), calendar_of(session, clinic, settings)
    rows: list[Row] = []
    for visit in _visits(session, patient, settings, now):
        found = [(due, visit) for due in dues_of(visit, rules, now, calendar)]
        rows += [row for row in found if _says_something(row, settings)]
    late = [
        Expected(kind_of(due.rule.key), due.due_at, (visit,), late=True)
        for due, visit in rows
        if due.due_at < now
    ]
    ahead = [_waiting(row, clinic, settings) for row in rows if row[0].due_at >= now]
    return sorted([*late, *_mails(ahead)], key=lambda mail: (mail.due_at, mail.kind))


def next_patient(session: Session, clinic: Clinic, now: datetime) -> Patient | None:
    """Return the patient whose visit comes next: an example where none was named."""
    query = (
        select(Patient)
        .join(Appointment, Appointment.patient_id == Patient.id)
        .where(
            Appointment.clinic_id == clinic.id,
            Appointment.start_at > now,
            Appointment.status.in_(EXPECTED),
        )
        .order_by(Appointment.start_at, Appointment.id)
        .limit(1)
    )
    return session.scalar(query)


def _visits(session: Session, patient: Patient, settings: ClinicSettings, now: datetime) -> list[Appointment]:
    query = select(Appointment).where(Appointment.patient_id == patient.id, Appointment.start_at > now)
    found = session.scalars(query.order_by(Appointment.start_at, Appointment.id))
    return [visit for visit in found if is_told(visit, settings)]


def _says_something(row: Row, settings: ClinicSettings) -> bool:
    due, visit = row
    asks_how = kind_of(due.rule.key) is MessageKind.CHECK_IN
    return not is_settled(visit, due.rule.topic) and (not asks_how or visit.kind in settings.check_in_kinds)


def _waiting(row: Row, clinic: Clinic, settings: ClinicSettings) -> Row:
    """Let what may be settled at a preparatory visit wait for it, as the tick does."""
    due, visit = row
    later = _waits_until(row, due.due_at)
    if later is None:
        return row
    return replace(
        due, due_at=outside_quiet(later, due.expires_at, clinic.zone, quiet_hours(settings))
    ), visit


def _waits_until(row: Row, at: datetime) -> datetime | None:
    """Return the end of the preparatory visit for which what is asked for would wait at this time, if any."""
    due, visit = row
    return settled_on_the_way(visit, at) if due.rule.topic is Topic.REQUIREMENTS else None


def _mails(rows: Sequence[Row]) -> list[Expected]:
    """Put into one mail what falls due close together, and of one visit and topic only the newest."""
    found: list[Expected] = []
    left = sorted(rows, key=lambda row: (row[0].due_at, row[0].rule.key))
    while left:
        first = left[0][0].due_at
        near = [row for row in left[1:] if row[0].due_at <= first + TOGETHER and not _waits_until(row, first)]
        soon = [left[0], *near]
        left = [row for row in left if row not in soon]
        kept, _ = newest_of_each(soon, lambda row: (row[1].id, row[0].rule.topic))
        kinds = dict.fromkeys(kind_of(due.rule.key) for due, _ in kept)
        for kind in kinds:
            about = {visit.id: visit for due, visit in kept if kind_of(due.rule.key) is kind}
            found.append(Expected(kind, first, tuple(about.values())))
    return found
