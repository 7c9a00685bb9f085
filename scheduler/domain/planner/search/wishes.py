"""The cells that the patient, the request and the clinic's hours leave for each visit."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import reduce

import numpy as np

from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.grid.bitsets import eroded, span
from scheduler.domain.planner.grid.grid import TICK_SECONDS, Grid, ceil_tick, floor_tick
from scheduler.domain.planner.search.course import Step
from scheduler.domain.planner.values import Done, Request
from scheduler.domain.windows import Window


class StartMasks:
    """The masks of one request, each worked out once."""

    def __init__(self, request: Request, availability: Availability, now: datetime) -> None:
        self.request, self.availability, self.now = request, availability, now
        grid = availability.grid
        first = max(availability.first_cell(now), grid.row_of(request.not_before) * grid.width, 0)
        blocked = grid.rows(grid.row_of(on) for on in request.blocked_on)
        # from the first cell asked for, without blocked days and the spare cells of the grid
        self.days = span(first, grid.size) & ~blocked & grid.real
        self.weekdays = grid.days_in(request.weekdays) if request.weekdays else -1
        fixed = [Window(done.start, done.end) for done in request.done.values() if done.end > done.start]
        self.free = availability.patient_free & ~grid.touched(fixed)
        self._coming = int(np.searchsorted(grid.utc, ceil_tick(now)))
        self._free_for: dict[tuple[int, int, int, bool], int] = {}

    def mask(self, step: Step) -> int:
        """Return the cells at which only a lack of resources can prevent this step.

        A pinned start was chosen by a user, so neither wishes nor the clinic's notice count for it.
        """
        if step.key in self.request.pinned:
            return self.pinned(step)
        asked = self.request.asks_of(step.action)
        shape = (step.lead, step.length, step.attended, asked)
        cells = self._free_for.get(shape)
        if cells is None:
            cells = self._free_for[shape] = self._general(step)
        if step.on_line and (asked or not self.request.dosing_only):
            cells &= self.weekdays
        for limit in self._limits(step):
            cells &= limit
        if elsewhere := self.request.not_on.get(step.key):
            cells &= ~self.availability.grid.rows(map(self.availability.grid.row_of, elsewhere))
        return cells

    def pinned(self, step: Step) -> int:
        """Return the one cell at which a pinned step starts, or none if it cannot."""
        return self.at(step, self.request.pinned[step.key])

    def at(self, step: Step, *starts: datetime) -> int:
        """Return the cells of these starts, without those that the clinic, the patient or the past prevents."""
        grid = self.availability.grid
        known = (grid.cell(start) for start in starts if start - step.action.lead >= self.now)
        chosen = reduce(int.__or__, (1 << cell for cell in known if cell is not None), 0)
        if not chosen:
            return 0
        cells = self.opens(step) & eroded(self.free, step.attended) & chosen
        for limit in self._limits(step):
            cells &= limit
        return cells

    def _general(self, step: Step) -> int:
        cells = self.days & self.opens(step) & eroded(self.free, step.attended)
        cells &= span(self._coming + step.lead, self.availability.grid.size)
        return cells & self._times(step.attended) if self.request.asks_of(step.action) else cells

    def opens(self, step: Step) -> int:
        """Return the cells at which the clinic is open for all phases of a step."""
        # starts of the first phase, moved to when the patient comes
        return eroded(self.availability.open, step.length) << step.lead

    def _times(self, attended: int) -> int:
        grid, request = self.availability.grid, self.request
        if request.earliest is None and request.latest is None:
            return -1
        low = grid.tick_of(request.earliest) if request.earliest else 0
        high = grid.width
        if request.latest:
            leave = request.latest.hour * 3600 + request.latest.minute * 60
            high = leave // TICK_SECONDS - grid.low - attended + 1
        return grid.band(low, high)

    def _limits(self, step: Step) -> Iterator[int]:
        grid, request = self.availability.grid, self.request
        following = request.done.get(step.action.before or "")
        if following is not None:
            yield before(grid, following, step.attended)
        for done in request.done.values():
            if request.plan.action(done.action).before == step.key or done is step.anchor:
                yield span(int(np.searchsorted(grid.utc, ceil_tick(done.end))), grid.size)


def before(grid: Grid, following: Done, attended: int) -> int:
    """Return the cells from which a visit of this many ticks is over when `following` starts."""
    return span(0, int(np.searchsorted(grid.utc, floor_tick(following.start) - attended, side="right")))
