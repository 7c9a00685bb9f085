"""A zone as VTIMEZONE: one STANDARD and one DAYLIGHT observance, each with a yearly RRULE.

icalendar's own generator lists the changes as one RDATE with many values; Thunderbird reads only the first of them and
shows daylight-time visits an hour late. A rule is finite, exact, and read alike everywhere. Each zone is proven against
zoneinfo before it is used; one that fails (Cairo, whose change falls on the day after a month's last Thursday, and
those whose rules change within the years that are asked for) is None, and its times are written in UTC.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr
from icalendar import Timezone, TimezoneDaylight, TimezoneStandard

from scheduler.ical.zones import Onset, Side, rules

FIRST_YEAR = 1970
PROVEN_YEARS = 12
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
WEEKDAYS = ("SU", "MO", "TU", "WE", "TH", "FR", "SA")

Observance = TimezoneStandard | TimezoneDaylight


@lru_cache(maxsize=64)
def vtimezone(zone_name: str, since_year: int) -> Timezone | None:
    """Return the component, right from `since_year` on, or None when no yearly rule says what the zone does."""
    sides = rules(zone_name)
    if sides is None:
        return None
    observances = _observances(sides)
    if observances is None or not _agrees(observances, ZoneInfo(zone_name), since_year):
        return None
    return _component(zone_name, observances)


@lru_cache(maxsize=1)
def utc() -> Timezone:
    """Return UTC as a component: a calendar must hold at least one."""
    return _component("Etc/UTC", _observances((Side("UTC", timedelta(), None),)) or [])


def _component(zone_name: str, observances: list[Observance]) -> Timezone:
    component = Timezone()
    component.add("tzid", zone_name)
    for observance in observances:
        component.add_component(observance)
    return component


def _observances(sides: tuple[Side, ...]) -> list[Observance] | None:
    """Return the observances, STANDARD first; it is the side with the lesser offset, which in Dublin is winter."""
    ordered = sorted(sides, key=lambda side: side.offset)
    kinds: tuple[type[Observance], ...] = (TimezoneStandard, TimezoneDaylight)
    before = [side.offset for side in reversed(ordered)]
    made = [_observance(*each) for each in zip(kinds, ordered, before, strict=False)]
    known = [each for each in made if each is not None]
    return known if len(known) == len(made) else None


def _observance(kind: type[Observance], side: Side, before: timedelta) -> Observance | None:
    observance = kind()
    start = datetime.combine(date(FIRST_YEAR, 1, 1), time.min)
    if side.onset is not None:
        recurrence = _recurrence(side.onset)
        if recurrence is None:
            return None
        start = _first(side.onset)
        observance.add("rrule", recurrence)
    observance.add("dtstart", start)
    observance.add("tzoffsetfrom", before)
    observance.add("tzoffsetto", side.offset)
    observance.add("tzname", side.name)
    return observance


def _recurrence(onset: Onset) -> dict[str, object] | None:
    """Return the RRULE of an onset; one that wanders into the next month has none."""
    shift = onset.time // DAY
    weekday = WEEKDAYS[(onset.weekday + shift) % 7]
    yearly: dict[str, object] = {"freq": "yearly", "bymonth": onset.month}
    if shift == 0:
        return yearly | {"byday": f"{-1 if onset.week == 5 else onset.week}{weekday}"}
    last = 7 * onset.week if onset.week < 5 else _days_in(onset.month)
    first_day, last_day = last - 6 + shift, last + shift
    if first_day < 1 or last_day > _days_in(onset.month) or onset.month == 2:
        return None
    return yearly | {"byday": weekday, "bymonthday": list(range(first_day, last_day + 1))}


def _first(onset: Onset) -> datetime:
    """Return the onset's wall-clock time in the first year."""
    last = 7 * onset.week if onset.week < 5 else _days_in(onset.month)
    day = date(FIRST_YEAR, onset.month, last)
    day -= timedelta(days=(day.isoweekday() - onset.weekday) % 7)
    return datetime.combine(day, time.min) + onset.time


def _days_in(month: int) -> int:
    """Return the month's length in the first year."""
    following = date(FIRST_YEAR + month // 12, month % 12 + 1, 1)
    return (following - DAY).day


def _agrees(observances: list[Observance], zone: ZoneInfo, since_year: int) -> bool:
    """Tell whether the observances and zoneinfo give one offset at each change and on every day between."""
    begin = datetime(since_year, 1, 1, tzinfo=UTC)
    end = begin.replace(year=since_year + PROVEN_YEARS)
    changes = sorted(change for observance in observances for change in _changes(observance, begin, end))
    instants = [begin + DAY * n for n in range((end - begin).days)]
    instants += [at + nudge for at, _ in changes if at > begin for nudge in (timedelta(), -SECOND)]
    starts = [at for at, _ in changes]
    said = ((at, changes[max(0, bisect_right(starts, at) - 1)][1]) for at in instants)
    return all(offset == at.astimezone(zone).utcoffset() for at, offset in said)


def _changes(observance: Observance, begin: datetime, end: datetime) -> list[tuple[datetime, timedelta]]:
    """Return (instant, offset from then on) around the two instants, from a year before the first."""
    if not observance.rrules:
        return [(begin - DAY, observance.TZOFFSETTO)]
    dates = rrulestr(observance.rrules[0].to_ical().decode(), dtstart=observance.DTSTART)
    local = dates.between((begin - 370 * DAY).replace(tzinfo=None), end.replace(tzinfo=None))
    return [(at.replace(tzinfo=UTC) - observance.TZOFFSETFROM, observance.TZOFFSETTO) for at in local]
