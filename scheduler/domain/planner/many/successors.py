"""One therapist for all courses of a therapist who leaves, where that is possible.

Each candidate is tried for each course alone, with the time of all the others free. Who can take over the most courses,
and moves the fewest visits for it, is then preferred in the search: at the price of new times for the visits that lost
theirs, but not of moving others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.many.insertion import BentRequest, plan_of, with_successor
from scheduler.domain.planner.many.occupation import Occupation
from scheduler.domain.planner.many.values import AffectedCourse, Score
from scheduler.domain.planner.values import Weights
from scheduler.domain.plans import Role


def with_successors(
    courses: Sequence[AffectedCourse], availability: Availability, weights: Weights, now: datetime
) -> Sequence[AffectedCourse]:
    """Return the courses with the successor of each therapist who leaves; a patient's own choice of another stays."""
    if not any(course.leaving for course in courses):
        return courses
    empty = Occupation(availability, {one.key: one.booked for one in courses})
    empty.release([one.key for one in courses])
    able = {one.id for one in availability.resources if Role.THERAPIST in one.roles}

    def score(course: AffectedCourse, candidate: int) -> Score:
        given = replace(course, successor=candidate)
        [asked] = with_successor(given, BentRequest(course.request))
        plan = plan_of(given, asked, empty.seen_by(course, ()), weights, now)
        return plan.score if plan is not None and not plan.score.apart else Score(unplaced=1)

    found: dict[int, int] = {}
    for leaving in {course.leaving for course in courses if course.leaving}:
        others = able - {leaving}
        theirs = [
            one for one in courses if one.leaving == leaving and not one.request.practitioner_ids & others
        ]
        totals = {
            candidate: Score.total([score(course, candidate) for course in theirs])
            for candidate in sorted(others)
        }
        best = min(totals, key=lambda one: totals[one], default=0)
        if best and totals[best].unplaced < len(theirs):
            found |= {course.key: best for course in theirs}
    return [replace(one, successor=found.get(one.key, 0)) for one in courses]
