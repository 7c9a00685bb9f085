"""Half-open stretches of time.

A Window is [start, end): it holds its start and not its end, so back-to-back windows do not overlap (RFC 5545, 3.6.1:
DTEND is exclusive). Both ends are aware and in UTC, because adding a timedelta to an aware local time is wall-clock
arithmetic in Python and gives the wrong instant across a clock change.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A stretch of UTC time that holds its start and not its end."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is not UTC or self.end.tzinfo is not UTC:
            raise ValueError("a window's ends must be aware and in UTC")
        if self.start >= self.end:
            raise ValueError("a window must end after it starts")

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def overlaps(self, other: Window) -> bool:
        return self.start < other.end and other.start < self.end

    def contains(self, other: Window) -> bool:
        return self.start <= other.start and other.end <= self.end


def merged(windows: Iterable[Window]) -> list[Window]:
    """Return the windows in order, with those that touch or overlap made one."""
    result: list[Window] = []
    for window in sorted(windows):
        if result and window.start <= result[-1].end:
            result[-1] = Window(result[-1].start, max(result[-1].end, window.end))
        else:
            result.append(window)
    return result


def subtract(windows: Iterable[Window], taken: Iterable[Window]) -> list[Window]:
    """Return what is left of `windows` when `taken` is cut out, in order."""
    left = merged(windows)
    for cut in merged(taken):
        left = [part for window in left for part in _cut(window, cut)]
    return left


def _cut(window: Window, cut: Window) -> list[Window]:
    if not window.overlaps(cut):
        return [window]
    parts = []
    if window.start < cut.start:
        parts.append(Window(window.start, cut.start))
    if cut.end < window.end:
        parts.append(Window(cut.end, window.end))
    return parts
