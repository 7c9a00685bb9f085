"""Who could use an opened time: the quick test beside a re-flow of everyone.

    python -m tests.benchmarks.openings [--quick]

A clinic of 20 chairs, 8 nurses and 8 therapists is booked course by course: six infusions, each with a therapy
session. Every visit waits for an earlier time. Then an infusion is canceled, sixty times another one, and the quick
test says who could come instead, with nothing remembered from the time before. Of those whom it leaves, five are placed
as the service does it. A re-flow of 500 is the time to re-flow everyone at the first start alone, reckoned from a
sample. Milliseconds are the processor's.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from random import Random
from statistics import median
from time import process_time
from typing import TypeVar

from scheduler.domain.planner import (
    Availability,
    Chance,
    Gate,
    Waiting,
    Weights,
    fitting_starts,
    propose,
    reflow,
    waiting,
)
from scheduler.domain.planner.many.occupation import Occupation
from scheduler.domain.planner.values import NoFit, Placement, Request
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import MONDAY, NOW, calendar, course, day, staff

Answer = TypeVar("Answer")
SIZES = (100, 240)  # courses
OPENINGS = 60
SAMPLE = 40  # re-flows for each opening
WAITING = 500


def report(quick: bool) -> Iterator[str]:
    """Yield a table of all sizes."""
    yield (
        f"| courses, visits that wait | quick test of all: p50, p95, max | of {WAITING}: p50, p95, max "
        f"| left of {WAITING}: p50, max | of those placed | re-flow of {WAITING} | times slower |"
    )
    yield "|---|---|---|---|---|---|---|"
    for courses in SIZES[:1] if quick else SIZES:
        yield row(courses, 10 if quick else OPENINGS)


class Clinic:
    """A booked clinic; every visit ahead waits."""

    def __init__(self, courses: int) -> None:
        rng = Random(f"openings {courses}")
        people, plan = staff(20, 6, 8, 2, 8), course(6, (2, 3, 4), therapy=True)
        self.occupation = Occupation(Availability(calendar(112, people, opens="08:00", closes="18:00")), {})
        self.requests: dict[int, Request] = {}
        for key in range(courses):
            request = Request(plan, day(rng.randrange(60)), count=1)
            try:
                best = propose(request, self.occupation.availability, Weights(), now=NOW)[0]
            except NoFit:
                continue
            self.occupation.occupy(key, best.visits)
            self.requests[key] = replace(request, not_before=MONDAY)
        self.records = [record for key in self.requests for record in self.of(key)]

    def current(self, key: int) -> Mapping[str, Placement]:
        return {visit.action: visit for visit in self.occupation.held[key]}

    def of(self, key: int) -> Iterator[Waiting]:
        current = self.current(key)
        for number, action in enumerate(current):
            yield waiting(key * 100 + number, self.requests[key], action, current, now=NOW, not_before=NOW)

    def without(self, key: int, action: str) -> tuple[Occupation, Window]:
        """Return the clinic after a cancellation, and the time of it."""
        visit = self.current(key)[action]
        after = self.occupation.copy()
        after.release([key])
        after.occupy(key, [one for one in self.occupation.held[key] if one is not visit])
        return after, Window(visit.first_use, visit.end)


def row(courses: int, openings: int) -> str:
    """Return one line of the table."""
    rng, clinic = Random(f"row {courses}"), Clinic(courses)
    some = rng.sample(clinic.records, min(WAITING, len(clinic.records)))
    every, few, left, placed, slow = [], [], [], [], []
    for _ in range(openings):
        key = rng.choice(list(clinic.requests))
        after, opened = clinic.without(key, f"infusion-{rng.randint(1, 6)}")
        for records, times in ((clinic.records, every), (some, few)):
            gate = Gate(records, after.availability, NOW)
            after.availability.forget()
            chances, took = timed(gate.chances, opened)
            times.append(took)
        left.append(len(chances))
        theirs = [one for one in chances if one.waiting.key // 100 != key]
        placed += [exact(clinic, after, one) is not None for one in theirs[:5]]
        slow += [timed(tried, clinic, after, one, opened)[1] for one in rng.sample(some, SAMPLE)]
    of_all = sum(slow) / len(slow) * WAITING
    return (
        f"| {len(clinic.requests)}, {len(clinic.records)} | {spread(every)} | {spread(few)} "
        f"| {median(left):.0f}, {max(left)} | {sum(placed)} of {len(placed)} "
        f"| {of_all:.0f} ms | {of_all / median(few):.0f} |"
    )


def exact(clinic: Clinic, after: Occupation, chance: Chance) -> object | None:
    """Return the course with the visit at the first of the starts that fits."""
    key, action = chance.waiting.key // 100, chance.waiting.action.key
    current, request, free = clinic.current(key), clinic.requests[key], own(after, key)
    for start in fitting_starts(request, current, action, chance.starts, free, now=NOW):
        try:
            return reflow(request, current, {action: start}, free, now=NOW, explain=False)
        except NoFit:
            continue
    return None


def tried(clinic: Clinic, after: Occupation, one: Waiting, opened: Window) -> object | None:
    """Re-flow one course with its visit at the start of the opened time."""
    key = one.key // 100
    try:
        moved = {one.action.key: opened.start}
        return reflow(
            clinic.requests[key], clinic.current(key), moved, own(after, key), now=NOW, explain=False
        )
    except NoFit:
        return None


def own(after: Occupation, key: int) -> Availability:
    mine = after.copy()
    mine.release([key])
    return mine.availability


def timed(what: Callable[..., Answer], *about: object) -> tuple[Answer, float]:
    """Return an answer and the milliseconds that it took."""
    begun = process_time()
    answer = what(*about)
    return answer, (process_time() - begun) * 1000


def spread(times: list[float]) -> str:
    ordered = sorted(times)
    return f"{median(ordered):.1f}, {ordered[int(len(ordered) * 0.95)]:.1f}, {ordered[-1]:.1f} ms"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one small clinic")
    for text in report(parser.parse_args().quick):
        print(text, flush=True)


if __name__ == "__main__":
    main()
