"""Clinics with booked courses, those who wait for an earlier time, and a time that opens: a seed gives the same one.

Two families: small clinics that are nearly full, from which one visit is canceled, and random trees of visits (gaps in
hours and working days, clock changes, people with several roles) with a random time.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from functools import cached_property
from random import Random

from scheduler.domain.localtime import to_local
from scheduler.domain.planner import (
    Availability,
    Chance,
    Gate,
    StartWishes,
    Weights,
    propose,
    reflow,
    waiting,
)
from scheduler.domain.planner.many.occupation import Occupation
from scheduler.domain.planner.many.values import AffectedCourse
from scheduler.domain.planner.openings.waiting import Waiting
from scheduler.domain.planner.values import NoFit, Placement, Proposal, Request
from scheduler.domain.plans import TICK
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import MONDAY, NOW, calendar, course, day, plan, staff
from tests.domain.planner.trees import tree

WEIGHTS = Weights()


@dataclass(frozen=True)
class Course:
    """A patient's course: what is asked for, and the visits ahead."""

    key: int
    request: Request
    current: Mapping[str, Placement]
    keep: frozenset[str]
    busy: tuple[Window, ...] = ()


@dataclass(frozen=True)
class Instance:
    """An opened time, the calendar on which it is free and the rest is taken, and who waits (and for what)."""

    availability: Availability
    courses: Mapping[int, Course]
    waiting: tuple[Waiting, ...]  # the key is that of the course times 100, and a number
    opened: Window
    now: datetime

    @cached_property
    def chances(self) -> list[Chance]:
        return Gate(self.waiting, self.availability, self.now).chances(self.opened)

    def course(self, one: Waiting) -> Course:
        return self.courses[one.key // 100]

    def calendar(self, one: Waiting) -> Availability:
        """Return the calendar for a course: its own time is free, its patient is busy elsewhere."""
        own = self.course(one)
        occupation = Occupation(self.availability, {own.key: tuple(own.current.values())})
        occupation.release([own.key])
        affected = AffectedCourse(own.key, own.key, own.request, own.current, frozenset(), busy=own.busy)
        return occupation.seen_by(affected, ())

    def starts(self, one: Waiting) -> Iterator[datetime]:
        """Yield every start within the opened time that is early enough and as wished."""
        zone = self.availability.grid.zone
        start = self.opened.start
        while start < self.opened.end:
            local, in_time = to_local(start, zone), start >= one.not_before
            if in_time and (one.before is None or start < one.before):
                yield from [start] * all(wishes.allow(local) for wishes in one.wishes)
            start += TICK

    def fit(self, one: Waiting, start: datetime, free: Availability) -> Proposal | None:
        """Return the course with the visit at a start, None where it has no place there."""
        own = self.course(one)
        try:
            if one.action.key in own.current:
                moved = {one.action.key: start}
                found = reflow(
                    own.request, own.current, moved, free, WEIGHTS, now=self.now, keep=own.keep, explain=False
                )
                return found.proposal
            pinned = replace(own.request, pinned={one.action.key: start}, count=1)
            return reflow(pinned, {}, {}, free, WEIGHTS, now=self.now, explain=False).proposal
        except NoFit:
            return None


def clinic(seed: int) -> Instance:
    """Return a small clinic that is nearly full, after one visit of it was canceled."""
    rng = Random(f"opening {seed}")
    protocol = rng.choice(
        [
            course(3, (2, 3, 4)),
            course(3, (1, 2, 3), call=True),
            course(4, (2, 2, 3), therapy=False),
            course(2, (3, 4, 6), call=True),
        ]
    )
    people = staff(rng.choice((1, 2)), 1, rng.choice((1, 2)), rng.choice((1, 2)), rng.choice((1, 2)))
    free = calendar(
        rng.choice((21, 28)), people, opens="09:00", closes=rng.choice(("11:00", "12:30", "15:00"))
    )
    occupation, requests = Occupation(Availability(free), {}), {}
    for key in range(1, rng.randint(4, 9)):
        request = _request(rng, protocol) if key > 1 else Request(protocol, MONDAY, count=1)
        try:
            visits = propose(request, occupation.availability, WEIGHTS, now=NOW)[0].visits
        except NoFit:
            continue
        assert occupation.occupy(key, visits)
        requests[key] = request
    every = [visit for visits in occupation.held.values() for visit in visits]
    last = max(visit.first_use for visit in every)
    now = min(NOW + timedelta(days=rng.choice((0, 0, 3, 6))), last - timedelta(hours=1))
    canceled = rng.choice([visit for visit in every if visit.first_use > now])
    gone = next(key for key, visits in occupation.held.items() if canceled in visits)
    held = dict(occupation.held)
    occupation.release([gone])
    if rng.random() < 0.5:  # only this visit is canceled, not the course
        rest = tuple(visit for visit in held[gone] if visit is not canceled)
        assert occupation.occupy(gone, rest)
    courses = {
        key: _course(rng, key, replace(requests[key], not_before=max(MONDAY, now.date())), visits)
        for key, visits in held.items()
        if key != gone
    }
    opened = Window(canceled.first_use, canceled.end + rng.choice((0, 6, 24)) * TICK)
    more = _to_book(rng, protocol, 50)
    records = [
        *(_record(rng, one, action, now) for one in courses.values() for action in one.current),
        *(_record(rng, one, one.request.plan.firm[0].key, now) for one in more),
    ]
    courses |= {one.key: one for one in more}
    records = [one for one in records if one.before is None or one.before > now]
    return Instance(occupation.availability, courses, tuple(records), opened, now)


def random_tree(seed: int) -> Instance:
    """Return one random course on a random calendar, and a random time."""
    rng = Random(f"opening of tree {seed}")
    problem = tree(seed, family=rng.choice(("any", "any", "clock", "four units")))
    request = replace(problem.request, pinned={}, count=1)
    availability, now = problem.availability, problem.now
    try:
        visits = propose(request, availability, WEIGHTS, now=now)[0].visits
    except NoFit:
        visits = ()
    occupation = Occupation(availability, {})
    current: dict[str, Placement] = {}
    if occupation.occupy(1, visits):
        current = {visit.action: visit for visit in visits}
    busy = tuple(availability.calendar.patient_busy)
    own = Course(1, request, current, frozenset(), busy)
    hours = availability.calendar.hours[None]
    begins = rng.choice(hours)
    opened = Window(begins.start, max(begins.end, begins.start + TICK))
    if rng.random() < 0.3:
        opened = Window(min(one.start for one in hours), max(one.end for one in hours))
    # an opened time starts at a whole five minutes, whenever the clinic opens
    opened = Window(_whole(opened.start), opened.end)
    actions = (
        [*current] if current else [next(one.key for one in request.plan.firm if one.key not in request.done)]
    )
    records = tuple(
        waiting(100 + n, request, action, current, now=now, not_before=now, busy=busy)
        for n, action in enumerate(actions)
    )
    return Instance(occupation.availability, {1: own}, records, opened, now)


def _whole(instant: datetime) -> datetime:
    return datetime.fromtimestamp(-(-instant.timestamp() // 300) * 300, instant.tzinfo)


def _request(rng: Random, protocol) -> Request:
    request = Request(protocol, day(rng.randrange(8)), count=1)
    if rng.random() < 0.3:
        request = replace(request, weekdays=frozenset(rng.sample(range(1, 6), 3)))
    if rng.random() < 0.2:
        request = replace(request, latest=time(11))
    if rng.random() < 0.2:
        request = replace(request, blocked_on=frozenset({day(rng.randrange(14))}))
    return request


def _course(rng: Random, key: int, request: Request, visits: tuple[Placement, ...]) -> Course:
    keep = frozenset(visit.action for visit in visits if rng.random() < 0.2)
    busy = ()
    if rng.random() < 0.2:
        start = visits[0].start - timedelta(days=rng.randrange(4))
        busy = (Window(start, start + timedelta(hours=1)),)
    return Course(key, request, {visit.action: visit for visit in visits}, keep, busy)


def _to_book(rng: Random, protocol, key: int) -> list[Course]:
    """Return a course to start, and a single visit to book."""
    alone = plan(replace(rng.choice(protocol.firm), offset=None, before=None))
    return [
        Course(key, replace(_request(rng, protocol), not_before=MONDAY), {}, frozenset()),
        Course(key + 1, Request(alone, MONDAY, count=1), {}, frozenset()),
    ]


def _record(rng: Random, own: Course, action: str, now: datetime) -> Waiting:
    wishes = StartWishes()
    if rng.random() < 0.2:
        wishes = replace(wishes, weekdays=frozenset(rng.sample(range(1, 6), 3)))
    if rng.random() < 0.2:
        wishes = replace(wishes, earliest=time(10))
    if rng.random() < 0.1:
        wishes = replace(wishes, until_on=day(rng.randrange(14)))
    number = list(own.current or [action]).index(action)
    return waiting(
        own.key * 100 + number,
        own.request,
        action,
        own.current,
        (wishes,),
        now=now,
        not_before=now + timedelta(hours=rng.choice((0, 0, 24))),
        busy=own.busy,
    )
