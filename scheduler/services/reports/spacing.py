"""How the gaps between dosing visits were kept, against what each course's own protocol says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Any

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from scheduler.domain.plans import Edge, Offset
from scheduler.domain.spacing import gap_of_days
from scheduler.domain.status import ATTENDED
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.services.clinic.working_days import working_days
from scheduler.services.reports.dimensions import DIMENSIONS, as_date, folded, named, seconds_between
from scheduler.services.reports.scope import ReportScope
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
    summed,
)
from scheduler.services.reports.visits import HELD

COLUMNS = (
    ReportColumn("gaps", "Gaps", "Dosing visits held after an earlier one of the same course."),
    ReportColumn("ideal", "Ideal", "As far apart as the protocol recommends."),
    ReportColumn(
        "allowed",
        "Within the limits",
        "Not ideal, but between the shortest and the longest spacing of the protocol.",
    ),
    ReportColumn("outside", "Outside (override)", "Shorter or longer than the protocol allows."),
    ReportColumn(
        "kept_share",
        "Share kept",
        "Ideal or within the limits, of all gaps.",
        FigureUnit.PERCENT,
        plotted=True,
    ),
)

HOUR = 3600


class Kept(IntEnum):
    """How a gap was kept, as a place among the counts."""

    IDEAL, ALLOWED, OUTSIDE = range(3)


@dataclass(frozen=True, slots=True)
class HeldGap:
    """The gap before a dosing visit that was held, since the dosing visit held before it in the same course."""

    visit_id: int
    on: date
    plan_id: int
    position: int | None
    kept: Kept


def gaps(session: Session, scope: ReportScope) -> Iterator[HeldGap]:
    """Yield the gaps of the dosing visits held in the period whose step has a spacing in the protocol."""
    works = working_days(session, scope.clinic)
    offsets = {
        (id_, action.key): action.offset for id_, plan in scope.plans.items() for action in plan.actions
    }
    for visit_id, plan_id, action, position, on, since, *seconds in session.execute(_rows(scope)):
        offset = offsets.get((plan_id, action))
        if offset is not None:
            first, last = as_date(since), as_date(on)
            hours = float(seconds[offset.edge is Edge.END]) / HOUR
            amount = gap_of_days(offset, first, last, hours, works)
            yield HeldGap(visit_id, last, plan_id, position, kept(offset, amount))


def kept(offset: Offset, amount: int) -> Kept:
    if amount == offset.target:
        return Kept.IDEAL
    return Kept.ALLOWED if offset.min <= amount <= offset.max else Kept.OUTSIDE


def _rows(scope: ReportScope) -> Select[Any]:
    """Select the dosing visits held in the period with the one held before in the same course."""
    earlier, between = aliased(Appointment), aliased(Appointment)
    any_between = exists().where(
        between.care_plan_id == Appointment.care_plan_id,
        between.dosing_gap_days.is_not(None),
        between.status.in_(ATTENDED),
        between.start_at > earlier.start_at,
        between.start_at < Appointment.start_at,
    )
    return (
        select(
            Appointment.id,
            CarePlan.plan_definition_id,
            Appointment.action,
            Appointment.position,
            func.date(Appointment.local_start),
            func.date(earlier.local_start),  # a visit ends on the day on which it starts
            seconds_between(earlier.start_at, Appointment.start_at),
            seconds_between(earlier.end_at, Appointment.start_at),
        )
        .join(CarePlan, CarePlan.id == Appointment.care_plan_id)
        .join(earlier, earlier.care_plan_id == Appointment.care_plan_id)
        .where(
            *scope.visits,
            HELD,
            Appointment.dosing_gap_days.is_not(None),
            earlier.dosing_gap_days.is_not(None),
            earlier.status.in_(ATTENDED),
            earlier.start_at < Appointment.start_at,
            ~any_between,
        )
    )


def table(session: Session, scope: ReportScope, group: str) -> ReportTable:
    dimension = DIMENSIONS[group]
    raw: dict[Any, list[int]] = {}
    for one in gaps(session, scope):
        value = {"session": one.position, "protocol": one.plan_id}.get(group, one.on)
        raw.setdefault(value, [0] * len(Kept))[one.kept] += 1
    found = folded(scope, dimension, list(raw.items()), len(Kept))
    rows = tuple(ReportRow(place.key, place.words, _values(*counts)) for place, counts in found.items())
    total = summed(list(found.values()), len(Kept))
    return ReportTable(dimension.words, COLUMNS, rows, ReportRow("total", "Total", _values(*total)))


def _values(ideal: int, allowed: int, outside: int) -> tuple[Value, ...]:
    whole = ideal + allowed + outside
    return whole, ideal, allowed, outside, share(ideal + allowed, whole)


def figure(session: Session, scope: ReportScope) -> Figure:
    now: list[Kept] = []
    before: list[Kept] = []
    for one in gaps(session, scope.both):
        (now if scope.period.holds(one.on) else before).append(one.kept)
    ideal, outside = now.count(Kept.IDEAL), now.count(Kept.OUTSIDE)
    number = scope.clinic.formats.number
    return Figure(
        REPORT.name,
        "Spacing kept",
        FigureUnit.PERCENT,
        Better.UP,
        share(len(now) - outside, len(now)),
        share(len(before) - before.count(Kept.OUTSIDE), len(before)),
        f"{number(ideal)} of {number(len(now))} gaps ideal, {number(outside)} outside",
    )


def _of(kind: Kept) -> Callable[[Session, ReportScope], Select[int]]:
    def ids(session: Session, scope: ReportScope) -> Select[int]:
        found = [one.visit_id for one in gaps(session, scope) if one.kept is kind]
        return select(Appointment.id).where(Appointment.id.in_(found))

    return ids


REPORT = Report(
    name="spacing",
    title="Spacing kept",
    definition=(
        "The gap before each dosing visit held, since the dosing visit held before it in the same course: ideal when it"
        " is the protocol's target, kept when it is within the limits. A gap outside them needs an override to be"
        " booked."
    ),
    groups=named("session", "protocol", "week"),
    table=table,
    parts={
        "outside": FigureVisits("Outside (override)", _of(Kept.OUTSIDE)),
        "allowed": FigureVisits("Within the limits", _of(Kept.ALLOWED)),
        "ideal": FigureVisits("Ideal", _of(Kept.IDEAL)),
    },
)
