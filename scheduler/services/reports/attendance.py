"""No-shows and late cancellations, by what they may depend on."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Select, and_, or_, select
from sqlalchemy.orm import Session

from scheduler.models.appointment import Appointment
from scheduler.services.reports.dimensions import DIMENSIONS, in_both_periods, named, seconds_between, sums
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
    ReportColumn("due", "Visits due", "Held, no-shows, and those that the patient canceled late."),
    ReportColumn("no_shows", "No-shows", "The patient did not come."),
    ReportColumn(
        "late_canceled", "Canceled late", "Canceled by the patient less than 24 hours before the start."
    ),
    ReportColumn(
        "no_show_share", "No-show rate", "No-shows of visits due.", FigureUnit.PERCENT, plotted=True
    ),
    ReportColumn(
        "late_share", "Late cancellation rate", "Late cancellations of visits due.", FigureUnit.PERCENT
    ),
)


def table(session: Session, scope: ReportScope, group: str) -> ReportTable:
    dimension = DIMENSIONS[group]
    found = sums(session, scope, dimension, MEASURES, (*scope.visits, DUE))
    rows = tuple(ReportRow(place.key, place.words, _values(*counts)) for place, counts in found.items())
    total = _values(*summed(list(found.values()), len(MEASURES)))
    return ReportTable(dimension.words, COLUMNS, rows, ReportRow("total", "Total", total))


def _values(due: int, missed: int, late: int) -> tuple[Value, ...]:
    return due, missed, late, share(missed, due), share(late, due)


def figure(session: Session, scope: ReportScope) -> Figure:
    now, before = in_both_periods(session, scope, MEASURES, DUE)
    (due, missed, late), (due_before, missed_before, _) = now, before
    number = scope.clinic.formats.number
    return Figure(
        REPORT.name,
        "No-show rate",
        FigureUnit.PERCENT,
        Better.DOWN,
        share(missed, due),
        share(missed_before, due_before),
        f"{number(missed)} of {number(due)} visits due; {number(late)} canceled late",
    )


def _missed(_session: Session, scope: ReportScope) -> Select[int]:
    return select(Appointment.id).where(*scope.visits, MISSED)


def _late(_session: Session, scope: ReportScope) -> Select[int]:
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
    parts={
        "no_shows": FigureVisits("No-shows", _missed),
        "late_canceled": FigureVisits("Canceled late", _late),
    },
)
