"""The times at which one visit can be booked or moved, by day, with a reason for each day without one.

Every time is tried with the check that booking itself makes (`Bookable.fit`), so none is refused unless another user
was faster. A day shows one time for each hour; `whole` shows all of a day. Times for which the line of the course must
move cost more to find: a day shows a few of them, and only when it has no others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from scheduler.domain.localtime import local_on, to_local
from scheduler.errors import NoFitFound, RuleBroken, SlotTaken
from scheduler.services.planning.why_not import Explainer

DAYS = 7
QUARTER = 15  # minutes: an hour shows its first start on the quarter hour, or else its first
TRIES_AN_HOUR = 4
COSTLY_TRIES, COSTLY_SHOWN = 4, 2  # a day, for times at which the line of the course moves
MOST_DAYS_TRIED = 60  # for the next available time


@dataclass(frozen=True)
class FreeTime:
    """A start that fits. `moves` are the titles of the visits that move with it, `broken` the soft rules it breaks."""

    start: datetime
    location_id: int | None
    practitioner_ids: tuple[int, ...] = ()
    moves: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidates:
    """Starts that may fit, in order; no other start does. `costly` ones fit only if the line of the course moves."""

    usual: Sequence[datetime] = ()
    costly: Sequence[datetime] = ()


class Bookable(Protocol):
    """One visit that gets a time: a move, a make-up, a booster, a single visit."""

    @property
    def zone(self) -> ZoneInfo: ...

    @property
    def present(self) -> datetime | None:
        """The start that the visit has now, which is never offered."""

    def explainer(self) -> Explainer: ...

    def candidates(self, *, outside: bool) -> Candidates:
        """Return the starts to try; with `outside` those outside the spacing too."""

    def fit(self, start: datetime, *, outside: bool, costly: bool) -> FreeTime:
        """Return the time with what comes with it. Raises NoFitFound, RuleBroken or SlotTaken when it does not fit."""


@dataclass(frozen=True)
class DayTimes:
    """The times of a day, in order; `more` when there may be others; `why` there is none."""

    on: date
    times: tuple[FreeTime, ...]
    more: bool = False
    why: str = ""

    @property
    def alike(self) -> bool:
        """Tell whether the same comes with each of several times, so that it need be said once."""
        return len(self.times) > 1 and len({(time.moves, bool(time.broken)) for time in self.times}) == 1


@dataclass(frozen=True)
class WeekTimes:
    """Seven days; `next` is the first time after them, when they have none."""

    days: tuple[DayTimes, ...]
    next: FreeTime | None = None

    @property
    def first_on(self) -> date:
        return self.days[0].on


def week(visit: Bookable, first_on: date, *, outside: bool = False, whole: date | None = None) -> WeekTimes:
    """Return the times of seven days. `outside` includes what only an override allows."""
    usual, costly = (
        _by_day(found, visit.zone) for found in _offered(visit.candidates(outside=outside), visit)
    )
    explainer = visit.explainer()
    days = []
    for number in range(DAYS):
        on = first_on + timedelta(days=number)
        times, more = _of_day(visit, usual.get(on, ()), costly.get(on, ()), outside, all_of_it=on == whole)
        why = "" if times else explainer.day(on, outside=outside)
        days.append(DayTimes(on, tuple(times), more, why))
    found = any(day.times for day in days)
    after = first_on + timedelta(days=DAYS)
    return WeekTimes(tuple(days), None if found else next_available(visit, after, outside=outside))


def next_available(visit: Bookable, from_on: date, *, outside: bool = False) -> FreeTime | None:
    """Return the first time on a day or later; None when there is none within the booking horizon."""
    usual, costly = (
        _by_day(found, visit.zone) for found in _offered(visit.candidates(outside=outside), visit)
    )
    days = sorted(on for on in usual.keys() | costly.keys() if on >= from_on)
    for on in days[:MOST_DAYS_TRIED]:
        times, _ = _of_day(visit, usual.get(on, ()), costly.get(on, ()), outside, only_first=True)
        if times:
            return times[0]
    return None


def _offered(found: Candidates, visit: Bookable) -> tuple[list[datetime], list[datetime]]:
    usual = [start for start in found.usual if start != visit.present]
    known = set(usual)
    return usual, [start for start in found.costly if start != visit.present and start not in known]


def _by_day(starts: Iterable[datetime], zone: ZoneInfo) -> dict[date, list[datetime]]:
    days: dict[date, list[datetime]] = defaultdict(list)
    for start in starts:
        days[local_on(start, zone)].append(start)
    return days


def _of_day(
    visit: Bookable,
    usual: Sequence[datetime],
    costly: Sequence[datetime],
    outside: bool,
    *,
    all_of_it: bool = False,
    only_first: bool = False,
) -> tuple[list[FreeTime], bool]:
    """Return times of a day, in order, and whether others may be found."""
    found: list[FreeTime] = []
    for _, starts in _by_hour(usual, visit.zone):
        tried = [start for start in starts if _minute(start, visit.zone) % QUARTER == 0] or starts[:1]
        for start in sorted(tried) if all_of_it else starts[:TRIES_AN_HOUR]:
            time = _fit(visit, start, outside, costly=False)
            if time is None:
                continue
            found.append(time)
            if only_first:
                return found, True
            if not all_of_it:
                break
    more = len(usual) > len(found)
    if found and not all_of_it:
        return found, more
    tries = [starts[0] for _, starts in _by_hour([*usual, *costly], visit.zone)]
    for start in tries if all_of_it else _spread(tries, COSTLY_TRIES):
        time = _fit(visit, start, outside, costly=True)
        if time is not None and time.start not in {one.start for one in found}:
            found.append(time)
            if only_first or (not all_of_it and len(found) == COSTLY_SHOWN):
                break
    return sorted(found, key=lambda time: time.start), bool(found) and not all_of_it


def _fit(visit: Bookable, start: datetime, outside: bool, *, costly: bool) -> FreeTime | None:
    try:
        return visit.fit(start, outside=outside, costly=costly)
    except (NoFitFound, RuleBroken, SlotTaken):
        return None


def _by_hour(starts: Iterable[datetime], zone: ZoneInfo) -> list[tuple[int, list[datetime]]]:
    """Return the starts of a day by the hour, those on the quarter hour first."""
    hours: dict[int, list[datetime]] = defaultdict(list)
    for start in starts:
        hours[to_local(start, zone).hour].append(start)
    return [(hour, sorted(hours[hour], key=lambda one: _roundness(one, zone))) for hour in sorted(hours)]


def _roundness(start: datetime, zone: ZoneInfo) -> tuple[bool, int]:
    minute = _minute(start, zone)
    return minute % QUARTER != 0, minute


def _minute(start: datetime, zone: ZoneInfo) -> int:
    return to_local(start, zone).minute


def _spread(starts: Sequence[datetime], most: int) -> list[datetime]:
    """Return at most so many of these, spread over the day."""
    if len(starts) <= most:
        return list(starts)
    return [starts[number * (len(starts) - 1) // (most - 1)] for number in range(most)]
