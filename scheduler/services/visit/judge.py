"""The rules between all visits of one patient, whatever their courses: asked by the one writer on every path.

The rules inside one course are the planner's (services/planning/rules.py), checked where a course is planned or moved.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from scheduler.domain import dosing
from scheduler.domain.dosing import DosingVisit, TooClose
from scheduler.domain.localtime import local_on
from scheduler.domain.planner.model import Violation
from scheduler.domain.status import LIVE, AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.patient import Patient
from scheduler.services.actors import Actor
from scheduler.services.planning import rules
from scheduler.services.trail import audit
from scheduler.services.visit.snapshots import Snapshot


def require_dosing_gaps(
    session: Session,
    actor: Actor,
    before: Mapping[Appointment, Snapshot | None],
    now: datetime,
    override_reason: str,
) -> None:
    """Raise RuleBroken when a change brings two dosing visits of a patient too close; note an override.

    `before` holds what is being changed, as it was (None: new). Reservations count like booked visits.
    """
    today = local_on(now, actor.clinic.zone)
    for patient in {row.patient for row in before if row.dosing and _newly_placed(row, before[row])}:
        rows = {row.id: row for row in _dosing_rows(session, patient)}
        visits = [_visit(row, before) for row in rows.values()]
        pairs = dosing.too_close(visits, since=today)
        rules.require(actor, [_violation(pair) for pair in pairs], override_reason)
        for changed in sorted(
            {one.id for pair in pairs for one in (pair.earlier, pair.later) if one.changed}
        ):
            fields = [f"override:{dosing.RULE}"]
            audit.record(
                session, actor, "appointment.overridden", rows[changed], now, fields, override_reason
            )


def _newly_placed(row: Appointment, before: Snapshot | None) -> bool:
    return _counts(Snapshot.of(row)) and _former_day(row, before) != row.local_start.date()


def _former_day(row: Appointment, before: Snapshot | None) -> date | None:
    """Return the day on which a visit counted for its patient before the change."""
    if before is None or before.patient is not row.patient or not _counts(before):
        return None
    return before.local_start.date()


def _counts(snapshot: Snapshot) -> bool:
    return snapshot.status.is_live or snapshot.is_reserved


def _dosing_rows(session: Session, patient: Patient) -> list[Appointment]:
    reserved = and_(Appointment.status == AppointmentStatus.PROPOSED, Appointment.expires_at.is_not(None))
    query = select(Appointment).where(
        Appointment.patient_id == patient.id,
        Appointment.dosing_gap_days.is_not(None),
        or_(Appointment.status.in_(LIVE), reserved),
    )
    return list(session.scalars(query))


def _visit(row: Appointment, before: Mapping[Appointment, Snapshot | None]) -> DosingVisit:
    on, gap = row.local_start.date(), row.dosing
    assert gap is not None  # noqa: S101  (for the type: only such rows are read)
    former = _former_day(row, before[row]) if row in before else on
    return DosingVisit(row.id, row.action, row.title, row.care_plan_id, on, former, gap)


def _violation(pair: TooClose) -> Violation:
    days = "day" if pair.needed.days == 1 else "days"
    words = (
        f"{pair.later.title} on {_day(pair.later.on)} and {pair.earlier.title} on {_day(pair.earlier.on)} are too "
        f"close: at least {pair.needed.days} {days} must be between them."
        if pair.days
        else f"{pair.later.title} and {pair.earlier.title} are both on {_day(pair.later.on)}: at least "
        f"{pair.needed.days} {days} must be between them."
    )
    return Violation(pair.later.action, dosing.RULE, words, pair.needed.hard)


def _day(on: date) -> str:
    return f"{on:%b} {on.day}"
