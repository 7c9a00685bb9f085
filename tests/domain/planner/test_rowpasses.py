"""The slot map over whole rows against the one start by start: the same starts for the same sets."""

from datetime import date, timedelta
from random import Random
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from scheduler.domain.planner import Availability, Weights
from scheduler.domain.planner.families import families
from scheduler.domain.planner.model import Done, Request
from scheduler.domain.planner.passes import Passes
from scheduler.domain.planner.problem import PlanningProblem
from scheduler.domain.planner.rowbits import RowBits
from scheduler.domain.planner.rowpasses import RowPasses
from scheduler.domain.planner.siblings import Siblings
from scheduler.domain.plans import Action, Edge, Role, Unit
from tests.domain.planner.clinics import (
    at,
    calendar,
    crowd,
    day,
    days_after,
    hours,
    hours_after,
    need,
    phase,
    plan,
    staff,
)

FIRSTS = [date(2026, 3, 4), date(2026, 11, 30), date(2026, 10, 20)]  # two of them just before a clock changes
ZONES = ["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kolkata"]
SHORT = (
    phase("set-up", 10, Role.CHAIR, need(Role.NURSE, exclusive=True)),
    phase("infusion", 15, Role.CHAIR),
    phase("turnover", 5, Role.CHAIR, attended=False),
)
RING = (phase("call", 5, Role.NURSE),)
LONG = (phase("look", 5, Role.CHAIR), phase("cleaning", 20, Role.CHAIR, attended=False))
TALK = (phase("session", 15, Role.ROOM, Role.THERAPIST),)


def gap(rng, after):
    unit = rng.choice([Unit.DAYS, Unit.DAYS, Unit.WORKING_DAYS])
    least = rng.choice([0, 1, 1, 2])
    return days_after(after, least, least + 1, least + rng.choice([0, 1, 2]), unit)


def gap_of_the_side(rng, after):
    if rng.random() < 0.3:
        return gap(rng, after)
    least = rng.choice([0, 2, 23, 24, 25, 48])
    most = least + rng.choice([1, 3, 24, 48])
    return hours_after(after, least, least, most, rng.choice([Edge.END, Edge.START]))


def random_plan(rng):
    number = rng.randint(1, 4)
    actions = []
    for n in range(1, number + 1):
        offset = gap(rng, f"infusion-{n - 1}") if n > 1 else None
        if n > 1 and rng.random() < 0.1:
            offset = hours_after(f"infusion-{n - 1}", 20, 24, rng.choice([26, 50]))
        actions.append(Action(f"infusion-{n}", "infusion", "Infusion", SHORT, offset, series="infusion"))
        if rng.random() < 0.8:
            before = rng.choice([None, f"infusion-{n + 1}"]) if n < number else None
            side = gap_of_the_side(rng, f"infusion-{n}")
            actions.append(Action(f"therapy-{n}", "therapy", "Therapy", TALK, side, before))
        for key in ("call", "visit"):
            if rng.random() < (0.4 if key == "call" else 0.1):
                before = rng.choice([None, f"infusion-{n + 1}"]) if n < number else None
                after = rng.choice([gap, gap, gap, gap_of_the_side])(rng, f"infusion-{n}")
                actions.append(Action(f"{key}-{n}", key, key, rng.choice([RING, LONG]), after, before))
    return plan(*actions)


def random_problem(seed):
    rng = Random(seed)
    zone, first = ZoneInfo(rng.choice(ZONES)), rng.choice(FIRSTS)
    days = rng.randint(4, 20)
    people = staff(chairs=1, rooms=1, nurses=1, therapists=rng.randint(1, 2))
    open_on = [on for n in range(days) if (on := day(n, first)).isoweekday() <= rng.choice([5, 7])]
    empty = calendar(days, people, open_on, closes=rng.choice(["10:00", "11:30"]), zone=zone, first=first)
    taken = crowd(rng, people, hours(open_on, closes="11:30", zone=zone), rng.choice([0, 0.3, 0.6, 0.8]))
    busy = calendar(days, people, open_on, taken, None, "09:00", "11:30", zone, first)
    asked = random_plan(rng)
    done = {}
    if rng.random() < 0.4:
        start = at(day(-1, first), "09:30", zone)
        done = {"infusion-1": Done("infusion-1", start, start + timedelta(minutes=25))}
    request = Request(asked, first, done=done)
    chosen = busy if rng.random() < 0.8 else empty
    return PlanningProblem(request, Availability(chosen), Weights(), at(day(-1, first), "12:00", zone))


def both(problem):
    """Return the two maps, or None if the course is beyond the fast one."""
    found = families(problem.course, problem.sets, problem.ruler)
    if found is None:
        return None
    return RowPasses(problem.course, problem.sets, problem.ruler, found), Passes(
        problem.course, problem.sets, problem.ruler
    )


def cells(problem, rows):
    """Return the surviving starts of the fast map as sorted lists."""
    return {step.key: problem.availability.grid.cells(rows.cells[step]) for step in problem.course.steps}


@pytest.mark.parametrize("first", range(0, 900, 60))
def test_both_ways_leave_the_same_starts(first):
    compared = 0
    for seed in range(first, first + 60):
        problem = random_problem(seed)
        maps = both(problem)
        if maps is None:
            continue
        rows, starts = maps
        assert (rows.complete, rows.emptied) == (starts.complete, starts.emptied), seed
        if rows.complete:
            expected = {step.key: starts.cells[step].tolist() for step in problem.course.steps}
            assert cells(problem, rows) == expected, seed
            compared += 1
    assert compared >= 10


def test_the_instances_exercise_every_kind_of_course():
    problems = [random_problem(seed) for seed in range(900)]
    maps = [both(problem) for problem in problems]
    complete = [pair for pair in maps if pair and pair[0].complete]
    narrowed = [
        rows for rows, _ in complete if any(rows.cells[s] != rows.starts[s] for s in rows.course.steps)
    ]

    assert len(complete) > 150 and len(narrowed) > 100
    assert sum(pair is not None and not pair[0].complete for pair in maps) > 100
    assert any(pair is None for pair in maps)
    assert sum(any(isinstance(f, Siblings) for f in rows.families.values()) for rows, _ in complete) > 20
    assert sum(any(crowded(group) for group in rows.course.groups) for rows, _ in complete) > 10


def crowded(group):
    """Tell whether three or more visits hang from one that is over."""
    return group.anchor is not None and len(list(group.children())) > 2


@pytest.mark.parametrize("seed", range(40))
def test_what_is_near_in_a_row_is_what_counting_places_says(seed):
    rng = Random(seed)
    days, width = rng.randint(1, 4), rng.randint(3, 40)
    bits = RowBits(days, width)
    members = {
        row * width + place for row in range(days) for place in range(width - 1) if rng.random() < 0.15
    }
    low = rng.randint(-width - 2, width + 2)
    high = rng.randint(low, width + 2)

    found = bits.near(sum(1 << cell for cell in members), low, high)

    distances = {cell: range(low, high + 1) for cell in members}
    expected = {cell + by for cell in members for by in distances[cell] if 0 <= cell % width + by < width - 1}
    real = {cell for cell in range(days * width) if cell % width < width - 1}
    assert {cell for cell in real if found >> cell & 1} == expected
    assert np.all([cell < days * width for cell in range(found.bit_length())])
