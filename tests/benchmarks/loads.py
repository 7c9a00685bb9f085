"""How evenly the planner gives out work: courses booked one after another in an empty clinic.

    python -m tests.benchmarks.loads [--courses 110] [--seed 1]

Twenty chairs, ten rooms, eight nurses of three patients each, two prescribers and eight therapists, in half a year.
Patients ask for iv-depression-6 (21 visits) from a day of the first eight weeks on, two in five for two or three
weekdays. Each course is the first proposal. Minutes are those of units: a nurse who sets up for one patient is fully
taken.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random

from scheduler.domain.planner import Availability, propose
from scheduler.domain.planner.values import Calendar, NoFit, Placement, Request, Taken
from scheduler.domain.plans import Role
from tests.domain.planner.clinics import NOW, calendar, day, protocol, staff

WEEKS, ARRIVALS = 26, 56
PATTERNS = (frozenset({1, 4}), frozenset({2, 5}), frozenset({1, 3, 5}))


def clinic() -> Calendar:
    """Return the empty clinic."""
    return calendar(7 * WEEKS, staff(20, 10, 8, 2, 8), opens="08:00", closes="18:00")


def minutes(courses: int, seed: int) -> Counter[int]:
    """Book so many courses; return the minutes of each person by resource id."""
    rng = Random(seed)
    availability = Availability(clinic())
    plan = protocol("iv-depression-6")
    taken: Counter[int] = Counter()
    for _ in range(courses):
        weekdays = rng.choice(PATTERNS) if rng.random() < 0.4 else frozenset()
        request = Request(plan, day(rng.randrange(ARRIVALS)), weekdays=weekdays, count=1)
        try:
            [course] = propose(request, availability, now=NOW)
        except NoFit:
            continue
        rows = [row for visit in course.visits for row in used(visit, availability)]
        availability = with_rows(availability, rows)
        for resource_id, _, start, end in rows:
            taken[resource_id] += (end - start) // timedelta(minutes=1)
    return taken


def used(visit: Placement, availability: Availability) -> Iterator[Taken]:
    """Yield what a visit takes up, unit by unit, as booking does."""
    for segment in visit.segments:
        resource = availability.calendar.resource(segment.resource_id)
        first = availability.grid.cell(segment.start)
        assert resource is not None and first is not None
        length = (segment.end - segment.start) // timedelta(minutes=5)
        wanted = ((1 << length) - 1) << first
        units = availability.taken.get(resource.id, {})
        free = [unit for unit in range(resource.units) if not units.get(unit, 0) & wanted]
        for unit in free if segment.exclusive else free[:1]:
            yield resource.id, unit, segment.start, segment.end


def with_rows(availability: Availability, rows: list[Taken]) -> Availability:
    calendar = availability.calendar
    return availability.changed(replace(calendar, occupied=[*calendar.occupied, *rows]), rows, ())


def ratio(taken: Counter[int], role: Role) -> float:
    """Return how many times the minutes of the least busy person with a role the busiest has."""
    each = [taken[one.id] for one in clinic().resources if role in one.roles]
    return max(each) / min(each)


def report(courses: int, seed: int) -> Iterator[str]:
    taken = minutes(courses, seed)
    yield "| role | minutes | busiest over least busy |\n|---|---|---|"
    for role in (Role.NURSE, Role.PRESCRIBER, Role.THERAPIST):
        each = sorted((taken[one.id] for one in clinic().resources if role in one.roles), reverse=True)
        yield f"| {role.value} | {', '.join(f'{one:,}' for one in each)} | {ratio(taken, role):.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--courses", type=int, default=110)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for text in report(given.courses, given.seed):
        print(text)


if __name__ == "__main__":
    main()
