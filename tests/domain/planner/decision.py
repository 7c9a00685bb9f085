"""CP-SAT on a question with yes or no: is there a course that costs less?"""

from __future__ import annotations

from scheduler.domain.planner.grid.bitsets import from_bools, span
from scheduler.domain.planner.search import cpsat
from scheduler.domain.planner.search.course import Step
from scheduler.domain.planner.search.optimum import Sets, Solution
from scheduler.domain.planner.search.problem import PlanningProblem


def cheaper(
    problem: PlanningProblem, below: int, seconds: float, hint: Solution | None = None
) -> Solution | None:
    """Return the best course that costs less, or None if there is none. Raises TimeoutError when it is not known."""
    model = cpsat.Model(problem, within(problem, below), problem.optimum.therapists())
    if model.possible:
        model.model.add(sum(model.cost) < below)
    return model.solve(seconds, seed=1, hint=hint, watch=None)


def within(problem: PlanningProblem, below: int) -> Sets:
    """Leave out the starts that cost too much by themselves, and those that come after every end that does not.

    No cost is negative. This only makes the model smaller: what is left out could not be part of an answer.
    """
    course, grid, gap_ranges = problem.course, problem.availability.grid, problem.gap_ranges
    left: dict[Step, int] = {}
    for step in course.steps:
        costs = problem.pricing.of(step, 0, grid.days).ravel()
        left[step] = problem.sets[step] & from_bools(costs < below)
    step_before = course.finish.parent if course.finish else None
    while step_before is not None and course.finish is not None:
        left[step_before] &= span(0, left[course.finish].bit_length())
        step_before = step_before.parent
    for step in course.steps:
        if step.parent is not None:
            last = max(left[step.parent].bit_length() - 1, 0) // grid.width
            left[step] &= span(0, (gap_ranges.last_row(step.offset, last) + 1) * grid.width)
    return left
