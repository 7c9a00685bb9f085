"""Which days can matter: those on which some plan could still cost less than the one that is known.

For each day of each visit on the line, what comes from it on is bounded by the tables, and what comes before it by a
small dynamic program over whole days: the cheapest start of each day, and what the gaps between days cost.
"""

from __future__ import annotations

import numpy as np

from scheduler.domain.planner.costs import NEVER, Costs
from scheduler.domain.planner.course import Step
from scheduler.domain.planner.gaps import Cells
from scheduler.domain.planner.pulls import Table
from scheduler.domain.planner.tables import Tables


def worthwhile(tables: Tables, cost: int) -> dict[Step, int]:
    """Return, for each step on the line, the last row in which a plan could cost less than `cost`."""
    before: dict[Step, Costs] = {}
    last: dict[Step, int] = {}
    for step in tables.course.steps:
        if not step.on_line:
            continue
        table = tables.of[step]
        parent = step.parent
        known = parent is not None and parent in before
        before[step] = _after(tables, parent, step, before[parent]) if known and parent else _nothing(table)
        whole = before[step] + _by_row(tables, table, table.total)
        rows = np.flatnonzero(whole < cost)
        last[step] = table.first + int(rows[-1]) if len(rows) else table.first
    return last


def _nothing(table: Table) -> Costs:
    return np.zeros(table.past - table.first, np.int64)


def _by_row(tables: Tables, table: Table, costs: Costs) -> Costs:
    """Return the least of the costs of the starts in each row."""
    least = np.full(table.past - table.first, NEVER)
    np.minimum.at(least, table.cells // tables.grid.width - table.first, costs.min(axis=0))
    return least


def _after(tables: Tables, parent: Step, child: Step, before: Costs) -> Costs:
    """Return the least that everything before each row of the child can cost."""
    gap = tables.ruler.gap(tables.course, child)
    if gap.in_hours:
        return _nothing(tables.of[child])
    above, below = tables.of[parent], tables.of[child]
    spent = before + _by_row(tables, above, above.own)
    numbers: Cells = tables.ruler.day_number(gap.offset)
    least = np.full(below.past - below.first, NEVER)
    rows = np.arange(above.first, above.past)
    for distance in range(gap.offset.min, gap.offset.max + 1):
        at = np.searchsorted(numbers, numbers[rows] + distance) - below.first
        inside = (at >= 0) & (at < len(least))
        costs = spent + tables.weights.gap_day * abs(distance - gap.offset.target)
        np.minimum.at(least, at[inside], costs[inside])
    return least
