"""One line for each proposal: the first says what it is, the others how they differ from the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from scheduler.domain.planner.answers.words import counted, weekdays
from scheduler.domain.planner.search.course import Step
from scheduler.domain.planner.search.optimum import Solution
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import Proposal


def summarized(
    problem: PlanningProblem, solutions: Sequence[Solution], proposals: Sequence[Proposal]
) -> list[Proposal]:
    """Return the proposals with their summaries."""
    found = zip(proposals, solutions, strict=True)
    return [
        replace(proposal, summary=", ".join(_parts(problem, proposal, solution, proposals[0], solutions[0])))
        for proposal, solution in found
    ]


def _parts(
    problem: PlanningProblem, proposal: Proposal, solution: Solution, best: Proposal, first: Solution
) -> Iterator[str]:
    yield _summary(problem, solution, first)
    if solution is first:
        return
    opening = problem.course.opening
    if opening is not None:
        width = problem.availability.grid.width
        sooner = first.cells[opening] // width - solution.cells[opening] // width
        if sooner > 0:
            yield f"first visit {counted(sooner, 'day')} earlier"
    if proposal.trips < best.trips:
        yield f"{counted(best.trips - proposal.trips, 'fewer trip')}"


def _summary(problem: PlanningProblem, solution: Solution, first: Solution) -> str:
    rhythm = _rhythm(problem, solution.cells)
    last = _last(problem, solution.cells)
    if last is None:
        return rhythm
    if solution is first:
        on = problem.availability.calendar.formats.day(problem.availability.grid.on(last))
        return f"{rhythm}, done by {on}" if rhythm else f"done by {on}"
    later = last - (_last(problem, first.cells) or 0)
    finish = (
        f"finishes {counted(abs(later), 'day')} {'later' if later > 0 else 'earlier'}"
        if later
        else "finishes the same day"
    )
    known = _rhythm(problem, first.cells)
    parts = [finish, f"keeps {rhythm}" if rhythm == known else rhythm]
    name = _therapist(problem, solution)
    if name and solution.therapist != first.therapist:
        parts.append(f"with {name}")
    return ", ".join(part for part in parts if part)


def _last(problem: PlanningProblem, cells: Mapping[Step, int]) -> int | None:
    return max(
        (cell // problem.availability.grid.width for s, cell in cells.items() if s.on_line), default=None
    )


def _rhythm(problem: PlanningProblem, cells: Mapping[Step, int]) -> str:
    grid, formats = problem.availability.grid, problem.availability.calendar.formats
    series = [cells[step] for step in cells if step.on_line and step.action.series]
    series = series or [cells[step] for step in cells if step.on_line]
    if not series:
        return ""
    days = weekdays([grid.on(cell // grid.width).isoweekday() for cell in series], formats)
    walls = sorted({grid.wall(cell) for cell in series})
    times = formats.time(walls[0]) if len(walls) == 1 else formats.times(walls[0], walls[-1])
    return f"{days} {times}"


def _therapist(problem: PlanningProblem, solution: Solution) -> str:
    names = {resource.id: resource.name for resource in problem.availability.resources}
    return names.get(solution.therapist, "") if solution.therapist is not None else ""
