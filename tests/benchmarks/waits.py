"""How long patients wait on a day that is booked evenly, beside one that is booked first come, first placed.

    python -m tests.benchmarks.waits [--days 1500] [--seed 1]

A clinic of twelve chairs and four nurses is booked for one day with infusions: once each at the first start that fits,
once each where the planner puts it. Then the day is played many times: a tenth of the patients do not come, most are a
few minutes early or late, some a quarter of an hour, and the observation takes longer or shorter. A nurse sets up for
one patient, or watches three. A patient waits from the booked start, or from coming in if that is later, until a chair
and a nurse are there. A model of a clinic, good for comparing two ways to book, and for nothing else.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from heapq import heappop, heappush
from random import Random
from statistics import mean, quantiles

from scheduler.domain.localtime import to_local
from scheduler.domain.planner import Availability, propose, slot_map
from scheduler.domain.planner.values import Calendar, NoFit, Placement, Request, Taken, Weights
from scheduler.domain.plans import Action, Plan, Role
from tests.domain.planner.clinics import MONDAY, NEW_YORK, NOW, calendar, need, phase, plan, staff

CHAIRS, NURSES, PLACES = 12, 4, 3
SET_UP, TREATMENT, OBSERVATION, TURNOVER = 15, 40, 60, 10
OPENS, CLOSES = "08:00", "18:00"
NO_SHOW, LATE, VERY_LATE = 0.10, 8, 20
VOLUMES = (24, 28, 32)
EVEN = Weights(midday_tick=0)
WATCHED = Role.PRESCRIBER


@dataclass(frozen=True)
class Waits:
    """What a day was like, over many: minutes of wait, and how often it ended more than a quarter of an hour late."""

    booked: int
    mean: float
    late: float
    over: float


def infusion() -> Plan:
    """Return a protocol of one infusion.

    The nurses share the watching: of the twelve patients that they can watch together (here as many prescribers, a role
    that nothing else asks for), a set-up takes three, and the rest of the visit one.
    """
    return plan(
        Action(
            "infusion",
            "infusion",
            "Infusion",
            (
                phase("set-up", SET_UP, Role.CHAIR, need(Role.NURSE, exclusive=True), *[WATCHED] * PLACES),
                phase("infusion", TREATMENT, Role.CHAIR, WATCHED),
                phase("observation", OBSERVATION, Role.CHAIR, WATCHED),
                phase("turnover", TURNOVER, Role.CHAIR, attended=False),
            ),
        )
    )


def booked(patients: int, weights: Weights | None) -> list[int]:
    """Return the starts of so many patients, in minutes of the day; fewer where no more fit.

    Each is where the planner puts it, or (None) the first one that fits.
    """
    course = infusion()
    day = calendar(1, staff(CHAIRS, 0, NURSES, NURSES * PLACES, 0), [MONDAY], opens=OPENS, closes=CLOSES)
    starts = []
    for _ in range(patients):
        request = Request(course, MONDAY, count=1)
        try:
            if weights is None:
                free = slot_map(request, Availability(day), now=NOW)["infusion"]
                request = replace(request, pinned={"infusion": free[0]} if free else {})
            [visit] = propose(request, Availability(day), weights or EVEN, now=NOW)[0].visits
        except NoFit:
            break
        day = with_visit(day, visit)
        local = to_local(visit.start, NEW_YORK)
        starts.append(60 * local.hour + local.minute)
    return sorted(starts)


def with_visit(before: Calendar, visit: Placement) -> Calendar:
    """Return the calendar with one more visit; units are taken as booking does."""
    occupied: list[Taken] = list(before.occupied)
    for segment in visit.segments:
        resource = before.resource(segment.resource_id)
        assert resource is not None
        free = [
            unit
            for unit in range(resource.units)
            if not any(
                taken[:2] == (resource.id, unit) and taken[2] < segment.end and segment.start < taken[3]
                for taken in occupied
            )
        ]
        wanted = free if segment.exclusive else free[:1]
        occupied += [(resource.id, unit, segment.start, segment.end) for unit in wanted]
    return replace(before, occupied=occupied)


def waits(starts: Sequence[int], days: int, rng: Random) -> Waits:
    """Return how long patients wait who are booked at these minutes of the day."""
    every, over = [], 0
    closes = int(CLOSES[:2]) * 60
    for _ in range(days):
        waited, ended = played(starts, rng)
        every += waited
        over += ended > closes + 15
    return Waits(len(starts), mean(every), quantiles(every, n=20)[-1], over / days)


def played(starts: Sequence[int], rng: Random) -> tuple[list[float], float]:
    """Play one day; return how long each patient who came has waited, and when the last chair was free again."""
    waiting = sorted(
        max(start + rng.gauss(0, LATE) + (VERY_LATE if rng.random() < 0.08 else 0), start)
        for start in starts
        if rng.random() >= NO_SHOW
    )
    now, waited = 0.0, []
    events: list[
        tuple[float, int, int, int]
    ] = []  # when chairs, nurses in a set-up and watched patients change
    chairs = setting_up = watched = 0
    while waiting or events:
        while waiting and waiting[0] <= now and chairs < CHAIRS and fits(setting_up + 1, watched):
            begun = waiting.pop(0)
            waited.append(now - begun)
            chairs, setting_up = chairs + 1, setting_up + 1
            leaves = now + SET_UP + TREATMENT + OBSERVATION * rng.uniform(0.8, 1.2)
            heappush(events, (now + SET_UP, 0, -1, 1))
            heappush(events, (leaves, 0, 0, -1))
            heappush(events, (leaves + TURNOVER, -1, 0, 0))
        coming = waiting[0] if waiting and waiting[0] > now else float("inf")
        if events and events[0][0] <= coming:
            now, chair, nurse, patient = heappop(events)
            chairs, setting_up, watched = chairs + chair, setting_up + nurse, watched + patient
        else:
            now = coming
    return waited, now


def fits(setting_up: int, watched: int) -> bool:
    """Tell whether the nurses can set up for so many and watch the others, those who are set up for included."""
    return setting_up + -(-watched // PLACES) <= NURSES


def report(days: int, seed: int) -> Iterator[str]:
    yield "| booked | first start that fits: mean, 95 of 100, days that end late | the planner's | ratio |"
    yield "|---|---|---|---|"
    for volume in VOLUMES:
        first, even = (waits(booked(volume, way), days, Random(seed)) for way in (None, EVEN))
        said = [f"{one.mean:.1f} min, {one.late:.1f} min, {one.over:.0%}" for one in (first, even)]
        number = f"{first.booked}" if first.booked == even.booked else f"{first.booked} and {even.booked}"
        yield f"| {number} | {said[0]} | {said[1]} | {even.mean / first.mean:.2f} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for text in report(given.days, given.seed):
        print(text)


if __name__ == "__main__":
    main()
