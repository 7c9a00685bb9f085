"""The search over many courses: put in one after the other, then taken out and put in again in other orders.

Each course is placed exactly (insertion.py), so what is searched is only who comes before whom. Several orders are
tried first; then a course that does worse than it could alone is put in first, with those that are in its way after
it, as long as there is time. No plan can be better than every course with the calendar to itself: that is the bound.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from random import Random

from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.many.insertion import insert, why_not
from scheduler.domain.planner.many.occupation import Occupation
from scheduler.domain.planner.many.values import AffectedCourse, CoursePlan, Replan, Score, Unplaced
from scheduler.domain.planner.values import Placement, Weights

Watch = Callable[[str, int, int], bool]  # stage, how many of how many are done; returns whether to go on
UNPLACED = Score(unplaced=1)
RANDOM_ORDERS = 3
GOOD_ENOUGH = 200  # a cost above the bound by one part in so many, where all else is as good as it can be
NEAR = 14  # days from where a visit is booked
MOST_OUT = 8  # courses taken out at once
Answer = dict[int, CoursePlan | None]


def replan(
    courses: Sequence[AffectedCourse],
    availability: Availability,
    weights: Weights,
    *,
    now: datetime,
    go_on: Watch,
    seed: int = 1,
    rounds: int | None = None,
) -> Replan:
    """Return a plan for all courses: the best that was found until `go_on` said no, or `rounds` were tried.

    The availability counts every visit as taken, those of these courses too, and what is closed as closed. A course
    without a place keeps the visits that are not displaced.
    """
    search = _Search(courses, availability, weights, now, Random(seed))  # noqa: S311  (an order, not a secret)
    alone: Answer = {}
    for number, course in enumerate(courses):
        go_on("alone", number, len(courses))
        alone[course.key] = search.alone(course)
    search.bounds = {key: plan.score if plan else UNPLACED for key, plan in alone.items()}
    search.best_alone = alone
    tried = 0
    if search.try_orders(go_on):
        while (
            not search.is_done and (rounds is None or tried < rounds) and go_on("better", tried, rounds or 0)
        ):
            search.improve()
            tried += 1
    return search.result(tried)


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
        everything = Occupation(availability, {one.key: tuple(one.current.values()) for one in courses})
        everything.release(self.courses)
        self.empty = everything
        self.start = everything.copy()
        for course in courses:
            self.start.occupy(course.key, course.standing)
        self.bounds: Mapping[int, Score] = {}
        self.best_alone: Mapping[int, CoursePlan | None] = {}
        self.answer: Answer = dict.fromkeys(self.courses)
        self.occupation = self.start
        self.score = UNPLACED_MANY

    @property
    def is_done(self) -> bool:
        """Whether nobody would notice anything better."""
        bound = Score.total(list(self.bounds.values()))
        return self.score <= bound._replace(cost=bound.cost + bound.cost // GOOD_ENOUGH)

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
            found = self._in_order(order, self.start, dict.fromkeys(self.courses))
            if found is not None:
                self._keep_if_better(*found)
            if self.is_done:
                break
        return True

    def improve(self) -> None:
        """Take some courses out, and put them in again in another order; keep it unless it is worse."""
        out = self._neighborhood()
        occupation = self.occupation.copy()
        occupation.release(out)
        found = self._in_order(out, occupation, dict(self.answer))
        if found is not None:
            self._keep_if_better(*found)

    def result(self, rounds: int) -> Replan:
        plans, unplaced = [], []
        for key, course in self.courses.items():
            plan = self.answer[key]
            if plan is not None:
                plans.append(plan)
                continue
            occupation = self.occupation.copy()
            occupation.release([key])
            calendar = occupation.seen_by(course, self.siblings[key])
            unplaced.append(Unplaced(course, why_not(course, calendar, self.weights, self.now)))
        bound = Score.total(list(self.bounds.values()))
        return Replan(tuple(plans), tuple(unplaced), self.score, bound, rounds, self.bounds)

    def _displaced_starts(self, key: int) -> list[datetime]:
        course = self.courses[key]
        return [course.current[action].start for action in course.displaced]

    def _in_order(
        self, order: Sequence[int], occupation: Occupation, answer: Answer
    ) -> tuple[Occupation, Answer] | None:
        """Put courses in, one after the other; those that have no place keep what is not displaced.

        None where another one has that time by then.
        """
        occupation = occupation.copy()
        for key in order:
            course, bound, plan = self.courses[key], self.bounds[key], None
            occupation.release([key])
            calendar = occupation.seen_by(course, self.siblings[key])
            if not bound.unplaced:
                plan = insert(course, calendar, self.weights, self.now, bound.bent, NEAR)
            if not occupation.occupy(key, plan.visits if plan else course.standing):
                return None
            answer[key] = plan
        return occupation, answer

    def _keep_if_better(self, occupation: Occupation, answer: Answer) -> None:
        score = Score.total([plan.score if plan else UNPLACED for plan in answer.values()])
        if score <= self.score:
            self.occupation, self.answer, self.score = occupation, answer, score

    def _neighborhood(self) -> list[int]:
        """Return a course that could do better, and then those that are in its way, with some others."""
        worse = [key for key in self.courses if self._score(key) > self.bounds[key]]
        heavy = [key for key in worse if self._score(key)[:-1] > self.bounds[key][:-1]]
        first = self.random.choice(heavy or worse)
        others = [key for key in self._in_the_way(first) if key != first]
        number = self.random.randint(1, MOST_OUT)
        self.random.shuffle(others)
        chosen = others[:number]
        rest = [key for key in self.courses if key != first and key not in chosen]
        more = self.random.sample(rest, min(len(rest), self.random.randint(0, 2)))
        order = [*chosen, *more]
        self.random.shuffle(order)
        at = 0 if self.random.random() < 0.7 else self.random.randint(0, len(order))
        return [*order[:at], first, *order[at:]]

    def _score(self, key: int) -> Score:
        plan = self.answer[key]
        return plan.score if plan else UNPLACED

    def _in_the_way(self, key: int) -> list[int]:
        """Return the courses that use what a course would use if it were alone."""
        plan = self.best_alone[key]
        wanted = _stretches(plan.visits if plan else ())
        found = []
        for other, visits in self.occupation.held.items():
            for id_, start, end in _stretches(visits):
                if any(id_ == one[0] and start < one[2] and one[1] < end for one in wanted):
                    found.append(other)
                    break
        return found


def _stretches(visits: Sequence[Placement]) -> list[tuple[int, datetime, datetime]]:
    return [(one.resource_id, one.start, one.end) for visit in visits for one in visit.segments]


UNPLACED_MANY = Score(unplaced=1 << 30)
