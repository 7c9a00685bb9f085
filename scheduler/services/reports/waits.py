"""How long patients wait from the request for a course to its first dosing visit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import ceil
from statistics import median
from typing import Any

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import Session, aliased

from scheduler.domain.localtime import local_on
from scheduler.domain.status import ATTENDED
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.plan_definition import PlanDefinition
from scheduler.models.waitlist import WaitlistEntry
from scheduler.services.reports.dimensions import DIMENSIONS, Place, named
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
)
from scheduler.services.reports.visits import HELD

COLUMNS = (
    ReportColumn("courses", "Courses begun", "Their first dosing visit was held in the period."),
    ReportColumn(
        "median",
        "Median days",
        "Half of the courses waited this long or less.",
        FigureUnit.DAYS,
        plotted=True,
    ),
    ReportColumn(
        "most", "Days for 9 of 10", "Nine of ten courses waited this long or less.", FigureUnit.DAYS
    ),
)


@dataclass(frozen=True, slots=True)
class Wait:
    """From the day of the request to the day of the first dosing visit held."""

    plan_id: int
    first_on: date
    days: int


def waits(session: Session, scope: ReportScope) -> list[Wait]:
    """Return the waits of the courses whose first dosing visit was held in the period."""
    found = []
    for row in session.execute(_rows(scope)):
        asked_on = local_on(min(filter(None, (row.created_at, row.asked_at))), scope.clinic.zone)
        first_on = row.local_start.date()
        found.append(Wait(row.plan_definition_id, first_on, max((first_on - asked_on).days, 0)))
    return found


def _first(scope: ReportScope) -> Select[Any]:
    """Select the first dosing visit held of each course, where it is in the period. Imported visits began elsewhere."""
    earlier = aliased(Appointment)
    any_earlier = exists().where(
        earlier.care_plan_id == Appointment.care_plan_id,
        earlier.dosing_gap_days.is_not(None),
        earlier.status.in_(ATTENDED),
        earlier.start_at < Appointment.start_at,
    )
    return (
        select(Appointment.id)
        .join(CarePlan, CarePlan.id == Appointment.care_plan_id)
        .where(
            *scope.visits,
            HELD,
            Appointment.dosing_gap_days.is_not(None),
            Appointment.imported_at.is_(None),
            ~any_earlier,
        )
    )


def _rows(scope: ReportScope) -> Select[*tuple[Any, ...]]:
    waited_for = aliased(PlanDefinition)
    asked_at = (
        select(func.min(WaitlistEntry.created_at))
        .join(waited_for, waited_for.id == WaitlistEntry.plan_definition_id)
        .where(
            WaitlistEntry.patient_id == CarePlan.patient_id,
            WaitlistEntry.appointment_id.is_(None),
            WaitlistEntry.created_at <= CarePlan.created_at,
            func.coalesce(WaitlistEntry.ended_at, CarePlan.created_at) >= CarePlan.created_at,
            waited_for.key == PlanDefinition.key,
        )
        .scalar_subquery()
    )
    return (
        _first(scope)
        .join(PlanDefinition, PlanDefinition.id == CarePlan.plan_definition_id)
        .with_only_columns(
            CarePlan.plan_definition_id,
            CarePlan.created_at,
            Appointment.local_start,
            asked_at.label("asked_at"),
        )
    )


def table(session: Session, scope: ReportScope, group: str) -> ReportTable:
    dimension, found = DIMENSIONS[group], waits(session, scope)
    groups: dict[Place, list[Wait]] = {place: [] for place in dimension.all(scope)}
    for one in found:
        value = one.first_on if group == "week" else one.plan_id
        groups.setdefault(dimension.place(scope, value), []).append(one)
    rows = tuple(ReportRow(place.key, place.words, _values(of)) for place, of in sorted(groups.items()))
    return ReportTable(dimension.words, COLUMNS, rows, ReportRow("total", "Total", _values(found)))


def _values(of: Sequence[Wait]) -> tuple[Value, ...]:
    days = sorted(one.days for one in of)
    if not days:
        return 0, None, None
    return len(days), median(days), days[ceil(len(days) * 0.9) - 1]


def figure(session: Session, scope: ReportScope) -> Figure:
    both = waits(session, scope.both)
    courses, middle, most = _values([one for one in both if scope.period.holds(one.first_on)])
    _, before, _ = _values([one for one in both if not scope.period.holds(one.first_on)])
    number = scope.clinic.formats.number
    return Figure(
        REPORT.name,
        "Days to the first dose",
        FigureUnit.DAYS,
        Better.DOWN,
        middle,
        before,
        f"{number(courses or 0)} {'course' if courses == 1 else 'courses'} begun"
        + (f", 9 of 10 within {number(most or 0)} days" if courses else ""),
    )


REPORT = Report(
    name="waits",
    title="Days to the first dose",
    definition=(
        "For each course whose first dosing visit was held in the period: the days since the course was entered, or"
        " since the patient was put on the waitlist for it."
    ),
    groups=named("protocol", "week"),
    table=table,
    parts={"courses": FigureVisits("First dosing visits", lambda _, scope: _first(scope))},
)
