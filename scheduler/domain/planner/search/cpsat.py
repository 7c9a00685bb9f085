"""The same problem for CP-SAT (OR-Tools): the oracle of the benchmarks, and the fallback where the search gives up.

Takes the start sets and the cost of each start as given; gaps, order, rhythm, overlaps and the course's own therapist
are modeled again. OR-Tools takes a second to import and a quarter of a gigabyte on disk, so it is imported only here
and only when asked for: in tests, in benchmarks and in the worker, and in a request only where no worker can take over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from itertools import combinations
from time import monotonic
from typing import Any

import numpy as np

from scheduler.domain.planner.grid.bitsets import earlier, indexes, to_bools
from scheduler.domain.planner.grid.gaps import HOUR_TICKS
from scheduler.domain.planner.search.clashes import Shortage
from scheduler.domain.planner.search.course import Step
from scheduler.domain.planner.search.optimum import Sets, Solution
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.plans import Unit

Watch = Callable[[], None]
WATCH_SECONDS = 1.0


def solve(
    problem: PlanningProblem,
    seconds: float = 10.0,
    seed: int = 1,
    hint: Solution | None = None,
    sets: Sets | None = None,
    therapists: list[int] | None = None,
    watch: Watch | None = None,
) -> Solution | None:
    """Return the best placement that CP-SAT finds in the time, or None if it proves that there is none.

    `sets` and `therapists` take the place of the problem's own start sets and candidates. `watch` is called every
    second meanwhile; what it raises ends the search. Raises TimeoutError when the time is up before either.
    """
    sets = problem.sets if sets is None else sets
    therapists = problem.optimum.therapists() if therapists is None else therapists
    return Model(problem, sets, therapists).solve(seconds, seed, hint, watch)


class Model:
    """The model of one problem: a variable for each step's start, and the `cost` to add up."""

    def __init__(self, problem: PlanningProblem, sets: Sets, therapists: list[int]) -> None:
        from ortools.sat.python import cp_model  # noqa: PLC0415  # a second and 271 MB: see above

        self.cp: Any = cp_model
        self.problem, self.sets = problem, sets
        self.model: Any = cp_model.CpModel()
        self.grid, self.weights = problem.availability.grid, problem.weights
        self.cost: list[Any] = []
        self.start: dict[Step, Any] = {}
        self.row: dict[Step, Any] = {}
        self.tick: dict[Step, Any] = {}
        self.utc: dict[Step, Any] = {}
        self.base = int(self.grid.utc[0])
        self.possible = True
        self.therapists = therapists
        self.own = [self.model.new_bool_var("own") for _ in self.therapists]
        if self.own:
            self.model.add_exactly_one(self.own)
        for step in problem.course.steps:
            self._place(step)
        if self.possible:
            self._relate()

    def _place(self, step: Step) -> None:
        cells = np.flatnonzero(to_bools(self.sets[step], self.grid.size))
        if not len(cells):
            self.possible = False
            return
        width, model = self.grid.width, self.model
        start = self.start[step] = self._var(step.key, cells)
        self.row[step] = self._var("", cells // width)
        self.tick[step] = self._var("", cells % width)
        model.add(start == self.row[step] * width + self.tick[step])
        self._instant(step, cells)
        costs = self.problem.pricing.of(step, 0, self.grid.days).ravel()[cells]
        cost = self._var("", costs)
        model.add_allowed_assignments([start, cost], np.stack((cells, costs), axis=1).tolist())
        self.cost.append(cost)
        self._therapist(step, cells)

    def _instant(self, step: Step, cells: Any) -> None:
        """Elapsed ticks: the row's first cell and what has passed since, if no clock changes within a row."""
        openings = self.grid.openings
        if openings is None:
            utc = self.utc[step] = self._var("", self.grid.utc[cells] - self.base)
            pairs = np.stack((cells, self.grid.utc[cells] - self.base), axis=1)
            self.model.add_allowed_assignments([self.start[step], utc], pairs.tolist())
            return
        opening = self._var("", openings - self.base)
        self.model.add_element(self.row[step], (openings - self.base).tolist(), opening)
        self.utc[step] = opening + self.tick[step]

    def _var(self, name: str, values: Any) -> Any:
        domain = self.cp.Domain.from_values(sorted(set(values.tolist())))
        return self.model.new_int_var_from_domain(domain, name)

    def _therapist(self, step: Step, cells: Any) -> None:
        if not self.therapists or not self.problem.pricing.therapists_of(step):
            return
        away = self.model.new_bool_var(f"{step.key} away")
        self.cost.append(self.weights.therapist * away)
        for therapist, own in zip(self.therapists, self.own, strict=True):
            gone = to_bools(self.problem.pricing.away(step, therapist) or 0, self.grid.size)
            free = self.cp.Domain.from_values(cells[~gone[cells]].tolist())
            self.model.add_linear_expression_in_domain(self.start[step], free).only_enforce_if(
                own, away.negated()
            )

    def _relate(self) -> None:
        course = self.problem.course
        for step in course.steps:
            if step.parent is not None:
                self._gap(step.parent, step)
            self._after_anchor(step)
            following = next((other for other in course.steps if other.key == step.action.before), None)
            if following is not None:
                self.model.add(self.start[following] >= self.start[step] + course.apart(step, following))
        for first, second in combinations(course.steps, 2):
            order = self.model.new_bool_var("")
            later = self.start[second] >= self.start[first] + course.apart(first, second)
            sooner = self.start[first] >= self.start[second] + course.apart(second, first)
            self.model.add(later).only_enforce_if(order)
            self.model.add(sooner).only_enforce_if(order.negated())

    def _gap(self, parent: Step, child: Step) -> None:
        gap = self.problem.course.gap(child)
        offset = gap.offset
        self.model.add(self.start[child] >= self.start[parent] + gap.apart)
        if gap.in_hours:
            elapsed = self.utc[child] - self.utc[parent] - gap.from_end
            self.model.add_linear_constraint(elapsed, offset.min * HOUR_TICKS, offset.max * HOUR_TICKS)
            self._away(elapsed - offset.target * HOUR_TICKS, self.weights.gap_tick, gap.may_be_longer)
            return
        distance = self._number(child, offset.unit) - self._number(parent, offset.unit)
        self.model.add_linear_constraint(distance, offset.min, offset.max)
        self._away(distance - offset.target, self.weights.gap_day, gap.may_be_longer)
        if child.same_series:
            self._away(self.tick[child] - self.tick[parent], self.weights.rhythm_tick)
            changed = self.model.new_bool_var("")
            self.model.add(self.tick[child] == self.tick[parent]).only_enforce_if(changed.negated())
            self.cost.append(self.weights.rhythm_change * changed)

    def _number(self, step: Step, unit: Unit) -> Any:
        if unit is Unit.DAYS:
            return self.row[step]
        working = self.problem.availability.working
        number = self.model.new_int_var(0, int(working[-1]), "")
        self.model.add_element(self.row[step], working.tolist(), number)
        return number

    def _away(self, distance: Any, weight: int, may_be_longer: bool = False) -> None:
        away = self.model.new_int_var(0, 10**7, "")
        if not may_be_longer:
            self.model.add(away >= distance)
        self.model.add(away >= -distance)
        self.cost.append(weight * away)

    def _after_anchor(self, step: Step) -> None:
        """A gap from a fixed action is a range of cells, and a cost that depends on the start alone."""
        if step.anchor is None or step.offset is None:
            return
        gap_ranges = self.problem.gap_ranges
        low, high = gap_ranges.anchor_range(step.offset, step.anchor)
        cells = np.arange(max(low, 0), min(high, self.grid.size))
        if not len(cells):
            self.possible = False
            return
        gap = self.problem.course.anchor_gap(step)
        costs = gap_ranges.anchor_costs(gap, step.anchor, cells, self.weights, step.same_series)
        cost = self._var("", costs)
        self.model.add_allowed_assignments(
            [self.start[step], cost], np.stack((cells, costs), axis=1).tolist()
        )
        self.cost.append(cost)

    def solve(self, seconds: float, seed: int, hint: Solution | None, watch: Watch | None) -> Solution | None:
        if not self.possible:
            return None
        total = sum(self.cost)
        self.model.minimize(total)
        for step, cell in (hint.cells if hint else {}).items():
            self.model.add_hint(self.start[step], cell)
        for therapist, chosen in zip(self.therapists, self.own, strict=True):
            if hint:
                self.model.add_hint(chosen, therapist == hint.therapist)
        solver: Any = self.cp.CpSolver()
        solver.parameters.max_time_in_seconds = seconds
        solver.parameters.random_seed = seed
        solver.parameters.num_workers = 1
        ends = monotonic() + seconds
        while True:
            status = self._watched(solver, watch) if watch else solver.solve(self.model)
            if status == self.cp.UNKNOWN:
                raise TimeoutError(f"nothing found in {seconds} seconds")
            if status not in (self.cp.OPTIMAL, self.cp.FEASIBLE):
                return None
            cells: Mapping[Step, int] = {step: solver.value(var) for step, var in self.start.items()}
            if not self._forbid_shortage(cells):
                break
            solver.parameters.max_time_in_seconds = max(ends - monotonic(), 0.0)
        own = next(
            (t for t, chosen in zip(self.therapists, self.own, strict=True) if solver.value(chosen)), None
        )
        cost = solver.value(total)
        return Solution(cells, cost, own, status == self.cp.OPTIMAL)

    def _forbid_shortage(self, cells: Mapping[Step, int]) -> bool:
        """Forbid the starts at which two of these visits overlap without resources for both; tell whether any do."""
        clashes = self.problem.optimum.clashes
        clash = clashes.find(cells)
        if not isinstance(clash, Shortage):
            return False
        forbidden = [tuple(cells[step] for step in clash.steps)]
        if len(clash.steps) == 2:
            first, second = clash.steps
            for by in clashes.overlaps(first, second):
                alone = self.sets[first] & earlier(self.sets[second], by)
                # starts at which both are free alone but not together
                lacking = alone & ~clashes.supplied(first, second, by, self.sets)
                forbidden += [(cell, cell + by) for cell in indexes(lacking)]
        self.model.add_forbidden_assignments([self.start[step] for step in clash.steps], forbidden)
        return True

    def _watched(self, solver: Any, watch: Watch) -> Any:
        """Solve in another thread, so that the caller can stop it."""
        with ThreadPoolExecutor(1) as pool:
            solving = pool.submit(solver.solve, self.model)
            try:
                while not wait([solving], WATCH_SECONDS).done:
                    watch()
            except BaseException:
                solver.stop_search()
                raise
            return solving.result()
