"""Alternatives: the cheapest plans that differ from the best in a way that matters to a patient.

First those that are better in one thing: an earlier end, one time of day, an earlier first visit, fewer trips. Where
there are not enough of them, those on other weekdays, in the other half of the day, or later. Each kind is solved to
its own optimum. Another therapist at the same times is no alternative but a choice within one (therapists.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scheduler.domain.planner.grid.bitsets import from_bools, span, to_bools
from scheduler.domain.planner.search import solver_fallback
from scheduler.domain.planner.search.costs import NEVER, Pricing
from scheduler.domain.planner.search.course import Step
from scheduler.domain.planner.search.optimum import Optimum, Sets, Solution
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.search.solver_fallback import AtOnce
from scheduler.domain.planner.values import GaveUp, ProposalKind
from scheduler.domain.plans import Unit

NOON = 12 * 12  # ticks of the day
WORTH_DAYS = 3  # by which a course ends, or its first visit is, earlier to be worth an alternative
WORTH_TRIPS = 2
NEAR = 12  # ticks by which a visit of the line may be at another time for fewer trips
LATEST = 14  # days after the best by which a course with one time of day ends
ONE_TIME = 1 << 20  # the price of another time of day that no course with one time reaches
MOST_MORE = (
    6_000  # what an alternative with one time of day, or with fewer trips, may cost more than the best
)

Named = tuple[ProposalKind, Solution]


def best(problem: PlanningProblem, number: int, at_once: AtOnce | None = None) -> list[Named]:
    """Return up to `number` solutions, the optimum first; none if nothing fits. Raises GaveUp when unknown.

    Where the optimum was hard to find there is only that: each other kind would be as hard. `at_once` tells, where the
    search ends without proof, whether to answer without CP-SAT.
    """
    first = solver_fallback.best(problem, at_once)
    if first is None:
        return []
    found = [(ProposalKind.BEST, first)]
    if problem.optimum.tangled or number < 2:
        return found
    for kind, better in _better(problem, first):
        if all(better.cells != known.cells for _, known in found):
            found.append((kind, better))
        if len(found) == number:
            break
    for base in (0, -1):
        if len(found) < number and (base == 0 or len(found) > 1):
            most = number if base == 0 else len(found) + 1
            found = _others(problem, found, found[base][1], most)
    return [found[0], *sorted(found[1:], key=lambda one: one[1].cost)]


def trips(problem: PlanningProblem, cells: Mapping[Step, int]) -> int:
    """Return on how many days the patient comes."""
    width = problem.availability.grid.width
    return len({cell // width for step, cell in cells.items() if step.action.visible})


# Better in one thing


def _better(problem: PlanningProblem, base: Solution) -> Iterator[Named]:
    """Yield the cheapest course of each kind that is better than `base` in one thing; lazily, for each is a search."""
    ends, begins = problem.course.finish, problem.course.opening
    firsts = [(step, problem.optimum.horizon.first_row(step)) for step in (ends, begins) if step]
    for step, row in firsts:
        if found := _on_first_day(problem, step, row, base):
            yield ProposalKind.SOONEST if step is ends else ProposalKind.FIRST_VISIT, found
    if found := _one_time(problem, base):
        yield ProposalKind.ONE_TIME, found
    if found := _fewer_trips(problem, base):
        yield ProposalKind.FEWEST_TRIPS, found


def _on_first_day(problem: PlanningProblem, step: Step, row: int, base: Solution) -> Solution | None:
    """Return the cheapest course with a step on the first day on which it can be, if that is much earlier."""
    grid = problem.availability.grid
    if base.cells[step] // grid.width - row < WORTH_DAYS:
        return None
    return _solved(problem, {**problem.sets, step: problem.sets[step] & grid.rows((row,))}, base)


def _one_time(problem: PlanningProblem, base: Solution) -> Solution | None:
    """Return the cheapest course whose series are each at one time of day, if `base` has several."""
    if not _changes(problem, base.cells):
        return None
    sets = _at_one_time(problem, max(base.cells.values()) // problem.availability.grid.width + LATEST)
    if sets is None:
        return None
    optimum = Optimum(
        Pricing(problem.request, problem.course, replace(problem.weights, rhythm_change=ONE_TIME))
    )
    try:
        found = optimum.best(sets, _same(base), below=min(base.cost + MOST_MORE, ONE_TIME))
    except GaveUp:
        return None
    # without another time of day, that price is in no part of the cost
    return found if found and not _changes(problem, found.cells) else None


def _at_one_time(problem: PlanningProblem, past: int) -> Sets | None:
    """Return the starts before a row, those of a series at times that all of it can have; None if it can have none."""
    grid = problem.availability.grid
    cut = span(0, past * grid.width)
    sets = {step: cells & cut for step, cells in problem.sets.items()}
    for chain in _chains(problem):
        able = _times(problem, chain, sets).any(axis=0)
        if not able.any():
            return None
        columns = from_bools(np.tile(able, grid.days))
        sets |= {step: sets[step] & columns for step in chain}
    return sets


def _chains(problem: PlanningProblem) -> Iterator[list[Step]]:
    """Yield the visits of each series whose times of day are compared, in order."""
    for last in problem.course.steps:
        if _is_compared(last) and not any(_is_compared(child) for child in last.children()):
            chain = [last]
            while _is_compared(chain[0]) and chain[0].parent:
                chain.insert(0, chain[0].parent)
            yield chain


def _is_compared(step: Step) -> bool:
    return bool(step.same_series and step.parent and step.offset and step.offset.unit is not Unit.HOURS)


def _times(problem: PlanningProblem, chain: list[Step], sets: Sets) -> NDArray[np.bool_]:
    """Return, by row, the times of day at which the last of a series can be with all before it at the same time."""
    shape = problem.availability.grid.days, problem.availability.grid.width
    reached = to_bools(sets[chain[0]], shape[0] * shape[1]).reshape(shape)
    for step in chain[1:]:
        after = np.zeros_like(reached)
        if step.offset is not None:
            first, last = problem.gap_ranges.rows(step.offset)
            for row in np.flatnonzero(reached.any(axis=1)):
                after[first[row] : last[row] + 1] |= reached[row]
        reached = after & to_bools(sets[step], shape[0] * shape[1]).reshape(shape)
    return reached


def _changes(problem: PlanningProblem, cells: Mapping[Step, int]) -> int:
    """Return how many visits of a series are at another time of day than the one before."""
    width = problem.availability.grid.width
    return sum(
        cells[step] % width != cells[step.parent] % width
        for step in cells
        if step.parent and _is_compared(step)
    )


def _fewer_trips(problem: PlanningProblem, base: Solution) -> Solution | None:
    """Return the cheapest course on the days of `base` that has other visits on the days of the line."""
    sets, fewer = _on_days_of_the_line(problem, base)
    if fewer < WORTH_TRIPS:
        return None
    found = _solved(problem, sets, base, base.cost + MOST_MORE)
    if found is None or trips(problem, base.cells) - trips(problem, found.cells) < WORTH_TRIPS:
        return None
    return found


def _on_days_of_the_line(problem: PlanningProblem, base: Solution) -> tuple[Sets, int]:
    """Return the line's starts on its days, those of other visits on days of the line where possible, and how many are.

    Those of a series stay at about their time. One that may be on the day of the one before it, such as a consent, is.
    """
    grid = problem.availability.grid
    rows, sets, fewer = {}, dict(problem.sets), 0
    for step in problem.course.steps:
        if step.on_line:
            rows[step] = base.cells[step] // grid.width
            if step.leads_up and step.parent in rows and step.offset and step.offset.min <= 0:
                fewer += rows[step] != rows[step.parent]
                rows[step] = rows[step.parent]
            sets[step] &= grid.rows((rows[step],))
            if step.action.series:
                sets[step] &= span(max(base.cells[step] - NEAR, 0), base.cells[step] + NEAR + 1)
    line = grid.rows(rows.values())
    for step in problem.course.steps:
        if step.parent in rows and not step.on_line and step.action.visible:
            parents = np.array(grid.cells(sets[step.parent]), np.int64)
            low, high = problem.gap_ranges.range(problem.course.gap(step), parents)
            near = sets[step] & line & span(int(low.min(initial=grid.size)), int(high.max(initial=0)))
            if near:
                fewer += not 1 << base.cells[step] & line
                sets[step] = near
    return sets, fewer


# Different


def _others(problem: PlanningProblem, found: list[Named], base: Solution, number: int) -> list[Named]:
    """Return what was found and the cheapest plans that differ from it and from each other, up to `number`."""
    best, others = found, []
    for kind, sets in _variations(problem, base):
        # What costs as much as the last of enough would not be among them.
        below = best[-1][1].cost if len(best) == number else int(NEVER)
        other = _solved(problem, sets, base, below)
        if other:
            others.append((kind, other))
            best = _different(problem, found, others, number)
    return best


def _different(problem: PlanningProblem, found: list[Named], others: list[Named], number: int) -> list[Named]:
    best = list(found)
    for kind, other in sorted(others, key=lambda one: one[1].cost):
        if len(best) < number and all(_differ(problem, other, known) for _, known in best):
            best.append((kind, other))
    return best


def _same(base: Solution) -> list[int] | None:
    return None if base.therapist is None else [base.therapist]


def _solved(problem: PlanningProblem, sets: Sets, base: Solution, below: int = int(NEVER)) -> Solution | None:
    """Return the cheapest course at these starts, with the therapist of `base` as the course's own."""
    try:
        return problem.optimum.best(sets, _same(base), below=below)
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


def _variations(problem: PlanningProblem, base: Solution) -> Iterator[tuple[ProposalKind, Sets]]:
    grid, sets = problem.availability.grid, problem.sets
    series = _series(base.cells)
    if not series:
        return
    used = _weekdays(problem, base.cells)
    if 1 < len(used) < 5 or len(series) == 1:
        others = grid.days_in(frozenset(range(1, 8)) - {_commonest(problem, base.cells)})
        yield ProposalKind.WEEKDAYS, {**sets, **{step: sets[step] & others for step in series}}
    noon = NOON - grid.low
    half = grid.band(noon, grid.width) if _morning(problem, base.cells) else grid.band(0, noon)
    yield ProposalKind.HALF_DAY, {**sets, **{step: sets[step] & half for step in series}}
    first = min(series, key=lambda step: base.cells[step])
    later = span((base.cells[first] // grid.width + 7) * grid.width, grid.size)
    yield ProposalKind.LATER, {**sets, first: sets[first] & later}


def _differ(problem: PlanningProblem, one: Solution, other: Solution) -> bool:
    grid = problem.availability.grid
    if one.cells == other.cells:
        return False
    first = [min(_series(s.cells), key=lambda step: s.cells[step]) for s in (one, other)]
    started = [s.cells[step] // grid.width for s, step in zip((one, other), first, strict=True)]
    return (
        _weekdays(problem, one.cells) != _weekdays(problem, other.cells)
        or _morning(problem, one.cells) != _morning(problem, other.cells)
        or abs(started[0] - started[1]) >= 7
    )
