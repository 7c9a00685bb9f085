"""A course on a small calendar: weeks as the clinic counts them, each day with what happens on it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Generic, TypeVar
from zoneinfo import ZoneInfo

from scheduler.domain.formats import Formats
from scheduler.domain.localtime import local_on

Item = TypeVar("Item")


@dataclass(frozen=True)
class CalendarDay(Generic[Item]):
    """`closed` is why the clinic is closed, if it is for a reason of its own."""

    on: date
    items: tuple[Item, ...]
    closed: str
    starts_month: bool


def weeks(
    items: Iterable[Item],
    start: Callable[[Item], datetime],
    zone: ZoneInfo,
    formats: Formats,
    closed: Mapping[date, str],
) -> list[list[CalendarDay[Item]]]:
    """Return the weeks from the first item's to the last one's."""
    by_day: dict[date, list[Item]] = defaultdict(list)
    for item in sorted(items, key=start):
        by_day[local_on(start(item), zone)].append(item)
    if not by_day:
        return []
    first, last = min(by_day), max(by_day)
    begins = formats.week_start(first)
    found: list[list[CalendarDay[Item]]] = []
    while begins <= last:
        days = [begins + timedelta(days=n) for n in range(7)]
        found.append(
            [
                CalendarDay(
                    on,
                    tuple(by_day.get(on, ())),
                    closed.get(on, ""),
                    on.day == 1 or (on == begins and not found),
                )
                for on in days
            ]
        )
        begins += timedelta(days=7)
    return found
