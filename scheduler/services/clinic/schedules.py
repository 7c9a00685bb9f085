"""When the clinic, its sites and its people work, and what closes.

Hours are wall-clock times; a closure is given in instants and keeps its wall-clock times beside them. Changing hours or
closing something moves no visit by itself: closing answers with the visits that it touches, so that people can decide.
Every change raises the calendar's version, which the planner and the boards watch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from scheduler.domain.formats import Formats
from scheduler.domain.localtime import to_local
from scheduler.domain.text import BadText, clean_line
from scheduler.errors import Invalid, NotFound
from scheduler.models import schedule, versions
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.opening import OpeningCause
from scheduler.models.resource import Resource
from scheduler.models.schedule import END_OF_DAY, Closure, ClosureKind, ScheduleHours, ScheduleOverride
from scheduler.services.actors import Actor
from scheduler.services.clinic import sites
from scheduler.services.clinic.added_time import noting_added
from scheduler.services.locks import change_hours
from scheduler.services.trail import audit

DAY, MIDNIGHT, SUNDAY = timedelta(days=1), time(0), 7
NIGHT_ENDS = time(6)  # hours that end later on the next day are a slip of the pen: 5 PM to 9 AM


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours on an ISO weekday (Monday is 1), from `valid_from` up to and including `valid_until`.

    `week` 0 or 1 is every other week (models/schedule.py), None each week.
    """

    weekday: int
    starts: time
    ends: time
    valid_from: date | None = None
    valid_until: date | None = None
    week: int | None = None


def set_hours(
    session: Session, actor: Actor, resource: Resource | None, hours: Sequence[Hours], now: datetime
) -> list[ScheduleHours]:
    """Replace the weekly hours of the clinic (None) or of one resource. Equal hours change nothing. Raises Invalid.

    Hours that end at midnight or up to six hours later (20:00 to 04:00) are kept as those of both days.
    """
    hours = [part for one in hours for part in _days_of(one)]
    _check_hours(hours, actor.clinic.formats)
    change_hours(session, actor.clinic.id)
    resource_id = resource.id if resource else None
    present = schedule.hours(session, actor.clinic.id, resource_id)
    if {_hours_of(row) for row in present} == set(hours):
        return present
    rows = [
        ScheduleHours(
            clinic_id=actor.clinic.id,
            resource_id=resource_id,
            weekday=day.weekday,
            starts=day.starts,
            ends=day.ends,
            valid_from=day.valid_from,
            valid_until=day.valid_until,
            week=day.week,
        )
        for day in hours
    ]
    with noting_added(session, actor.clinic, resource_id, OpeningCause.HOURS, now):
        session.execute(
            delete(ScheduleHours).where(
                ScheduleHours.clinic_id == actor.clinic.id,
                ScheduleHours.resource_id.is_not_distinct_from(resource_id),
            )
        )
        session.add_all(rows)
    audit.record(
        session, actor, "schedule.changed", None, now, fields=[f"resource:{resource_id or 'clinic'}"]
    )
    versions.raise_versions(session, actor.clinic.id, [], now)
    return rows


def set_hours_from(
    session: Session,
    actor: Actor,
    resource: Resource | None,
    hours: Sequence[Hours],
    first: date | None,
    now: datetime,
    last: date | None = None,
) -> list[ScheduleHours]:
    """Let these weekly hours hold from a later day on, or (None) now and until the next later ones.

    With `last` they hold until that day, after which the hours that they replace go on. Raises Invalid.
    """
    today = to_local(now, actor.clinic.zone).date()
    present = [_hours_of(row) for row in schedule.hours(session, actor.clinic.id, _id_of(resource))]
    if first is None:
        if last is not None:
            raise Invalid([("last", "needs a first day as well")])
        later = [one for one in present if one.valid_from and one.valid_from > today]
        until = min((one.valid_from for one in later if one.valid_from), default=None)
        now_on = [replace(one, valid_from=None, valid_until=_before(until)) for one in hours]
        return set_hours(session, actor, resource, [*now_on, *later], now)
    if first <= today:
        raise Invalid([("first", "must be a later day: leave it empty for hours that hold now")])
    if last is not None and last < first:
        raise Invalid([("last", "must not be before the first day")])
    kept = [
        replace(one, valid_until=min(one.valid_until or date.max, first - DAY))
        for one in present
        if one.valid_from is None or one.valid_from < first
    ]
    resumed = [
        replace(one, valid_from=max(one.valid_from or date.min, last + DAY))
        for one in present
        if last is not None and (one.valid_until or date.max) > last
    ]
    between = [replace(one, valid_from=first, valid_until=last) for one in hours]
    return set_hours(session, actor, resource, [*kept, *between, *resumed], now)


def remove_hours_from(
    session: Session, actor: Actor, resource: Resource | None, first: date, now: datetime
) -> list[ScheduleHours]:
    """Remove the weekly hours that would hold from this day on; those before them go on. Raises NotFound."""
    present = [_hours_of(row) for row in schedule.hours(session, actor.clinic.id, _id_of(resource))]
    gone = [one for one in present if one.valid_from == first]
    if not gone:
        raise NotFound
    following = [one.valid_from for one in present if one.valid_from and one.valid_from > first]
    until = _before(min(following, default=None))
    kept = [one for one in present if one not in gone]
    kept = [replace(one, valid_until=until) if one.valid_until == first - DAY else one for one in kept]
    return set_hours(session, actor, resource, kept, now)


def set_override(
    session: Session,
    actor: Actor,
    resource: Resource | None,
    on_date: date,
    times: Sequence[tuple[time, time]],
    now: datetime,
) -> list[ScheduleOverride]:
    """Give one date its own hours; without any it goes back to the weekly ones. Equal hours change nothing.

    Raises Invalid.
    """
    weekday = on_date.isoweekday()
    times = [(starts, END_OF_DAY if ends == MIDNIGHT else ends) for starts, ends in times]
    _check_hours([Hours(weekday, starts, ends) for starts, ends in times], actor.clinic.formats)
    change_hours(session, actor.clinic.id)
    resource_id = resource.id if resource else None
    of_date = (
        ScheduleOverride.clinic_id == actor.clinic.id,
        ScheduleOverride.resource_id.is_not_distinct_from(resource_id),
        ScheduleOverride.on_date == on_date,
    )
    present = list(session.scalars(select(ScheduleOverride).where(*of_date)))
    if {(row.starts, row.ends) for row in present} == set(times):
        return present
    rows = [
        ScheduleOverride(
            clinic_id=actor.clinic.id, resource_id=resource_id, on_date=on_date, starts=starts, ends=ends
        )
        for starts, ends in times
    ]
    with noting_added(session, actor.clinic, resource_id, OpeningCause.HOURS, now):
        session.execute(delete(ScheduleOverride).where(*of_date))
        session.add_all(rows)
    audit.record(session, actor, "schedule.overridden", None, now, fields=[f"date:{on_date}"])
    versions.raise_versions(session, actor.clinic.id, [], now)
    return rows


def close(
    session: Session,
    actor: Actor,
    start: datetime,
    end: datetime,
    now: datetime,
    resource: Resource | None = None,
    kind: ClosureKind = ClosureKind.CLOSURE,
    reason: str = "",
) -> tuple[Closure, list[Appointment]]:
    """Close the clinic (None) or one resource from `start` to `end`; return it with the visits that it touches.

    Raises Invalid.
    """
    try:
        kept_reason = clean_line("reason", reason, 200)
    except BadText as error:
        raise Invalid([(error.field, error.reason)]) from None
    if end <= start:
        raise Invalid([("end", "must be after the start")])
    change_hours(session, actor.clinic.id)
    zone = actor.clinic.zone
    closure = Closure(
        clinic_id=actor.clinic.id,
        resource_id=resource.id if resource else None,
        kind=kind,
        start_at=start,
        end_at=end,
        local_start=to_local(start, zone),
        local_end=to_local(end, zone),
        reason=kept_reason,
    )
    session.add(closure)
    session.flush()
    audit.record(session, actor, "closure.created", closure, now, fields=["start", "end"])
    versions.raise_versions(session, actor.clinic.id, [], now)
    return closure, affected(session, actor.clinic, closure)


def affected(session: Session, clinic: Clinic, closure: Closure) -> list[Appointment]:
    """Return the visits that occupy what a closure closes, in order of time."""
    taken = select(Allocation.appointment_id).where(
        Allocation.clinic_id == clinic.id,
        Allocation.released_at.is_(None),
        Allocation.start_at < closure.end_at,
        Allocation.end_at > closure.start_at,
    )
    if closure.resource_id is not None:
        closed = sites.closing_with(session, clinic.id, closure.resource_id)
        taken = taken.where(Allocation.resource_id.in_(closed))
    query = select(Appointment).where(Appointment.id.in_(taken))
    return list(session.scalars(query.order_by(Appointment.start_at, Appointment.id)))


def reopen(
    session: Session, actor: Actor, closure: Closure, now: datetime, *, is_offered: bool = True
) -> None:
    """Take a closure back. What opens again may be offered to those who wait, unless visits are put back there."""
    audit.record(session, actor, "closure.removed", closure, now)
    if is_offered:
        with noting_added(session, actor.clinic, closure.resource_id, OpeningCause.REOPENED, now):
            session.delete(closure)
    else:
        session.delete(closure)
    versions.raise_versions(session, actor.clinic.id, [], now)


def get_closure(session: Session, clinic: Clinic, public_id: str) -> Closure:
    """Return the clinic's closure with this id. Raises NotFound."""
    query = select(Closure).where(Closure.clinic_id == clinic.id, Closure.public_id == public_id)
    closure = session.scalar(query)
    if closure is None:
        raise NotFound
    return closure


def _days_of(hours: Hours) -> list[Hours]:
    """Return hours that go on past midnight as those of both days."""
    evening = replace(hours, ends=END_OF_DAY)
    if hours.ends == MIDNIGHT:
        return [evening]
    if not hours.ends <= NIGHT_ENDS < hours.starts:
        return [hours]
    week = 1 - hours.week if hours.week is not None and hours.weekday == SUNDAY else hours.week
    return [evening, replace(hours, weekday=hours.weekday % 7 + 1, starts=MIDNIGHT, week=week)]


def _before(day: date | None) -> date | None:
    return day - DAY if day else None


def _id_of(resource: Resource | None) -> int | None:
    return resource.id if resource else None


def _hours_of(row: ScheduleHours) -> Hours:
    return Hours(row.weekday, row.starts, row.ends, row.valid_from, row.valid_until, row.week)


def _check_hours(hours: Sequence[Hours], formats: Formats) -> None:
    errors = [("weekday", "must be from 1 (Monday) to 7") for day in hours if not 1 <= day.weekday <= 7]
    errors += [("week", "must be 0 or 1") for day in hours if day.week not in (None, 0, 1)]
    errors += [("ends", "must be after the start") for day in hours if day.ends <= day.starts]
    errors += [
        ("valid_until", "must not be before valid_from")
        for day in hours
        if day.valid_from and day.valid_until and day.valid_until < day.valid_from
    ]
    for one, other in _neighbours(hours):
        if other.starts < one.ends and _valid_together(one, other):
            errors.append(("hours", f"overlap on {formats.weekday(one.weekday)}"))
    if errors:
        raise Invalid(errors)


def _neighbours(hours: Sequence[Hours]) -> list[tuple[Hours, Hours]]:
    ordered = sorted(hours, key=lambda day: (day.weekday, day.starts, day.ends))
    return [
        (one, other)
        for place, one in enumerate(ordered)
        for other in ordered[place + 1 :]
        if one.weekday == other.weekday
    ]


def _valid_together(one: Hours, other: Hours) -> bool:
    first = max(one.valid_from or date.min, other.valid_from or date.min)
    last = min(one.valid_until or date.max, other.valid_until or date.max)
    return first <= last and (one.week is None or other.week is None or one.week == other.week)
