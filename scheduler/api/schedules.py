"""Hours: weekly ones of the clinic or of one site, location or practitioner, and those of single dates.

Times are wall-clock times in the clinic's zone. Anyone who has no hours of their own works whenever the clinic is open.
The hours of a site cut those of its locations. Leave is a closure of a practitioner.
"""

from __future__ import annotations

from datetime import time
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema
from sqlalchemy import select

from scheduler import clock
from scheduler.api.appointment_views import AppointmentView
from scheduler.api.appointment_views import view as appointment_view
from scheduler.api.fields import (
    At,
    Body,
    ClockTime,
    Day,
    Id,
    Instant,
    On,
    Query,
    ReadOnly,
    TextLine,
    View,
    at,
    read_time,
)
from scheduler.api.operations import Answer, call
from scheduler.api.patients import Weekday
from scheduler.api.resources import Scope, resource_of
from scheduler.database import db
from scheduler.errors import NotFound
from scheduler.models import schedule
from scheduler.models.schedule import END_OF_DAY, Closure, ClosureKind
from scheduler.services.actors import Actor
from scheduler.services.clinic import places, schedules
from scheduler.services.clinic.schedules import Hours


class HoursView(View):
    weekday: int
    starts: str
    ends: str
    valid_from: On | None
    valid_until: On | None
    week: int | None


class SpanView(View):
    starts: str
    ends: str


class DatedView(View):
    date: On
    hours: list[SpanView]


class ScheduleView(View):
    scope: Scope
    scope_id: Id | None
    zone: ReadOnly[str]
    weekly: list[HoursView]
    dates: list[DatedView]


def _read_end(value: object) -> time:
    return END_OF_DAY if value == "24:00" else read_time(value)


EndTime = Annotated[
    time,
    BeforeValidator(_read_end),
    WithJsonSchema(
        {
            "type": "string",
            "pattern": "^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$",
            "examples": ["17:30", "24:00"],
        }
    ),
]


class HoursBody(Body, view=HoursView):
    """Hours on a weekday, from `valid_from` up to and including `valid_until`.

    `week` 0 or 1 is every other week, 0 beginning with that of Monday, January 1, 2024; null is each week. Hours that
    end by 06:00, before their start, go on past midnight and are kept as those of both days.
    """

    weekday: Weekday
    starts: ClockTime
    ends: EndTime
    valid_from: Day | None = None
    valid_until: Day | None = None
    week: Annotated[int, Field(ge=0, le=1)] | None = None


class SpanBody(Body, view=SpanView):
    starts: ClockTime
    ends: EndTime


class DatedHours(Body, view=DatedView):
    """The hours of one date, which replace the weekly ones of that day."""

    date: Day
    hours: list[SpanBody] = Field(min_length=1, max_length=10)


class ScheduleBody(Body, view=ScheduleView):
    """All hours at once: what is not listed is taken away. `dates` are left alone unless they are given."""

    scope: Scope = "clinic"
    scope_id: Id | None = None
    weekly: list[HoursBody] = Field(default=[], max_length=200)
    dates: list[DatedHours] | None = Field(default=None, max_length=400)


class ScheduleQuery(Query):
    scope: Scope = "clinic"
    scope_id: Id | None = None


class LeaveBody(Body):
    start: Instant
    end: Instant
    reason: Annotated[str, TextLine(200)] = ""


class LeaveView(View):
    """Leave of a practitioner, and the visits that it touches."""

    id: Id
    start: At
    end: At
    reason: str
    affected: list[AppointmentView]


class LeaveList(View):
    items: list[LeaveView]
    next_cursor: str | None = None


@call("GET", "/schedules", may="view", query=ScheduleQuery, gives=ScheduleView)
def get_schedule(actor: Actor, query: ScheduleQuery) -> Answer:
    """Show the hours of the clinic, a site, a location or a practitioner."""
    return _shown(actor, query.scope, query.scope_id)


@call("PUT", "/schedules", may="settings", body=ScheduleBody, gives=ScheduleView)
def put_schedule(actor: Actor, body: ScheduleBody) -> Answer:
    """Replace the weekly hours, and the hours of dates where these are given. No visit is moved."""
    resource, now, session = resource_of(actor, body.scope, body.scope_id), clock.now(), db.session()
    weekly = [
        Hours(day.weekday, day.starts, day.ends, day.valid_from, day.valid_until, day.week)
        for day in body.weekly
    ]
    schedules.set_hours(session, actor, resource, weekly, now)
    if body.dates is not None:
        resource_id = resource.id if resource else None
        given = {day.date: [(span.starts, span.ends) for span in day.hours] for day in body.dates}
        known = schedule.dated_hours(session, actor.clinic.id, resource_id)
        gone = {row.on_date for row in known} - given.keys()
        for on_date in (*gone, *given):
            schedules.set_override(session, actor, resource, on_date, given.get(on_date, []), now)
    return _shown(actor, body.scope, body.scope_id)


@call("GET", "/practitioners/<practitioner_id>/leave", may="view", gives=LeaveList)
def list_leave(actor: Actor, practitioner_id: str) -> Answer:
    """List a practitioner's leave that is not over."""
    person = places.get_practitioner(db.session(), actor.clinic, practitioner_id)
    rows = select(Closure).where(
        Closure.clinic_id == actor.clinic.id,
        Closure.resource_id == person.resource_id,
        Closure.kind == ClosureKind.LEAVE,
        Closure.end_at > clock.now(),
    )
    found = db.session().scalars(rows.order_by(Closure.start_at, Closure.id))
    return Answer(LeaveList(items=[_leave(actor, closure) for closure in found]))


@call(
    "POST",
    "/practitioners/<practitioner_id>/leave",
    may="people",
    body=LeaveBody,
    gives=LeaveView,
    status=201,
)
def create_leave(actor: Actor, body: LeaveBody, practitioner_id: str) -> Answer:
    """Give a practitioner leave; the visits that it touches are listed, and nothing is moved."""
    person = places.get_practitioner(db.session(), actor.clinic, practitioner_id)
    closure, _ = schedules.close(
        db.session(),
        actor,
        body.start,
        body.end,
        clock.now(),
        resource=person.resource,
        kind=ClosureKind.LEAVE,
        reason=body.reason,
    )
    return Answer(_leave(actor, closure))


@call("DELETE", "/practitioners/<practitioner_id>/leave/<leave_id>", may="people", status=204)
def delete_leave(actor: Actor, practitioner_id: str, leave_id: str) -> Answer:
    """Take leave back."""
    person = places.get_practitioner(db.session(), actor.clinic, practitioner_id)
    closure = schedules.get_closure(db.session(), actor.clinic, leave_id)
    if closure.resource_id != person.resource_id:
        raise NotFound
    schedules.reopen(db.session(), actor, closure, clock.now())
    return Answer(None)


def _shown(actor: Actor, scope: Scope, scope_id: str | None) -> Answer:
    resource = resource_of(actor, scope, scope_id)
    resource_id = resource.id if resource else None
    dated: dict[str, list[SpanView]] = {}
    for row in schedule.dated_hours(db.session(), actor.clinic.id, resource_id):
        span = SpanView(starts=_clock_time(row.starts), ends=_end_time(row.ends))
        dated.setdefault(row.on_date.isoformat(), []).append(span)
    return Answer(
        ScheduleView(
            scope=scope,
            scope_id=scope_id,
            zone=actor.clinic.zone_name,
            weekly=[
                HoursView(
                    weekday=row.weekday,
                    starts=_clock_time(row.starts),
                    ends=_end_time(row.ends),
                    valid_from=row.valid_from.isoformat() if row.valid_from else None,
                    valid_until=row.valid_until.isoformat() if row.valid_until else None,
                    week=row.week,
                )
                for row in schedule.hours(db.session(), actor.clinic.id, resource_id)
            ],
            dates=[DatedView(date=date, hours=hours) for date, hours in dated.items()],
        )
    )


def _clock_time(value: time) -> str:
    return value.isoformat("minutes")


def _end_time(value: time) -> str:
    return "24:00" if value >= END_OF_DAY else _clock_time(value)


def _leave(actor: Actor, closure: Closure) -> LeaveView:
    touched = schedules.affected(db.session(), actor.clinic, closure)
    return LeaveView(
        id=closure.public_id,
        start=at(closure.start_at),
        end=at(closure.end_at),
        reason=closure.reason,
        affected=[appointment_view(visit) for visit in touched],
    )
