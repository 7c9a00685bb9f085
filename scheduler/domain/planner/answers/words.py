"""Plain words for amounts and visits in the planner's answers. English."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from scheduler.domain.formats import Formats
from scheduler.domain.plans import Action


def counted(number: int, noun: str) -> str:
    """Return such as "1 day" or "3 days"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def spaced(length: timedelta) -> str:
    """Return a length such as "2 days", "1 hour 30 minutes" or "25 minutes"."""
    hours, minutes = divmod(int(length.total_seconds()) // 60, 60)
    if hours >= 24 and hours % 24 == 0 and not minutes:
        return counted(hours // 24, "day")
    parts = [counted(hours, "hour")] if hours else []
    parts += [counted(minutes, "minute")] if minutes or not hours else []
    return " ".join(parts)


def listed(names: Sequence[str]) -> str:
    """Return such as "A, B and C"."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def label(action: Action) -> str:
    """Return such as "Infusion 3", or the title alone for a visit of no series."""
    return f"{action.title} {action.position}" if action.series and action.position else action.title


def weekdays(numbers: Sequence[int], formats: Formats) -> str:
    """Return ISO weekday numbers such as "Tue/Fri", in the order of the clinic's week."""
    return "/".join(formats.short_weekday(number) for number in formats.week if number in numbers)
