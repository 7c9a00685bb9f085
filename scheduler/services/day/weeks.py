"""Seven days at a glance: each chair and room of each day with its visits, its free time and what closes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy.orm import Session

from scheduler.domain.localtime import day_bounds, local_on
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.status import AppointmentStatus
from scheduler.domain.windows import Window
from scheduler.models import location as locations
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.schedule import Closure, closures
from scheduler.models.site import Site
from scheduler.services.clinic import displaced
from scheduler.services.day import boards, day_load, delays, missing_requirements
from scheduler.services.day.boards import BoardEntry, BoardView, Day
from scheduler.services.day.day_load import HourLoad
from scheduler.services.day.shades import Shade, shades, words
from scheduler.services.planning import availability

DAYS = 7


@dataclass(frozen=True)
class PlaceOfDay:
    """A chair or a room on one day."""

    place: Location
    blocks: tuple[BoardEntry, ...]
    shades: tuple[Shade, ...]


@dataclass(frozen=True)
class WeekDay:
    """One day: its visits that stand, the load by the hour (none when closed), its places, and why it is closed."""

    on: date
    visits: tuple[Appointment, ...]
    load: tuple[HourLoad, ...]
    places: tuple[PlaceOfDay, ...]
    closed: str

    @property
    def unsettled(self) -> int:
        return sum(visit.status is AppointmentStatus.PENDING for visit in self.visits)

    @property
    def elsewhere(self) -> int:
        """How many visits need no place: by phone or video."""
        return sum(visit.location_id is None for visit in self.visits)

    @property
    def share(self) -> int:
        """How much of the day's chair time is taken, in per cent."""
        used = sum(hour.chairs_used for hour in self.load)
        there = sum(hour.chairs for hour in self.load)
        return 100 * used // there if there else 0


@dataclass(frozen=True)
class Week:
    """`board` holds all visits of the week and says of each how soon it needs a person."""

    days: tuple[WeekDay, ...]
    board: Day
    free: Availability


def week(session: Session, clinic: Clinic, first_on: date, now: datetime, site: Site | None = None) -> Week:
    """Return the seven days from a date, at one site or at all. The number of queries is fixed."""
    bounds = Window(
        day_bounds(first_on, clinic.zone)[0], day_bounds(first_on + timedelta(days=DAYS - 1), clinic.zone)[1]
    )
    visits = boards.visits_at(boards.standing(boards.visits_between(session, clinic, bounds)), site)
    free = availability.load(session, clinic, first_on, DAYS, now)
    closed = closures(session, clinic.id, bounds.start, bounds.end)
    places = [one for one in locations.active(session, clinic.id) if site is None or one.site is site]
    board = Day(
        first_on,
        BoardView.CHAIRS,
        bounds,
        (),
        tuple(visits),
        (),
        delays=delays.of_day(session, _of(visits, clinic, local_on(now, clinic.zone)), now),
        missing=missing_requirements.of_day(session, visits),
        displaced={one.visit.id: one.unavailable for one in displaced.among(session, clinic, visits)},
    )
    days = []
    for row in range(DAYS):
        on = first_on + timedelta(days=row)
        load = day_load.hours(free, row, site)
        days.append(_day(on, _of(visits, clinic, on), free, load, row, closed, places))
    return Week(tuple(days), board, free)


def _of(visits: Sequence[Appointment], clinic: Clinic, on: date) -> list[Appointment]:
    return [visit for visit in visits if local_on(visit.start_at, clinic.zone) == on]


def _reason(closed: Sequence[Closure], on: date) -> str:
    return next(
        (
            words(one)
            for one in closed
            if one.resource_id is None
            and one.local_start.date() <= on
            and one.local_end > datetime.combine(on, time.min)
        ),
        "",
    )


def _day(
    on: date,
    visits: Sequence[Appointment],
    free: Availability,
    load: Sequence[HourLoad],
    row: int,
    closed: Sequence[Closure],
    places: Sequence[Location],
) -> WeekDay:
    first = row * free.grid.width
    is_open = bool(free.open >> first & ((1 << free.grid.width) - 1))
    return WeekDay(
        on,
        tuple(visits),
        tuple(load) if is_open else (),
        tuple(
            PlaceOfDay(
                place,
                tuple(
                    block
                    for visit in visits
                    if visit.location_id == place.id
                    for block in boards.blocks(visit)
                ),
                tuple(shades(free, closed, place.resource_id, row)),
            )
            for place in places
        ),
        "" if is_open else _reason(closed, on) or "Closed",
    )
