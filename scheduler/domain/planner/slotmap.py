"""The slot map: for every step, the starts that belong to some complete course (and seldom others, see passes.py).

Two passes over the tree: upwards, a start survives if what hangs from it can be placed after it; downwards, if some
surviving start of its parent reaches it and leaves room for the others. Over whole rows of cells at once where the
course's shape allows it (rowpasses.py), else start by start (passes.py).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from scheduler.domain.planner.bitsets import to_bools
from scheduler.domain.planner.course import CourseTree, Step
from scheduler.domain.planner.families import families
from scheduler.domain.planner.gaps import Cells, Ruler
from scheduler.domain.planner.passes import Node, Passes, reach
from scheduler.domain.planner.rowpasses import RowPasses


class SlotMap:
    """Surviving starts by step, as sorted cells. `emptied` is the first step found to have none, if any."""

    def __init__(self, course: CourseTree, starts: Mapping[Step, int], ruler: Ruler) -> None:
        self.course, self.ruler = course, ruler
        by_rows = families(course, starts, ruler)
        passes = (
            Passes(course, starts, ruler) if by_rows is None else RowPasses(course, starts, ruler, by_rows)
        )
        self.complete, self.emptied = passes.complete, passes.emptied
        self.cells: Mapping[Step, Cells] = (
            passes.cells if isinstance(passes, Passes) else _Unpacked(passes.cells, passes.bits.size)
        )

    def first_row(self, step: Step) -> int:
        return int(self.cells[step][0]) // self.ruler.grid.width

    def last_row(self, step: Step) -> int:
        return int(self.cells[step][-1]) // self.ruler.grid.width

    def reach(self, node: Node, child: Step, cells: Cells) -> tuple[Cells, Cells]:
        """Return the ranges of cells at which the child of a node's starts may start."""
        return reach(self.course, self.ruler, node, child, cells)


class _Unpacked(dict[Step, Cells]):
    """Sets of cells as sorted vectors, each made when it is first looked at."""

    def __init__(self, packed: Mapping[Step, int], size: int) -> None:
        super().__init__()
        self.packed, self.size = packed, size

    def __missing__(self, step: Step) -> Cells:
        cells = self[step] = np.flatnonzero(to_bools(self.packed[step], self.size))
        return cells
