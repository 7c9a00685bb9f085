"""The rules between all visits of one patient, across courses: asked by the one writer on every path.

The rules inside one course are the planner's (services/planning/rules.py), checked where a course is planned or moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from types import MappingProxyType

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from scheduler.domain import dosing
from scheduler.domain.dosing import DosingVisit, TooClose
from scheduler.domain.formats import Formats
from scheduler.domain.localtime import local_on
from scheduler.domain.planner.values import Placement, Violation
from scheduler.domain.plans import Action, Plan
from scheduler.domain.status import LIVE, CarePlanStatus
from scheduler.errors import WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.audit_event import AuditEvent
from scheduler.models.clinic import Clinic
from scheduler.models.patient import Patient
from scheduler.services.actors import Actor
from scheduler.services.planning import rules
from scheduler.services.planning.dosing_days import dosing_rows
from scheduler.services.trail import audit
from scheduler.services.visit.snapshots import Snapshot

NOTHING: Mapping[int, date] = MappingProxyType({})
GOING_ON = (CarePlanStatus.ACTIVE, CarePlanStatus.DRAFT)
OVERRIDDEN, FIELD = "appointment.overridden", f"override:{dosing.RULE}"


def require_patient(before: Mapping[Appointment, Snapshot | None], now: datetime) -> None:
    """Raise WrongStatus when a change gives a visit ahead to a patient who died or who left the clinic.

    What was booked before can still be canceled, and visits that are over can still be recorded.
    """
    for row, former in before.items():
        patient = row.patient
        if row.start_at <= now or patient.may_be_notified or not _newly_booked(row, former):
            continue
        if patient.deceased_on is not None:
            raise WrongStatus("The patient is recorded as deceased: nothing can be booked")
        raise WrongStatus("The patient has left the clinic: mark the record as active to book")


def require_open_course(before: Mapping[Appointment, Snapshot | None], now: datetime) -> None:
    """Raise WrongStatus when a change books a visit ahead in a course that is on hold, has ended, or is only held."""
    for row, former in before.items():
        course = row.care_plan
        if course is None or row.start_at <= now or not _newly_booked(row, former):
            continue
        if course.status not in GOING_ON:
            raise WrongStatus(f"The course is {course.status.words}: {row.title} cannot be booked in it")
        if course.status is CarePlanStatus.DRAFT and row.status.is_live:
            raise WrongStatus(f"The course is only held: book it before {row.title} is added")


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
        rows = {row.id: row for row in dosing_rows(session, patient)}
        visits = [_visit(row, before) for row in rows.values()]
        pairs = dosing.too_close(visits, since=today)
        rules.require(actor, [_violation(pair, actor.clinic.formats) for pair in pairs], override_reason)
        for changed in sorted(
            {one.id for pair in pairs for one in (pair.earlier, pair.later) if one.changed}
        ):
            audit.record(session, actor, OVERRIDDEN, rows[changed], now, [FIELD], override_reason)


def record_override(
    session: Session,
    actor: Actor,
    row: Appointment,
    broken: Sequence[Violation],
    now: datetime,
    override_reason: str,
) -> None:
    """Note which rules an override breaks by changing an appointment; nothing when it breaks none."""
    if broken:
        fields = {f"override:{violation.rule}" for violation in broken}
        audit.record(session, actor, OVERRIDDEN, row, now, fields, override_reason)


def too_close_to_booked(
    session: Session, actor: Actor, patient: Patient, plan: Plan, visits: Sequence[Placement], now: datetime
) -> list[Violation]:
    """Return what a proposed course would break with the dosing visits that the patient has booked already."""
    booked = [_visit(row, {}) for row in dosing_rows(session, patient)]
    new = [(plan.action(visit.action), local_on(visit.start, actor.clinic.zone)) for visit in visits]
    pairs = dosing.too_close([*booked, *_new(new, 0)], since=local_on(now, actor.clinic.zone))
    between = [pair for pair in pairs if (pair.earlier.id < 0) != (pair.later.id < 0)]
    return [_violation(pair, actor.clinic.formats) for pair in between]


class DosingDays:
    """A patient's dosing visits, read once, to ask of many changes what `require_dosing_gaps` will say of each."""

    def __init__(self, actor: Actor, rows: Iterable[Appointment], now: datetime) -> None:
        self.formats, self.today = actor.clinic.formats, local_on(now, actor.clinic.zone)
        self.booked = [_visit(row, {}) for row in rows]

    def broken(
        self,
        moved: Mapping[int, date] = NOTHING,
        new: Sequence[tuple[Action, date]] = (),
        course: int | None = None,
    ) -> list[Violation]:
        """Return the rules that are broken by moving appointments (by id) and by new visits of a course."""
        visits = [replace(one, on=moved.get(one.id, one.on)) for one in self.booked]
        pairs = dosing.too_close([*visits, *_new(new, course)], since=self.today)
        return [_violation(pair, self.formats) for pair in pairs]


def _new(visits: Sequence[tuple[Action, date]], course: int | None) -> list[DosingVisit]:
    """Return visits without a row, with negative ids."""
    return [
        DosingVisit(-number, action.key, action.numbered_title, course, on, None, action.dosing)
        for number, (action, on) in enumerate(visits, start=1)
        if action.dosing is not None
    ]


@dataclass(frozen=True)
class CloseVisits:
    """Two dosing visits that are closer than allowed, by their public ids, without a recorded override."""

    earlier: str
    later: str
    days: int
    needed: int


def unrecorded(session: Session, clinic: Clinic, now: datetime) -> list[CloseVisits]:
    """Return what is ahead in a clinic's calendar and too close, although no override was recorded."""
    rows: dict[int, list[Appointment]] = {}
    patients = select(Appointment.patient_id).where(*_dosing(clinic), Appointment.start_at > now).distinct()
    query = select(Appointment).where(*_dosing(clinic), Appointment.patient_id.in_(patients))
    for row in session.scalars(query):
        rows.setdefault(row.patient_id, []).append(row)
    found = []
    for theirs in rows.values():
        by_id = {row.id: row for row in theirs}
        new: dict[Appointment, Snapshot | None] = dict.fromkeys(theirs)
        pairs = dosing.too_close([_visit(row, new) for row in theirs], local_on(now, clinic.zone))
        found += [
            CloseVisits(earlier.public_id, later.public_id, pair.days, pair.needed.days)
            for pair in pairs
            for earlier, later in [(by_id[pair.earlier.id], by_id[pair.later.id])]
            if not _is_overridden(session, (earlier, later))
        ]
    return found


def _is_overridden(session: Session, rows: Sequence[Appointment]) -> bool:
    query = select(AuditEvent.fields).where(
        AuditEvent.clinic_id == rows[0].clinic_id,
        AuditEvent.object_type == Appointment.__name__,
        AuditEvent.event == OVERRIDDEN,
        AuditEvent.object_id.in_([row.public_id for row in rows]),
    )
    return any(FIELD in (fields or ()) for fields in session.scalars(query))


def _dosing(clinic: Clinic) -> tuple[ColumnElement[bool], ...]:
    return (
        Appointment.clinic_id == clinic.id,
        Appointment.status.in_(LIVE),
        Appointment.dosing_gap_days.is_not(None),
    )


def _newly_placed(row: Appointment, before: Snapshot | None) -> bool:
    return _counts(Snapshot.of(row)) and _former_day(row, before) != row.local_start.date()


def _newly_booked(row: Appointment, before: Snapshot | None) -> bool:
    """Tell whether a visit is newly placed, or was only kept as a reservation before."""
    return _newly_placed(row, before) or (row.status.is_live and before is not None and before.is_reserved)


def _former_day(row: Appointment, before: Snapshot | None) -> date | None:
    """Return the day on which a visit counted for its patient before the change."""
    if before is None or before.patient is not row.patient or not _counts(before):
        return None
    return before.local_start.date()


def _counts(snapshot: Snapshot) -> bool:
    return snapshot.status.is_live or snapshot.is_reserved


def _visit(row: Appointment, before: Mapping[Appointment, Snapshot | None]) -> DosingVisit:
    on, gap = row.local_start.date(), row.dosing
    assert gap is not None  # noqa: S101  (for the type: only such rows are read)
    former = _former_day(row, before[row]) if row in before else on
    return DosingVisit(row.id, row.action, row.numbered_title, row.care_plan_id, on, former, gap)


def _violation(pair: TooClose, formats: Formats) -> Violation:
    on, earlier_on = formats.month_day(pair.later.on), formats.month_day(pair.earlier.on)
    days = "day" if pair.needed.days == 1 else "days"
    words = (
        f"{pair.later.title} on {on} and {pair.earlier.title} on {earlier_on} are too close: "
        f"they must be at least {pair.needed.days} {days} apart."
        if pair.days
        else f"{pair.later.title} and {pair.earlier.title} are both on {on}: "
        f"they must be at least {pair.needed.days} {days} apart."
    )
    return Violation(pair.later.action, dosing.RULE, words, pair.needed.hard)
