"""No-shows and late cancellations, by what they may depend on."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Select, and_, case, func, or_, select
from sqlalchemy.orm import Session

from scheduler.models.appointment import Appointment
from scheduler.services.reports.dimensions import DIMENSIONS, named, seconds_between, sums
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
from scheduler.services.reports.visits import CANCELED, HELD, MISSED

LATE = timedelta(
    hours=24
)  # a patient's cancellation closer to the start leaves little time to fill the chair
LATE_CANCELED = and_(
    CANCELED,
    Appointment.cancel_side == "patient",
    seconds_between(Appointment.cancelled_at, Appointment.start_at) < LATE.total_seconds(),
)
DUE = or_(HELD, MISSED, LATE_CANCELED)
MEASURES = (DUE, MISSED, LATE_CANCELED)
COLUMNS = (
    Column("due", "Visits due", "Held, no-shows, and those that the patient canceled late."),
    Column("no_shows", "No-shows", "The patient did not come."),
    Column("late_canceled", "Canceled late", "Canceled by the patient less than 24 hours before the start."),
    Column("no_show_share", "No-show rate", "No-shows of visits due.", Unit.PERCENT, plotted=True),
    Column("late_share", "Late cancellation rate", "Late cancellations of visits due.", Unit.PERCENT),
)


def table(session: Session, scope: Scope, group: str) -> Table:
    dimension = DIMENSIONS[group]
    found = sums(session, scope, dimension, MEASURES, (*scope.visits, DUE))
    rows = tuple(Row(place.key, place.words, _values(*counts)) for place, counts in found.items())
    total = _values(*summed(list(found.values()), len(MEASURES)))
    return Table(dimension.words, COLUMNS, rows, Row("total", "Total", total))


def _values(due: int, missed: int, late: int) -> tuple[Value, ...]:
    return due, missed, late, share(missed, due), share(late, due)


def _totals(session: Session, scope: Scope) -> tuple[int, int, int]:
    counts = [func.coalesce(func.sum(case((one, 1), else_=0)), 0) for one in MEASURES]
    due, missed, late = session.execute(select(*counts).where(*scope.visits, DUE)).one()
    return due, missed, late


def figure(session: Session, scope: Scope) -> Figure:
    due, missed, late = _totals(session, scope)
    due_before, missed_before, _ = _totals(session, scope.before)
    number = scope.clinic.formats.number
    return Figure(
        REPORT.name,
        "No-show rate",
        Unit.PERCENT,
        Better.DOWN,
        share(missed, due),
        share(missed_before, due_before),
        f"{number(missed)} of {number(due)} visits due; {number(late)} canceled late",
    )


def _missed(_session: Session, scope: Scope) -> Select[int]:
    return select(Appointment.id).where(*scope.visits, MISSED)


def _late(_session: Session, scope: Scope) -> Select[int]:
    return select(Appointment.id).where(*scope.visits, LATE_CANCELED)


REPORT = Report(
    name="attendance",
    title="No-shows and late cancellations",
    definition=(
        "Of the visits due (held, missed, or canceled by the patient within 24 hours of the start), the share that was"
        " missed, and the share that was canceled that late."
    ),
    groups=named("session", "weekday", "hour", "lead", "answer", "kind", "protocol", "week"),
    table=table,
    parts={"no_shows": Part("No-shows", _missed), "late_canceled": Part("Canceled late", _late)},
)
