"""A course that starts in its middle: what a patient had before, from the last visit and its date.

Every visit that leads up to the last one counts as held, on the day that was given for it or, reckoned back by the
plan's best gaps, on about that day. A side visit (a therapy session, a call) that follows one of them is over: held
if its series is said to be, else left out. What follows the last visit is still planned while its gap allows it,
unless that is said to be settled too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from scheduler.domain.localtime import local_on
from scheduler.domain.planner.answers.words import label
from scheduler.domain.planner.search.course import line_of
from scheduler.domain.planner.values import Done, Suggestion
from scheduler.domain.plans import Action, Edge, Offset, Plan, Unit
from scheduler.errors import Invalid, NoFitFound
from scheduler.services.actors import Actor
from scheduler.services.planning import proposals
from scheduler.services.planning.wishes import CourseRequest

DAY = timedelta(days=1)
WAITS = (3, 7, 14)  # days after the first day asked for


class LastVisitMissing(Invalid):
    """Visits were before, and nothing says when the last of them was."""


@dataclass(frozen=True)
class Before:
    """What the desk was told: the last visit held, days by action (that of the last one at least), the usual time of
    day, the series of side visits that were held too (a single one by its key), and whether what follows the last
    visit is settled as well. `exact` are visits of which more than the day is known."""

    last: str
    on: Mapping[str, date]
    at: time
    sides: frozenset[str] = frozenset()
    settled: bool = False
    exact: Mapping[str, Done] = field(default_factory=dict)


@dataclass(frozen=True)
class Earlier:
    """The earlier visits as fixed times, and which of them are only left out."""

    done: Mapping[str, Done] = field(default_factory=dict)
    skipped: frozenset[str] = frozenset()


def line(plan: Plan) -> list[Action]:
    """Return the visits that carry the course, in order."""
    keys = line_of(plan)
    return [action for action in plan.firm if action.key in keys]


def sides(plan: Plan) -> dict[str, str]:
    """Return the title of each series of side visits by the name that `Before.sides` takes."""
    keys = line_of(plan)
    return {name_of(action): action.title for action in plan.firm if action.key not in keys}


def name_of(action: Action) -> str:
    return action.series or action.key


def earlier(plan: Plan, before: Before, first_on: date, zone: ZoneInfo, now: datetime) -> Earlier:
    """Return what was before; `first_on` is the first day that is asked for.

    Raises Invalid naming what cannot be: an unknown visit, days that are to come or in another order than the plan's, a
    course of which nothing is left.
    """
    order = line(plan)
    keys = [action.key for action in order]
    if before.last not in keys:
        raise Invalid([("had", "is not a visit of this protocol")])
    if before.last == keys[-1]:
        raise Invalid([("had", "leaves no visits to book")])
    held = order[: keys.index(before.last) + 1]
    days = _days(held, before)
    _require_order(held, before, days, local_on(now, zone))
    done = {action.key: _done(action, days[action.key], before.at, zone) for action in held}
    done.update(before.exact)
    if done[before.last].end > now:
        raise Invalid([("last_at", "is not over yet")])
    skipped = set()
    for action in plan.firm:
        if action.key in keys or not _is_over(action, before, done, first_on, zone):
            continue
        on = _side_day(action, done, zone, now)
        done[action.key] = _done(action, on, before.at, zone)
        if name_of(action) not in before.sides:
            skipped.add(action.key)
    return Earlier(done, frozenset(skipped))


def _days(held: list[Action], before: Before) -> dict[str, date]:
    if before.last not in before.on:
        raise LastVisitMissing([("last_on", "is missing")])
    days = {before.last: before.on[before.last]}
    for action, following in zip(reversed(held[:-1]), reversed(held), strict=False):
        days[action.key] = before.on.get(action.key) or _back(days[following.key], following.offset)
    return days


def _back(on: date, offset: Offset | None) -> date:
    """Return the day that lies the best gap before `on`."""
    if offset is None:
        return on
    if offset.unit is Unit.HOURS:
        return on - DAY * -(-offset.target // 24)
    if offset.unit is Unit.DAYS:
        return on - DAY * offset.target
    left = offset.target
    while left > 0:
        on -= DAY
        left -= on.isoweekday() <= 5
    return on


def _require_order(held: list[Action], before: Before, days: Mapping[str, date], today: date) -> None:
    if days[before.last] > today:
        raise Invalid([("last_on", "is in the future")])
    wrong = [
        (
            f"on-{action.key}",
            f"must not be after {following.title.lower()} {following.position or ''}".strip(),
        )
        for action, following in pairwise(held)
        if days[action.key] > days[following.key]
    ]
    if wrong:
        raise Invalid(wrong)


def _done(action: Action, on: date, at: time, zone: ZoneInfo) -> Done:
    start = datetime.combine(on, at, zone).astimezone(UTC)
    return Done(action.key, start, start + action.attended_length)


def _is_over(
    action: Action, before: Before, done: Mapping[str, Done], first_on: date, zone: ZoneInfo
) -> bool:
    """Tell whether a side visit belongs to what was before."""
    offset = action.offset
    if offset is None or offset.after not in done:
        return False
    if offset.after != before.last or before.settled:
        return True
    return _latest(offset, done[before.last], zone) < first_on


def _latest(offset: Offset, parent: Done, zone: ZoneInfo) -> date:
    """Return the last day on which a visit with this gap can be; on working days, those of any week."""
    origin = parent.end if offset.edge is Edge.END else parent.start
    if offset.unit is Unit.HOURS:
        return local_on(origin + timedelta(hours=offset.max), zone)
    on, left = local_on(origin, zone), offset.max
    while left > 0:
        on += DAY
        left -= offset.unit is Unit.DAYS or on.isoweekday() <= 5
    return on


def _side_day(action: Action, done: Mapping[str, Done], zone: ZoneInfo, now: datetime) -> date:
    """Return about when a side visit was: by its best gap, but neither after what it comes before nor after today."""
    offset = action.offset
    if offset is None:
        raise AssertionError("a past visit depends on an earlier one")
    days = -(-offset.target // 24) if offset.unit is Unit.HOURS else offset.target
    on = local_on(done[offset.after].start, zone) + DAY * days
    latest = [local_on(now, zone) - DAY]
    if action.before and action.before in done:
        latest.append(local_on(done[action.before].start, zone))
    return min(on, *latest)


def longer_gap(session: Session, actor: Actor, wishes: CourseRequest, now: datetime) -> Suggestion | None:
    """Return how long the gap from the last earlier visit must be for the rest to fit; None where that does not help.

    Each length that is offered was solved first. A plan's own offers bend a gap by two days at most, and a patient who
    comes from elsewhere may have waited longer.
    """
    plan = wishes.plan_definition.plan
    following = next((one for one in line(plan) if one.key not in wishes.done), None)
    offset = following.offset if following else None
    if following is None or offset is None or offset.hard or offset.after not in wishes.done:
        return None
    last_on = local_on(wishes.done[offset.after].end, actor.clinic.zone)
    for more in WAITS:
        most = (wishes.not_before - last_on).days + more
        if offset.unit is Unit.HOURS:
            most *= 24
        if most <= offset.max:
            continue
        slack = {**wishes.slack, following.key: (offset.min, most)}
        try:
            longer = replace(wishes, slack=slack, count=1)
            proposals.propose(
                session, actor, longer, now, at_once=lambda: True
            )  # several: none may take long
        except NoFitFound:
            continue
        unit = "hours" if offset.unit is Unit.HOURS else "days"
        text = f"Allow up to {most} {unit} before {label(following).lower()} (protocol: {offset.max})"
        return Suggestion(text, {"slack": slack}, True)
    return None
