"""Inductions that came to an end: completed, or left after which session.

The induction of a protocol is the series of its first booked dosing visit ("infusion 1 to 6"). It begins with the first
session held, is completed by its last one, and is left early when its course ends before that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, false, func, literal, or_, select, union
from sqlalchemy.orm import Session, aliased

from scheduler.domain.localtime import local_on
from scheduler.domain.status import ATTENDED, OPEN_COURSE
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.services.reports.dimensions import DIMENSIONS, Place, named
from scheduler.services.reports.scope import Conditions, ReportScope
from scheduler.services.reports.tables import (
    Better,
    Figure,
    FigureUnit,
    FigureVisits,
    Report,
    ReportColumn,
    ReportRow,
    ReportTable,
    Value,
    share,
)
from scheduler.services.reports.visits import HELD

BY_SESSION = (
    ReportColumn(
        "reached",
        "Reached it",
        "Inductions that ended and had this session, but in which it was not the last one of the protocol.",
    ),
    ReportColumn("left", "Left after it", "Inductions whose course ended before the last session."),
    ReportColumn(
        "left_share",
        "Share that left after it",
        "Left after it, of those that reached it.",
        FigureUnit.PERCENT,
        plotted=True,
    ),
)
BY_GROUP = (
    ReportColumn(
        "ended",
        "Ended",
        "With at least one session held: completed, or the course was stopped or closed in the period.",
    ),
    ReportColumn("completed", "Completed", "The last session of the induction was held in the period."),
    ReportColumn("left", "Left early", "Inductions whose course ended before the last session."),
    ReportColumn(
        "completed_share", "Share completed", "Completed of ended.", FigureUnit.PERCENT, plotted=True
    ),
    ReportColumn(
        "days",
        "Median days from first to last session",
        "Of the completed ones, from the day of the first session to the day of the last.",
        FigureUnit.DAYS,
    ),
)


@dataclass(frozen=True, slots=True)
class Induction:
    """One that ended in the period, on a day, after `reached` of `length` sessions."""

    plan_id: int
    reached: int
    length: int
    first_on: date
    ended_on: date

    @property
    def is_completed(self) -> bool:
        return self.reached >= self.length


def series_of(scope: ReportScope) -> dict[int, tuple[str, int]]:
    """Return the name and the length of each protocol's induction, by the id of its version."""
    found = {}
    for plan_id, plan in scope.plans.items():
        dosing = [one for one in plan.firm if one.dosing is not None and one.series and one.position]
        if dosing:
            series = dosing[0].series or ""
            found[plan_id] = (series, max(one.position or 0 for one in dosing if one.series == series))
    return found


def ended(session: Session, scope: ReportScope) -> list[Induction]:
    """Return the inductions that ended in the period."""
    known = series_of(scope)
    rows = session.execute(_courses(scope, known)).all() if known else []
    return [one for row in rows if (one := _induction(scope, row, known[row.plan_definition_id][1]))]


def _courses(scope: ReportScope, known: Mapping[int, tuple[str, int]]) -> Select[*tuple[Any, ...]]:
    """Select the courses that may have ended: by a last session held in the period, or by their own end."""
    of_series = _is_induction(known)
    candidates = union(_last_sessions(scope, known), _stopped(scope, known)).subquery()
    last = Appointment.position == _length(known)
    return (
        select(
            CarePlan.plan_definition_id,
            CarePlan.status,
            CarePlan.status_at,
            func.max(Appointment.position).label("reached"),
            func.min(Appointment.local_start).label("first"),
            func.min(Appointment.local_start).filter(last).label("last"),
        )
        .join(CarePlan, CarePlan.id == Appointment.care_plan_id)
        .where(Appointment.care_plan_id.in_(select(candidates.c.care_plan_id)), HELD, of_series)
        .group_by(CarePlan.id, CarePlan.plan_definition_id, CarePlan.status, CarePlan.status_at)
    )


def _last_sessions(scope: ReportScope, known: Mapping[int, tuple[str, int]]) -> Select[Any]:
    return (
        select(Appointment.care_plan_id.label("care_plan_id"))
        .join(CarePlan, CarePlan.id == Appointment.care_plan_id)
        .where(*scope.visits, HELD, _is_induction(known), Appointment.position == _length(known))
        .correlate(None)
    )


def _stopped(scope: ReportScope, known: Mapping[int, tuple[str, int]]) -> Select[Any]:
    """Select the courses of these protocols that were ended in the period."""
    start, end = scope.period.bounds(scope.clinic.zone)
    of_filters: Conditions = ()
    if scope.practitioner is not None or scope.site is not None:
        of_filters = (
            exists()
            .where(Appointment.care_plan_id == CarePlan.id, _is_induction(known), *scope.of_filters)
            .correlate(CarePlan),
        )
    stopped = select(CarePlan.id).where(
        CarePlan.clinic_id == scope.clinic.id,
        CarePlan.status.not_in(OPEN_COURSE),
        CarePlan.status_at >= start,
        CarePlan.status_at < end,
        CarePlan.plan_definition_id.in_(known),
        *of_filters,
    )
    return stopped.correlate(None)


def _is_induction(known: Mapping[int, tuple[str, int]]) -> ColumnElement[bool]:
    """Return the condition that a visit of a course is one of its induction."""
    plans: dict[str, list[int]] = {}
    for plan_id, (series, _) in known.items():
        plans.setdefault(series, []).append(plan_id)
    return or_(
        false(),
        *(
            and_(Appointment.series == series, CarePlan.plan_definition_id.in_(ids))
            for series, ids in plans.items()
        ),
    )


def _length(known: Mapping[int, tuple[str, int]]) -> ColumnElement[int]:
    lengths = {id_: length for id_, (_, length) in known.items()}
    return case(lengths, value=CarePlan.plan_definition_id, else_=0) if lengths else literal(0)


def _induction(scope: ReportScope, row: Any, length: int) -> Induction | None:
    """Return an induction if it ended in the period."""
    if row.last is not None:
        ended_on = row.last.date()
    elif row.status in OPEN_COURSE:
        return None
    else:
        ended_on = local_on(row.status_at, scope.clinic.zone)
    if not scope.period.holds(ended_on):
        return None
    reached = length if row.last is not None else row.reached
    return Induction(row.plan_definition_id, reached, length, row.first.date(), ended_on)


def table(session: Session, scope: ReportScope, group: str) -> ReportTable:
    found = ended(session, scope)
    if group == "session":
        return _by_session(found)
    dimension, groups = DIMENSIONS[group], dict[Place, list[Induction]]()
    for place in dimension.all(scope):
        groups[place] = []
    for one in found:
        value = one.ended_on if group == "week" else one.plan_id
        groups.setdefault(dimension.place(scope, value), []).append(one)
    rows = tuple(ReportRow(place.key, place.words, _values(of)) for place, of in sorted(groups.items()))
    return ReportTable(dimension.words, BY_GROUP, rows, ReportRow("total", "Total", _values(found)))


def _by_session(found: Sequence[Induction]) -> ReportTable:
    """Return how many left after which session, of those that reached it. The last session ends no induction early."""
    longest = max((one.length for one in found), default=1)
    rows = []
    for number in range(1, longest):
        reached = sum(one.reached >= number and one.length > number for one in found)
        left = sum(one.reached == number and not one.is_completed for one in found)
        rows.append(ReportRow(str(number), f"Session {number}", (reached, left, share(left, reached))))
    left = sum(not one.is_completed for one in found)
    total = ReportRow("total", "All inductions", (len(found), left, share(left, len(found))))
    return ReportTable("After session", BY_SESSION, tuple(rows), total)


def _values(found: Iterable[Induction]) -> tuple[Value, ...]:
    of = list(found)
    completed = [one for one in of if one.is_completed]
    days = median([(one.ended_on - one.first_on).days for one in completed]) if completed else None
    return len(of), len(completed), len(of) - len(completed), share(len(completed), len(of)), days


def figure(session: Session, scope: ReportScope) -> Figure:
    both = ended(session, scope.both)
    now = [one for one in both if scope.period.holds(one.ended_on)]
    before = [one for one in both if not scope.period.holds(one.ended_on)]
    completed = sum(one.is_completed for one in now)
    number = scope.clinic.formats.number
    return Figure(
        REPORT.name,
        "Inductions completed",
        FigureUnit.PERCENT,
        Better.UP,
        share(completed, len(now)),
        share(sum(one.is_completed for one in before), len(before)),
        f"{number(completed)} of {number(len(now))} that ended",
    )


def _completed(_session: Session, scope: ReportScope) -> Select[int]:
    known = series_of(scope)
    earlier = aliased(Appointment)
    first = ~exists().where(
        earlier.care_plan_id == Appointment.care_plan_id,
        earlier.series == Appointment.series,
        earlier.position == Appointment.position,
        earlier.status.in_(ATTENDED),
        earlier.local_start < Appointment.local_start,
    )
    return (
        select(Appointment.id)
        .join(CarePlan, CarePlan.id == Appointment.care_plan_id)
        .where(*scope.visits, HELD, _is_induction(known), Appointment.position == _length(known), first)
    )


def _left(_session: Session, scope: ReportScope) -> Select[int]:
    """Select the last session held of each induction that was left early."""
    known = series_of(scope)
    later = aliased(Appointment)
    any_later = exists().where(
        later.care_plan_id == Appointment.care_plan_id,
        later.series == Appointment.series,
        later.status.in_(ATTENDED),
        later.local_start > Appointment.local_start,
    )
    return (
        select(Appointment.id)
        .join(CarePlan, CarePlan.id == Appointment.care_plan_id)
        .where(
            Appointment.care_plan_id.in_(_stopped(scope, known)),
            HELD,
            _is_induction(known),
            Appointment.position < _length(known),
            ~any_later,
        )
    )


REPORT = Report(
    name="inductions",
    title="Inductions completed",
    definition=(
        "Of the inductions that ended in the period with at least one session held, the share whose last session was"
        " held. The others were left early: their course was stopped or completed before."
    ),
    groups={"session": "Session number"} | named("protocol", "week"),
    table=table,
    parts={"completed": FigureVisits("Completed", _completed), "left": FigureVisits("Left early", _left)},
)
