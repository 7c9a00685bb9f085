"""The spacing of the visits that give the drug, judged for one patient across all courses.

Days are differences of clinic-local dates. Within a course the later visit's own gap holds; between two courses, or
for a visit without a course, the larger of the two gaps. Sources of the numbers are in the protocols.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations

from scheduler.domain.plans import DosingGap

RULE = "dosing-gap"


@dataclass(frozen=True)
class DosingVisit:
    """A visit that gives the drug. `course` is None for one without a course; `before_on` is its day before a change.

    `before_on` is None for a visit that is new, or that did not count before the change.
    """

    id: int
    action: str
    title: str
    course: int | None
    on: date
    before_on: date | None
    gap: DosingGap

    @property
    def changed(self) -> bool:
        return self.before_on != self.on


@dataclass(frozen=True)
class TooClose:
    """Two visits with fewer days between them than needed. `hard`: no override lifts it."""

    earlier: DosingVisit
    later: DosingVisit
    needed: DosingGap

    @property
    def days(self) -> int:
        return (self.later.on - self.earlier.on).days


def too_close(visits: Collection[DosingVisit], since: date) -> Sequence[TooClose]:
    """Return the pairs that a change brought too close, in order of time.

    Left out are pairs that are both over before `since`, and pairs that were at most as far apart before.
    """
    ordered = sorted(visits, key=lambda visit: (visit.on, visit.id))
    found = []
    for earlier, later in combinations(ordered, 2):
        pair = TooClose(earlier, later, _needed(earlier, later))
        concerned = (earlier.changed or later.changed) and later.on >= since
        if concerned and pair.days < pair.needed.days and not _was_as_close(pair):
            found.append(pair)
    return found


def _needed(earlier: DosingVisit, later: DosingVisit) -> DosingGap:
    if earlier.course is not None and earlier.course == later.course:
        return later.gap
    return DosingGap(max(earlier.gap.days, later.gap.days), earlier.gap.hard or later.gap.hard)


def _was_as_close(pair: TooClose) -> bool:
    first, second = pair.earlier.before_on, pair.later.before_on
    return first is not None and second is not None and abs((second - first).days) <= pair.days
