"""Dates and times as spreadsheets write them, read in the order that the user has chosen; nothing is guessed.

A year comes first (1984-03-09) in any file. Where it comes last, only the order of the file says which number is the
month: 3/9/1984 is March 9 or September 3. Years have four digits.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from enum import StrEnum

YEAR_FIRST = re.compile(r"(?P<year>\d{4})([./-])(?P<month>\d{1,2})\2(?P<day>\d{1,2})")
TIME = re.compile(
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(:(?P<second>\d{2})(\.0+)?)?\s?(?P<half>[ap])?\.?(?(half)m\.?)", re.I
)
NOON = 12


class DateOrder(StrEnum):
    """How a file writes dates whose year comes last; YMD has none of these."""

    YMD = "ymd"
    MDY = "mdy"
    DMY = "dmy"


YEAR_LAST = {
    DateOrder.MDY: re.compile(r"(?P<month>\d{1,2})([./-])(?P<day>\d{1,2})\2(?P<year>\d{4})"),
    DateOrder.DMY: re.compile(r"(?P<day>\d{1,2})([./-])(?P<month>\d{1,2})\2(?P<year>\d{4})"),
}
EXAMPLES = {
    DateOrder.YMD: "1984-03-09; where the file has month/day/year or day/month/year, choose that date order",
    DateOrder.MDY: "3/9/1984 (month/day/year) or 1984-03-09",
    DateOrder.DMY: "9/3/1984 (day/month/year) or 1984-03-09",
}


def read_date(text: str, order: DateOrder) -> date:
    """Return the date of a cell; midnight after it, as spreadsheets add, says nothing. Raises ValueError with words."""
    day, _, clock = text.strip().replace("T", " ").partition(" ")
    written = YEAR_FIRST.fullmatch(day) or (YEAR_LAST[order].fullmatch(day) if order in YEAR_LAST else None)
    try:
        if written is None or (clock and read_time(clock) != time()):
            raise ValueError
        return date(int(written["year"]), int(written["month"]), int(written["day"]))
    except ValueError:
        raise ValueError(f"is not a date such as {EXAMPLES[order]}") from None


def read_time(text: str) -> time:
    """Return the time of day of a cell: 14:30, 2:30 PM. Raises ValueError with words."""
    written = TIME.fullmatch(text.strip())
    try:
        if written is None:
            raise ValueError
        hour = int(written["hour"])
        if written["half"]:
            if not 1 <= hour <= NOON:
                raise ValueError
            hour = hour % NOON + NOON * (written["half"].lower() == "p")
        return time(hour, int(written["minute"]), int(written["second"] or 0))
    except ValueError:
        raise ValueError("is not a time such as 14:30 or 2:30 PM") from None


def read_local(text: str, order: DateOrder) -> datetime:
    """Return the moment of a cell: an ISO time, with an offset or without, or a date and a time of day.

    Raises ValueError with words.
    """
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        day, _, clock = text.strip().partition(" ")
    try:
        if not clock:
            raise ValueError
        return datetime.combine(read_date(day, order), read_time(clock))
    except ValueError:
        example = "12/1/2026 9:30 AM" if order is DateOrder.MDY else "2026-12-01 09:30"
        raise ValueError(f"is not a time such as {example}") from None
