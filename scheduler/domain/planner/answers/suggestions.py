"""What would help when nothing fits: changes of the request, or more staff, each solved again before it is offered.

In this order: another therapist, other days, other hours, a later start, one gap longer or shorter; and if none of
these helps, more of the resource that blocks. Of several changes of one kind only the smallest that helps is offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import Any, NamedTuple

from scheduler.domain.formats import Formats
from scheduler.domain.planner.answers.words import counted, label
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import GaveUp, PlannerResource, Reason, Request, Suggestion
from scheduler.domain.plans import Role, Unit

MOST = 4
NOON = 12 * 12  # ticks of the day
ANOTHER = -1  # the id of a resource that does not exist


class RequestChange(NamedTuple):
    """A change in words and fields of the request; `asks` names the limits that it relaxes."""

    text: str
    fields: dict[str, Any]
    asks: frozenset[str]


def suggestions(problem: PlanningProblem, reasons: tuple[Reason, ...]) -> tuple[Suggestion, ...]:
    """Return up to four changes that make room, each verified."""
    found: list[Suggestion] = []
    asked: set[str] = set()
    for text, fields, asks in _changes(problem.request, problem.availability, reasons):
        if asks & asked or not _fits(problem, replace(problem.request, **fields), problem.availability):
            continue
        found.append(Suggestion(text, fields, True))
        asked |= asks
        if len(found) == MOST:
            break
    if not found:
        found = list(islice(_more_hours(problem, reasons), MOST))
    return tuple(found)


def _fits(problem: PlanningProblem, request: Request, availability: Availability) -> bool:
    """Tell whether a complete course was found. A complete slot map alone does not prove that there is one."""
    changed = PlanningProblem(request, availability, problem.weights, problem.now)
    try:
        return changed.slots.complete and changed.optimum.best(changed.sets) is not None
    except GaveUp:  # what is not known to help is not offered
        return False


def _change(text: str, asks: Iterable[str], **fields: Any) -> RequestChange:
    return RequestChange(text, fields, frozenset(asks))


def _changes(
    request: Request, availability: Availability, reasons: tuple[Reason, ...]
) -> Iterator[RequestChange]:
    yield from wider(request, availability)
    formats = availability.calendar.formats
    for on in sorted(request.blocked_on):
        text = f"Make {formats.day(on)} available"
        yield _change(text, [f"{on}"], blocked_on=request.blocked_on - {on})
    for key in request.pinned:
        rest = {other: start for other, start in request.pinned.items() if other != key}
        text = f"Unlock {label(request.plan.action(key)).lower()}"
        yield _change(text, [f"place of {key}"], pinned=rest)
    for weeks in (1, 2, 4):
        later = request.not_before + timedelta(weeks=weeks)
        text = "Start a week later" if weeks == 1 else f"Start {weeks} weeks later"
        yield _change(text, ["later"], not_before=later)
    yield from _bent_gaps(request, reasons)


def wider(request: Request, availability: Availability) -> Iterator[RequestChange]:
    """Yield what the patient could give up of who treats, on which weekdays, and when; nothing of it is tried."""
    if request.practitioner_ids:
        yield _change("Any therapist", ["person"], practitioner_ids=frozenset())
    yield from _other_days(request, availability)
    yield from _other_hours(request, availability.calendar.formats)


def _other_days(request: Request, availability: Availability) -> Iterator[RequestChange]:
    if not request.weekdays:
        return
    worked = {availability.grid.on(row).isoweekday() for row in _open_rows(availability)}
    missing = sorted(worked - request.weekdays)
    name = availability.calendar.formats.weekday
    for weekday in missing:
        days = request.weekdays | {weekday}
        yield _change(f"Add {name(weekday)}", [name(weekday)], weekdays=days)
    if len(missing) > 1:
        yield _change("Any day of the week", map(name, missing), weekdays=frozenset())


def _open_rows(availability: Availability) -> list[int]:
    working = availability.working
    return [row for row in range(availability.grid.days) if working[row] > (working[row - 1] if row else 0)]


def _other_hours(request: Request, formats: Formats) -> Iterator[RequestChange]:
    if request.earliest:
        for hours in (1, 2):
            at = request.earliest.replace(hour=max(request.earliest.hour - hours, 0))
            yield _change(f"Start from {formats.time(at)}", ["earlier"], earliest=at)
        yield _change("Start at any time", ["earlier"], earliest=None)
    if request.latest:
        for hours in (1, 2):
            at = request.latest.replace(hour=min(request.latest.hour + hours, 23))
            yield _change(f"End by {formats.time(at)}", ["until"], latest=at)
        yield _change("End at any time", ["until"], latest=None)
    if request.earliest and request.latest:
        yield _change("Any time of day", ["earlier", "until"], earliest=None, latest=None)


def _bent_gaps(request: Request, reasons: tuple[Reason, ...]) -> Iterator[RequestChange]:
    """Yield gaps of the blocked action, or of the one before or after it, made a little longer or shorter once."""
    blocked = {reason.action for reason in reasons}
    parents = {o.after for key in blocked if (o := request.plan.action(key).offset)}
    for action in request.plan.firm:
        offset = action.offset
        near = action.key in blocked or action.key in parents or (offset and offset.after in blocked)
        if offset is None or offset.hard or not near:
            continue
        least, most = request.slack.get(action.key, (offset.min, offset.max))
        step = 24 if offset.unit is Unit.HOURS else 1
        unit = "hour" if offset.unit is Unit.HOURS else "day"
        for extra in (1, 2):
            longer = most + extra * step
            text = f"Allow up to {longer} {unit}s before {label(action).lower()} (protocol: {most})"
            slack = {**request.slack, action.key: (least, longer)}
            yield _change(text, [f"longer before {action.key}"], slack=slack)
        if least - step >= 0:
            text = f"Allow {counted(least - step, unit)} before {label(action).lower()} (protocol: {least})"
            slack = {**request.slack, action.key: (least - step, most)}
            yield _change(text, [f"shorter before {action.key}"], slack=slack)


def _more_hours(problem: PlanningProblem, reasons: tuple[Reason, ...]) -> Iterator[Suggestion]:
    """Yield the half-days of a week on which one more of the blocking role makes room."""
    grid, name = problem.availability.grid, problem.availability.calendar.formats.weekday
    noon = NOON - grid.low
    halves = (("morning", grid.band(0, noon)), ("afternoon", grid.band(noon, grid.width)))
    for role in dict.fromkeys(Role(reason.resource) for reason in reasons if reason.resource):
        if not _fits_with(problem, role, grid.real):
            continue
        enough = False
        for weekday in range(1, 8):
            for words, half in halves:
                if _fits_with(problem, role, grid.days_in(frozenset({weekday})) & half):
                    enough = True
                    yield Suggestion(f"One more {role.value} every {name(weekday)} {words}", {}, True)
        if not enough:
            yield Suggestion(f"One more {role.value} on all days", {}, True)


def _fits_with(problem: PlanningProblem, role: Role, cells: int) -> bool:
    """Tell whether the course fits with one more resource of this role, at work in these cells."""
    units = max([1, *(r.units for r in problem.availability.pool(role))])
    more = PlannerResource(
        ANOTHER, f"another {role.value}", frozenset({role}), units, _capabilities(problem, role)
    )
    return _fits(problem, problem.request, problem.availability.plus(more, cells))


def _capabilities(problem: PlanningProblem, role: Role) -> frozenset[str]:
    needs = (n for action in problem.request.plan.firm for phase in action.phases for n in phase.needs)
    return frozenset(n.capability for n in needs if n.role is role and n.capability)
