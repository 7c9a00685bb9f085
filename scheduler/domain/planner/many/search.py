"""The search over many courses: put in one after the other, then taken out and put in again in other orders.

Each course is placed exactly (insertion.py), so what is searched is only who comes before whom. Several orders are
tried first; then a course that does worse than it could alone is put in first, with those that are in its way after
it, as long as there is time. No plan can be better than every course with the calendar to itself: that is the bound.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import inf
from random import Random

from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.many.insertion import insert, why_not
from scheduler.domain.planner.many.occupation import Occupation
from scheduler.domain.planner.many.successors import with_successors
from scheduler.domain.planner.many.suggesting import suggestions
from scheduler.domain.planner.many.values import AffectedCourse, CoursePlan, JointPlan, Score, Unplaced
from scheduler.domain.planner.values import Placement, Weights

Watch = Callable[[str, int, int], bool]  # stage, how many of how many are done; returns whether to go on
UNPLACED = Score(unplaced=1)
BENT = Score(bent=1)  # what keeps all wishes and rules is better than this
RANDOM_ORDERS = 3
GOOD_ENOUGH = 200  # a cost above the bound by one part in so many, where all else is as good as it can be
NEAR = 14  # days from where a visit is booked
MOST_OUT = 8  # courses taken out at once
IN_MOVES = (200.0, 5.0, 3.0, 1.0, 0.5, 0.01, 1e-6)  # what each part of a score weighs while searching
TOLERANCE = 0.03  # how much worse than the best the search may get on its way
BACK = 0.1  # of the rounds begin at the best
TRIES = 3  # of a round, each with the course first that could not leave
FIRST = 0.7  # of the rounds put the course that could do better in first


def replan(
    courses: Sequence[AffectedCourse],
    availability: Availability,
    weights: Weights,
    *,
    now: datetime,
    go_on: Watch,
    seed: int = 1,
    rounds: int | None = None,
) -> JointPlan:
    """Return a plan for all courses: the best that was found until `go_on` said no, or `rounds` were tried.

    The availability counts every visit as taken, those of these courses too, and what is closed as closed. A course
    without a place keeps its visits.
    """
    courses = with_successors(courses, availability, weights, now)
    search = _Search(courses, availability, weights, now, Random(seed))  # noqa: S311  (an order, not a secret)
    alone: dict[int, CoursePlan | None] = {}
    for number, course in enumerate(courses):
        go_on("alone", number, len(courses))
        alone[course.key] = search.alone(course)
    search.bounds = {key: _score(plan) for key, plan in alone.items()}
    search.best_alone = alone
    tried = 0
    if search.try_orders(go_on):
        while (
            not search.is_done
            and (rounds is None or tried < rounds)
            and go_on("better" if search.all_placed else "placing", tried, rounds or 0)
        ):
            search.improve()
            tried += 1
    return search.result(tried)


@dataclass(frozen=True)
class PlanState:
    """A plan for each course (None: it has no place), and what it uses."""

    occupation: Occupation
    answer: Mapping[int, CoursePlan | None]
    score: Score


class _Search:
    def __init__(
        self,
        courses: Sequence[AffectedCourse],
        availability: Availability,
        weights: Weights,
        now: datetime,
        random: Random,
    ) -> None:
        self.courses = {course.key: course for course in courses}
        self.weights, self.now, self.random = weights, now, random
        siblings: dict[int, list[int]] = defaultdict(list)
        for course in courses:
            siblings[course.patient].append(course.key)
        self.siblings = {
            course.key: [key for key in siblings[course.patient] if key != course.key] for course in courses
        }
        everything = Occupation(availability, {one.key: one.booked for one in courses})
        booked = everything.copy()
        everything.release(self.courses)
        self.empty = everything
        self.bounds: Mapping[int, Score] = {}
        self.best_alone: Mapping[int, CoursePlan | None] = {}
        self.blocked: list[int] = []  # the course that could not stay where it is booked
        unplaced = UNPLACED._replace(unplaced=len(courses))
        self.start = self.best = self.current = PlanState(booked, dict.fromkeys(self.courses), unplaced)

    @property
    def bound(self) -> Score:
        return Score.total(list(self.bounds.values()))

    @property
    def all_placed(self) -> bool:
        """Whether as many courses have a place as could at best."""
        return self.best.score.unplaced <= self.bound.unplaced

    @property
    def is_done(self) -> bool:
        """Whether anything better would be too small to notice."""
        bound = self.bound
        return self.best.score <= bound._replace(cost=bound.cost + bound.cost // GOOD_ENOUGH)

    def alone(self, course: AffectedCourse) -> CoursePlan | None:
        """Return the best plan of a course with the time of all affected courses free."""
        return insert(course, self.empty.seen_by(course, ()), self.weights, self.now)

    def try_orders(self, go_on: Watch) -> bool:
        """Put all courses in, in several orders, and keep the best; return whether to go on."""
        keys = list(self.courses)
        first = {key: min(self._displaced_starts(key), default=self.now) for key in keys}
        orders = [
            sorted(keys, key=lambda key: tuple(-n for n in self.bounds[key])),
            sorted(keys, key=lambda key: -len(self.courses[key].displaced)),
            sorted(keys, key=lambda key: first[key]),
            *(self.random.sample(keys, len(keys)) for _ in range(RANDOM_ORDERS)),
        ]
        for number, order in enumerate(orders):
            if not go_on("orders", number, len(orders)) and number:
                return False
            self._keep(self._in_order(order, self.start, inf if number == 0 else _weight(self.best.score)))
            if self.is_done:
                break
        self.current = self.best
        return True

    def improve(self) -> None:
        """Take some courses out, and put them in again in another order; keep it unless it is much worse.

        A course that cannot leave for certain, after another has taken its booked time, is put in first. Now and then
        the search goes back to the best that it knows.
        """
        if self.random.random() < BACK:
            self.current = self.best
        best = _weight(self.best.score)
        order = self._neighborhood()
        for _ in range(TRIES):
            self.blocked.clear()
            self._keep(self._in_order(order, self.current, best + best * TOLERANCE))
            if not self.blocked:
                break
            order.remove(self.blocked[0])
            order.insert(0, self.blocked[0])

    def result(self, rounds: int) -> JointPlan:
        plans, unplaced = [], []
        for key, course in self.courses.items():
            plan = self.best.answer[key]
            if plan is not None:
                plans.append(plan)
                continue
            occupation = self.best.occupation.copy()
            occupation.release([key])
            calendar = occupation.seen_by(course, self.siblings[key])
            reasons = why_not(course, calendar, self.weights, self.now)
            helping = suggestions(course, calendar, self.weights, self.now, reasons)
            unplaced.append(Unplaced(course, reasons, helping))
        return JointPlan(tuple(plans), tuple(unplaced), self.best.score, self.bound, rounds, self.bounds)

    def _displaced_starts(self, key: int) -> list[datetime]:
        course = self.courses[key]
        return [course.current[action].start for action in course.displaced]

    def _in_order(self, order: Sequence[int], state: PlanState, most: float) -> PlanState | None:
        """Put courses in, one after the other; those that have no place stay where they are booked.

        Those that bend something stay there, too, until their patient has agreed: no one takes the time that they would
        leave. None where another one has that time by then, and as soon as it cannot weigh less than `most`.
        """
        occupation, answer = state.occupation.copy(), dict(state.answer)
        if state is not self.start:  # there everybody's visits stay until they are moved
            occupation.release(order)
            for key in order:
                if self.bounds[key] >= BENT and not occupation.occupy(key, self.courses[key].booked):
                    return None
        scores = {key: _score(plan) for key, plan in answer.items()} | {
            key: self.bounds[key] for key in order
        }
        for key in order:
            course, plan = self.courses[key], None
            occupation.release([key])
            calendar = occupation.seen_by(course, self.siblings[key])
            if not self.bounds[key].unplaced:
                bent = self.bounds[key].bent
                plan = insert(course, calendar, self.weights, self.now, bent, NEAR)
            visits, staying = (
                (plan.visits, course.booked if plan.bent else ()) if plan else (course.booked, ())
            )
            if not occupation.occupy(key, visits, staying):
                self.blocked.append(key)
                return None
            answer[key], scores[key] = plan, _score(plan)
            if _weight(Score.total(list(scores.values()))) > most:
                return None
        return PlanState(occupation, answer, Score.total(list(scores.values())))

    def _keep(self, state: PlanState | None) -> None:
        if state is None:
            return
        self.current = state
        if state.score < self.best.score:
            self.best = state

    def _neighborhood(self) -> list[int]:
        """Return a course that could do better, and then those that are in its way, with some others."""
        found = {key: _score(plan) for key, plan in self.current.answer.items()}
        worse = [key for key in self.courses if found[key] > self.bounds[key]]
        heavy = [key for key in worse if found[key][:-1] > self.bounds[key][:-1]]
        lost = [key for key in worse if found[key].unplaced > self.bounds[key].unplaced]
        first = self.random.choice(lost or heavy or worse or list(self.courses))
        others = [key for key in self._in_the_way(first) if key != first]
        number = self.random.randint(1, MOST_OUT)
        self.random.shuffle(others)
        chosen = others[:number]
        rest = [key for key in self.courses if key != first and key not in chosen]
        more = self.random.sample(rest, min(len(rest), self.random.randint(0, 2)))
        order = [*chosen, *more]
        self.random.shuffle(order)
        at = 0 if self.random.random() < FIRST else self.random.randint(0, len(order))
        return [*order[:at], first, *order[at:]]

    def _in_the_way(self, key: int) -> list[int]:
        """Return the courses that use what a course would use if it were alone."""
        plan = self.best_alone[key]
        wanted = _stretches(plan.visits if plan else ())
        return [
            other
            for other, visits in self.current.occupation.held.items()
            if any(
                id_ == one[0] and start < one[2] and one[1] < end
                for id_, start, end in _stretches(visits)
                for one in wanted
            )
        ]


def _score(plan: CoursePlan | None) -> Score:
    return plan.score if plan else UNPLACED


def _weight(score: Score) -> float:
    """Return a score as one number, in moves: what the search may accept that is a little worse."""
    return float(sum(part * price for part, price in zip(score, IN_MOVES, strict=True)))


def _stretches(visits: Sequence[Placement]) -> list[tuple[int, datetime, datetime]]:
    return [(one.resource_id, one.start, one.end) for visit in visits for one in visit.segments]
