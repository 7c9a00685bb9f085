"""Alternatives: the cheapest plans that differ from the best in a way that matters to a patient.

Different means another set of weekdays, the other half of the day, another therapist of the course, or a later start.
Each kind is solved to its own optimum; the cheapest are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scheduler.domain.planner.grid.bitsets import span
from scheduler.domain.planner.search import solver_fallback
from scheduler.domain.planner.search.costs import NEVER
from scheduler.domain.planner.search.course import Step
from scheduler.domain.planner.search.optimum import Solution
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.search.solver_fallback import AtOnce
from scheduler.domain.planner.values import GaveUp

NOON = 12 * 12  # ticks of the day


def best(problem: PlanningProblem, number: int, at_once: AtOnce | None = None) -> list[Solution]:
    """Return up to `number` solutions, the optimum first; none if nothing fits. Raises GaveUp when unknown.

    Where the optimum was hard to find there is only that: each other kind would be as hard. `at_once` tells, where the
    search ends without proof, whether to answer without CP-SAT.
    """
    first = solver_fallback.best(problem, at_once)
    if first is None:
        return []
    if problem.optimum.tangled:
        return [first]
    found = [first]
    if number > 1:
        found = _alternatives(problem, found, found[0], number)
    if 1 < len(found) < number:
        found = _alternatives(problem, found, found[-1], len(found) + 1)
    return found


def _alternatives(
    problem: PlanningProblem, found: list[Solution], base: Solution, number: int
) -> list[Solution]:
    """Return what was found and the cheapest plans that differ from it and from each other, up to `number`."""
    best, others = found, []
    for sets, therapists in _kinds(problem, base):
        # What costs as much as the last of enough would not be among them.
        below = best[-1].cost if len(best) == number else int(NEVER)
        other = _solved(problem, sets, therapists, below)
        if other:
            others.append(other)
            best = _different(problem, found, others, number)
    return best


def _different(
    problem: PlanningProblem, found: list[Solution], others: list[Solution], number: int
) -> list[Solution]:
    best = list(found)
    for other in sorted(others, key=lambda one: one.cost):
        if len(best) < number and all(_differ(problem, other, known) for known in best):
            best.append(other)
    return [best[0], *sorted(best[1:], key=lambda one: one.cost)]


def _kinds(problem: PlanningProblem, base: Solution) -> Iterator[tuple[Mapping[Step, int], list[int] | None]]:
    """Yield start sets and therapists of each other kind: other times with the same therapist, or another one."""
    same = None if base.therapist is None else [base.therapist]
    yield from ((sets, same) for sets in _variations(problem, base))
    rest = [therapist for therapist in problem.optimum.therapists() if therapist != base.therapist]
    if rest and base.therapist is not None:
        yield problem.sets, rest


def _solved(
    problem: PlanningProblem, sets: Mapping[Step, int], therapists: list[int] | None, below: int
) -> Solution | None:
    try:
        return problem.optimum.best(sets, therapists, below=below)
    except GaveUp:  # one kind of plan fewer to show
        return None


def _series(cells: Mapping[Step, int]) -> list[Step]:
    steps = [step for step in cells if step.on_line]
    return [step for step in steps if step.action.series] or steps


def _weekdays(problem: PlanningProblem, cells: Mapping[Step, int]) -> frozenset[int]:
    grid = problem.availability.grid
    return frozenset(grid.on(cells[s] // grid.width).isoweekday() for s in _series(cells))


def _commonest(problem: PlanningProblem, cells: Mapping[Step, int]) -> int:
    grid = problem.availability.grid
    weekdays = [grid.on(cells[step] // grid.width).isoweekday() for step in _series(cells)]
    return max(sorted(set(weekdays)), key=weekdays.count)


def _morning(problem: PlanningProblem, cells: Mapping[Step, int]) -> bool:
    grid = problem.availability.grid
    series = _series(cells)
    return 2 * sum(cells[s] % grid.width + grid.low < NOON for s in series) > len(series)


def _variations(problem: PlanningProblem, base: Solution) -> Iterator[Mapping[Step, int]]:
    grid, sets = problem.availability.grid, problem.sets
    series = _series(base.cells)
    if not series:
        return
    used = _weekdays(problem, base.cells)
    if 1 < len(used) < 5 or len(series) == 1:
        others = grid.days_in(frozenset(range(1, 8)) - {_commonest(problem, base.cells)})
        yield {**sets, **{step: sets[step] & others for step in series}}
    noon = NOON - grid.low
    half = grid.band(noon, grid.width) if _morning(problem, base.cells) else grid.band(0, noon)
    yield {**sets, **{step: sets[step] & half for step in series}}
    first = min(series, key=lambda step: base.cells[step])
    later = span((base.cells[first] // grid.width + 7) * grid.width, grid.size)
    yield {**sets, first: sets[first] & later}


def _differ(problem: PlanningProblem, one: Solution, other: Solution) -> bool:
    grid = problem.availability.grid
    if one.cells == other.cells:
        return False
    first = [min(_series(s.cells), key=lambda step: s.cells[step]) for s in (one, other)]
    started = [s.cells[step] // grid.width for s, step in zip((one, other), first, strict=True)]
    return (
        _weekdays(problem, one.cells) != _weekdays(problem, other.cells)
        or _morning(problem, one.cells) != _morning(problem, other.cells)
        or one.therapist != other.therapist
        or abs(started[0] - started[1]) >= 7
    )
