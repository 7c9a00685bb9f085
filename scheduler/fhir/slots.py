"""Slot: when a chair, a room or a person on duty is free or taken, computed from the live calendar.

A slot is `free` while at least one unit is, `busy` while all are taken, `busy-unavailable` in a closure. It says
nothing about patients. Its id holds its schedule, start and end, so it lasts as long as the calendar stays so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from scheduler.domain.localtime import day_bounds, from_minute, local_on, to_minute
from scheduler.domain.planner.values import Calendar
from scheduler.domain.text import whole_number
from scheduler.domain.windows import Window, merged, subtract
from scheduler.errors import NotFound
from scheduler.fhir import values
from scheduler.fhir.elements import Element, instant, reference
from scheduler.fhir.outcomes import BadSearch
from scheduler.fhir.schedules import Owner, owner, owners, paged
from scheduler.fhir.searches import SearchPage, SearchRequest
from scheduler.fhir.values import DateRange
from scheduler.models.clinic import Clinic
from scheduler.services.actors import Actor
from scheduler.services.planning import availability

PARAMETERS = {"schedule": "reference", "start": "date", "status": "token"}
USUAL, MOST = timedelta(days=14), timedelta(days=93)


class SlotStatus(StrEnum):
    BUSY = "busy"
    FREE = "free"
    BUSY_UNAVAILABLE = "busy-unavailable"
    BUSY_TENTATIVE = "busy-tentative"
    ENTERED_IN_ERROR = "entered-in-error"


@dataclass(frozen=True)
class Slot:
    owner: Owner
    window: Window
    status: SlotStatus

    @property
    def id(self) -> str:
        return f"{self.owner.public_id}.{to_minute(self.window.start)}.{to_minute(self.window.end)}"


def read(session: Session, actor: Actor, public_id: str, now: datetime) -> Element:
    whose, *minutes = public_id.split(".")
    numbers = [number for one in minutes if (number := whole_number(one, 9)) is not None]
    if len(minutes) != 2 or len(numbers) != 2:
        raise NotFound
    start, end = map(from_minute, numbers)
    if not start < end <= start + timedelta(days=2):
        raise NotFound
    one = owner(session, actor, whose)
    for slot in _slots(session, actor.clinic, [one], Window(start, end), now):
        if slot.id == public_id:
            return view(slot, actor.clinic)
    raise NotFound


def search(session: Session, actor: Actor, asked: SearchRequest, now: datetime) -> SearchPage:
    span, starts = _span(actor.clinic, asked, now)
    chosen = [one for one in owners(session, actor) if one.active]
    statuses = set(SlotStatus)
    wanted: set[str] | None = None
    for name, value in asked.parameters:
        if name == "schedule":
            ids = values.ids(name, value, "Schedule")
            chosen = [one for one in chosen if one.public_id in ids]
        elif name == "status":
            statuses &= set(values.codes(name, value, SlotStatus))
        elif name == "_id":
            wanted = set(values.ids(name, value, "Slot"))
    found = [
        slot
        for slot in _slots(session, actor.clinic, chosen, span, now)
        if slot.status in statuses
        and (wanted is None or slot.id in wanted)
        and all(any(_holds(stretch, slot.window.start) for stretch in either) for either in starts)
    ]
    found.sort(key=lambda slot: (slot.window.start, slot.owner.public_id))
    return paged([view(slot, actor.clinic) for slot in found], asked)


def view(slot: Slot, clinic: Clinic) -> Element:
    return {
        "resourceType": "Slot",
        "id": slot.id,
        "schedule": reference("Schedule", slot.owner.public_id, slot.owner.name),
        "status": slot.status.value,
        "start": instant(slot.window.start, clinic.zone),
        "end": instant(slot.window.end, clinic.zone),
    }


def _span(clinic: Clinic, asked: SearchRequest, now: datetime) -> tuple[Window, list[list[DateRange]]]:
    """Return the days to look at, from what `start` says, and the exact conditions on the start."""
    starts = [
        values.instants(name, value, clinic.zone) for name, value in asked.parameters if name == "start"
    ]
    first: datetime | None = None
    after: datetime | None = None
    for either in starts:
        lower, upper = [_first(one) for one in either], [_after(one) for one in either]
        least = min((one for one in lower if one), default=None) if None not in lower else None
        most = max((one for one in upper if one), default=None) if None not in upper else None
        first = max((one for one in (first, least) if one), default=None)
        after = min((one for one in (after, most) if one), default=None)
    first = first or day_bounds(local_on(now, clinic.zone), clinic.zone)[0]
    after = max(after or first + USUAL, first + timedelta(minutes=1))
    if after - first > MOST:
        raise BadSearch(f"start: ask for at most {MOST.days} days at once")
    return Window(first, after), starts


def _first(stretch: DateRange) -> datetime | None:
    if stretch.prefix in ("lt", "le"):
        return None
    first: datetime = stretch.after if stretch.prefix == "gt" else stretch.first
    return first


def _after(stretch: DateRange) -> datetime | None:
    if stretch.prefix in ("gt", "ge"):
        return None
    after: datetime = stretch.first if stretch.prefix == "lt" else stretch.after
    return after


def _holds(stretch: DateRange, start: datetime) -> bool:
    first, after = _first(stretch), _after(stretch)
    return (first is None or first <= start) and (after is None or start < after)


def _slots(
    session: Session, clinic: Clinic, chosen: Sequence[Owner], span: Window, now: datetime
) -> Iterator[Slot]:
    first_on, last_on = local_on(span.start, clinic.zone), local_on(span.end, clinic.zone)
    days = (last_on - first_on).days + 1
    calendar = availability.load(session, clinic, first_on, days, now).calendar
    for one in chosen:
        for window, status in _stretches(calendar, one.resource_id):
            if window.overlaps(span):
                yield Slot(one, window, status)


def _stretches(calendar: Calendar, resource_id: int) -> Iterator[tuple[Window, SlotStatus]]:
    """Yield what a resource's time on duty is, in stretches that never cross an end of its duty."""
    resource = calendar.resource(resource_id)
    if resource is None:
        return
    opened = merged(calendar.hours.get(None, ()))
    duty = opened
    if resource_id in calendar.hours:
        duty = _both(opened, merged(calendar.hours[resource_id]))
    closed = [*calendar.closures.get(None, ()), *calendar.closures.get(resource_id, ())]
    working = subtract(duty, closed)
    taken = [Window(start, end) for owner_id, _, start, end in calendar.occupied if owner_id == resource_id]
    full = _full(taken, resource.units)
    for windows, status in (
        (subtract(working, full), SlotStatus.FREE),
        (_both(working, full), SlotStatus.BUSY),
        (_both(duty, merged(closed)), SlotStatus.BUSY_UNAVAILABLE),
    ):
        for window in windows:
            for part in _by_day(window, calendar.zone):
                yield part, status


def _by_day(window: Window, zone: ZoneInfo) -> Iterator[Window]:
    """Yield the window in parts that end at midnight, so that a slot does not depend on the days asked for."""
    start = window.start
    while start < window.end:
        end = min(window.end, day_bounds(local_on(start, zone), zone)[1])
        yield Window(start, end)
        start = end


def _both(first: Sequence[Window], second: Sequence[Window]) -> list[Window]:
    """Return where two lists of windows overlap."""
    return subtract(first, subtract(first, second))


def _full(taken: Sequence[Window], units: int) -> list[Window]:
    """Return when as many windows as there are units are taken at once."""
    steps = sorted([(one.start, 1) for one in taken] + [(one.end, -1) for one in taken])
    full: list[Window] = []
    depth, since = 0, None
    for at, step in steps:
        depth += step
        if depth >= units and since is None:
            since = at
        elif depth < units and since is not None:
            if since < at:
                full.append(Window(since, at))
            since = None
    return merged(full)
