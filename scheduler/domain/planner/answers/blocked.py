"""What keeps one visit, alone, from starting at a time or on any time of a calendar."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import Request, Weights
from scheduler.domain.plans import Action, Plan, Role


@dataclass(frozen=True, slots=True)
class Blocked:
    """`closed`: the clinic is not open for all of the visit. `roles`: none with this role is free for long enough, or
    on duty. `together`: each is, but never all of them at one time. `too_soon`: what is free is over, or within the
    clinic's notice. `patient`: the patient has another visit then.
    """

    closed: bool
    roles: tuple[Role, ...]
    together: bool
    too_soon: bool
    patient: bool


def blocked(
    action: Action,
    availability: Availability,
    chosen: Iterable[int] = (),
    *,
    now: datetime,
    at: datetime | None = None,
) -> Blocked:
    """Say what keeps a visit from starting at `at`, or (None) at any time of the calendar.

    `chosen` are resource ids of places and people to take where they have the role asked for.
    """
    request = Request(
        plan=Plan(action.key, 1, action.title, "", "", (action,)),
        not_before=availability.grid.first_on,
        practitioner_ids=frozenset(chosen),
        pinned={} if at is None else {action.key: at},
    )
    problem = PlanningProblem(request, availability, Weights(), now)
    step = problem.course.steps[0]
    demand = problem.starts.demand(action)
    cell = None if at is None else availability.grid.cell(at)
    asked = availability.grid.real if at is None else 0 if cell is None else 1 << cell
    possible = asked & problem.wishes.opens(step)
    lacking = [one.role for one in demand.asked if not problem.starts.anyone(one) & possible]
    if not problem.starts.present(demand) & possible:
        lacking += [role for role, _ in demand.presence]
    free = problem.starts.resources(demand) & possible
    return Blocked(
        closed=not possible,
        roles=tuple(dict.fromkeys(lacking)) if possible else (),
        together=bool(possible) and not lacking and not free,
        too_soon=at is None and bool(free) and not free >> availability.first_cell(now),
        patient=bool(possible) and not problem.wishes.mask(step) & (free or possible),
    )
