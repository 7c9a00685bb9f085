"""Why nothing fits: the first visit that cannot be placed, and the kind of resource or the rule that blocks it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from scheduler.domain.planner.answers.words import label
from scheduler.domain.planner.grid.demands import Demand
from scheduler.domain.planner.search.course import Step
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.search.slotmap import SlotMap
from scheduler.domain.planner.values import Reason
from scheduler.domain.plans import Role


def reasons(problem: PlanningProblem) -> tuple[Reason, ...]:
    """Return the reasons, the most telling first."""
    step = first_unplaced(problem)
    if step is None:
        first = problem.course.steps[0]
        why = "Each visit has free times, but not all of them together."
        return (Reason(first.key, None, why),)
    return tuple(_why(problem, step))


def gave_up(problem: PlanningProblem) -> tuple[Reason, ...]:
    """Return the reason when it is not known whether anything fits."""
    why = (
        "No complete course was found in the time allowed; there may be one. "
        "Fewer preferences, or one locked visit, make it easier."
    )
    return (Reason(problem.course.steps[0].key, None, why),)


def first_unplaced(problem: PlanningProblem) -> Step | None:
    """Return the first step, in plan order, up to which the course cannot be placed."""
    steps = problem.course.steps
    numbers = range(1, len(steps) + 1)
    fitting = bisect_left(numbers, True, key=lambda number: not problem.part(steps[:number]).complete)
    return steps[fitting] if fitting < len(steps) else None


def _why(problem: PlanningProblem, step: Step) -> Iterator[Reason]:
    title = label(step.action)
    demand = problem.starts.demand(step.action)
    blocking = [role for role in _roles(demand) if fits_without(problem, step, role)]
    for role in blocking:
        yield Reason(step.key, role.value, f"No {role.value} is free for {title} within the spacing.")
    if blocking:
        return
    if not problem.starts.resources(demand):
        names = " and ".join(role.value for role in _roles(demand)) or "place"
        why = f"{names.capitalize()} for {title} are never free at the same time within the booking horizon."
        yield Reason(step.key, None, why)
    elif not problem.sets[step]:
        yield Reason(step.key, None, f"No start for {title} fits the days and times asked for.")
    else:
        yield Reason(step.key, None, f"All free times for {title} are outside the spacing.")


def _roles(demand: Demand) -> list[Role]:
    asked = [asked.role for asked in demand.asked] + [role for role, _ in demand.presence]
    return list(dict.fromkeys(asked))


def fits_without(problem: PlanningProblem, step: Step, role: Role) -> bool:
    """Tell whether the course could be placed up to this step if the step did not need the role."""
    demand = problem.starts.demand(step.action)
    left = Demand(
        tuple(asked for asked in demand.asked if asked.role is not role),
        tuple(present for present in demand.presence if present[0] is not role),
    )
    cells = problem.starts.resources(left) & problem.wishes.mask(step)
    steps = problem.course.steps[: problem.course.steps.index(step) + 1]
    partial: SlotMap = problem.part(steps, {step: cells})
    return partial.complete
