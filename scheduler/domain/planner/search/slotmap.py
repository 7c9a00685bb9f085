"""The slot map: for every step, the starts that two passes over the tree leave.

Upwards, a start survives if its children can be placed after it: within their gaps, branches over before the next visit
where they must be, none at the same time as another. Downwards, a child's start survives if some surviving start of its
parent reaches it with room for the other children. What a parent allows its child is one range of cells, so for each
order in which the children may come it is enough to place those before as early and those after as late as they go.
Where more than four visits follow one, each of them is looked at alone. Then, and where visits that follow different
ones can meet, a start may survive that belongs to no complete course; no start of a complete course is ever lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.planner.grid.bitsets import to_bools
from scheduler.domain.planner.grid.gaps import Cells
from scheduler.domain.planner.grid.grid import DAY_TICKS
from scheduler.domain.planner.search.course import CourseTree, Node, Step

MOST_ORDERED = 4  # children of one node whose orders are all tried


@dataclass(frozen=True, slots=True)
class Room:
    """For each start of a node: the range of indexes into the child's starts that its gap allows."""

    first: Cells
    past: Cells


class SlotMap:
    """Surviving starts by step, as sorted cells. `emptied` is the first step found to have none, if any."""

    def __init__(self, course: CourseTree, starts: Mapping[Step, int]) -> None:
        self.course, self.gap_ranges = course, course.gap_ranges
        self._starts = starts
        self.cells: dict[Step, Cells] = {}
        self._ranks: dict[Step, Cells] = {}
        size = self._size = max((cells.bit_length() for cells in starts.values()), default=0) + DAY_TICKS
        unpacked: dict[int, Cells] = {}
        for step in course.steps:
            cells = starts[step]
            if cells not in unpacked:
                unpacked[cells] = np.flatnonzero(to_bools(cells, size))
            self.cells[step] = unpacked[cells]
        self.emptied: Step | None = None
        self.complete = self._pass_up() and self._pass_down()

    def within(self, starts: Mapping[Step, int]) -> SlotMap:
        """Return the same with those of the starts that are in these sets; nothing is narrowed further."""
        fewer = copy(self)
        fewer.cells = {
            step: cells
            if starts[step] == self._starts[step]
            else cells[to_bools(starts[step], self._size)[cells]]
            for step, cells in self.cells.items()
        }
        fewer.complete = self.complete and all(len(cells) for cells in fewer.cells.values())
        return fewer

    def holds(self, starts: Mapping[Step, int]) -> bool:
        """Tell whether each of these sets is part of the one that this map was made from."""
        # a cell outside of the known set leaves a bit
        return all(not cells & ~self._starts[step] for step, cells in starts.items())

    def first_row(self, step: Step) -> int:
        return int(self.cells[step][0]) // self.gap_ranges.grid.width

    def last_row(self, step: Step) -> int:
        return int(self.cells[step][-1]) // self.gap_ranges.grid.width

    def reach(self, node: Node, child: Step, cells: Cells) -> tuple[Cells, Cells]:
        """Return the ranges of cells at which the child of a node's starts may start."""
        if isinstance(node, Step):
            return self.gap_ranges.range(self.course.gap(child), cells)
        if child.anchor is None or child.offset is None:
            return np.array([0]), np.array([self.gap_ranges.grid.size])
        low, high = self.gap_ranges.anchor_range(child.offset, child.anchor)
        return np.array([low]), np.array([high])

    def _pass_up(self) -> bool:
        for step in reversed(self.course.steps):
            alive = self._able(step, self.cells[step])
            if not alive.all():
                self._set(step, self.cells[step][alive])
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

    def _room(self, node: Node, child: Step, cells: Cells) -> Room:
        low, high = self.reach(node, child, cells)
        rank = self._rank(child)
        return Room(rank[np.minimum(low, self._size)], rank[np.minimum(high, self._size)])

    def _rank(self, child: Step) -> Cells:
        """Return, for every cell, how many of a child's starts are before it."""
        known = self._ranks.get(child)
        if known is None:
            counts = np.zeros(self._size + 1, np.int64)
            counts[self.cells[child] + 1] = 1
            known = self._ranks[child] = np.cumsum(counts)
        return known

    def _set(self, step: Step, cells: Cells) -> None:
        self.cells[step] = cells
        self._ranks.pop(step, None)

    def _able(self, node: Node, cells: Cells) -> NDArray[np.bool_]:
        children = list(node.children())
        if not all(len(self.cells[child]) for child in children):
            return np.zeros(len(cells), np.bool_)
        rooms = {child: self._room(node, child, cells) for child in children}
        if not _ordered(children):
            return (
                np.all([room.first < room.past for room in rooms.values()], axis=0)
                if children
                else _all(cells)
            )
        able: NDArray[np.bool_] = np.any(
            [self._earliest(one, rooms)[1] for one in orders_of(children)], axis=0
        )
        return able

    def _narrow(self, node: Node, cells: Cells) -> None:
        rooms = {child: self._room(node, child, cells) for child in node.children()}
        if not _ordered(rooms):
            for child, room in rooms.items():
                self._keep(child, [room.first], [room.past])
            return
        first: dict[Step, list[Cells]] = {child: [] for child in rooms}
        past: dict[Step, list[Cells]] = {child: [] for child in rooms}
        for order in orders_of(list(rooms)):
            earliest, fits = self._earliest(order, rooms)
            latest = self._latest(order, rooms)
            for child in order:
                first[child].append(earliest[child][fits])
                past[child].append(latest[child][fits] + 1)
        for child in rooms:
            self._keep(child, first[child], past[child])

    def _earliest(
        self, order: tuple[Step, ...], rooms: Mapping[Step, Room]
    ) -> tuple[dict[Step, Cells], NDArray[np.bool_]]:
        """Return the index of each child's earliest start after those before it in the order, and where all fit."""
        index: dict[Step, Cells] = {}
        cell: dict[Step, Cells] = {}
        fits = np.ones(len(rooms[order[0]].first), np.bool_)
        for child in order:
            starts, at = self.cells[child], rooms[child].first
            for other in index:
                over = cell[other] + self.course.apart(other, child)
                at = np.maximum(at, self._rank(child)[np.minimum(over, self._size)])
            index[child] = at
            fits &= at < rooms[child].past
            cell[child] = starts[np.minimum(at, len(starts) - 1)]
        return index, fits

    def _latest(self, order: tuple[Step, ...], rooms: Mapping[Step, Room]) -> dict[Step, Cells]:
        """Return the index of each child's latest start before those after it in the order."""
        index: dict[Step, Cells] = {}
        cell: dict[Step, Cells] = {}
        for child in reversed(order):
            starts, at = self.cells[child], rooms[child].past - 1
            for other in index:
                due = cell[other] - self.course.apart(child, other)
                at = np.minimum(at, self._rank(child)[np.maximum(due + 1, 0)] - 1)
            index[child] = at
            cell[child] = starts[np.maximum(at, 0)]
        return index

    def _keep(self, child: Step, first: list[Cells], past: list[Cells]) -> None:
        """Keep the child's starts that lie within at least one of the ranges of indexes."""
        size = len(self.cells[child]) + 1
        lows, highs = np.concatenate(first), np.concatenate(past)
        change = np.bincount(lows, minlength=size) - np.bincount(np.maximum(lows, highs), minlength=size)
        reached = np.cumsum(change[:-1]) > 0
        if not reached.all():
            self._set(child, self.cells[child][reached])


def orders_of(children: Collection[Step]) -> Iterator[tuple[Step, ...]]:
    """Yield the orders of time in which a node's children may come."""
    pairs = [(one, other) for one in children for other in children if one.action.before == other.key]
    for order in permutations(children):
        if all(order.index(one) < order.index(other) for one, other in pairs):
            yield order


def _ordered(children: Collection[Step]) -> bool:
    """Tell whether all orders in which these may come are tried; else each child is looked at alone."""
    return 2 <= len(children) <= MOST_ORDERED


def _all(cells: Cells) -> NDArray[np.bool_]:
    return np.ones(len(cells), np.bool_)


_NOWHERE = np.zeros(1, np.int64)
