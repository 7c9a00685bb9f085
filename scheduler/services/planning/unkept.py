"""Which preferences a proposed course does not keep: why, what would keep them, and what would let it start earlier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from scheduler.domain import planner
from scheduler.domain.localtime import day_bounds, local_on
from scheduler.domain.planner.answers.words import counted, label, listed
from scheduler.domain.planner.values import NoFit, Placement, Proposal
from scheduler.domain.plans import Action, Edge, Role, Unit
from scheduler.domain.spacing import amounts
from scheduler.models.clinic import Clinic
from scheduler.services.actors import Actor
from scheduler.services.clinic import planner_weights
from scheduler.services.clinic.working_days import working_days
from scheduler.services.planning.proposals import keeping_apart, load
from scheduler.services.planning.wishes import CourseRequest

LATE = 4  # days between the first day asked for and the first visit that need no explanation
AT_LEAST = 2  # days earlier, for what is worth giving up a preference
MOST = 3  # ways to start earlier that are named
FARTHEST = 60  # days after a visit within which the one that follows it is looked for
_NONE: dict[str, Any] = {
    "weekdays": frozenset(),
    "earliest": None,
    "latest": None,
    "blocked_on": frozenset(),
    "practitioner_ids": frozenset(),
    "pinned": {},
}
UNITS = {Unit.HOURS: "hour", Unit.DAYS: "day", Unit.WORKING_DAYS: "working day"}


@dataclass(frozen=True)
class Change:
    """A change of the request in words; `fields` are those of the planner's request."""

    words: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Unkept:
    """A preference that a proposal does not keep; `term` is the key of its term in the proposal's cost."""

    term: str
    words: str
    why: str
    changes: Sequence[Change] = ()


@dataclass(frozen=True)
class EarlierStart:
    """What would let the course start earlier, and when it would start and end then."""

    change: Change
    starts_on: date
    ends_on: date


@dataclass(frozen=True)
class LateStart:
    """How many days a course starts after the first day asked for, and what would let it start earlier."""

    starts_on: date
    days: int
    earlier: Sequence[EarlierStart] = field(default=())


def unkept(session: Session, actor: Actor, wishes: CourseRequest, proposal: Proposal) -> list[Unkept]:
    """Return the preferences that a proposal does not keep, each with its reason."""
    found = _weekdays(session, actor.clinic, wishes, proposal)
    words = {term.key: term.words for term in proposal.terms if term.cost}
    if "preferred" in words:
        found.append(
            Unkept(
                "preferred",
                f"Not all at the preferred time: {words['preferred']}",
                "No start at that time fits them all.",
            )
        )
    if "therapist" in words and any(Role.THERAPIST in one.roles for one in wishes.practitioners):
        change = Change("Any therapist", {"practitioner_ids": frozenset()})
        why = "The chosen therapist has no free time within the spacing of the others."
        said = words["therapist"]
        found.append(Unkept("therapist", said[:1].upper() + said[1:], why, [change]))
    return found


def late_start(
    session: Session, actor: Actor, wishes: CourseRequest, starts_on: date, now: datetime
) -> LateStart | None:
    """Return how late a course starts, and what the patient could give up for an earlier start; None if it is not late.

    Each change is planned first; those that start the course earliest are named, and of equal ones the first.
    """
    zone = actor.clinic.zone
    days = (starts_on - max(wishes.not_before, local_on(now, zone))).days
    if days <= LATE:
        return None
    calendar, weights = load(session, actor, wishes, now), planner_weights.of(actor.clinic)
    request = replace(keeping_apart(session, wishes), count=1)
    tries = [Change(one.text, one.fields) for one in planner.wider(request, calendar)]
    if request.weekdays or request.earliest or request.latest:
        tries = [*_only(wishes), *tries]
    if request.blocked_on:
        tries.append(Change("No unavailable dates", {"blocked_on": frozenset()}))
    if request.pinned:
        tries.append(Change("No locked visits", {"pinned": {}}))
    if len(tries) > 1:
        tries.append(Change("Without these preferences", _NONE))
    found = []
    for one in tries:
        try:
            [best] = planner.propose(
                replace(request, **one.fields), calendar, weights, now=now, at_once=lambda: True
            )
        except NoFit:
            continue
        begins, ends = (local_on(visit.start, zone) for visit in (best.visits[0], best.visits[-1]))
        if (starts_on - begins).days >= AT_LEAST:
            found.append(EarlierStart(one, begins, ends))
    found.sort(key=lambda one: one.starts_on)
    return LateStart(starts_on, days, found[:MOST])


def _weekdays(session: Session, clinic: Clinic, wishes: CourseRequest, proposal: Proposal) -> list[Unkept]:
    """Return, by kind of visit, those on another weekday than the patient asked for."""
    request, plan = wishes.request(), wishes.plan_definition.plan
    if not request.weekdays:
        return []
    off: dict[str, list[tuple[Action, Placement]]] = {}
    for visit in proposal.visits:
        action = plan.action(visit.action)
        on = local_on(visit.start, clinic.zone)
        if request.asks_of(action) and on.isoweekday() not in request.weekdays:
            off.setdefault(action.title, []).append((action, visit))
    formats, times, works = clinic.formats, _times(wishes, proposal), working_days(session, clinic)
    asked = listed([formats.short_weekday(day) for day in formats.week if day in request.weekdays])
    found = []
    for title, visits in off.items():
        never = sum(not _reachable(works, clinic, action, times) & request.weekdays for action, _ in visits)
        used = {local_on(visit.start, clinic.zone).isoweekday() for _, visit in visits}
        more = listed([formats.short_weekday(day) for day in formats.week if day in used])
        only = label(visits[0][0]) if len(visits) == 1 else f"{counted(len(visits), title.lower())}"
        found.append(
            Unkept(
                "weekdays",
                f"{only} not on {asked}",
                _reason(visits[0][0], asked, never, len(visits)),
                [Change(f"Add {more}", {"weekdays": request.weekdays | used}), *_only(wishes)],
            )
        )
    return found


def _only(wishes: CourseRequest) -> list[Change]:
    """Return the change that asks of the dosing visits alone; none where it is so, or where no visit gives a drug."""
    titles = dict.fromkeys(f"{one.title.lower()}s" for one in wishes.plan_definition.plan.firm if one.dosing)
    if wishes.dosing_only or not titles:
        return []
    return [Change(f"Only for {listed(list(titles))}", {"dosing_only": True})]


def _reason(action: Action, asked: str, never: int, number: int) -> str:
    """Return why visits are not on the days asked for; the spacing rules those days out for `never` of them."""
    offset = action.offset
    if offset is None or not never:
        return f"No time on {asked} is free within the spacing."
    unit = UNITS[offset.unit]
    gap = (
        counted(offset.max, unit) if offset.min == offset.max else f"{offset.min}–{counted(offset.max, unit)}"
    )
    after = offset.after.replace("-", " ").rstrip("0123456789 ")
    rule = f"The protocol asks for {gap} after the {after}"
    if never == number:
        return f"{rule}: never on {asked}."
    return f"{rule}, which rules out {asked} for {never}; the rest have no free time then."


def _times(wishes: CourseRequest, proposal: Proposal) -> dict[str, tuple[datetime, datetime]]:
    """Return start and end of each visit that another one may follow."""
    known = {one.action: (one.start, one.end) for one in wishes.done.values()}
    return known | {visit.action: (visit.start, visit.attended_end) for visit in proposal.visits}


def _reachable(
    works: Callable[[date], bool],
    clinic: Clinic,
    action: Action,
    times: Mapping[str, tuple[datetime, datetime]],
) -> set[int]:
    """Return the weekdays on which the spacing allows a visit; all, where it follows none."""
    offset = action.offset
    if offset is None or offset.after not in times:
        return set(range(1, 8))
    earlier = times[offset.after][offset.edge is Edge.END]
    first = local_on(earlier, clinic.zone)
    found = set()
    for on in (first + timedelta(days=n) for n in range(FARTHEST)):
        low, high = amounts(offset, earlier, *day_bounds(on, clinic.zone), clinic.zone, works)
        if low > offset.max:
            break
        if high >= offset.min and works(on):
            found.add(on.isoweekday())
    return found
