"""Visits by week and kind, and what became of them."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import ColumnElement, Select, and_, func, select
from sqlalchemy.orm import Session

from scheduler.domain.status import ATTENDED, WAITING, AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.services.reports.dimensions import (
    DIMENSIONS,
    WEEK,
    folded,
    in_both_periods,
    kind_words,
    local_day,
    named,
    sums,
)
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
    summed,
)

HELD = Appointment.status.in_(ATTENDED)
MISSED = Appointment.status == AppointmentStatus.NOSHOW
CANCELED = Appointment.status == AppointmentStatus.CANCELLED
WEEK_AND_KIND = "week-kind"
MOST_KINDS = 7  # that a plot tells apart
COLUMNS = (
    ReportColumn("held", "Held", "The patient was checked in or treated.", plotted=True),
    ReportColumn(
        "not_recorded",
        "Not recorded",
        "The start has passed and nothing was recorded. Record these: they are missing in every other figure.",
    ),
    ReportColumn("no_shows", "No-shows", "The patient did not come."),
    ReportColumn("canceled", "Canceled", "Canceled by the patient, a provider or the clinic."),
    ReportColumn("ahead", "Ahead", "Booked and still to come."),
)


def outcomes(scope: ReportScope) -> dict[str, ColumnElement[bool]]:
    """Return the condition of each column: a visit meets one of them at most."""
    waits = Appointment.status.in_(WAITING)
    return {
        "held": HELD,
        "not_recorded": and_(waits, Appointment.start_at <= scope.now),
        "no_shows": MISSED,
        "canceled": CANCELED,
        "ahead": and_(waits, Appointment.start_at > scope.now),
    }


def table(session: Session, scope: ReportScope, group: str) -> ReportTable:
    if group == WEEK_AND_KIND:
        return _by_week_and_kind(session, scope)
    dimension = DIMENSIONS[group]
    found = sums(session, scope, dimension, list(outcomes(scope).values()), scope.visits)
    rows = tuple(ReportRow(place.key, place.words, tuple(counts)) for place, counts in found.items())
    total = summed(list(found.values()), len(COLUMNS))
    return ReportTable(dimension.words, COLUMNS, rows, ReportRow("total", "Total", total))


def _by_week_and_kind(session: Session, scope: ReportScope) -> ReportTable:
    """Return the visits held in each week, with a column for each of the most frequent kinds and one for the others."""
    query = (
        select(local_day().label("on"), Appointment.kind, func.count())
        .where(*scope.visits, HELD)
        .group_by("on", Appointment.kind)
    )
    found = session.execute(query).all()
    totals = Counter[str]()
    for _, kind, count in found:
        totals[kind] += count
    shown = [kind for kind, _ in sorted(totals.items(), key=lambda one: (-one[1], one[0]))]
    shown = shown if len(shown) <= MOST_KINDS else shown[: MOST_KINDS - 1]
    width = len(shown) + 2
    raw = []
    for on, kind, count in found:
        counts = [0] * width
        counts[shown.index(kind) if kind in shown else -2] = counts[-1] = count
        raw.append((on, counts))
    weeks = folded(scope, WEEK, raw, width)
    columns = [
        ReportColumn(kind, kind_words(kind), "Visits of this kind that were held.", plotted=True)
        for kind in shown
    ]
    columns += [
        ReportColumn("other", "Other kinds", "Visits held of all other kinds.", plotted=True),
        ReportColumn("all", "All kinds"),
    ]
    kept = [at for at in range(width) if at != width - 2 or len(totals) > len(shown)]
    rows = [
        ReportRow(place.key, place.words, tuple(counts[at] for at in kept)) for place, counts in weeks.items()
    ]
    total = summed([[counts[at] for at in kept] for counts in weeks.values()], len(kept))
    return ReportTable(
        WEEK.words, tuple(columns[at] for at in kept), tuple(rows), ReportRow("total", "Total", total)
    )


def figure(session: Session, scope: ReportScope) -> Figure:
    conditions = outcomes(scope)
    measures = [conditions[key] for key in ("held", "not_recorded")]
    (held, open_ones), (before, _) = in_both_periods(session, scope, measures)
    number = scope.clinic.formats.number
    return Figure(
        REPORT.name,
        "Visits held",
        FigureUnit.COUNT,
        Better.NEITHER,
        held,
        before,
        f"{number(open_ones)} not recorded" if open_ones else "All visits are recorded",
    )


def _ids(key: str) -> FigureVisits:
    words = next(column.words for column in COLUMNS if column.key == key)

    def query(_session: Session, scope: ReportScope) -> Select[int]:
        return select(Appointment.id).where(*scope.visits, outcomes(scope)[key])

    return FigureVisits(words, query)


REPORT = Report(
    name="visits",
    title="Visits",
    definition="Each visit counts once, on the day it is booked for now, by what became of it.",
    groups={WEEK_AND_KIND: "Week and kind"} | named("week", "kind", "protocol", "weekday", "hour"),
    table=table,
    parts={column.key: _ids(column.key) for column in COLUMNS},
)
