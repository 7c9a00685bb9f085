"""The courses of which a closure, an absence or a change of hours displaces visits, as the planner takes them.

Everything is read in a number of queries that does not grow with the number of patients.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from scheduler.domain.localtime import local_on
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.many.insertion import therapists_of
from scheduler.domain.planner.many.occupation import Occupation
from scheduler.domain.planner.many.values import AffectedCourse
from scheduler.domain.planner.values import Request
from scheduler.domain.windows import Window
from scheduler.models import location as locations
from scheduler.models.allocation import Allocation, of_appointments
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.patient import Patient
from scheduler.models.practitioner import Practitioner
from scheduler.services.actors import Actor
from scheduler.services.clinic import displaced, sites
from scheduler.services.clinic.displaced import Displaced
from scheduler.services.planning import availability
from scheduler.services.planning.courses import rest, to_come, to_keep, with_lengths
from scheduler.services.planning.dosing_days import apart_from, dosing_rows_of
from scheduler.services.planning.placing import alone
from scheduler.services.planning.visit_rows import action_of, visit_of

FOR_GOOD = timedelta(weeks=4)  # who is away for as long hands over their courses


@dataclass(frozen=True)
class Scope:
    """Which displaced visits are meant: those that use a resource (None: any) in a time (None: ahead)."""

    resource_id: int | None = None
    window: Window | None = None


@dataclass(frozen=True)
class Affected:
    """A course with the rows of its visits to come, by action, or one visit outside a course."""

    course: AffectedCourse
    rows: Mapping[str, Appointment]

    @property
    def displaced(self) -> list[Appointment]:
        """The displaced visits, in order of time."""
        lost = [self.rows[action] for action in self.course.displaced]
        return sorted(lost, key=lambda row: (row.start_at, row.id))


def displaced_visits(session: Session, actor: Actor, scope: Scope, now: datetime) -> list[Displaced]:
    """Return the displaced visits of a scope, in order of time."""
    found = displaced.ahead(session, actor.clinic, now)
    if scope.window is None and scope.resource_id is None:
        return found
    used, closed = of_appointments(session, [one.visit.id for one in found]), None
    if scope.resource_id is not None:
        closed = sites.closing_with(session, actor.clinic.id, scope.resource_id)
    return [one for one in found if _is_in(scope, closed, used.get(one.visit.id, ()))]


def _is_in(scope: Scope, closed: Collection[int] | None, used: Iterable[Allocation]) -> bool:
    return any(
        (closed is None or row.resource_id in closed)
        and (scope.window is None or Window(row.start_at, row.end_at).overlaps(scope.window))
        for row in used
    )


def gone(session: Session, actor: Actor, scope: Scope) -> frozenset[int]:
    """Return the resources that do not come back: retired, or away for as long as re-plans of a leaving person are."""
    away = {scope.resource_id} if scope.window and scope.window.length >= FOR_GOOD else set()
    retired = select(Practitioner.resource_id).where(
        Practitioner.clinic_id == actor.clinic.id, Practitioner.active.is_(False)
    )
    return frozenset(id_ for id_ in (*away, *session.scalars(retired)) if id_ is not None)


def with_leaving(course: AffectedCourse, gone: Collection[int]) -> AffectedCourse:
    """Return the course with the therapist of its displaced visits who does not come back."""
    lost = therapists_of(course, course.booked) & set(gone)
    return replace(course, leaving=min(lost, default=0))


def courses_of(session: Session, actor: Actor, visits: Collection[str]) -> set[int]:
    """Return the ids of the courses of visits, by the public ids of these."""
    query = select(Appointment.care_plan_id).where(
        Appointment.clinic_id == actor.clinic.id,
        Appointment.public_id.in_(visits),
        Appointment.care_plan_id.is_not(None),
    )
    return {id_ for id_ in session.scalars(query) if id_ is not None}


def courses(
    session: Session,
    actor: Actor,
    visits: Sequence[Appointment],
    now: datetime,
    pinned: Collection[str] = (),
) -> tuple[list[Affected], Availability]:
    """Return the courses of displaced `visits`, and the calendar on which all that is booked is taken.

    What else of these courses is displaced, by another closure, gets another time too. `pinned` are public ids of
    visits that must stay where they are.
    """
    lost = {one.id for one in visits}
    held = [*_people(session, actor), *locations.every(session, actor.clinic.id)]  # none is asked for again
    plans = _care_plans(session, {one.care_plan_id for one in visits if one.care_plan_id is not None})
    by_patient = dosing_rows_of(session, {one.patient_id for one in visits})
    found: list[tuple[Request, dict[str, Appointment], Patient]] = []
    in_course: set[int] = set()
    for care_plan in plans:
        rows = to_come(care_plan, now)
        if not any(row.id in lost for row in rows.values()):
            continue
        in_course |= {row.id for row in rows.values()}
        wishes = rest(session, actor, care_plan, rows, now)
        request = wishes.request()
        plan = with_lengths(request.plan, rows)
        apart = apart_from(by_patient.get(care_plan.patient_id, ()), plan, care_plan)
        stay = {action: row.start_at for action, row in rows.items() if row.public_id in pinned}
        found.append((replace(request, plan=plan, not_on=apart, pinned=stay), rows, care_plan.patient))
    for row in visits:
        if row.id not in in_course:
            request = alone_request(row)
            apart = apart_from(by_patient.get(row.patient_id, ()), request.plan, row.care_plan)
            stay = {row.action: row.start_at} if row.public_id in pinned else {}
            found.append((replace(request, not_on=apart, pinned=stay), {row.action: row}, row.patient))
    del held  # until here
    every = [row for _, rows, _ in found for row in rows.values()]
    lost |= {one.visit.id for one in displaced.among(session, actor.clinic, every)}
    used = of_appointments(session, [row.id for row in every])
    busy = _busy(session, [patient for _, _, patient in found], used.keys(), now)
    affected = []
    for key, (request, rows, patient) in enumerate(found):
        current = {action: visit_of(row, used.get(row.id, ())) for action, row in rows.items()}
        gone = frozenset(action for action, row in rows.items() if row.id in lost)
        keep = to_keep(rows) - gone
        course = AffectedCourse(
            key,
            patient.id,
            request,
            current,
            gone,
            keep,
            tuple(busy[patient.resource_id]),
            actor.clinic.settings.replan_longer_days,
        )
        affected.append(Affected(course, rows))
    return affected, _calendar(session, actor, affected, now)


def _people(session: Session, actor: Actor) -> Sequence[Practitioner]:
    return session.scalars(select(Practitioner).where(Practitioner.clinic_id == actor.clinic.id)).all()


def _care_plans(session: Session, ids: Collection[int]) -> Sequence[CarePlan]:
    query = select(CarePlan).where(CarePlan.id.in_(ids)).order_by(CarePlan.id)
    options = (
        selectinload(CarePlan.appointments),
        joinedload(CarePlan.plan_definition),
        joinedload(CarePlan.patient),
    )
    return session.scalars(query.options(*options)).all()


def seen_by(course: AffectedCourse, calendar: Availability) -> Availability:
    """Return the calendar for one course: its own time is free, its patient is busy elsewhere."""
    occupation = Occupation(calendar, {course.key: course.booked})
    occupation.release([course.key])
    return occupation.seen_by(course, ())


def alone_request(row: Appointment) -> Request:
    """Return what is asked for a visit outside a course: soon after its day, at about its time."""
    action = action_of(row)
    return Request(
        plan=alone(action),
        not_before=row.local_start.date(),
        preferred=row.local_start.time(),
        count=1,
    )


def _busy(
    session: Session, patients: Sequence[Patient], planned: Collection[int], now: datetime
) -> dict[int, list[Window]]:
    """Return when patients have visits other than those that are planned, by the patient's resource."""
    found: dict[int, list[Window]] = defaultdict(list)
    columns = (Allocation.resource_id, Allocation.start_at, Allocation.end_at, Allocation.appointment_id)
    query = select(*columns).where(
        Allocation.resource_id.in_({patient.resource_id for patient in patients}),
        Allocation.unit == 0,
        Allocation.released_at.is_(None),
        Allocation.start_at >= now - timedelta(days=1),
    )
    for resource_id, start, end, appointment_id in session.execute(query):
        if appointment_id not in planned:
            found[resource_id].append(Window(start, end))
    return found


def _calendar(session: Session, actor: Actor, affected: Sequence[Affected], now: datetime) -> Availability:
    zone = actor.clinic.zone
    today = local_on(now, zone)
    first = min([today, *(local_on(end, zone) for one in affected for end in _anchors(one.course.request))])
    last = max((visit.end for one in affected for visit in one.course.current.values()), default=now)
    until: date = local_on(last + timedelta(weeks=actor.clinic.settings.replan_weeks_after), zone)
    horizon = today + timedelta(days=actor.clinic.settings.planning_horizon_days)
    days = (min(until, max(horizon, local_on(last, zone) + timedelta(days=1))) - first).days
    return availability.load(session, actor.clinic, first, days, now)


def _anchors(request: Request) -> list[datetime]:
    """Return the ends of the visits that are done and from which a gap of one to place is counted."""
    parents = {
        action.offset.after
        for action in request.plan.firm
        if action.offset is not None and action.key not in request.done
    }
    return [done.end for key, done in request.done.items() if key in parents]
