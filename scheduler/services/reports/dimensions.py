"""What visits are grouped by: week, weekday, hour, kind, protocol, session number, lead time, answer to a reminder.

The database groups by a column or an expression that both engines know; what people read (a week, a range of days) is
put together from these groups here, so that the zone, the locale and the first day of a week are Python's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Float, and_, case, exists, extract, func, or_, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session, aliased
from sqlalchemy.sql.functions import FunctionElement

from scheduler.domain.formats import Formats
from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.status import Response
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.reports.scope import Conditions, ReportScope

NO_NUMBER = "No session number"
LEADS = (
    ("0", "Less than 1 day", 1),
    ("1", "1 to 6 days", 7),
    ("2", "7 to 13 days", 14),
    ("3", "14 to 27 days", 28),
)
LEAST_LEAD = ("4", "28 days or more")
ANSWERS = {"yes": "Confirmed", "no": "Reminded, not confirmed", "none": "No reminder sent"}
# the history of a demo was never sent, and counts as if it had been
DELIVERED = or_(Reminder.state == ReminderState.SENT, Reminder.reason_code == MessageReason.DEMO)
Sums = dict["Place", list[int]]


class seconds_between(FunctionElement[float]):
    """The seconds from one instant to another."""

    type = Float()
    inherit_cache = True


@compiles(seconds_between, "postgresql")
def _seconds_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    start, end = (compiler.process(one, **options) for one in element.clauses)
    return f"EXTRACT(EPOCH FROM ({end} - {start}))"


@compiles(seconds_between, "sqlite")
def _seconds_sqlite(element: Any, compiler: Any, **options: Any) -> str:
    start, end = (compiler.process(one, **options) for one in element.clauses)
    return f"(unixepoch({end}) - unixepoch({start}))"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """One row of a table: its place in the order, its key in addresses, and its words."""

    order: Any
    key: str
    words: str


@dataclass(frozen=True)
class Dimension:
    """`column` is what the database groups by, `place` where one of its values belongs.

    `all` are the rows that a table has even with nothing in them.
    """

    words: str
    column: Callable[[], ColumnElement[Any]]
    place: Callable[[ReportScope, Any], Place]
    all: Callable[[ReportScope], Sequence[Place]] = lambda _: ()


def sums(
    session: Session,
    scope: ReportScope,
    dimension: Dimension,
    measures: Sequence[ColumnElement[bool]],
    where: Conditions,
) -> Sums:
    """Return how many visits of each group meet each condition, in the order of the groups."""
    column = dimension.column().label("grouped")
    counts = [func.sum(case((one, 1), else_=0)) for one in measures]
    query = select(column, *counts).select_from(Appointment).where(*where).group_by("grouped")
    return folded(scope, dimension, [(row[0], row[1:]) for row in session.execute(query)], len(measures))


def in_both_periods(
    session: Session, scope: ReportScope, measures: Sequence[ColumnElement[bool]], *where: ColumnElement[bool]
) -> tuple[list[int], list[int]]:
    """Return how many visits meet each condition in the period, and in the one before."""
    is_now = Appointment.local_start >= scope.period.local_start
    counts = [
        func.coalesce(func.sum(case((and_(one, when), 1), else_=0)), 0)
        for when in (is_now, ~is_now)
        for one in measures
    ]
    found = list(session.execute(select(*counts).where(*scope.both.visits, *where)).one())
    return found[: len(measures)], found[len(measures) :]


def folded(
    scope: ReportScope, dimension: Dimension, rows: Sequence[tuple[Any, Sequence[int]]], width: int
) -> Sums:
    """Return the groups of the database as the rows of a table."""
    found: Sums = {place: [0] * width for place in dimension.all(scope)}
    for value, counts in rows:
        own = found.setdefault(dimension.place(scope, value), [0] * width)
        for at, count in enumerate(counts):
            own[at] += count or 0
    return dict(sorted(found.items()))


def as_date(value: Any) -> date:
    """Return what `date()` gives: a date on PostgreSQL, text on SQLite."""
    return date.fromisoformat(value) if isinstance(value, str) else value


def _week(scope: ReportScope, value: Any) -> Place:
    return _week_of(scope.clinic.formats, as_date(value))


@lru_cache(maxsize=4096)  # the same days come at every question, and Babel takes its time
def _week_of(formats: Formats, on: date) -> Place:
    first = formats.week_start(on)
    return Place(first, first.isoformat(), f"Week of {formats.date(first)}")


def _weekday(scope: ReportScope, value: Any) -> Place:
    number, formats = as_date(value).isoweekday(), scope.clinic.formats
    return Place(formats.week.index(number), str(number), formats.weekday(number))


def _hour(scope: ReportScope, value: Any) -> Place:
    hour = int(value)
    return Place(hour, f"{hour:02}", scope.clinic.formats.hour(time(hour)))


def _kind(_scope: ReportScope, value: str) -> Place:
    words = kind_words(value)
    return Place(words, value, words)


def kind_words(kind: str) -> str:
    """Return a kind of visit as people read it."""
    words = kind.replace("-", " ")
    return words[:1].upper() + words[1:]


def _protocol(scope: ReportScope, value: int | None) -> Place:
    if value is None:
        return Place((1, ""), "none", "Without a course")
    key = scope.definitions[value].key
    newest = [one for one in scope.definitions.values() if one.key == key][-1]
    return Place((0, newest.title), key, newest.title)


def _session(_scope: ReportScope, value: int | None) -> Place:
    return Place(1000, "none", NO_NUMBER) if value is None else Place(value, str(value), f"Session {value}")


def _lead(_scope: ReportScope, value: str) -> Place:
    words = {key: words for key, words, _ in LEADS} | dict([LEAST_LEAD])
    return Place(value, value, words[value])


def _answer(_scope: ReportScope, value: str) -> Place:
    return Place(list(ANSWERS).index(value), value, ANSWERS[value])


def _lead_column() -> ColumnElement[str]:
    lead = seconds_between(Appointment.created_at, Appointment.start_at)
    day = timedelta(days=1).total_seconds()
    return case(*((lead < most * day, key) for key, _, most in LEADS), else_=LEAST_LEAD[0])


def _answer_column() -> ColumnElement[str]:
    reminded = exists().where(Reminder.appointment_id == Appointment.id, DELIVERED)
    return case((Appointment.response == Response.ACCEPTED, "yes"), (reminded, "no"), else_="none")


def _session_column() -> ColumnElement[int | None]:
    return case((Appointment.dosing_gap_days.is_not(None), Appointment.position), else_=None)


def plan_column() -> ColumnElement[int | None]:
    """The version of the protocol that a visit's course follows."""
    course = aliased(CarePlan)
    return select(course.plan_definition_id).where(course.id == Appointment.care_plan_id).scalar_subquery()


def local_day() -> ColumnElement[Any]:
    return func.date(Appointment.local_start)


WEEK = Dimension(
    "Week",
    local_day,
    _week,
    lambda scope: [_week(scope, on) for on in scope.period.weeks(scope.clinic.formats)],
)
WEEKDAY = Dimension("Weekday", local_day, _weekday)
DIMENSIONS: Mapping[str, Dimension] = {
    "week": WEEK,
    "weekday": WEEKDAY,
    "hour": Dimension("Hour", lambda: extract("hour", Appointment.local_start), _hour),
    "kind": Dimension("Kind of visit", lambda: Appointment.kind.expression, _kind),
    "protocol": Dimension("Protocol", plan_column, _protocol),
    "session": Dimension("Session number", _session_column, _session),
    "lead": Dimension("Booked ahead", _lead_column, _lead),
    "answer": Dimension("Reminder", _answer_column, _answer),
}


def named(*keys: str) -> dict[str, str]:
    """Return groupings of a report with their words, the usual one first."""
    return {key: DIMENSIONS[key].words for key in keys}
