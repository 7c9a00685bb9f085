"""What became of reminders, and how many of the visits reminded of were confirmed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, exists, func, literal, or_, select
from sqlalchemy.orm import Session

from scheduler.domain.localtime import day_bounds
from scheduler.domain.message_reasons import NEEDS_CALL
from scheduler.domain.reminders import words_of
from scheduler.domain.status import Response
from scheduler.models.appointment import Appointment
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.reports.dimensions import DELIVERED, DIMENSIONS, Place, named
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

COLUMNS = (
    ReportColumn(
        "due", "Reminders due", "Delivered, failed, unknown, or not sent because the patient must be called."
    ),
    ReportColumn("delivered", "Delivered", "Accepted by the mail server, and not returned."),
    ReportColumn("failed", "Failed", "Refused or returned."),
    ReportColumn("unclear", "Delivery unknown", "The mail server did not answer."),
    ReportColumn(
        "not_sent",
        "Not sent, to be called",
        "No working address, opted out, over the daily limit, or the visit was affected by a closure.",
    ),
    ReportColumn("delivered_share", "Share delivered", "Delivered of due.", FigureUnit.PERCENT, plotted=True),
    ReportColumn(
        "visits",
        "Visits reminded of",
        "Visits with at least one delivered reminder. A visit counts once in each row.",
    ),
    ReportColumn("confirmed", "Visits confirmed", "Of these, the patient confirmed."),
    ReportColumn("confirmed_share", "Share confirmed", "Confirmed of reminded of.", FigureUnit.PERCENT),
)
FAILED = Reminder.state == ReminderState.FAILED
UNCLEAR = Reminder.state == ReminderState.UNCERTAIN
NOT_SENT = and_(Reminder.state == ReminderState.SKIPPED, Reminder.reason_code.in_(NEEDS_CALL))
DUE = or_(DELIVERED, FAILED, UNCLEAR, NOT_SENT)
CONFIRMED = and_(DELIVERED, Appointment.response == Response.ACCEPTED)
Counts = tuple[int, ...]


def _counts() -> list[ColumnElement[Any]]:
    states = [
        func.coalesce(func.sum(case((one, 1), else_=0)), 0) for one in (DELIVERED, FAILED, UNCLEAR, NOT_SENT)
    ]
    visits = [func.count(case((one, Appointment.id)).distinct()) for one in (DELIVERED, CONFIRMED)]
    return [*states, *visits]


def _due(scope: ReportScope) -> Conditions:
    start, end = scope.period.bounds(scope.clinic.zone)
    return (
        Reminder.clinic_id == scope.clinic.id,
        Reminder.due_at >= start,
        Reminder.due_at < end,
        DUE,
        *scope.of_filters,
    )


def _week_column(scope: ReportScope) -> ColumnElement[Any]:
    """The first day of the clinic-local week in which a reminder was due; the weeks are given as instants."""
    weeks = list(scope.period.weeks(scope.clinic.formats))
    return _week_among([(on, day_bounds(on, scope.clinic.zone)[0]) for on in weeks])


def _week_among(weeks: Sequence[tuple[date, datetime]]) -> ColumnElement[Any]:
    """Return the week that holds the instant, found by halves: two years have a hundred of them."""
    if len(weeks) == 1:
        return literal(weeks[0][0].isoformat())
    half = len(weeks) // 2
    return case(
        (Reminder.due_at < weeks[half][1], _week_among(weeks[:half])), else_=_week_among(weeks[half:])
    )


def table(session: Session, scope: ReportScope, group: str) -> ReportTable:
    rule = group == "rule"
    column = Reminder.rule.expression if rule else None
    if group == "week":
        column = _week_column(scope)
    elif column is None:
        column = DIMENSIONS[group].column()
    query = (
        select(column.label("grouped"), *_counts())
        .join(Appointment, Appointment.id == Reminder.appointment_id)
        .where(*_due(scope))
        .group_by("grouped")
    )
    dimension = DIMENSIONS["week" if rule else group]
    found: dict[Place, Counts] = dict.fromkeys(() if rule else dimension.all(scope), (0,) * 6)
    for value, *counts in session.execute(query):
        place = Place(value, value, _rule_words(value)) if rule else dimension.place(scope, value)
        found[place] = tuple(map(sum, zip(found.get(place, (0,) * 6), counts, strict=True)))
    rows = tuple(
        ReportRow(place.key, place.words, _values(*counts)) for place, counts in sorted(found.items())
    )
    return ReportTable(
        "Rule" if rule else dimension.words,
        COLUMNS,
        rows,
        ReportRow("total", "Total", _values(*_totals(session, scope))),
    )


def _rule_words(rule: str) -> str:
    words = words_of(rule)
    return words[:1].upper() + words[1:]


def _totals(session: Session, scope: ReportScope) -> Counts:
    query = (
        select(*_counts()).join(Appointment, Appointment.id == Reminder.appointment_id).where(*_due(scope))
    )
    return tuple(session.execute(query).one())


def _values(
    delivered: int, failed: int, unclear: int, not_sent: int, visits: int, confirmed: int
) -> tuple[Value, ...]:
    due = delivered + failed + unclear + not_sent
    return (
        due, delivered, failed, unclear, not_sent, share(delivered, due), visits, confirmed, share(confirmed, visits),
    )  # fmt: skip


def figure(session: Session, scope: ReportScope) -> Figure:
    counts, before = _totals(session, scope), _values(*_totals(session, scope.before))
    delivered, *_, visits, confirmed = counts
    due = sum(counts[:4])
    number = scope.clinic.formats.number
    return Figure(
        REPORT.name,
        "Reminders delivered",
        FigureUnit.PERCENT,
        Better.UP,
        share(delivered, due),
        before[5],
        f"{number(delivered)} of {number(due)}; {number(confirmed)} of {number(visits)} visits confirmed",
    )


def _visits_with(
    condition: ColumnElement[bool], *of_visit: ColumnElement[bool]
) -> Callable[[Session, ReportScope], Select[int]]:
    def ids(_session: Session, scope: ReportScope) -> Select[int]:
        start, end = scope.period.bounds(scope.clinic.zone)
        reminded = exists().where(
            Reminder.appointment_id == Appointment.id,
            Reminder.due_at >= start,
            Reminder.due_at < end,
            condition,
        )
        return select(Appointment.id).where(
            Appointment.clinic_id == scope.clinic.id, *scope.of_filters, *of_visit, reminded
        )

    return ids


REPORT = Report(
    name="reminders",
    title="Reminders delivered and confirmed",
    definition=(
        "Reminders that were due in the period and should have reached someone, by what became of them; and of the"
        " visits with a delivered one, the share that the patient confirmed."
    ),
    groups=named("week") | {"rule": "Rule"} | named("kind", "session", "protocol"),
    table=table,
    parts={
        "failed": FigureVisits("Visits with a failed reminder", _visits_with(FAILED)),
        "not_sent": FigureVisits("Visits whose reminder could not be sent", _visits_with(NOT_SENT)),
        "unconfirmed": FigureVisits(
            "Visits reminded of and not confirmed",
            _visits_with(DELIVERED, Appointment.response != Response.ACCEPTED),
        ),
    },
)
