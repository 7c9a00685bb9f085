"""The slot map: for every step, exactly the starts that belong to some complete course.

Two passes over the tree. Upwards, a start survives if every child still has a start within its gap, and if the branches
that must end before the next visit can all have ended by the latest start of that visit. Downwards, a child's start
survives if some surviving start of its parent reaches it, with room for the other branches. Both are exact because what
a parent allows its child is one range of cells, and only the earliest end of the branches and the latest start of the
next visit matter between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scheduler.domain.planner.bitsets import to_bools
from scheduler.domain.planner.course import Course, Group, Step, separation
from scheduler.domain.planner.gaps import Cells, Gap, Ruler

Node = Step | Group


@dataclass(frozen=True, slots=True)
class Room:
    """For each start of a node: the range of indexes into the child's starts that its gap allows."""

    first: Cells
    past: Cells


class SlotMap:
    """Surviving starts by step, as sorted cells. `emptied` is the first step found to have none, if any."""

    def __init__(self, course: Course, starts: Mapping[Step, int], ruler: Ruler) -> None:
        self.course, self.ruler = course, ruler
        self.cells: dict[Step, Cells] = {}
        size = ruler.grid.size
        unpacked: dict[int, Cells] = {}
        for step in course.steps:
            cells = starts[step]
            if cells not in unpacked:
                unpacked[cells] = np.flatnonzero(to_bools(cells, size))
            self.cells[step] = unpacked[cells]
        self.emptied: Step | None = None
        self.complete = self._pass_up() and self._pass_down()

    def first_row(self, step: Step) -> int:
        return int(self.cells[step][0]) // self.ruler.grid.width

    def last_row(self, step: Step) -> int:
        return int(self.cells[step][-1]) // self.ruler.grid.width

    def _pass_up(self) -> bool:
        for step in reversed(self.course.steps):
            alive = self._able(step, self.cells[step])
            self.cells[step] = self.cells[step][alive]
            if not len(self.cells[step]):
                self.emptied = step
                return False
        return all(self._able(group, _NOWHERE).all() for group in self.course.groups if group.anchor)

    def _pass_down(self) -> bool:
        for group in self.course.groups:
            if group.anchor is not None:
                self._narrow(group, _NOWHERE)
        for step in self.course.steps:
            self._narrow(step, self.cells[step])
        return True

    def reach(self, node: Node, child: Step, cells: Cells) -> tuple[Cells, Cells]:
        """Return the ranges of cells at which the child of a node's starts may start."""
        if isinstance(node, Step):
            return self.ruler.range(Gap.between(node, child), cells)
        if node.anchor is None or child.offset is None:
            return np.array([0]), np.array([self.ruler.grid.size])
        low, high = self.ruler.anchor_range(child.offset, node.anchor)
        return np.array([low]), np.array([high])

    def _room(self, node: Node, child: Step, cells: Cells) -> Room:
        low, high = self.reach(node, child, cells)
        starts = self.cells[child]
        return Room(np.searchsorted(starts, low), np.searchsorted(starts, high))

    def _able(self, node: Node, cells: Cells) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        alive = np.ones(len(cells), np.bool_)
        rooms = {child: self._room(node, child, cells) for child in node.children()}
        for child, room in rooms.items():
            alive &= room.first < room.past
            if not len(self.cells[child]):
                return np.zeros(len(cells), np.bool_)
        following = node.next
        if following is not None and any(branch.deadline for branch in node.branches):
            latest = self.cells[following][np.maximum(rooms[following].past - 1, 0)]
            alive &= self._over(node, rooms) <= latest
        return alive

    def _over(self, node: Node, rooms: Mapping[Step, Room]) -> Cells:
        """Return, for each start, the first cell by which all branches with a deadline can be over."""
        following = node.next
        over = np.zeros(1, np.int64)
        for branch in node.branches:
            if branch.deadline and following is not None:
                starts = self.cells[branch]
                earliest = starts[np.minimum(rooms[branch].first, len(starts) - 1)]
                over = np.maximum(over, earliest + separation(branch.action, following.action))
        return over

    def _narrow(self, node: Node, cells: Cells) -> None:
        rooms = {child: self._room(node, child, cells) for child in node.children()}
        following = node.next
        if following is None:
            for branch, room in rooms.items():
                self._keep(branch, room.first, room.past)
            return
        starts = self.cells[following]
        latest = starts[np.maximum(rooms[following].past - 1, 0)]
        over = np.searchsorted(starts, self._over(node, rooms))
        self._keep(following, np.maximum(rooms[following].first, over), rooms[following].past)
        for branch in node.branches:
            past = rooms[branch].past
            if branch.deadline:
                last = latest - separation(branch.action, following.action)
                past = np.minimum(past, np.searchsorted(self.cells[branch], last, side="right"))
            self._keep(branch, rooms[branch].first, past)

    def _keep(self, child: Step, first: Cells, past: Cells) -> None:
        """Keep the child's starts that lie within at least one of the ranges of indexes."""
        size = len(self.cells[child]) + 1
        change = np.bincount(first, minlength=size) - np.bincount(np.maximum(first, past), minlength=size)
        self.cells[child] = self.cells[child][np.cumsum(change[:-1]) > 0]


_NOWHERE = np.zeros(1, np.int64)
