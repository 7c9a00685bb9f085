"""What re-planning many courses takes and answers.

A course is affected when some of its visits have lost their time, their place or one of their people: they are
displaced. A single visit is a course of one action. Times are aware UTC instants.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Self

from scheduler.domain.planner.values import Placement, PlacementChange, Reason, Request
from scheduler.domain.windows import Window


class Bend(StrEnum):
    """A wish of the patient, or a soft rule of the protocol, that a plan does not keep."""

    PERSON = "person"
    WEEKDAY = "weekday"
    HOURS = "hours"
    DATE = "date"  # one on which the patient is away; only suggested
    SPACING = "spacing"


PRICES = {Bend.PERSON: 1, Bend.WEEKDAY: 2, Bend.HOURS: 3, Bend.DATE: 4, Bend.SPACING: 8}


@dataclass(frozen=True)
class AffectedCourse:
    """A course of which visits are displaced.

    `request` asks for what is ahead, around what is done. `current` are the visits ahead as they are booked, by action,
    and `displaced` those among them that need another time, place or person. `keep` should stay if anything can be
    done about it (confirmed by the patient), what `request` pins must stay. `busy` is when the patient has other
    visits. A soft gap may be up to `longer` days, or as many times 24 hours, above what the protocol allows.

    `leaving` is a therapist who treats no more (0: none does), and `successor` who takes over all such courses that can
    be had with them; successors.py chooses that one.
    """

    key: int
    patient: int
    request: Request
    current: Mapping[str, Placement]
    displaced: frozenset[str]
    keep: frozenset[str] = frozenset()
    busy: tuple[Window, ...] = ()
    longer: int = 3  # over a weekend, too
    leaving: int = 0
    successor: int = 0

    @property
    def booked(self) -> tuple[Placement, ...]:
        """The visits ahead as they are booked."""
        return tuple(self.current.values())


class Score(NamedTuple):
    """What a plan is judged by; the first difference decides, and scores of several courses add up.

    `unplaced` courses; the price of what is `bent`; moves of visits that could have stayed, the ones to `keep` first;
    courses that go on `apart` from the therapist who takes over the others; displaced visits that are `retimed` (others
    only get another place or person); and the planner's own `cost`.
    """

    unplaced: int = 0
    bent: int = 0
    kept_moved: int = 0
    moved: int = 0
    apart: int = 0
    retimed: int = 0
    cost: int = 0

    def plus(self, other: Score) -> Score:
        return Score(*(one + more for one, more in zip(self, other, strict=True)))

    @property
    def others_moved(self) -> int:
        """The moves of visits that could have stayed."""
        return self.kept_moved + self.moved

    @classmethod
    def total(cls, scores: Sequence[Score]) -> Self:
        return cls(*(sum(column) for column in zip(*scores, strict=True))) if scores else cls()


@dataclass(frozen=True)
class CoursePlan:
    """How a course goes on: all its visits ahead, and those that change.

    `bent` says what it does not keep, by kind; `bent_gaps` are the actions before which the spacing is broken.
    """

    course: AffectedCourse
    visits: tuple[Placement, ...]
    changes: tuple[PlacementChange, ...]
    score: Score
    bent: tuple[Bend, ...] = ()
    bent_gaps: tuple[str, ...] = ()


@dataclass(frozen=True)
class CourseSuggestion:
    """A change that gives a course a place, and the plan that it leads to: None where it asks for more staff."""

    text: str
    plan: CoursePlan | None = None


@dataclass(frozen=True)
class Unplaced:
    """A course for whose displaced visits no place was found: all its visits stay.

    `reasons` say why, if known; each of the `suggestions` would help on the calendar as the other plans leave it.
    """

    course: AffectedCourse
    reasons: tuple[Reason, ...] = ()
    suggestions: tuple[CourseSuggestion, ...] = ()


@dataclass(frozen=True)
class JointPlan:
    """What was found for all courses. No plan of all of them has a better score than `bound`.

    `rounds` counts the improvements that were tried. `plans` and `unplaced` are in the order of the courses.
    """

    plans: tuple[CoursePlan, ...]
    unplaced: tuple[Unplaced, ...]
    score: Score
    bound: Score
    rounds: int = 0
    alone: Mapping[int, Score] = field(default_factory=dict)

    @property
    def is_proven(self) -> bool:
        """Whether no other plan is better."""
        return self.score <= self.bound

    @property
    def is_least(self) -> bool:
        """Whether no other plan places more courses, bends less or moves fewer visits."""
        return self.score[:-1] <= self.bound[:-1]
