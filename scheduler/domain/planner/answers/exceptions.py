"""Which single exception to the spacing lets a course end much earlier, and what made it late.

A closed day can make every gap across it too long, so that a whole course starts after it. One gap a few days longer,
with what belongs between the two visits, is an exception that a role may make; the course that it allows is solved
again before it is offered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from scheduler.domain.localtime import local_on
from scheduler.domain.planner.answers.placements import proposal_of
from scheduler.domain.planner.answers.summaries import summarized
from scheduler.domain.planner.answers.words import label
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.grid.bitsets import span
from scheduler.domain.planner.search.course import Step, course_of
from scheduler.domain.planner.search.optimum import Solution
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.search.slotmap import SlotMap
from scheduler.domain.planner.values import GaveUp, Proposal, Request, Slack, SpacingException
from scheduler.domain.plans import Offset, Unit

WORTH_DAYS = 5  # by which a course must end earlier than the best for an exception to be named
MORE_DAYS = 3  # and earlier than any that keeps the spacing
LONGER = (1, 2, 3)  # days by which a gap is made longer, the fewest first
AFTER = 60  # days after the end of the line within which what follows it is looked for
MOST = 3  # exceptions that are named
MOST_VISITS = 40  # of a course for which they are looked for
UNITS = {Unit.HOURS: "hours", Unit.DAYS: "days", Unit.WORKING_DAYS: "working days"}


def exceptions(problem: PlanningProblem, best: Solution) -> tuple[SpacingException, ...]:
    """Return the exceptions that let a course end at least five days before the best, the earliest end first.

    Gaps are longer by as few days as help at all, and those are solved that could end earliest. None where a course
    that keeps the spacing could end about as early, which is an alternative; nor in very long courses, where each would
    take a third of a second.
    """
    finish = problem.course.finish
    if finish is None or len(problem.course.steps) > MOST_VISITS:
        return ()
    ends = best.cells[finish] // problem.availability.grid.width
    soonest = problem.optimum.horizon.first_row(finish)
    past = min(ends - WORTH_DAYS, soonest - MORE_DAYS) + 1
    if _least_row(problem, finish) >= past:
        return ()
    places = list(_places(problem))
    everywhere = {key: gap for _, slacks in places for key, gap in slacks[-1].items()}
    if _first_end(problem, everywhere, past) is None:
        return ()
    for days in range(len(LONGER)):
        able = [(_first_end(problem, slacks[days], past), step, slacks[days]) for step, slacks in places]
        ways = sorted((row, step.index, step, slack) for row, step, slack in able if row is not None)
        solved = (_with(problem, step, slack, past, ends) for _, _, step, slack in ways[:MOST])
        found = [one for one in solved if one]
        if found:
            return tuple(sorted(found, key=lambda one: (-one.days, one.proposal.cost)))
    return ()


def _least_row(problem: PlanningProblem, finish: Step) -> int:
    """Return a day before which the line cannot end even if nothing but the shortest gaps were asked for."""
    days, step = 0, finish
    while step.parent is not None and step.offset is not None:
        days += step.offset.min // 24 if step.offset.unit is Unit.HOURS else step.offset.min
        step = step.parent
    first = problem.sets[step]
    # the lowest bit is the earliest start
    return (first & -first).bit_length() // problem.availability.grid.width + max(days, 0)


def _places(problem: PlanningProblem) -> Iterator[tuple[Step, list[Slack]]]:
    """Yield each visit of the line whose gap may be longer, with the gaps that are then longer, by one day or more.

    What else follows the visit before it may be as much later: it is between the two.
    """
    for step in problem.course.steps:
        if step.on_line and _is_soft(problem, step):
            beside = [
                other
                for other in problem.course.steps
                if other.deadline and other.parent is step.parent and _is_soft(problem, other)
            ]
            yield (
                step,
                [
                    {one.key: _longer(one.offset, days) for one in (step, *beside) if one.offset}
                    for days in LONGER
                ],
            )


def _is_soft(problem: PlanningProblem, step: Step) -> bool:
    offset = problem.request.plan.action(step.key).offset
    return offset is not None and not offset.hard


def _longer(offset: Offset, days: int) -> tuple[int, int]:
    return offset.min, offset.max + (24 * days if offset.unit is Unit.HOURS else days)


def _first_end(problem: PlanningProblem, slack: Slack, past: int) -> int | None:
    """Return the first row on which the slot map lets the course end with these gaps; None if not before `past`."""
    if past <= 0:
        return None
    width = problem.availability.grid.width
    line, side = span(0, past * width), span(0, (past + AFTER) * width)
    by_key = {step.key: cells for step, cells in problem.sets.items()}
    course = course_of(_request(problem, slack), problem.starts)
    starts = {step: by_key[step.key] & (line if step.on_line else side) for step in course.steps}
    slots = SlotMap(course, starts)
    return slots.first_row(course.finish) if slots.complete and course.finish else None


def _request(problem: PlanningProblem, slack: Slack) -> Request:
    return replace(problem.request, slack={**problem.request.slack, **slack})


def _with(
    problem: PlanningProblem, step: Step, slack: Slack, past: int, ends: int
) -> SpacingException | None:
    """Return the best course with this exception, if it is early enough and makes use of it."""
    bent = PlanningProblem(_request(problem, slack), problem.availability, problem.weights, problem.now)
    finish, width = bent.course.finish, problem.availability.grid.width
    try:
        found = bent.optimum.best(bent.sets)
    except GaveUp:
        return None
    if found is None or finish is None or found.cells[finish] // width >= past:
        return None
    [proposal] = summarized(bent, [found], [proposal_of(bent, found)])
    closed, away = _within(problem, step, proposal)
    days = ends - found.cells[finish] // width
    return SpacingException(step.key, _words(problem, step, slack), slack, proposal, days, closed, away)


def _words(problem: PlanningProblem, step: Step, slack: Slack) -> str:
    plan = problem.request.plan
    offset = plan.action(step.key).offset
    if offset is None:
        return ""
    most, after = slack[step.key][1], label(plan.action(offset.after))
    unit = UNITS[offset.unit]
    return f"{label(step.action)} up to {most} {unit} after {after.lower()} (protocol: {offset.min}–{offset.max})"


def _within(
    problem: PlanningProblem, step: Step, proposal: Proposal
) -> tuple[tuple[date, ...], tuple[date, ...]]:
    """Return the days between a visit and the one before it on which the clinic is closed, and the patient away."""
    offset, grid = step.offset, problem.availability.grid
    starts = {done.action: done.start for done in problem.request.done.values()}
    starts |= {visit.action: visit.start for visit in proposal.visits}
    if offset is None or offset.after not in starts:
        return (), ()
    first, last = (local_on(starts[key], grid.zone) for key in (offset.after, step.key))
    between = [first + timedelta(days=n) for n in range(1, (last - first).days)]
    usual = _usual_weekdays(problem.availability)
    working = problem.availability.working
    closed = tuple(
        on
        for on in between
        if on.isoweekday() in usual
        and 0 < (row := grid.row_of(on)) < grid.days
        and working[row] == working[row - 1]
    )
    return closed, tuple(on for on in between if on in problem.request.blocked_on)


def _usual_weekdays(availability: Availability) -> frozenset[int]:
    """Return the weekdays on most of which the clinic is open."""
    working, grid = availability.working, availability.grid
    rows = [row for row in range(grid.days) if working[row] > (working[row - 1] if row else 0)]
    open_on = [grid.on(row).isoweekday() for row in rows]
    every = [grid.on(row).isoweekday() for row in range(grid.days)]
    return frozenset(one for one in set(open_on) if 2 * open_on.count(one) > every.count(one))
