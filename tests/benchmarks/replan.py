"""How well a closed day is re-planned: beside one order, and beside every course with the calendar to itself.

    python -m tests.benchmarks.replan [--quick]

Clinics of 20 chairs, 8 nurses and 8 therapists are booked course by course (six infusions, each with a therapy
session), then a Monday is closed; a share of the patients wishes for weekdays or hours. "Greedy" puts each course in
once. The bound lets every course have the time of all others. Seconds are the processor's.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from time import process_time

from scheduler.domain.planner.many.search import replan
from scheduler.domain.planner.many.values import JointPlan, Score
from tests.domain.planner.clinics import NOW
from tests.domain.planner.many.closures import Closure, closure

SIZES = ((30, 10), (64, 20), (100, 30))  # patients that are booked, seconds of the search
SEEDS = range(1, 4)


def report(quick: bool) -> Iterator[str]:
    """Yield a table of all sizes and seeds."""
    yield (
        "| patients, seed | affected courses, lost visits | unplaced: greedy, ours, bound "
        "| asked to bend: greedy, ours, bound | visits moved: greedy, ours, bound | soft cost above the bound "
        "| seconds: greedy, ours |"
    )
    yield "|---|---|---|---|---|---|---|"
    for patients, seconds in SIZES[:1] if quick else SIZES:
        for seed in [1] if quick else SEEDS:
            yield row(closure(seed, patients), patients, seed, seconds)


def row(instance: Closure, patients: int, seed: int, seconds: int) -> str:
    """Return one line of the table."""
    lost = sum(len(one.displaced) for one in instance.courses)
    greedy, took = timed(instance, 0.0)
    ours, spent = timed(instance, float(seconds))
    bound = ours.bound
    above = ours.score.cost / bound.cost - 1 if bound.cost else 0.0
    soft = f"{above:.2%}" if ours.is_least else "-"
    return (
        f"| {patients}, {seed} | {len(instance.courses)}, {lost} "
        f"| {greedy.score.unplaced}, {ours.score.unplaced}, {bound.unplaced} "
        f"| {bent(greedy)}, {bent(ours)}, {sum(1 for one in ours.alone.values() if one.bent)} "
        f"| {moves(greedy.score)}, {moves(ours.score)}, {moves(bound)} "
        f"| {soft} | {took:.1f}, {spent:.1f} |"
    )


def timed(instance: Closure, seconds: float) -> tuple[JointPlan, float]:
    """Return what is found in so many seconds after the bound is known, at least one order, and how long it took."""
    begun = process_time()
    ordered: list[float] = []

    def go_on(stage: str, _done: int, _total: int) -> bool:
        if stage == "alone":
            return True
        ordered.append(process_time())
        return process_time() - ordered[0] < seconds

    found = replan(instance.courses, instance.availability, instance.weights, now=NOW, go_on=go_on)
    return found, process_time() - begun


def bent(found: JointPlan) -> int:
    return sum(1 for plan in found.plans if plan.bent)


def moves(score: Score) -> int:
    return score.kept_moved + score.moved + score.retimed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one small closure")
    for text in report(parser.parse_args().quick):
        print(text, flush=True)


if __name__ == "__main__":
    main()
