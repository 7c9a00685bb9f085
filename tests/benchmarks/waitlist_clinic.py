"""A clinic that goes on for weeks: courses are booked, visits canceled and made up for, and a seed gives the same ones.

Chance is drawn by what it is about (a course, a visit), so that two clinics with the same seed see the same patients
and cancellations although their calendars differ.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from random import Random

from scheduler.domain.localtime import local_on
from scheduler.domain.planner import Availability, Waiting, Weights, propose, reflow, waiting
from scheduler.domain.planner.many.occupation import Occupation
from scheduler.domain.planner.validator import check_plan
from scheduler.domain.planner.values import NoFit, Placement, Request
from scheduler.domain.plans import Role
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import NEW_YORK, calendar, course, day, need, phase, staff

HORIZON = 70  # days that can be booked
PEOPLE = staff(4, 3, 2, 2, 3)
OPENS, CLOSES = "08:00", "17:00"
INDUCTION = course(
    6,
    (2, 3, 4),
    phases=(
        phase(
            "set-up", 15, Role.CHAIR, need(Role.NURSE, exclusive=True),
            need(Role.PRESCRIBER, length=timedelta(minutes=10)),
        ),
        phase("infusion", 40, Role.CHAIR, Role.NURSE, need(Role.PRESCRIBER, presence=True)),
        phase("observation", 60, Role.CHAIR, Role.NURSE),
        phase("turnover", 10, Role.CHAIR, attended=False),
    ),
)  # fmt: skip
WEEKLY = course(4, (5, 7, 9), therapy=False)  # of 65 minutes each
ARRIVALS = 12  # courses in a week
AHEAD = (7, 28)  # days from the booking to the first visit that a patient asks for
CANCELED = 0.19  # of visits (PubMed 18806590: in the first month after the booking)
LATE = 0.5  # of these, in the last day before the visit; the others at any time before
ENDS = 0.2  # of cancellations end the course
MAKE_UP = 3  # days that a gap may be longer for a visit that is made up for
WAITS_TO_START, WAITS = 0.6, 0.3  # of first visits, of those that follow


@dataclass
class Course:
    """A patient's course: what is asked for, all its visits that are not canceled, and for which of them one waits."""

    key: int
    request: Request
    visits: dict[str, Placement]
    since: dict[str, datetime] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)
    changes: int = 0  # how often its visits have changed

    def ahead(self, now: datetime) -> list[Placement]:
        return [visit for visit in self.visits.values() if visit.first_use >= now]


class Clinic:
    """A booked clinic. `left` tells of chair time that gets free, as windows."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.courses: dict[int, Course] = {}
        self.holds: dict[int, list[Placement]] = {}
        self.turned_away = self.bent = self.ended = 0
        self.begin_week(0)

    def chance(self, *about: object) -> Random:
        """Return what is drawn about a course or a visit."""
        return Random(f"{self.seed} {' '.join(map(str, about))}")

    def begin_week(self, week: int) -> None:
        """Plan on the next weeks from this Monday on."""
        first = day(7 * week)
        now = datetime.combine(first, time(), UTC)
        people = calendar(HORIZON, PEOPLE, opens=OPENS, closes=CLOSES, first=first)
        self.occupation = Occupation(Availability(people), {})
        for one in self.courses.values():
            if ahead := one.ahead(now):
                assert self.occupation.occupy(one.key, ahead)
        for key, held in self.holds.items():
            self.occupation.occupy(key, held)

    def own(self, course: Course) -> Availability:
        """Return the calendar for a course, on which its own time is free."""
        mine = self.occupation.copy()
        mine.release([course.key])
        return mine.availability

    def book(self, key: int, now: datetime) -> Course | None:
        """Book a new course, if there is time for it."""
        rng, today = self.chance("course", key), local_on(now, NEW_YORK)
        plan = INDUCTION if rng.random() < 0.75 else WEEKLY
        wanted = today + timedelta(days=rng.randint(*AHEAD))
        request = Request(plan, today + timedelta(days=1), count=1)
        try:
            asked = replace(request, not_before=wanted)
            visits = propose(asked, self.occupation.availability, Weights(), now=now)[0].visits
        except NoFit:
            self.turned_away += 1
            return None
        made = self.courses[key] = Course(key, request, {})
        self.put(made, visits, now)
        for action in made.visits:
            self.maybe_wait(made, action, now)
        return made

    def put(self, course: Course, visits: tuple[Placement, ...], now: datetime) -> None:
        """Book the visits ahead of a course in place of those that it had."""
        self.occupation.release([course.key])
        course.visits |= {visit.action: visit for visit in visits}
        assert self.occupation.occupy(course.key, course.ahead(now)), "it was planned on free time"
        course.changes += 1

    def maybe_wait(self, course: Course, action: str, now: datetime) -> None:
        if action.startswith("infusion"):
            share = WAITS_TO_START if action == "infusion-1" else WAITS
            if self.chance("waits", course.key, action).random() < share:
                course.since[action] = now

    def cancels_at(self, course: Course, visit: Placement, now: datetime) -> datetime | None:
        """Return when a patient cancels a visit that is booked now, None if the patient comes."""
        rng = self.chance("cancels", course.key, visit.action, course.attempts.get(visit.action, 0))
        if rng.random() >= CANCELED:
            return None
        late, share = rng.random() < LATE, rng.random()
        last = visit.first_use - timedelta(days=1)
        if late or last <= now:
            begins = max(now, last)
            return begins + share * (visit.first_use - begins)
        return now + share * (last - now)

    def cancel(self, course: Course, action: str, now: datetime) -> list[Placement]:
        """Cancel a visit and make up for it, or end the course; return the infusions that are given up or move."""
        attempt = course.attempts[action] = course.attempts.get(action, 0) + 1
        gone = course.visits.pop(action)
        side = action.replace("infusion", "therapy")
        course.visits.pop(side, None)
        course.since.pop(action, None)
        before = {**course.visits, action: gone}
        ends = self.chance("ends", course.key, action, attempt).random() < ENDS
        off = course.request.not_on.get(action, frozenset()) | {local_on(gone.start, NEW_YORK)}
        course.request = replace(course.request, not_on={**course.request.not_on, action: off})
        if ends or not self._make_up(course, action, now):
            self.ended += 1
            for one in course.ahead(now):
                del course.visits[one.action]
            course.since = {}
            self.put(course, (), now)
        else:
            self.maybe_wait(course, action, now)
        return left(before, course.visits)

    def _make_up(self, course: Course, action: str, now: datetime) -> bool:
        """Plan a canceled visit again, with a longer gap where nothing else helps."""
        offset = course.request.plan.action(action).offset
        wider = {action: (offset.min, offset.max + MAKE_UP)} if offset else {}
        for slack in ({}, wider):
            request = replace(course.request, slack={**course.request.slack, **slack})
            try:
                found = reflow(request, course.visits, {}, self.own(course), now=now, explain=False)
            except NoFit:
                continue
            self.bent += bool(slack)
            course.request = request
            self.put(course, found.proposal.visits, now)
            return True
        return False

    def record(self, course: Course, action: str, now: datetime, not_before: datetime) -> Waiting:
        """Return the record of a visit that waits."""
        return waiting(course.key, course.request, action, course.visits, now=now, not_before=not_before)

    def violations(self, weeks: int) -> list[str]:
        """Return what the visits of all weeks break, by the validator and by a count of what they use."""
        every = calendar(7 * weeks + HORIZON, PEOPLE, opens=OPENS, closes=CLOSES)
        begun = datetime.combine(day(0), time(), UTC)
        broken = [
            f"course {one.key}: {violation.words}"
            for one in self.courses.values()
            for violation in check_plan(one.request, every, tuple(one.visits.values()), begun)
        ]
        return broken + ["more is used than there is"] * self._over_capacity()

    def _over_capacity(self) -> int:
        units = {one.id: one.units for one in PEOPLE}
        changes: dict[int, list[tuple[datetime, int]]] = {key: [] for key in units}
        for one in self.courses.values():
            for segment in (segment for visit in one.visits.values() for segment in visit.segments):
                used = units[segment.resource_id] if segment.exclusive else 1
                changes[segment.resource_id] += [(segment.start, used), (segment.end, -used)]
        broken = 0
        for key, events in changes.items():
            used = 0
            for _, change in sorted(events):
                used += change
                broken += used > units[key]
        return broken


def chair_time(visit: Placement) -> Window:
    """Return when a visit uses its chair."""
    used = [one for one in visit.segments if one.role is Role.CHAIR]
    return Window(min(one.start for one in used), max(one.end for one in used))


def left(before: dict[str, Placement], after: dict[str, Placement]) -> list[Placement]:
    """Return the infusions that are no longer where they were."""
    return [
        visit
        for action, visit in before.items()
        if action.startswith("infusion") and (action not in after or after[action].start != visit.start)
    ]
