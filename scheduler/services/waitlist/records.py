"""The records that the planner's quick test compares: see domain/planner/openings.

`FirstRecords` need a few columns of everybody's course and rule out most; `whole_record` the whole course of one who is
left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.localtime import local_on
from scheduler.domain.planner import StartWishes, Waiting, waiting, wishes_of
from scheduler.domain.planner.openings.waiting import OwnTime
from scheduler.domain.planner.search.course import line_of, relaxed
from scheduler.domain.planner.values import Done, Request
from scheduler.domain.plans import Action, Offset
from scheduler.domain.status import STEPS, AppointmentStatus
from scheduler.domain.windows import Window
from scheduler.models.allocation import PATIENT, Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.clinic import Clinic
from scheduler.models.waitlist import WaitlistEntry
from scheduler.services.planning.dosing_days import apart_from
from scheduler.services.planning.placing import alone
from scheduler.services.planning.visit_rows import action_of, visit_of
from scheduler.services.planning.wishes import anywhere
from scheduler.services.waitlist.loaded import LoadedMoves, LoadedWaitlist

NEAR = timedelta(days=1)  # no visit is longer


def wishes_of_entry(entry: WaitlistEntry) -> StartWishes:
    """Return when the patient who waits can come."""
    return StartWishes(frozenset(entry.weekdays), entry.earliest, entry.latest, entry.until_on)


def notified_by(entry: WaitlistEntry, now: datetime) -> datetime:
    """Return the first instant of which the patient hears early enough."""
    return now + timedelta(hours=entry.notice_hours)


@dataclass(frozen=True)
class VisitColumns:
    """What the first test needs of a visit of a course."""

    action: str
    start: datetime
    end: datetime
    status: AppointmentStatus
    is_projected: bool
    series: str | None

    def may_move(self, now: datetime) -> bool:
        return self.status in STEPS["reschedule"] and self.start > now


class FirstRecords:
    """The records of all who wait for an earlier time of a booked visit; few columns of their courses are read."""

    def __init__(
        self, session: Session, clinic: Clinic, visits: Sequence[Appointment], opened: Window, now: datetime
    ) -> None:
        self.session, self.clinic, self.now = session, clinic, now
        self.courses = {one.care_plan.id: one.care_plan for one in visits if one.care_plan is not None}
        self._columns = _columns(session, self.courses)
        self._own = _own(session, clinic, opened)
        self._requests: dict[int, Request] = {}
        self._lines: dict[int, frozenset[str]] = {}

    @property
    def first_on(self) -> date:
        """The first day from which a gap to a visit ahead is counted, or today; the Monday of its week."""
        ends = [self.now]
        for course in self.courses.values():
            rows, plan = self._columns[course.id], self._request(course).plan
            ahead = {row.action for row in rows if row.start > self.now}
            parents = {one.offset.after for one in plan.actions if one.offset and one.key in ahead}
            ends += [row.end for row in rows if row.action in parents]
        first = local_on(min(ends), self.clinic.zone)
        return first - timedelta(days=first.weekday())

    def of(self, entry: WaitlistEntry, visit: Appointment, key: int) -> Waiting:
        """Return the record of an entry."""
        action, course = action_of(visit), visit.care_plan
        record = Waiting(
            key,
            action,
            notified_by(entry, self.now),
            visit.start_at,
            (wishes_of_entry(entry),),
            own=tuple(self._own[(course.id, 0) if course else (0, visit.id)]),
        )
        if course is None or _is_additional(action, visit.series):
            return record
        request = self._request(course)
        if all(one.key != action.key for one in request.plan.firm):
            return record
        offset = relaxed(request.plan.action(action.key), request)
        after = self._after(course, request, offset, visit.start_at)
        return replace(
            record, wishes=(*record.wishes, wishes_of(request, action)), offset=offset, after=after
        )

    def _request(self, course: CarePlan) -> Request:
        """Return what a course asks for, without the steps that it was booked without."""
        if course.id not in self._requests:
            wishes = anywhere(self.session, course)
            steps = {one.key: one for one in course.plan_definition.plan.actions}
            present = {
                row.action
                for row in self._columns[course.id]
                if row.action in steps and not _is_additional(steps[row.action], row.series)
            }
            firm = {key for key, one in steps.items() if not one.proposed}
            left_out = frozenset(firm - present - wishes.done.keys())
            self._requests[course.id] = replace(wishes, left_out=left_out).request()
        return self._requests[course.id]

    def _after(
        self, course: CarePlan, request: Request, offset: Offset | None, start: datetime
    ) -> tuple[Done, ...]:
        """Return the visits of which one is what a visit is counted from, unless that could move too."""
        if offset is None:
            return ()
        rows = [row for row in self._columns[course.id] if row.action == offset.after]
        if course.id not in self._lines:
            self._lines[course.id] = line_of(request.plan)
        moves = offset.after not in self._lines[course.id]
        if any(row.is_projected or row.start >= start or (moves and row.may_move(self.now)) for row in rows):
            return ()
        return tuple(Done(row.action, row.start, row.end) for row in rows)


def _is_additional(action: Action, series: str | None) -> bool:
    return action.series is not None and series is None


def _columns(session: Session, courses: Mapping[int, CarePlan]) -> dict[int, list[VisitColumns]]:
    found: dict[int, list[VisitColumns]] = defaultdict(list)
    query = select(
        Appointment.care_plan_id,
        Appointment.action,
        Appointment.start_at,
        Appointment.end_at,
        Appointment.status,
        Appointment.expires_at,
        Appointment.series,
    ).where(Appointment.care_plan_id.in_(courses))
    for course_id, action, start, end, status, expires_at, series in session.execute(query):
        if course_id is None:
            continue  # for the type: only visits of courses are read
        projected = status is AppointmentStatus.PROPOSED and expires_at is None
        found[course_id].append(VisitColumns(action, start, end, status, projected, series))
    return found


def _own(session: Session, clinic: Clinic, opened: Window) -> dict[tuple[int, int], list[OwnTime]]:
    """Return what is used around an opened time, by course or, where it is of none, by visit: (course, visit)."""
    found: dict[tuple[int, int], list[OwnTime]] = defaultdict(list)
    query = (
        select(
            Appointment.care_plan_id,
            Appointment.id,
            Allocation.resource_id,
            Allocation.start_at,
            Allocation.end_at,
        )
        .join(Appointment, Appointment.id == Allocation.appointment_id)
        .where(
            Allocation.clinic_id == clinic.id,
            Allocation.role != PATIENT,
            Allocation.released_at.is_(None),
            Allocation.start_at > opened.start - NEAR,
            Allocation.start_at < opened.end + NEAR,
        )
    )
    for course_id, visit_id, resource_id, start, end in session.execute(query):
        key = (course_id, 0) if course_id else (0, visit_id)
        found[key].append(OwnTime(Window(start, end), frozenset({resource_id})))
    return found


def whole_record(loaded: LoadedWaitlist, entry: WaitlistEntry, moves: LoadedMoves, key: int) -> Waiting:
    """Return the record of an entry about a booked visit, with the whole course."""
    visit, once = moves.appointment, loaded.once
    if moves.follows:
        course = moves.course
        request, current, releasing = course.request, course.visits, [row.id for row in course.rows.values()]
    else:
        used = loaded.used.get(visit.id, ())
        request = Request(alone(moves.action), once.today)
        current, releasing = {visit.action: visit_of(visit, used)}, [visit.id]
    too_close = StartWishes(blocked_on=_too_close(loaded, moves))
    return waiting(
        key,
        request,
        visit.action,
        current,
        (wishes_of_entry(entry), too_close),
        now=once.now,
        not_before=notified_by(entry, once.now),
        busy=tuple(loaded.busy_windows(visit.patient, releasing)),
    )


def _too_close(loaded: LoadedWaitlist, moves: LoadedMoves) -> frozenset[date]:
    """Return the days that would bring a visit too close to dosing visits of the patient outside its course."""
    visit, gap = moves.appointment, moves.action.dosing
    if gap is None:
        return frozenset()
    present = visit.local_start.date()
    far = [
        row
        for row in loaded.dosing.get(visit.patient_id, ())
        if row is not visit
        and row.dosing is not None
        and abs((row.local_start.date() - present).days) >= max(gap.days, row.dosing.days)
    ]
    plan = alone(moves.action)
    return apart_from(far, plan, moves.care_plan).get(moves.action.key, frozenset())
