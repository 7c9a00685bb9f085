"""How fast the planner is, beside what it aims at and beside CP-SAT on the same instances.

    python -m tests.benchmarks.planner [--quick]

Each row is one size of clinic, over several random calendars with a fixed seed. Times are the processor's, in
milliseconds, of one thread. "Start set" works out an infusion's starts from everybody's free time, with nothing kept
from before; "slot map" narrows ready start sets to those of complete courses; "optimum" does all of it, from a fresh
request to the proven best placement; CP-SAT gets the ready start sets and costs and is timed building and solving.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from statistics import median
from time import process_time

from scheduler.domain.planner import Availability, Weights, cpsat
from scheduler.domain.planner.calendar import Calendar
from scheduler.domain.planner.model import Request, Resource
from scheduler.domain.planner.optimum import Solution
from scheduler.domain.planner.problem import Problem
from scheduler.domain.planner.slotmap import SlotMap
from scheduler.domain.planner.starts import Starts
from tests.domain.planner.clinics import MONDAY, NOW, calendar, course, crowd, staff

AIMS = {"start set": 0.4, "slot map": 0.5, "optimum 6": 5.0, "optimum 12": 15.0}
CP_SECONDS = 30.0


@dataclass(frozen=True)
class Size:
    """One row: a clinic, how far ahead it plans, how full it is, how many infusions (with a therapy session each)."""

    chairs: int
    weeks: int
    load: float
    infusions: int

    @property
    def people(self) -> tuple[Resource, ...]:
        return staff(
            self.chairs, max(self.chairs // 3, 1), max(self.chairs // 5 * 2, 2), 2, max(self.chairs // 3, 2)
        )

    def calendar(self, seed: int) -> Calendar:
        empty = calendar(self.weeks * 7, self.people, opens="08:00", closes="18:00")
        rng = Random(seed)
        taken = crowd(rng, self.people, empty.hours[None], self.load, shortest=30)
        return Calendar(empty.zone, empty.first_on, empty.days, empty.resources, empty.hours, occupied=taken)


@dataclass
class Row:
    size: Size
    start_set: list[float]
    slot_map: list[float]
    optimum: list[float]
    cp_sat: list[float]
    unsolved: int = 0
    different: int = 0
    unproven: int = 0


def milliseconds(work: Callable[[], object], times: int = 3) -> float:
    """Return the fastest of a few runs, which is the one that was disturbed least."""
    spent = []
    for _ in range(times):
        begun = process_time()
        work()
        spent.append(process_time() - begun)
    return 1000 * min(spent)


def measure(size: Size, seeds: range, with_cp_sat: bool) -> Row:
    row = Row(size, [], [], [], [])
    for seed in seeds:
        availability = Availability(size.calendar(seed))
        request = Request(course(size.infusions), MONDAY, count=1)
        _measure(row, availability, request, with_cp_sat)
    return row


def _measure(row: Row, availability: Availability, request: Request, with_cp_sat: bool) -> None:
    infusion = request.plan.actions[0]

    def start_set() -> object:
        availability.forget()
        starts = Starts(availability)
        return starts.resources(starts.demand(infusion))

    def optimum() -> object:
        availability.forget()
        fresh = Problem(request, availability, Weights(), NOW)
        return fresh.optimum.best(fresh.sets)

    row.start_set.append(milliseconds(start_set))
    problem = Problem(request, availability, Weights(), NOW)
    row.slot_map.append(milliseconds(lambda: SlotMap(problem.course, problem.sets, problem.ruler)))
    row.optimum.append(milliseconds(optimum))
    ours = problem.optimum.best(problem.sets)
    row.unsolved += ours is None
    if with_cp_sat:
        _compare(row, problem, ours)


def _compare(row: Row, problem: Problem, ours: Solution | None) -> None:
    begun = process_time()
    try:
        theirs = cpsat.solve(problem, seconds=CP_SECONDS)
        finished = theirs is None or theirs.proven
    except TimeoutError:
        theirs, finished = None, False
    row.cp_sat.append(1000 * (process_time() - begun))
    if not finished:
        row.unproven += 1
    elif (ours.cost if ours else None) != (theirs.cost if theirs else None):
        row.different += 1


def sizes(quick: bool) -> Iterator[tuple[Size, bool]]:
    """Yield each size, and whether CP-SAT is to solve it too."""
    yield Size(20, 26, 0.6, 6), True
    yield Size(20, 26, 0.6, 12), False
    for chairs in (4, 20, 60):
        for weeks in (4, 26, 52):
            for load in (0.1, 0.6, 0.9):
                if not quick or (chairs, weeks) in ((4, 4), (60, 52)):
                    yield Size(chairs, weeks, load, 6), weeks == 4 and not quick


def line(row: Row) -> str:
    size = row.size
    ratio = f"{median(row.cp_sat) / median(row.optimum):.0f} x" if row.cp_sat else ""
    cp_sat = f"{median(row.cp_sat):.0f}" if row.cp_sat else ""
    finished = len(row.cp_sat) - row.unproven
    same = f"{finished - row.different} of {finished}" if row.cp_sat else ""
    cells = [
        f"{size.chairs} chairs, {size.weeks} weeks, {size.load:.0%}",
        f"{size.infusions} + {size.infusions}",
        f"{median(row.start_set):.2f}",
        f"{median(row.slot_map):.2f}",
        f"{median(row.optimum):.1f}",
        f"{max(row.optimum):.1f}",
        f"{row.unsolved} of {len(row.optimum)}",
        cp_sat,
        ratio,
        same,
    ]
    return f"| {' | '.join(cells)} |"


HEADINGS = (
    "| calendar | course | start set | slot map | optimum, median | max | no fit "
    "| CP-SAT, median | ratio | same answer |\n"
    "|---|---|---|---|---|---|---|---|---|---|"
)


def report(quick: bool = False) -> Iterator[str]:
    """Yield the lines of the table as they are measured."""
    yield "## The planner\n"
    yield f"Aims, on the first two rows: start set {AIMS['start set']} ms, slot map {AIMS['slot map']} ms, optimum"
    yield f"{AIMS['optimum 6']:.0f} ms for 6 + 6 and {AIMS['optimum 12']:.0f} ms for 12 + 12, 30 x faster than CP-SAT."
    yield f"Milliseconds of processor time; CP-SAT with one worker and {CP_SECONDS:.0f} seconds at most; the last"
    yield "column counts what it finished.\n"
    yield HEADINGS
    for size, with_cp_sat in sizes(quick):
        yield line(measure(size, range(3 if quick else 5), with_cp_sat))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a few sizes only")
    for text in report(parser.parse_args().quick):
        print(text)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
