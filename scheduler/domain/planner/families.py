"""What hangs from each visit of a course, for the passes over whole rows (rowpasses.py).

They can do a course in which of the visits that hang from one at most one is not bound by days alone, and in which no
visit runs into the next day.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from scheduler.domain.planner.course import CourseTree, Step
from scheduler.domain.planner.gaps import Ruler
from scheduler.domain.planner.reaches import Reach, reaches
from scheduler.domain.planner.siblings import MOST_ORDERED, Siblings, siblings

Rows = dict[int, int]  # first cells of parents' rows, by days from there to the child


@dataclass(frozen=True, slots=True)
class Only:
    """A visit that alone hangs from another."""

    child: Step
    reaches: tuple[Reach, ...]


@dataclass(frozen=True, slots=True)
class SiblingPair:
    """Two visits that hang from one: `one` in any way, `other` by whole days; and which of them may come first."""

    one: Step
    other: Step
    one_whole: tuple[Reach, ...]  # whole rows
    one_parts: tuple[Reach, ...]
    other_reaches: tuple[Reach, ...]
    one_first: bool
    other_first: bool

    def clear(self, due: Rows, days: int) -> int:
        """Return the rows from which `other` is due on a day that suits `one` so many days later."""
        rows = 0
        for distance, some in due.items():
            if (self.one_first and distance > days) or (self.other_first and distance < days):
                rows |= some
        return rows


Families = Mapping[Step, SiblingPair | Siblings | Only]

_kept: WeakKeyDictionary[Ruler, dict[CourseTree, Families | None]] = WeakKeyDictionary()


def families(course: CourseTree, starts: Mapping[Step, int], ruler: Ruler) -> Families | None:
    """Return what hangs from each step; None if some of it is beyond these passes."""
    grid = ruler.grid
    alike = {(id(starts[step]), step.length_from_start): starts[step] for step in course.steps}
    if any(cells & grid.band(grid.width - length, grid.width) for (_, length), cells in alike.items()):
        return None  # a visit would run into the next day
    kept = _kept.setdefault(ruler, {})
    if course not in kept:
        kept[course] = _families(course, ruler)
    return kept[course]


def _families(course: CourseTree, ruler: Ruler) -> Families | None:
    if any(len(list(group.children())) > MOST_ORDERED for group in course.groups if group.anchor is not None):
        return None
    found: dict[Step, SiblingPair | Siblings | Only] = {}
    for step in course.steps:
        children = list(step.children())
        if not children:
            continue
        family = _family(course, step, children, ruler)
        if family is None:
            return None
        found[step] = family
    return found


def _family(
    course: CourseTree, step: Step, children: list[Step], ruler: Ruler
) -> SiblingPair | Siblings | Only | None:
    parts: dict[Step, tuple[Reach, ...]] = {}
    for child in children:
        part = reaches(ruler, ruler.gap(course, child))
        if part is None:
            return None
        parts[child] = part
    if len(children) == 1:
        return Only(children[0], parts[children[0]])
    if len(children) == 2:
        return _pair(children, list(parts.values()), ruler.grid.width)
    return siblings(course, step, parts, ruler.grid.width) if len(children) <= MOST_ORDERED else None


def _pair(children: list[Step], parts: list[tuple[Reach, ...]], width: int) -> SiblingPair | None:
    branch, other = children
    by_days = [all(reach.whole(width) for reach in some) for some in parts]
    if not any(by_days):
        return None
    both = [
        (tuple(r for r in some if r.whole(width)), tuple(r for r in some if not r.whole(width)))
        for some in parts
    ]
    if by_days[1]:
        return SiblingPair(branch, other, *both[0], parts[1], one_first=True, other_first=not branch.deadline)
    return SiblingPair(other, branch, *both[1], parts[0], one_first=not branch.deadline, other_first=True)
