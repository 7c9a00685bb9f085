"""Visits by week and kind, and what became of them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, and_, case, func, select
from sqlalchemy.orm import Session

from scheduler.domain.status import ATTENDED, WAITING, AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.services.reports.dimensions import DIMENSIONS, WEEK, _kind, folded, local_day, named, sums
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
    counted,
    summed,
)

HELD = Appointment.status.in_(ATTENDED)
MISSED = Appointment.status == AppointmentStatus.NOSHOW
CANCELED = Appointment.status == AppointmentStatus.CANCELLED
COLUMNS = (
    Column("held", "Held", plotted=True),
    Column("not_recorded", "Not recorded"),
    Column("no_shows", "No-shows"),
    Column("canceled", "Canceled"),
    Column("ahead", "Ahead"),
)


def outcomes(scope: Scope) -> dict[str, ColumnElement[bool]]:
    """Return the condition of each column: a visit meets one of them at most."""
    waits = Appointment.status.in_(WAITING)
    return {
        "held": HELD,
        "not_recorded": and_(waits, Appointment.start_at <= scope.now),
        "no_shows": MISSED,
        "canceled": CANCELED,
        "ahead": and_(waits, Appointment.start_at > scope.now),
    }


def table(session: Session, scope: Scope, group: str) -> Table:
    if group == WEEK_AND_KIND:
        return _by_week_and_kind(session, scope)
    dimension = DIMENSIONS[group]
    found = sums(session, scope, dimension, list(outcomes(scope).values()), scope.visits)
    rows = tuple(Row(place.key, place.words, tuple(counts)) for place, counts in found.items())
    total = summed(list(found.values()), len(COLUMNS))
    return Table(dimension.words, COLUMNS, rows, Row("total", "Total", total))


WEEK_AND_KIND = "week-kind"


def _by_week_and_kind(session: Session, scope: Scope) -> Table:
    """Return the visits held in each week, with a column for each kind."""
    query = (
        select(local_day().label("on"), Appointment.kind, func.count())
        .where(*scope.visits, HELD)
        .group_by("on", Appointment.kind)
    )
    found = session.execute(query).all()
    kinds = sorted({_kind(scope, kind) for _, kind, _ in found})
    at = {place.key: number for number, place in enumerate(kinds)}
    width = len(kinds) + 1
    raw = []
    for on, kind, count in found:
        counts = [0] * width
        counts[at[kind]] = counts[-1] = count
        raw.append((on, counts))
    weeks = folded(scope, WEEK, raw, width)
    columns = (*(Column(one.key, one.words, plotted=True) for one in kinds), Column("all", "All kinds"))
    rows = tuple(Row(place.key, place.words, tuple(counts)) for place, counts in weeks.items())
    return Table(WEEK.words, columns, rows, Row("total", "Total", summed(list(weeks.values()), width)))


def figure(session: Session, scope: Scope) -> Figure:
    held, open_ones = _totals(session, scope)
    before, _ = _totals(session, scope.before)
    return Figure(
        REPORT.name,
        "Visits held",
        Unit.COUNT,
        Better.NEITHER,
        held,
        before,
        f"{open_ones:,} not recorded" if open_ones else "All visits are recorded",
    )


def _totals(session: Session, scope: Scope) -> tuple[int, int]:
    """Return how many visits were held, and how many that are over have no outcome."""
    conditions = outcomes(scope)
    counts = [
        func.coalesce(func.sum(case((conditions[key], 1), else_=0)), 0) for key in ("held", "not_recorded")
    ]
    held, open_ones = session.execute(select(*counts).where(*scope.visits)).one()
    return held, open_ones


def _ids(key: str) -> Part:
    words = next(column.words for column in COLUMNS if column.key == key)

    def query(_session: Session, scope: Scope) -> Select[int]:
        return select(Appointment.id).where(*scope.visits, outcomes(scope)[key])

    return Part(words, query)


REPORT = Report(
    name="visits",
    title="Visits",
    definition="Each visit counts once, on the day it is booked for now, by what became of it.",
    groups={WEEK_AND_KIND: "Week and kind"} | named("week", "kind", "protocol", "weekday", "hour"),
    table=table,
    figure=figure,
    parts={column.key: _ids(column.key) for column in COLUMNS},
)
