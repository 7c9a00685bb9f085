"""Move visits of a course and restore its plan with the fewest other moves.

The price of moving a visit outweighs everything else a plan can cost, and that of a visit to keep (confirmed, pinned)
outweighs all other moves together; among the plans with the fewest moves the usual preferences decide. Visits that are
over do not change. Gaps and wishes that were broken before the move may stay broken.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from scheduler.domain.localtime import local_on
from scheduler.domain.planner.answers import reasons
from scheduler.domain.planner.answers.placements import proposal_of
from scheduler.domain.planner.answers.proposals import DEFAULT, PossibleStarts
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.grid.gaps import working_number
from scheduler.domain.planner.search import solver_fallback
from scheduler.domain.planner.search.costs import staying_at
from scheduler.domain.planner.search.course import line_of
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import (
    Done,
    GaveUp,
    NoFit,
    Placement,
    PlacementChange,
    Proposal,
    Request,
    Weights,
)
from scheduler.domain.plans import Edge, Offset, Unit

MOVE = 1 << 22
RETIME = (
    1 << 18
)  # of a visit that must change anyway: dearer than all preferences together, cheaper than any move
ANY_GAP = 24 * 366  # in hours, days or working days: more than a booking horizon has


@dataclass(frozen=True, slots=True)
class Reflow:
    """The course after the move: all visits still to come, and those among them that change, in order of time."""

    proposal: Proposal
    moves: tuple[PlacementChange, ...]


def reflow(
    request: Request,
    current: Mapping[str, Placement],
    moved: Mapping[str, datetime],
    availability: Availability,
    weights: Weights | None = None,
    *,
    now: datetime,
    keep: frozenset[str] = frozenset(),
    displaced: frozenset[str] = frozenset(),
    bend: bool = False,
    other_plan: bool = False,
    explain: bool = True,
) -> Reflow:
    """Return the course with the `moved` visits at their new starts and the fewest others moved.

    `current` are the visits as they are now, by action; an action of the plan that is in neither `current` nor
    `request.done` gets a new time (a visit to make up). The availability must count the time of `current` as free.
    Visits that are `displaced` have lost their place, their people or their time: one keeps its start where others are
    free then, and another start costs less than a move. Visits of the line before the first moved one stay; `bend` lets
    a moved visit break the gap to them (a soft rule that a role overrides), and what follows it keeps its gaps. With
    `other_plan` the gaps that `current` has do not count: every visit must keep those of the plan. Raises NoFit when no
    set of moves restores the plan; without reasons unless `explain`, for one of many starts that are tried.
    """
    asked = with_begun(request, current, moved, now)
    coming = {key: visit for key, visit in current.items() if key not in asked.done}
    earlier = _before(asked, coming, moved)
    starts = {key: visit.start for key, visit in coming.items()}
    price = {
        key: RETIME if key in displaced else _price(key, keep, len(coming))
        for key in coming
        if key not in moved and key not in earlier
    }
    staying = staying_at(availability.grid, {key: starts[key] for key in price}, price)
    pinned = {**asked.pinned, **{key: starts[key] for key in earlier}, **moved}
    kept = {} if other_plan else {**starts, **(moved if bend else {})}
    slack = _slack(asked, kept, availability, moved, bend)
    bent = replace(asked, pinned=pinned, slack=slack)
    problem = PlanningProblem(bent, availability, weights or Weights(), now, staying)
    try:
        solution = solver_fallback.best(problem)
    except GaveUp:
        raise NoFit(reasons.gave_up(problem), proven=False) from None
    if solution is None:
        raise NoFit(reasons.reasons(problem) if explain else ())
    proposal = proposal_of(problem, solution, coming)
    return Reflow(proposal, tuple(_moves(proposal, current, moved)))


def bent_starts(
    request: Request,
    current: Mapping[str, Placement],
    action: str,
    availability: Availability,
    *,
    now: datetime,
) -> tuple[datetime, ...]:
    """Return the starts to which `reflow` may move one visit with `bend`: none is missing, some may not fit.

    Its own gap is not asked for unless it is hard; the others are kept, as there.
    """
    moved = {action: current[action].start} if action in current else {}
    asked = with_begun(request, current, moved, now)
    coming = {key: visit for key, visit in current.items() if key not in asked.done}
    starts = {key: visit.start for key, visit in coming.items()}
    earlier = _before(asked, coming, moved)
    slack = _slack(asked, {**starts, **moved}, availability, {action}, False)
    offset = request.plan.action(action).offset
    if offset is not None and not offset.hard:
        slack[action] = (-ANY_GAP, ANY_GAP)
    pinned = {**asked.pinned, **{key: starts[key] for key in earlier}}
    problem = PlanningProblem(replace(asked, pinned=pinned, slack=slack), availability, DEFAULT, now)
    return PossibleStarts(problem.slots).get(action, ())


def fitting_starts(
    request: Request,
    current: Mapping[str, Placement],
    action: str,
    starts: Collection[datetime],
    availability: Availability,
    *,
    now: datetime,
) -> tuple[datetime, ...]:
    """Return those of some starts at which `reflow` could place one visit: none is missing, some may not fit.

    One that is not among the `current` ones would be booked, with the rest of what `request` asks for.
    """
    moved = {action: current[action].start} if action in current else {}
    asked = with_begun(request, current, moved, now)
    coming = {key: visit for key, visit in current.items() if key not in asked.done}
    booked = {key: visit.start for key, visit in coming.items()}
    earlier = _before(asked, coming, moved)
    pinned = {**asked.pinned, **{key: booked[key] for key in earlier}}
    slack = _slack(asked, booked, availability, moved, False)
    rest = {key: start for key, start in booked.items() if key not in earlier and key != action}
    staying = staying_at(availability.grid, rest, dict.fromkeys(rest, MOVE))
    problem = PlanningProblem(replace(asked, pinned=pinned, slack=slack), availability, DEFAULT, now, staying)
    step = next((one for one in problem.course.steps if one.key == action), None)
    if step is None:  # it follows a visit that has no time
        return tuple(starts)
    cells = problem.wishes.at(step, *starts) & problem.starts.resources(problem.starts.demand(step.action))
    slots = problem.part(problem.course.steps, {step: cells})
    return PossibleStarts(slots).get(action, ())


def _price(key: str, keep: frozenset[str], number: int) -> int:
    return MOVE * (number + 1) if key in keep else MOVE


def with_begun(
    request: Request, current: Mapping[str, Placement], moved: Mapping[str, datetime], now: datetime
) -> Request:
    """Return the request with the visits that have begun, or whose first phase has, as done."""
    begun = {
        key: Done(key, visit.start, visit.attended_end)
        for key, visit in current.items()
        if visit.first_use < now and key not in moved
    }
    return replace(request, done={**begun, **request.done})


def _before(
    request: Request, coming: Mapping[str, Placement], moved: Mapping[str, datetime]
) -> frozenset[str]:
    """Return the visits of the line that lie before the first moved one: they stay where they are."""
    line = line_of(request.plan)
    first = min((coming[key].start for key in moved if key in coming), default=None)
    if first is None:
        return frozenset()
    return frozenset(key for key, visit in coming.items() if key in line and visit.start < first)


def _slack(
    request: Request,
    starts: Mapping[str, datetime],
    availability: Availability,
    moved: Container[str],
    bend: bool,
) -> dict[str, tuple[int, int]]:
    """Return gaps wide enough for those broken between these starts.

    Left out are those from moved visits, and, unless they `bend`, to them.
    """
    plan = request.plan
    times = {key: (done.start, done.end) for key, done in request.done.items()}
    times.update({key: (start, start + plan.action(key).attended_length) for key, start in starts.items()})
    slack = dict(request.slack)
    for key, start in starts.items():
        offset = plan.action(key).offset
        if offset is None or offset.hard or offset.after not in times:
            continue
        if offset.after in moved or (key in moved and not bend):
            continue
        least, most = slack.get(key, (offset.min, offset.max))
        gap = _gap(offset, times[offset.after], start, availability)
        slack[key] = min(least, int(gap // 1)), max(most, int(-(-gap // 1)))
    return slack


def _gap(
    offset: Offset, earlier: tuple[datetime, datetime], start: datetime, availability: Availability
) -> float:
    origin = earlier[1] if offset.edge is Edge.END else earlier[0]
    if offset.unit is Unit.HOURS:
        return (start - origin) / timedelta(hours=1)
    zone = availability.grid.zone
    first, last = local_on(origin, zone), local_on(start, zone)
    if offset.unit is Unit.DAYS:
        return (last - first).days
    grid, working = availability.grid, availability.working
    return working_number(grid, working, last) - working_number(grid, working, first)


def _moves(
    proposal: Proposal, current: Mapping[str, Placement], moved: Mapping[str, datetime]
) -> list[PlacementChange]:
    moves = []
    for visit in proposal.visits:
        before = current.get(visit.action)
        if before is None or before.start != visit.start:
            why = "moved" if visit.action in moved else "follows" if before else "placed"
            moves.append(PlacementChange(visit.action, before.start if before else None, visit.start, why))
        elif before.segments != visit.segments:
            moves.append(PlacementChange(visit.action, before.start, visit.start, "resources"))
    return moves
