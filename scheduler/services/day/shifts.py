"""Running late: what is left of a day on one chair, room or person begins later. Shown first, then done at once.

Every visit that has not begun and that takes the resource up moves, by the same time or (where pauses may take it up)
only as far as the one before it pushes. It keeps its place and people where they are free then, else takes others, as
any move does. What does not fit stays where it is, with the reason, and the others are placed around it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from scheduler.domain import planner
from scheduler.domain.localtime import day_bounds, local_on
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.values import NoFit, Placement, Request, Taken
from scheduler.domain.plans import TICK
from scheduler.domain.status import STEPS, AppointmentStatus
from scheduler.domain.windows import Window
from scheduler.errors import Invalid, RuleBroken
from scheduler.models.allocation import Allocation, of_appointment
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.patient import Patient
from scheduler.services.actors import Actor
from scheduler.services.mail.reminders import is_told
from scheduler.services.planning import availability, obstacles
from scheduler.services.planning.courses import latest, under_way
from scheduler.services.planning.obstacles import Obstacle
from scheduler.services.planning.placing import alone
from scheduler.services.planning.visit_rows import action_of
from scheduler.services.visit import moves
from scheduler.services.visit.changes import release_expired
from scheduler.services.visit.moves import Move

LONGEST = 240  # minutes
LATE = "running late"
BEYOND = 1_000  # units that no one has: only how many are taken counts here, booking gives out the real ones


@dataclass(frozen=True)
class Stays:
    """A visit that does not fit later on this day: what is in its way, or else why."""

    appointment: Appointment
    why: str
    obstacles: tuple[Obstacle, ...] = ()


@dataclass(frozen=True)
class AffectedPatient:
    """A patient whose visit moves: by mail, or to be called; `by_mail` is None when they know nothing of this visit."""

    patient: Patient
    by_mail: bool | None


@dataclass(frozen=True)
class Shift:
    moves: tuple[Move, ...]
    stays: tuple[Stays, ...]
    told: tuple[AffectedPatient, ...]


def plan_shift(
    session: Session,
    actor: Actor,
    resource_id: int,
    on: date,
    minutes: int,
    now: datetime,
    pauses: bool = False,
    override_reason: str = "",
) -> Shift:
    """Return what moves, what does not fit, and who is notified; nothing is written.

    With `pauses`, pauses between visits take up the delay. A course whose gaps would break keeps its visit where it is,
    unless a role that may breaks them with a reason. Raises Invalid for a delay that is none.
    """
    _check(actor, on, minutes, now)
    release_expired(session, actor.clinic, now)
    asked = _asked(session, actor, resource_id, on, timedelta(minutes=minutes), now, pauses)
    staying: dict[int, Stays] = {}
    while True:
        going = [(one, start) for one, start in asked if one.id not in staying]
        placed, refused = _place_all(session, actor, going, on, now)
        refused = refused or _judged(session, actor, placed, now, override_reason)
        if not refused:
            starts = {one.id: start for one, start in asked}
            stays = [_explained(session, actor, one, starts, placed, now) for one in staying.values()]
            stays.sort(key=lambda one: one.appointment.start_at)
            return Shift(tuple(placed), tuple(stays), tuple(_told(actor, placed)))
        staying |= {one.appointment.id: one for one in refused}


def _check(actor: Actor, on: date, minutes: int, now: datetime) -> None:
    if not 0 < minutes <= LONGEST or timedelta(minutes=minutes) % TICK:
        raise Invalid([("minutes", f"must be a multiple of five, up to {LONGEST}")])
    if on < local_on(now, actor.clinic.zone):
        raise Invalid([("date", "is over")])


def _asked(
    session: Session,
    actor: Actor,
    resource_id: int,
    on: date,
    later: timedelta,
    now: datetime,
    pauses: bool,
) -> list[tuple[Appointment, datetime]]:
    """Return the visits that move and to when, in order of start."""
    found: list[tuple[Appointment, datetime]] = []
    free_at = _under_way_until(session, actor, resource_id, on, now) if pauses else None
    free_at = free_at + later if free_at else None
    for appointment, until in _rest_of_day(session, actor, resource_id, on, now):
        start = appointment.start_at + later
        if pauses and free_at is not None:
            start = min(start, max(appointment.start_at, free_at))
        if start == appointment.start_at:
            break
        found.append((appointment, start))
        free_at = until + (start - appointment.start_at)
    return found


def _under_way_until(
    session: Session, actor: Actor, resource_id: int, on: date, now: datetime
) -> datetime | None:
    """Return until when, by plan, the resource is taken up by what has begun on this day."""
    begins, _ = day_bounds(on, actor.clinic.zone)
    query = (
        select(func.max(Allocation.end_at))
        .join(Appointment, Appointment.id == Allocation.appointment_id)
        .where(
            Allocation.resource_id == resource_id,
            Allocation.released_at.is_(None),
            Allocation.start_at >= begins,
            Appointment.start_at <= now,
            Appointment.status != AppointmentStatus.FULFILLED,
        )
    )
    return session.scalar(query)


def _rest_of_day(
    session: Session, actor: Actor, resource_id: int, on: date, now: datetime
) -> Iterator[tuple[Appointment, datetime]]:
    """Yield the visits that have not begun and take the resource up, with when they let go of it."""
    start, end = day_bounds(on, actor.clinic.zone)
    held = (
        select(Allocation.appointment_id, func.max(Allocation.end_at).label("until"))
        .where(
            Allocation.clinic_id == actor.clinic.id,
            Allocation.resource_id == resource_id,
            Allocation.released_at.is_(None),
            Allocation.start_at >= max(start, now),
            Allocation.start_at < end,
        )
        .group_by(Allocation.appointment_id)
        .subquery()
    )
    query = (
        select(Appointment, held.c.until)
        .join(held, held.c.appointment_id == Appointment.id)
        .where(
            Appointment.start_at > now,
            Appointment.start_at < end,
            Appointment.status.in_(STEPS["reschedule"]),
        )
        .options(joinedload(Appointment.patient), joinedload(Appointment.location))
        .order_by(Appointment.start_at, Appointment.id)
    )
    for row in session.execute(query):
        yield row[0], row[1]


def _place_all(
    session: Session, actor: Actor, going: Sequence[tuple[Appointment, datetime]], on: date, now: datetime
) -> tuple[list[Move], list[Stays]]:
    """Place the visits one after the other, each around those placed before it; name the first that do not fit."""
    leaving = frozenset(one.id for one, _ in going)
    taken: list[Taken] = []
    busy: dict[int, list[Window]] = defaultdict(list)
    placed: list[Move] = []
    refused: list[Stays] = []
    for appointment, start in going:
        calendar = availability.load(session, actor.clinic, on, 1, now, appointment.patient, leaving)
        known = calendar.calendar
        theirs = [*known.patient_busy, *busy[appointment.patient_id]]
        calendar = calendar.changed(replace(known, patient_busy=theirs, notice=timedelta()), taken, ())
        try:
            visit = _place(session, calendar, appointment, start, now)
        except NoFit as no_fit:
            refused.append(Stays(appointment, str(no_fit)))
            continue
        placed.append(Move(appointment, visit, LATE))
        taken += _taken(calendar, visit, len(taken))
        busy[appointment.patient_id].append(Window(visit.start, visit.attended_end))
    return placed, refused


def _place(
    session: Session, calendar: Availability, appointment: Appointment, start: datetime, now: datetime
) -> Placement:
    """Find a visit's resources at its new start: its own place and people where they are free, else any."""
    kept = {row.resource_id for row in of_appointment(session, appointment.id) if moves.is_kept(row.role)}
    action = action_of(appointment)
    request = Request(
        plan=alone(action), not_before=calendar.grid.first_on, pinned={action.key: start}, count=1
    )
    try:
        wanted = replace(request, practitioner_ids=frozenset(kept))
        return planner.propose(wanted, calendar, now=now)[0].visits[0]
    except NoFit:
        return planner.propose(request, calendar, now=now)[0].visits[0]


def _taken(calendar: Availability, visit: Placement, number: int) -> list[Taken]:
    """Return what a placed visit uses, on units of its own: an exclusive stretch on as many as there are."""
    units = {resource.id: resource.units for resource in calendar.resources}
    found: list[Taken] = []
    for segment in visit.segments:
        for _ in range(units[segment.resource_id] if segment.exclusive else 1):
            unit = BEYOND + number + len(found)
            found.append((segment.resource_id, unit, segment.start, segment.end))
    return found


def _judged(
    session: Session, actor: Actor, placed: Sequence[Move], now: datetime, override_reason: str
) -> list[Stays]:
    """Return the visits of courses whose gaps would break, with what breaks."""
    by_course: dict[int, tuple[CarePlan, list[Move]]] = {}
    for move in placed:
        care_plan = move.appointment.care_plan
        if care_plan is not None and move.appointment.id in {one.id for one in latest(care_plan).values()}:
            by_course.setdefault(care_plan.id, (care_plan, []))[1].append(move)
    found: list[Stays] = []
    for care_plan, theirs in by_course.values():
        course = under_way(session, actor, care_plan, now)
        after = {**course.visits, **{move.visit.action: move.visit for move in theirs}}
        try:
            moves.judge(actor, course, after, now, override_reason)
        except RuleBroken as broken:
            found += [Stays(move.appointment, broken.words) for move in theirs]
    return found


def _explained(
    session: Session,
    actor: Actor,
    stays: Stays,
    starts: Mapping[int, datetime],
    placed: Sequence[Move],
    now: datetime,
) -> Stays:
    """Name what is in the way of a visit that stays, apart from those that move."""
    leaving = frozenset(move.appointment.id for move in placed)
    start = starts[stays.appointment.id]
    found = obstacles.at(session, actor.clinic, stays.appointment, start, now, leaving=leaving)
    return replace(stays, obstacles=tuple(found))


def _told(actor: Actor, placed: Sequence[Move]) -> Iterator[AffectedPatient]:
    """Yield each patient once, with how they learn of it."""
    for patient, theirs in moves.by_patient(placed):
        retimed = [one for one in theirs if one.visit.start != one.appointment.start_at]
        known = [one for one in retimed if is_told(one.appointment, actor.clinic.settings)]
        reached = bool(patient.email) and patient.email_bad_at is None
        yield AffectedPatient(patient, reached if known else None)
