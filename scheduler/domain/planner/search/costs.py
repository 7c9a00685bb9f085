"""What each placement costs, as numbers to add up: one for each start, one for each gap.

Written twice on purpose: here over whole rows of cells for the search, and in cost_breakdown.py over a finished plan
for people; tests hold the two equal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.planner.grid.bitsets import to_bools
from scheduler.domain.planner.grid.demands import Demand
from scheduler.domain.planner.grid.grid import Grid
from scheduler.domain.planner.grid.remembered import remembered
from scheduler.domain.planner.search.course import CourseTree, Step
from scheduler.domain.planner.values import Request, Weights

Costs = NDArray[np.int64]
Cells = NDArray[np.int64]
NEVER = np.int64(1) << 40


@dataclass(frozen=True, slots=True)
class Staying:
    """Visits that had better stay where they are: their starts and cells by action, and the price of moving each."""

    starts: Mapping[str, datetime]
    at: Mapping[str, int]
    price: Mapping[str, int]


class Pricing:
    """The cost of a step's starts under one request, worked out for the rows that are asked for."""

    def __init__(
        self, request: Request, course: CourseTree, weights: Weights, staying: Staying | None = None
    ) -> None:
        self.request, self.course, self.weights, self.staying = request, course, weights, staying
        self.starts = course.starts
        self.grid: Grid = course.starts.availability.grid

    def of(self, step: Step, first: int, past: int) -> Costs:
        """Return the cost of each start in the rows from `first` up to `past`, without that of the therapist."""
        demand = self.starts.demand(step.action)
        costs = self._resources(demand)[first:past] + self._time_of_day(step)
        costs += self._days(step, first, past)[:, None]
        if self.staying and step.key in self.staying.price:
            costs += self.staying.price[step.key]
            row, place = divmod(self.staying.at.get(step.key, -1), self.grid.width)
            if first <= row < past:
                costs[row - first, place] -= self.staying.price[step.key]
        return costs

    def own(self, step: Step, first: int, past: int, cells: Cells, therapists: Sequence[int]) -> Costs:
        """Return the cost of these starts, in the rows from `first` up to `past`, with a line for each therapist."""
        costs: Costs = self.of(step, first, past).ravel()[cells - first * self.grid.width][None, :]
        away = self.aways(step, therapists)
        return costs if away is None else costs + self.weights.therapist * away[:, cells]

    @remembered
    def _resources(self, demand: Demand) -> Costs:
        weights = self.weights
        costs: Costs = np.zeros((self.grid.days, self.grid.width), np.int64)
        one_nurse = self.starts.single_nurse(demand)
        if one_nurse != -1:
            # of truth values, ~ is "not": the price falls on cells without a single nurse
            costs += weights.handover * ~self._rows(one_nurse)
        if weights.busy_nurses:
            costs += self.starts.busy_nurses(demand, weights.busy_nurses)
        whole, at_most_one = self.starts.fragment_cells(demand, weights.usable_ticks)
        if whole != -1:
            fragments = 2 - self._rows(whole).astype(np.int64) - self._rows(whole | at_most_one)
            costs += weights.fragment * fragments
        return costs

    def _rows(self, cells: int) -> NDArray[np.bool_]:
        return to_bools(cells & self.grid.real, self.grid.size).reshape(self.grid.days, self.grid.width)

    def _time_of_day(self, step: Step) -> Costs:
        placed = any(need.role.is_place for phase in step.action.phases for need in phase.needs)
        return self._tick_costs(step.lead, step.length, placed, step.on_line)

    @remembered
    def _tick_costs(self, lead: int, length: int, placed: bool, on_line: bool) -> Costs:
        grid, weights = self.grid, self.weights
        tick = np.arange(grid.low, grid.low + grid.width, dtype=np.int64)
        costs: Costs = weights.quarter * (tick % 3 != 0).astype(np.int64)
        if placed:
            low, high = whole_tick(weights.midday_from), whole_tick(weights.midday_until)
            costs += weights.midday_tick * np.maximum(
                np.minimum(tick - lead + length, high) - np.maximum(tick - lead, low), 0
            )
        if on_line and self.request.preferred:
            costs += weights.preferred_tick * np.abs(tick - whole_tick(self.request.preferred))
        return costs

    def _days(self, step: Step, first: int, past: int) -> Costs:
        rows = np.arange(first, past, dtype=np.int64)
        costs = np.zeros(past - first, np.int64)
        if step is self.course.opening:
            waited = rows - self.grid.row_of(self.request.not_before)
            costs += self.weights.first_day * np.maximum(waited, 0)
        if step is self.course.finish:
            costs += self.weights.completion_day * (rows - self.grid.row_of(self.request.not_before))
        if not step.on_line and self.request.asks_of(step.action) and self.request.weekdays:
            weekday = (self.grid.first_on.isoweekday() - 1 + rows) % 7 + 1
            costs += self.weights.weekday * ~np.isin(weekday, sorted(self.request.weekdays))
        return costs

    def therapists_of(self, step: Step) -> dict[int, int]:
        """Return the cells at which each therapist who may be asked is free for the step."""
        return self.starts.therapists(self.starts.demand(step.action))

    def away(self, step: Step, therapist: int) -> int | None:
        """Return the cells at which this therapist is not free for the step; None if it asks for no therapist."""
        by_therapist = self.therapists_of(step)
        if not by_therapist:
            return None
        # the complement is infinite (-1 is every cell), so it is cut to the grid
        return ~by_therapist.get(therapist, 0) & self.grid.real

    def aways(self, step: Step, therapists: Sequence[int]) -> NDArray[np.bool_] | None:
        """Return the same for several therapists, as one row of cells for each."""
        if not therapists or not self.therapists_of(step):
            return None
        return self._aways(self.starts.demand(step.action), tuple(therapists))

    @remembered
    def _aways(self, demand: Demand, therapists: tuple[int, ...]) -> NDArray[np.bool_]:
        free = self.starts.therapists(demand)
        gone = (~free.get(therapist, 0) & self.grid.real for therapist in therapists)
        return np.stack([to_bools(cells, self.grid.size) for cells in gone])


def whole_tick(wall: time) -> int:
    """Return the tick of the day in which a wall-clock time lies."""
    return (wall.hour * 60 + wall.minute) // 5


def staying_at(grid: Grid, current: Mapping[str, datetime], price: Mapping[str, int]) -> Staying:
    cells = {key: grid.cell(start) for key, start in current.items()}
    return Staying(current, {key: cell for key, cell in cells.items() if cell is not None}, price)
