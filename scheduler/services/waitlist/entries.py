"""Who waits for an earlier time: added by the desk, by the patient on the private page, or by the API.

An entry counts only while it makes sense: its visit is ahead and booked, its last day has not passed, its patient is
with the clinic. The clock ends those that do not any more, and no one is offered anything meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from scheduler.domain.localtime import local_on
from scheduler.domain.status import LIVE, STEPS, CarePlanStatus
from scheduler.domain.text import BadText, clean_line
from scheduler.errors import Invalid, NotFound, WrongStatus
from scheduler.models import waitlist as models
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import PlanDefinition
from scheduler.models.versions import raise_versions
from scheduler.models.waitlist import Priority, WaitlistEntry, WaitlistOutcome
from scheduler.services.actors import Actor
from scheduler.services.planning.course_rules import without_course
from scheduler.services.trail import audit

MAY = "book"
SIDES = ("staff", "patient", "api")
MOST_NOTICE = 14 * 24  # hours
MOST_REASON = 300


@dataclass(frozen=True)
class WaitWishes:
    """When the patient can come, and how urgent it is. `weekdays` are ISO numbers, none: any; times are wall-clock."""

    until_on: date | None = None
    weekdays: tuple[int, ...] = ()
    earliest: time | None = None
    latest: time | None = None
    notice_hours: int = 0
    priority: Priority = Priority.NORMAL
    reason: str = ""


def wait_for_earlier(
    session: Session,
    actor: Actor,
    appointment: Appointment,
    wishes: WaitWishes,
    now: datetime,
    side: str = "staff",
) -> WaitlistEntry:
    """Let a patient wait for an earlier time of a booked visit; asking again changes what was asked.

    A patient who asks again changes only when to come: the priority, the reason and the last day stay the desk's.
    Raises Invalid naming the field, WrongStatus for a visit that cannot be moved.
    """
    if appointment.status not in STEPS["reschedule"] or appointment.start_at <= now:
        raise WrongStatus(
            f"{appointment.title} cannot be moved: it is {appointment.status.words} or has begun"
        )
    entry = models.waiting_for(session, appointment)
    if entry is None:
        entry = _new(actor, appointment.patient, now, side)
        entry.appointment_id = appointment.id
    before_on = local_on(appointment.start_at, actor.clinic.zone)
    if side == "patient" and entry.id is not None:
        until_on = entry.until_on if entry.until_on and entry.until_on <= before_on else None
        wishes = replace(wishes, until_on=until_on, priority=entry.priority, reason=entry.reason)
    return _keep(session, actor, entry, wishes, now, before_on)


def wait_for_booking(
    session: Session,
    actor: Actor,
    patient: Patient,
    definition: PlanDefinition,
    action: str,
    wishes: WaitWishes,
    now: datetime,
    side: str = "staff",
) -> WaitlistEntry:
    """Let a patient wait for a first booking: of one visit of a protocol, or (without `action`) of a whole course.

    Raises Invalid naming the field, WrongStatus for a patient who died or left.
    """
    if not patient.may_be_notified:
        raise WrongStatus("The patient is not with the clinic any more")
    if action and action not in {one.key for one in definition.plan.actions}:
        raise Invalid([("action", "is not a visit of this protocol")])
    if action and (broken := without_course(definition.plan.action(action))):
        raise Invalid([("action", broken[0].words)])
    entry = _same(session, patient, definition, action) or _new(actor, patient, now, side)
    entry.plan_definition_id, entry.action = definition.id, action
    return _keep(session, actor, entry, wishes, now, None)


def remove(session: Session, actor: Actor, entry: WaitlistEntry, now: datetime) -> None:
    """Take an entry off the list; nothing happens to one that has ended."""
    if entry.ended_at is None:
        end(session, actor, entry, WaitlistOutcome.REMOVED, now)


def end(
    session: Session, actor: Actor, entry: WaitlistEntry, outcome: WaitlistOutcome, now: datetime
) -> None:
    """End an entry, and note why."""
    entry.ended_at, entry.outcome = now, outcome
    audit.record(session, actor, f"waitlist.{outcome.value}", entry, now)
    raise_versions(session, entry.clinic_id, [], now)


def find(session: Session, clinic: Clinic, public_id: str) -> WaitlistEntry:
    """Return the clinic's entry with this id. Raises NotFound."""
    entry = models.by_public_id(session, clinic.id, public_id)
    if entry is None:
        raise NotFound
    return entry


def waiting(session: Session, clinic: Clinic, now: datetime) -> list[WaitlistEntry]:
    """Return who waits, the most urgent first, then who has waited longest. The number of queries is fixed."""
    entries = _unended(session, clinic)
    booked = _booked_since(session, clinic, entries)
    found = [one for one in entries if _senseless(one, clinic, now, booked) is None]
    return sorted(found, key=lambda one: (one.priority.rank, one.created_at, one.id))


def still_waits(session: Session, clinic: Clinic, entry: WaitlistEntry, now: datetime) -> bool:
    """Tell whether someone waits with this entry, though no clock has looked since it was booked otherwise."""
    booked = _booked_since(session, clinic, [entry])
    return entry.ended_at is None and _senseless(entry, clinic, now, booked) is None


def due_clinics(session: Session, now: datetime) -> Sequence[int]:  # noqa: ARG001  (as every job asks)
    """Return the ids of the clinics where someone waits, in order."""
    query = select(WaitlistEntry.clinic_id).where(WaitlistEntry.ended_at.is_(None)).distinct()
    return sorted(session.scalars(query))


def end_due(session: Session, clinic: Clinic, now: datetime) -> int:
    """End the entries that make no sense any more; return how many."""
    actor = Actor(clinic, None, None, "clock")
    entries = _unended(session, clinic)
    booked, count = _booked_since(session, clinic, entries), 0
    for entry in entries:
        outcome = _senseless(entry, clinic, now, booked)
        if outcome is not None:
            end(session, actor, entry, outcome, now)
            count += 1
    return count


def _new(actor: Actor, patient: Patient, now: datetime, side: str) -> WaitlistEntry:
    if side not in SIDES:
        raise Invalid([("side", f"must be one of {', '.join(SIDES)}")])
    return WaitlistEntry(
        clinic_id=actor.clinic.id,
        patient_id=patient.id,
        side=side,
        created_at=now,
        created_by_id=actor.user_id,
    )


def _keep(
    session: Session,
    actor: Actor,
    entry: WaitlistEntry,
    wishes: WaitWishes,
    now: datetime,
    before_on: date | None,
) -> WaitlistEntry:
    entry.reason = _checked(actor, wishes, now, before_on)
    entry.until_on, entry.weekdays = wishes.until_on, sorted(set(wishes.weekdays))
    entry.earliest, entry.latest = wishes.earliest, wishes.latest
    entry.notice_hours, entry.priority = wishes.notice_hours, wishes.priority
    new = entry.id is None
    session.add(entry)
    session.flush()
    audit.record(session, actor, "waitlist.added" if new else "waitlist.changed", entry, now)
    raise_versions(session, entry.clinic_id, [], now)
    return entry


def _checked(actor: Actor, wishes: WaitWishes, now: datetime, before_on: date | None) -> str:
    """Return the reason as it is kept. Raises Invalid naming what cannot be meant."""
    errors = []
    today = local_on(now, actor.clinic.zone)
    if wishes.until_on is not None and wishes.until_on < today:
        errors.append(("until_on", "is in the past"))
    if wishes.until_on is not None and before_on is not None and wishes.until_on > before_on:
        errors.append(("until_on", "must not be after the visit that is booked"))
    if any(not 1 <= day <= 7 for day in wishes.weekdays):
        errors.append(("weekdays", "must be from 1 (Monday) to 7"))
    if wishes.earliest and wishes.latest and wishes.latest <= wishes.earliest:
        errors.append(("latest", "must be after the earliest time"))
    if not 0 <= wishes.notice_hours <= MOST_NOTICE:
        errors.append(("notice_hours", f"must be from 0 to {MOST_NOTICE}"))
    try:
        reason = clean_line("reason", wishes.reason, MOST_REASON)
    except BadText as bad:
        errors.append((bad.field, bad.reason))
        reason = ""
    if errors:
        raise Invalid(errors)
    return reason


def _same(
    session: Session, patient: Patient, definition: PlanDefinition, action: str
) -> WaitlistEntry | None:
    query = (
        select(WaitlistEntry)
        .join(PlanDefinition, PlanDefinition.id == WaitlistEntry.plan_definition_id)
        .where(
            WaitlistEntry.patient_id == patient.id,
            WaitlistEntry.appointment_id.is_(None),
            WaitlistEntry.ended_at.is_(None),
            PlanDefinition.key == definition.key,
            WaitlistEntry.action == action,
        )
    )
    return session.scalars(query).first()


def _unended(session: Session, clinic: Clinic) -> list[WaitlistEntry]:
    query = (
        select(WaitlistEntry)
        .where(WaitlistEntry.clinic_id == clinic.id, WaitlistEntry.ended_at.is_(None))
        .options(
            joinedload(WaitlistEntry.patient),
            joinedload(WaitlistEntry.appointment).joinedload(Appointment.care_plan),
            joinedload(WaitlistEntry.plan_definition),
        )
        .order_by(WaitlistEntry.id)
    )
    return list(session.scalars(query))


@dataclass(frozen=True)
class _Booked:
    """When visits (patient, action) and courses (patient, protocol) were booked, the latest of each."""

    visits: dict[tuple[int, str], datetime]
    courses: dict[tuple[int, str], datetime]


def _booked_since(session: Session, clinic: Clinic, entries: Sequence[WaitlistEntry]) -> _Booked:
    """Return what was booked for the patients who wait for a first booking."""
    patients = {one.patient_id for one in entries if one.appointment_id is None}
    if not patients:
        return _Booked({}, {})
    visits = select(Appointment.patient_id, Appointment.action, Appointment.created_at).where(
        Appointment.clinic_id == clinic.id,
        Appointment.patient_id.in_(patients),
        Appointment.status.in_(LIVE),
    )
    courses = (
        select(CarePlan.patient_id, PlanDefinition.key, CarePlan.status_at)
        .join(PlanDefinition, PlanDefinition.id == CarePlan.plan_definition_id)
        .where(
            CarePlan.clinic_id == clinic.id,
            CarePlan.patient_id.in_(patients),
            CarePlan.status == CarePlanStatus.ACTIVE,
        )
    )
    booked = _Booked({}, {})
    for rows, known in ((visits, booked.visits), (courses, booked.courses)):
        for patient_id, key, at in session.execute(rows):
            known[patient_id, key] = max(at, known.get((patient_id, key), at))
    return booked


def _senseless(
    entry: WaitlistEntry, clinic: Clinic, now: datetime, booked: _Booked
) -> WaitlistOutcome | None:
    """Return why no one waits with this entry any more; None while someone does."""
    patient, visit = entry.patient, entry.appointment
    if patient.erased_at is not None or not patient.may_be_notified:
        return WaitlistOutcome.GONE
    if entry.until_on is not None and entry.until_on < local_on(now, clinic.zone):
        return WaitlistOutcome.OVER
    if visit is not None:
        ahead = visit.status in STEPS["reschedule"] and visit.start_at > now
        going_on = visit.care_plan is None or visit.care_plan.status is CarePlanStatus.ACTIVE
        return None if ahead and going_on else WaitlistOutcome.OVER
    definition = entry.plan_definition
    if definition is None:
        return WaitlistOutcome.OVER
    known, key = (booked.visits, entry.action) if entry.action else (booked.courses, definition.key)
    at = known.get((patient.id, key))
    return WaitlistOutcome.BOOKED if at is not None and at >= entry.created_at else None
