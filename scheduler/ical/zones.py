"""The present rules of a zone, as the footer of its TZif file says them (RFC 9636, 3.3).

The footer is a POSIX TZ string such as `EST5EDT,M3.2.0,M11.1.0`: what holds from the last change that the file lists,
for ever. Offsets here are east of UTC, the other way round than in POSIX. zoneinfo reads the same files and keeps the
footer to itself.
"""

from __future__ import annotations

import hashlib
import re
import zoneinfo
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from importlib import resources
from pathlib import Path

_NAME = r"<[A-Za-z0-9+-]+>|[A-Za-z]{3,}"
_TIME = r"[+-]?\d{1,3}(?::\d\d){0,2}"
_POSIX = re.compile(rf"({_NAME})({_TIME})(?:({_NAME})({_TIME})?,([^,]+),([^,]+))?")
_MONTHLY = re.compile(rf"M(\d{{1,2}})\.([1-5])\.([0-6])(?:/({_TIME}))?")


@dataclass(frozen=True, slots=True)
class Onset:
    """When an offset begins each year: the nth weekday of a month (0 is Sunday, 5 the last), and the wall-clock time.

    The time counts from that day's midnight and may lie on another day: 26 hours, or minus one.
    """

    month: int
    week: int
    weekday: int
    time: timedelta


@dataclass(frozen=True, slots=True)
class Side:
    """An offset with its abbreviation, and when it begins (None: it holds all year)."""

    name: str
    offset: timedelta
    onset: Onset | None


def rules(zone_name: str) -> tuple[Side, ...] | None:
    """Return the zone's one offset or its two, or None when its footer says something that cannot be read here."""
    return parse(_footer(_file(zone_name)))


@lru_cache(maxsize=64)
def fingerprint(zone_name: str) -> str:
    """Return what changes when the tz database says something else about the zone."""
    return hashlib.sha256(_file(zone_name)).hexdigest()[:12]


def parse(text: str) -> tuple[Side, ...] | None:
    """Read a POSIX TZ string with monthly rules or none."""
    found = _POSIX.fullmatch(text)
    if not found:
        return None
    name, offset, other_name, other_offset, begins, ends = found.groups()
    standard = -_length(offset)
    if other_name is None:
        return (Side(name.strip("<>"), standard, None),)
    other = -_length(other_offset) if other_offset else standard + timedelta(hours=1)
    onsets = (_onset(ends), _onset(begins))
    if None in onsets:
        return None
    return Side(name.strip("<>"), standard, onsets[0]), Side(other_name.strip("<>"), other, onsets[1])


def _onset(text: str) -> Onset | None:
    found = _MONTHLY.fullmatch(text)
    if not found:
        return None
    month, week, weekday, time = found.groups()
    return Onset(int(month), int(week), int(weekday), _length(time or "2"))


def _length(text: str) -> timedelta:
    hours, *rest = text.lstrip("+-").split(":")
    minutes, seconds = (*map(int, rest), 0, 0)[:2]
    length = timedelta(hours=int(hours), minutes=minutes, seconds=seconds)
    return -length if text.startswith("-") else length


def _footer(file: bytes) -> str:
    """Return the last line. A version 1 file has none, and then it is not a POSIX TZ string either."""
    *_, footer, rest = file.rsplit(b"\n", 2)
    return footer.decode("ascii", "replace") if not rest else ""


def _file(zone_name: str) -> bytes:
    """Return the zone's TZif file from where zoneinfo takes it: the search path, else the tzdata package."""
    zoneinfo.ZoneInfo(zone_name)  # refuses names that lead elsewhere
    for folder in zoneinfo.TZPATH:
        path = Path(folder, zone_name)
        if path.is_file():
            return path.read_bytes()
    return resources.files("tzdata").joinpath("zoneinfo", *zone_name.split("/")).read_bytes()
