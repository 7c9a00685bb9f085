"""One course put into the calendar again, exactly: as the patient wishes, or with as little bent as it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date, datetime

from scheduler.domain.localtime import local_on
from scheduler.domain.planner.answers.reflow import MOVE, RETIME, Reflow, reflow
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.many.values import PRICES, AffectedCourse, Bend, CoursePlan, Score
from scheduler.domain.planner.values import NoFit, Placement, Reason, Request, Weights
from scheduler.domain.plans import Role, Unit


@dataclass(frozen=True)
class BentRequest:
    """A request that asks for less; before the actions `gaps` the spacing may be broken, by so many `days`."""

    request: Request
    bent: tuple[Bend, ...] = ()
    gaps: tuple[str, ...] = ()
    days: int = 0

    @property
    def price(self) -> int:
        return sum(PRICES[one] for one in self.bent) + self.days


def insert(
    course: AffectedCourse,
    availability: Availability,
    weights: Weights,
    now: datetime,
    bent: int = 0,
    near: int | None = None,
) -> CoursePlan | None:
    """Return the best plan of a course on this calendar, on which its own visits count as free; None if there is none.

    What costs less to bend is tried first, from the price `bent` on. Of plans that bend as much, the one with the
    fewest moves is returned: of all, or, found several times sooner, of those with each visit `near` (in days) where it
    is, if there are any.
    """
    far = _far(course, availability, near) if near is not None else None

    def plan(asked: BentRequest) -> CoursePlan | None:
        """Return the best plan: with the successor, unless that moves visits which stay without."""
        found = None
        for one in (*with_successor(course, asked), asked):
            again = nearest(one) if found is None or found.score.others_moved else None
            if again is not None and (found is None or again.score < found.score):
                found = again
        return found

    def nearest(asked: BentRequest) -> CoursePlan | None:
        requests = [asked.request]
        if far is not None:
            not_on = {key: days | asked.request.not_on.get(key, frozenset()) for key, days in far.items()}
            requests.insert(0, replace(asked.request, not_on={**asked.request.not_on, **not_on}))
        for request in requests:
            if found := plan_of(course, replace(asked, request=request), availability, weights, now):
                return found
        return None

    wishes = sorted(wishes_bent(course.request), key=lambda one: one.price)
    for asked in wishes:
        if asked.price >= bent and (found := plan(asked)):
            return found
    for asked in wishes:
        single = [one for one in _longer_gaps(course, asked) if one.price >= bent]
        if not single:
            continue
        every = {key: gap for one in single for key, gap in one.request.slack.items()}
        if plan(replace(asked, request=replace(asked.request, slack=every))) is None:
            continue  # not even with all of them longer
        plans = (one for one in map(plan, single) if one is not None)
        best = next(plans, None)
        if best is not None:
            return best if near is not None else min([best, *plans], key=lambda one: one.score)
    return None


def with_successor(course: AffectedCourse, asked: BentRequest) -> list[BentRequest]:
    """Return what is asked with the therapist who takes over; nothing where none does."""
    if not course.successor:
        return []
    return [replace(asked, request=replace(asked.request, practitioner_ids=frozenset({course.successor})))]


def plan_of(
    course: AffectedCourse, asked: BentRequest, availability: Availability, weights: Weights, now: datetime
) -> CoursePlan | None:
    """Return the best plan of a course for just this request, None if there is none."""
    with suppress(NoFit):
        return _plan_of(course, asked, _reflow(course, asked.request, availability, weights, now))
    return None


def why_not(
    course: AffectedCourse, availability: Availability, weights: Weights, now: datetime
) -> tuple[Reason, ...]:
    """Return why a course cannot be placed as the patient wishes."""
    try:
        _reflow(course, course.request, availability, weights, now, explain=True)
    except NoFit as refused:
        return refused.reasons
    return ()


def _far(course: AffectedCourse, availability: Availability, near: int) -> Mapping[str, frozenset[date]]:
    """Return for each visit the days that are farther away from where it is booked."""
    grid = availability.grid
    days = [grid.on(row) for row in range(grid.days)]
    booked = {key: local_on(visit.start, grid.zone) for key, visit in course.current.items()}
    return {key: frozenset(on for on in days if abs((on - at).days) > near) for key, at in booked.items()}


def wishes_bent(request: Request) -> Iterator[BentRequest]:
    """Yield the request without some of what the patient wishes, in all combinations."""
    found = [BentRequest(request)]
    if request.practitioner_ids:
        found += [_without(one, Bend.PERSON, practitioner_ids=frozenset()) for one in found]
    if request.weekdays:
        found += [_without(one, Bend.WEEKDAY, weekdays=frozenset()) for one in found]
    if request.earliest or request.latest:
        found += [_without(one, Bend.HOURS, earliest=None, latest=None) for one in found]
    yield from found


def _without(asked: BentRequest, bend: Bend, **fields: object) -> BentRequest:
    return BentRequest(replace(asked.request, **fields), (*asked.bent, bend))  # type: ignore[arg-type]


def _longer_gaps(course: AffectedCourse, asked: BentRequest) -> Iterator[BentRequest]:
    """Yield what is asked with one soft gap to or from a displaced visit longer, by a day and then by more."""
    for more in range(1, course.longer + 1):
        for key in soft_gaps(course):
            yield with_longer(asked, (key,), more)


def soft_gaps(course: AffectedCourse) -> list[str]:
    """Return the actions before which there is a soft gap to or from a displaced visit."""
    return [
        action.key
        for action in course.request.plan.firm
        if (offset := action.offset) is not None
        and not offset.hard
        and action.key not in course.request.done
        and not course.displaced.isdisjoint((action.key, offset.after))
    ]


def with_longer(asked: BentRequest, keys: tuple[str, ...], days: int) -> BentRequest:
    """Return what is asked with the gaps before these actions longer by so many days, or as many times 24 hours."""
    request, slack = asked.request, dict(asked.request.slack)
    for key in keys:
        offset = request.plan.action(key).offset
        if offset is not None:
            least, most = slack.get(key, (offset.min, offset.max))
            slack[key] = (least, most + days * (24 if offset.unit is Unit.HOURS else 1))
    return BentRequest(replace(request, slack=slack), (*asked.bent, Bend.SPACING), keys, days)


def _reflow(
    course: AffectedCourse,
    request: Request,
    availability: Availability,
    weights: Weights,
    now: datetime,
    *,
    explain: bool = False,
) -> Reflow:
    return reflow(
        request,
        course.current,
        {},
        availability,
        weights,
        now=now,
        keep=course.keep,
        displaced=course.displaced,
        explain=explain,
    )


def therapists_of(course: AffectedCourse, visits: Iterable[Placement]) -> set[int]:
    """Return who treats in those visits of a course that are displaced."""
    return {
        segment.resource_id
        for visit in visits
        if visit.action in course.displaced
        for segment in visit.segments
        if segment.role is Role.THERAPIST
    }


def _plan_of(course: AffectedCourse, asked: BentRequest, found: Reflow) -> CoursePlan:
    visits = found.proposal.visits
    moved = {one.action for one in found.moves if one.why != "resources"}
    retimed = moved & course.displaced
    kept_moved = (moved & course.keep) - retimed
    others = moved - retimed - kept_moved
    number = sum(visit.action in course.current for visit in visits)
    priced = RETIME * len(retimed) + MOVE * len(others) + MOVE * (number + 1) * len(kept_moved)
    score = Score(
        bent=asked.price,
        kept_moved=len(kept_moved),
        moved=len(others),
        apart=int(course.successor not in (0, *therapists_of(course, visits))),
        retimed=len(retimed),
        cost=found.proposal.cost - priced,
    )
    return CoursePlan(course, visits, found.moves, score, asked.bent, asked.gaps)
