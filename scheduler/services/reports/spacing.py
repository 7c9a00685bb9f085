"""How the gaps between dosing visits were kept, against what each course's own protocol says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Any

from sqlalchemy import Select, exists, select
from sqlalchemy.orm import Session, aliased

from scheduler.domain.plans import Offset
from scheduler.domain.spacing import gap
from scheduler.domain.status import ATTENDED
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.services.clinic.working_days import working_days
from scheduler.services.reports.dimensions import DIMENSIONS, folded, named
from scheduler.services.reports.scope import Scope
from scheduler.services.reports.tables import (
    Better,
    Column,
    Figure,
    Part,
    Report,
    Row,
    Table,
    Unit,
    Value,
    share,
    summed,
)
from scheduler.services.reports.visits import HELD

COLUMNS = (
    Column("gaps", "Gaps"),
    Column("ideal", "Ideal"),
    Column("allowed", "Within the limits"),
    Column("outside", "Outside (override)"),
    Column("kept_share", "Kept", Unit.PERCENT, plotted=True),
)


class Kept(IntEnum):
    """How a gap was kept, as a place among the counts."""

    IDEAL, ALLOWED, OUTSIDE = range(3)


@dataclass(frozen=True, slots=True)
class Gap:
    """The gap before a dosing visit that was held, since the dosing visit held before it in the same course."""

    visit_id: int
    on: date
    plan_id: int
    position: int | None
    kept: Kept


def gaps(session: Session, scope: Scope) -> Iterator[Gap]:
    """Yield the gaps of the dosing visits held in the period whose step has a spacing in the protocol."""
    works, zone = working_days(session, scope.clinic), scope.clinic.zone
    offsets = {
        (id_, action.key): action.offset for id_, plan in scope.plans.items() for action in plan.actions
    }
    for row in session.execute(_rows(scope)):
        offset = offsets.get((row.plan_definition_id, row.action))
        if offset is not None:
            earlier = row.earlier_end if offset.edge == "end" else row.earlier_start
            amount = gap(offset, earlier, row.start_at, zone, works)
            on = row.local_start.date()
            yield Gap(row.id, on, row.plan_definition_id, row.position, kept(offset, amount))


def kept(offset: Offset, amount: int) -> Kept:
    if amount == offset.target:
        return Kept.IDEAL
    return Kept.ALLOWED if offset.min <= amount <= offset.max else Kept.OUTSIDE


def _rows(scope: Scope) -> Select[Any]:
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
            Appointment.action,
            Appointment.position,
            Appointment.start_at,
            Appointment.local_start,
            CarePlan.plan_definition_id,
            earlier.start_at.label("earlier_start"),
            earlier.end_at.label("earlier_end"),
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


def table(session: Session, scope: Scope, group: str) -> Table:
    dimension = DIMENSIONS[group]
    raw = []
    for one in gaps(session, scope):
        value = {"session": one.position, "protocol": one.plan_id}.get(group, one.on)
        raw.append((value, [int(one.kept is kind) for kind in Kept]))
    found = folded(scope, dimension, raw, len(Kept))
    rows = tuple(Row(place.key, place.words, _values(*counts)) for place, counts in found.items())
    total = summed(list(found.values()), len(Kept))
    return Table(dimension.words, COLUMNS, rows, Row("total", "Total", _values(*total)))


def _values(ideal: int, allowed: int, outside: int) -> tuple[Value, ...]:
    whole = ideal + allowed + outside
    return whole, ideal, allowed, outside, share(ideal + allowed, whole)


def figure(session: Session, scope: Scope) -> Figure:
    now, before = ([one.kept for one in gaps(session, at)] for at in (scope, scope.before))
    ideal, outside = now.count(Kept.IDEAL), now.count(Kept.OUTSIDE)
    return Figure(
        REPORT.name,
        "Spacing kept",
        Unit.PERCENT,
        Better.UP,
        share(len(now) - outside, len(now)),
        share(len(before) - before.count(Kept.OUTSIDE), len(before)),
        f"{ideal:,} of {len(now):,} gaps ideal, {outside:,} outside",
    )


def _of(kind: Kept) -> Callable[[Session, Scope], Select[int]]:
    def ids(session: Session, scope: Scope) -> Select[int]:
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
    figure=figure,
    parts={
        "outside": Part("Outside (override)", _of(Kept.OUTSIDE)),
        "allowed": Part("Within the limits", _of(Kept.ALLOWED)),
        "ideal": Part("Ideal", _of(Kept.IDEAL)),
    },
)
