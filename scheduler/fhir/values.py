"""What a search parameter may say (FHIR R4B, 3.1.1.4): dates with prefixes, codes, references.

A date stands for a stretch: a year, a month, a day (clinic-local), a minute, a second. A time of day needs its offset.
Several values with commas between are alternatives; a parameter that is given twice must hold both times.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, or_
from sqlalchemy.orm import InstrumentedAttribute

from scheduler.domain.localtime import day_bounds
from scheduler.fhir.elements import base_url
from scheduler.fhir.outcomes import BadSearch

DATE = re.compile(
    r"(?P<prefix>eq|gt|lt|ge|le)?(?P<year>\d{4})(-(?P<month>\d\d)(-(?P<day>\d\d)"
    r"(T(?P<time>\d\d:\d\d(?P<second>:\d\d)?)(?P<offset>Z|[+-]\d\d:\d\d))?)?)?",
    re.ASCII,
)
ID = re.compile(r"[A-Za-z0-9.\-]{1,64}", re.ASCII)
YEARS = range(1850, 2200)  # what arithmetic across zones can bear
Member = TypeVar("Member", bound=StrEnum)


@dataclass(frozen=True)
class DateRange:
    """A date as it was asked for: from `first` up to and not including `after`, both days or both UTC instants."""

    prefix: str
    first: Any
    after: Any

    def compare(self, column: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
        at_least, before = column >= self.first, column < self.after
        conditions: dict[str, ColumnElement[bool]] = {
            "ge": at_least,
            "gt": column >= self.after,
            "lt": column < self.first,
            "le": before,
        }
        return conditions.get(self.prefix, and_(at_least, before))


def instants(name: str, text: str, zone: ZoneInfo) -> list[DateRange]:
    """Return the alternatives of a date parameter as stretches of UTC instants. Raises BadSearch."""
    return [_instants(stretch, zone) for stretch in (_read(name, part) for part in text.split(","))]


def days(name: str, text: str) -> list[DateRange]:
    """Return the alternatives of a date parameter as stretches of days. Raises BadSearch."""
    found = [_read(name, part) for part in text.split(",")]
    if any(isinstance(stretch.first, datetime) for stretch in found):
        raise BadSearch(f"{name}: give a date without a time")
    return found


def any_of(column: InstrumentedAttribute[Any], stretches: Iterable[DateRange]) -> ColumnElement[bool]:
    return or_(*(stretch.compare(column) for stretch in stretches))


def codes(name: str, text: str, known: type[Member]) -> list[Member]:
    """Return the alternatives of a code; a system before a bar is not looked at. Raises BadSearch."""
    members = {member.value: member for member in known}
    wanted = [part.rpartition("|")[2] for part in text.split(",")]
    unknown = [code for code in wanted if code not in members]
    if unknown:
        raise BadSearch(f"{name}: {unknown[0]!r} is none of {', '.join(members)}")
    return [members[code] for code in wanted]


def truths(name: str, text: str) -> list[bool]:
    if not set(text.split(",")) <= {"true", "false"}:
        raise BadSearch(f"{name}: must be true or false")
    return [part == "true" for part in text.split(",")]


def ids(name: str, text: str, *kinds: str) -> list[str]:
    """Return the ids of references such as `Patient/x`, `x`, or the whole address. Raises BadSearch."""
    found = []
    for part in text.split(","):
        kind, _, public_id = part.removeprefix(f"{base_url()}/").rpartition("/")
        if kind and kind not in kinds:
            raise BadSearch(f"{name}: must be a reference to {' or '.join(kinds)}")
        if not ID.fullmatch(public_id):
            raise BadSearch(f"{name}: {public_id!r} is not an id")
        found.append(public_id)
    return found


def _read(name: str, text: str) -> DateRange:
    match = DATE.fullmatch(text)
    if match is None or int(match["year"]) not in YEARS:
        raise BadSearch(f"{name}: {text!r} is not a date such as 2026-12-01 or ge2026-12-01T09:00:00Z")
    prefix = match["prefix"] or "eq"
    try:
        if match["time"]:
            told = datetime.fromisoformat(text.removeprefix(match["prefix"] or "")).astimezone(UTC)
            return DateRange(prefix, told, told + timedelta(seconds=1 if match["second"] else 60))
        first = date(int(match["year"]), int(match["month"] or 1), int(match["day"] or 1))
    except ValueError as error:
        raise BadSearch(f"{name}: {text!r} is not a date: {error}") from None
    return DateRange(prefix, first, _after(first, match))


def _after(first: date, match: re.Match[str]) -> date:
    if match["day"]:
        return first + timedelta(days=1)
    if match["month"]:
        return (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return first.replace(year=first.year + 1)


def _instants(stretch: DateRange, zone: ZoneInfo) -> DateRange:
    if isinstance(stretch.first, datetime):
        return stretch
    return DateRange(stretch.prefix, day_bounds(stretch.first, zone)[0], day_bounds(stretch.after, zone)[0])
