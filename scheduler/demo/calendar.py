"""Days of the demo clinic: its weekly hours, extra days and public holidays, from its file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from scheduler.services.clinic import holidays
from scheduler.services.clinic.schedules import Hours

WEEKDAYS = {name: number for number, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), 1)}
USUAL_DAY = WEEKDAYS["wed"]


def zone_of(document: Mapping[str, Any]) -> ZoneInfo:
    """Return the clinic's zone."""
    return ZoneInfo(document["zone"])


def times_of(text: str) -> tuple[time, time]:
    """Return the two ends of "08:00-12:30"."""
    starts, ends = text.split("-")
    return time.fromisoformat(starts), time.fromisoformat(ends)


def weekly(entries: Sequence[Mapping[str, Any]]) -> list[Hours]:
    """Return the hours of a week as the file lists them."""
    return [
        Hours(WEEKDAYS[day], *times_of(times))
        for entry in entries
        for day in entry["days"]
        for times in entry["times"]
    ]


def holiday_names(document: Mapping[str, Any], first: date, last: date) -> dict[date, str]:
    """Return the public holidays that the clinic keeps between two days, also where they are observed instead."""
    kept = document.get("holidays", ())
    return holidays.public(document["country"], document.get("subdivision"), first, last, kept)


def extra_days(
    document: Mapping[str, Any], first: date, last: date
) -> Iterator[tuple[date, Mapping[str, Any]]]:
    """Return the days outside the weekly hours, with the entry that asks for each."""
    for entry in document.get("extra_days", ()):
        for day in days(first, last):
            if (
                day.isoweekday() == WEEKDAYS[entry["weekday"]]
                and (day.day - 1) // 7 + 1 == entry["week_of_month"]
            ):
                yield day, entry


def usual_hours(entries: Sequence[Mapping[str, Any]]) -> list[tuple[time, time]]:
    """Return the hours of a usual day, for one that would be closed."""
    return [(hours.starts, hours.ends) for hours in weekly(entries) if hours.weekday == USUAL_DAY]


def days(first: date, last: date) -> Iterator[date]:
    """Return the days from the first to the last."""
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def midnight(day: date) -> datetime:
    """Return the wall-clock time at which a day begins."""
    return datetime.combine(day, time.min)
