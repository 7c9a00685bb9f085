"""What breaks a protocol in a clinic's calendar without a recorded override, on any path.

The services refuse all of this; `flask status` looks for it from the other side, at what is there. Visits that began
are looked at for a week: what is older harms no one any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.status import ATTENDED, LIVE, CarePlanStatus
from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.audit_event import AuditEvent
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.open_requirements import guards, open_requirements
from scheduler.services.planning.courses import missing_before

LOOKED_BACK = timedelta(days=7)
REQUIREMENT, STEP, NO_COURSE = "requirement", "missing-step", "no-course"
EXTRA, ENDED, SECOND = "extra-dose", "ended-course", "second-course"
WORDS = {
    REQUIREMENT: "visits of {} began without their requirements",
    STEP: "visits of {} began although an earlier step is missing",
    NO_COURSE: "dosing visits of {} are outside a course",
    EXTRA: "dosing visits of {} are beyond their protocol",
    ENDED: "visits of {} are booked in a course that is on hold or has ended",
    SECOND: "courses of {} give a drug beside another one",
}
BEGUN = ("check-in", "fulfill")
Trail = Mapping[str, Sequence[AuditEvent]]  # by the id of the object


@dataclass(frozen=True)
class Unrecorded:
    """One visit, or course, by its public id; `kind` is one of WORDS."""

    kind: str
    id: str


def find(session: Session, clinic: Clinic, now: datetime) -> list[Unrecorded]:
    """Return what no override was recorded for, in order of kind and id."""
    found = [
        *_begun(session, clinic, now),
        *_ahead(session, clinic, now),
        *_in_ended_courses(session, clinic, now),
    ]
    return sorted(set(found), key=lambda one: (one.kind, one.id))


def _begun(session: Session, clinic: Clinic, now: datetime) -> Iterator[Unrecorded]:
    query = select(Appointment).where(
        Appointment.clinic_id == clinic.id,
        Appointment.status.in_(ATTENDED),
        Appointment.start_at > now - LOOKED_BACK,
        Appointment.care_plan_id.is_not(None),
        Appointment.imported_at.is_(None),
    )
    rows = session.scalars(query).all()
    events: dict[int, list[AppointmentEvent]] = {}
    for event in session.scalars(
        select(AppointmentEvent)
        .where(AppointmentEvent.appointment_id.in_([row.id for row in rows]))
        .order_by(AppointmentEvent.id)
    ):
        events.setdefault(event.appointment_id, []).append(event)
    trail = _trail(session, clinic, Appointment.__name__, (row.public_id for row in rows))
    courses = {row.care_plan.public_id for row in rows if row.care_plan}
    of_courses = _trail(session, clinic, CarePlan.__name__, courses)
    for row in rows:
        theirs = events.get(row.id, [])
        if any(event.kind == "record" for event in theirs):
            continue  # it was over before the course
        steps = {event.kind: event.at for event in theirs if event.kind in BEGUN}
        at = steps.get("check-in", steps.get("fulfill"))
        assert row.care_plan is not None  # noqa: S101  (for the type: only such rows are read)
        own, course = trail.get(row.public_id, ()), of_courses.get(row.care_plan.public_id, ())
        if _with_requirement_open(row, own, course, at, checked_in="check-in" in steps):
            yield Unrecorded(REQUIREMENT, row.public_id)
        if _past_a_step(row, own, course, at):
            yield Unrecorded(STEP, row.public_id)


def _with_requirement_open(
    row: Appointment,
    own: Sequence[AuditEvent],
    course: Sequence[AuditEvent],
    at: datetime | None,
    *,
    checked_in: bool,
) -> bool:
    """Tell whether a visit that began at `at` (None: no one recorded it) had a requirement open then."""
    rules = guards(row)
    overridden = {key for event in own if event.event == "requirement.overridden" for key in event.fields}
    if not rules or (overridden and not checked_in) or _is_of_former_protocol(course, at):
        return False
    if at is None or not checked_in:
        return True
    now_open = {one.key for one in open_requirements(row)}
    completed = {
        one.key: one.completed_at
        for one in (row.care_plan.requirements if row.care_plan else ())
        if one.completed_at is not None and one.appointment_id in (None, row.id)
    }
    for rule in rules:
        done = completed.get(rule.key)
        in_place = rule.key not in now_open and done is not None and done <= at
        changed_since = any(
            event.at >= at and rule.key in event.fields
            for event in course
            if event.event == "requirement.reopened"
        )
        completed_then = any(
            event.at <= at and rule.key in event.fields
            for event in course
            if event.event == "requirement.completed"
        )
        if not (in_place or rule.key in overridden or changed_since or (completed_then and done is not None)):
            return True
    return False


def _past_a_step(
    row: Appointment, own: Sequence[AuditEvent], course: Sequence[AuditEvent], at: datetime | None
) -> bool:
    if _is_of_former_protocol(course, at):
        return False
    overridden = {field for event in own if event.event == "appointment.overridden" for field in event.fields}
    return any(
        f"override:missing:{step.action}" not in overridden
        and not (at is not None and step.cancelled_at is not None and step.cancelled_at > at)
        for step in missing_before(row)
    )


def _is_of_former_protocol(course: Sequence[AuditEvent], at: datetime | None) -> bool:
    return at is not None and any(
        event.event == "care-plan.protocol-changed" and event.at >= at for event in course
    )


def _ahead(session: Session, clinic: Clinic, now: datetime) -> Iterator[Unrecorded]:
    """Yield dosing visits ahead without a course or beside the one of their step, and courses beside another."""
    columns = (Appointment.id, Appointment.patient_id, Appointment.care_plan_id, Appointment.action)
    query = select(*columns).where(
        Appointment.clinic_id == clinic.id,
        Appointment.status.in_(LIVE),
        Appointment.dosing_gap_days.is_not(None),
        Appointment.start_at > now,
    )
    alone, additional = [], []
    steps: set[tuple[int, str]] = set()
    courses: dict[int, set[int]] = {}
    for row in session.execute(query.order_by(Appointment.id)):
        if row.care_plan_id is None:
            alone.append(row.id)
            continue
        if (row.care_plan_id, row.action) in steps:
            additional.append(row.id)
        steps.add((row.care_plan_id, row.action))
        courses.setdefault(row.patient_id, set()).add(row.care_plan_id)
    yield from _not_overridden(session, clinic, NO_COURSE, alone)
    yield from _not_overridden(session, clinic, EXTRA, additional)
    yield from _second_courses(session, clinic, [ids for ids in courses.values() if len(ids) > 1])


def _not_overridden(session: Session, clinic: Clinic, rule: str, ids: Sequence[int]) -> Iterator[Unrecorded]:
    if not ids:
        return
    rows = session.scalars(select(Appointment.public_id).where(Appointment.id.in_(ids))).all()
    trail = _trail(session, clinic, Appointment.__name__, rows)
    for public_id in rows:
        if not _overrides(trail.get(public_id, ()), rule):
            yield Unrecorded(rule, public_id)


def _overrides(events: Sequence[AuditEvent], rule: str) -> bool:
    return any(f"override:{rule}" in event.fields for event in events)


def _in_ended_courses(session: Session, clinic: Clinic, now: datetime) -> Iterator[Unrecorded]:
    query = (
        select(Appointment.public_id)
        .join(CarePlan, CarePlan.id == Appointment.care_plan_id)
        .where(
            Appointment.clinic_id == clinic.id,
            Appointment.status.in_(LIVE),
            Appointment.start_at > now,
            CarePlan.status.not_in((CarePlanStatus.ACTIVE, CarePlanStatus.DRAFT)),
        )
    )
    for public_id in session.scalars(query):
        yield Unrecorded(ENDED, public_id)


def _second_courses(session: Session, clinic: Clinic, several: Sequence[set[int]]) -> Iterator[Unrecorded]:
    """Yield the newer courses of patients who have several with dosing visits ahead: all but one need an override."""
    if not several:
        return
    query = select(CarePlan.id, CarePlan.public_id).where(CarePlan.id.in_(set().union(*several)))
    names = {row.id: row.public_id for row in session.execute(query)}
    trail = _trail(session, clinic, CarePlan.__name__, names.values())
    for courses in several:
        unsaid = [
            names[one] for one in sorted(courses) if not _overrides(trail.get(names[one], ()), "one-course")
        ]
        yield from (Unrecorded(SECOND, one) for one in unsaid[1:])


def _trail(session: Session, clinic: Clinic, kind: str, ids: Iterable[str]) -> Trail:
    """Return the audit events of these objects, by their public ids."""
    found: dict[str, list[AuditEvent]] = {}
    query = select(AuditEvent).where(
        AuditEvent.clinic_id == clinic.id,
        AuditEvent.object_type == kind,
        AuditEvent.object_id.in_(list(ids)),
    )
    for event in session.scalars(query):
        found.setdefault(event.object_id, []).append(event)
    return found
