"""What must hold on any calendar."""

from dataclasses import replace
from datetime import timedelta
from random import Random

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from scheduler.domain.planner import Availability, Weights
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.search.slotmap import SlotMap
from scheduler.domain.planner.values import Calendar
from scheduler.domain.plans import Unit
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import NOW
from tests.domain.planner.instances import instance

FEW = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
seeds = st.integers(0, 100_000)
WEEK = timedelta(days=7)
# Where more is free, a visit can leave a gap that is too small to use where it left none: that price may rise.
NO_SCRAPS = Weights(fragment=0, completion_day=96)


def again(problem, calendar=None, weights=None, **request):
    asked = replace(problem.request, **request)
    availability = Availability(calendar) if calendar else problem.availability
    return PlanningProblem(asked, availability, weights or problem.weights, problem.now)


@FEW
@given(seeds)
def test_more_free_time_never_makes_the_best_worse(seed):
    problem = again(instance(seed), weights=NO_SCRAPS)
    calendar = problem.availability.calendar
    fewer = [taken for taken in calendar.occupied if Random(seed).random() < 0.7]

    before = problem.optimum.best(problem.sets)
    freer = again(problem, replace(calendar, occupied=fewer), NO_SCRAPS)
    after = freer.optimum.best(freer.sets)

    assert before is None or (after is not None and after.cost <= before.cost)


@FEW
@given(seeds)
def test_everything_a_week_later_gives_the_same_a_week_later(seed):
    problem = instance(seed)
    moved = PlanningProblem(
        replace(problem.request, not_before=problem.request.not_before + WEEK),
        Availability(shifted(problem.availability.calendar)),
        problem.weights,
        NOW + WEEK,
    )

    here, there = problem.optimum.best(problem.sets), moved.optimum.best(moved.sets)

    assert (here and by_key(here)) == (there and by_key(there))


def shifted(calendar: Calendar) -> Calendar:
    return replace(
        calendar,
        first_on=calendar.first_on + WEEK,
        hours={key: [week_later(window) for window in windows] for key, windows in calendar.hours.items()},
        occupied=[
            (resource, unit, start + WEEK, end + WEEK) for resource, unit, start, end in calendar.occupied
        ],
    )


def week_later(window: Window) -> Window:
    return Window(window.start + WEEK, window.end + WEEK)


def by_key(solution):
    return solution.cost, {step.key: cell for step, cell in solution.cells.items()}


@FEW
@given(seeds)
def test_pinning_the_best_returns_it(seed):
    problem = instance(seed)
    best = problem.optimum.best(problem.sets)
    if best is None:
        return
    grid = problem.availability.grid
    pinned = again(problem, pinned={step.key: grid.instant(cell) for step, cell in best.cells.items()})

    assert by_key(pinned.optimum.best(pinned.sets)) == by_key(best)


def may_shade_too_much(problem) -> bool:
    """Tell whether two visits can be on one day: then a start of no complete course may be shaded (see slot_map)."""
    offsets = [step.offset for step in problem.course.steps if step.offset is not None]
    return any(offset.unit is Unit.DAYS and offset.min == 0 for offset in offsets)


@FEW
@example(30060, Random(1))
@given(seeds, st.randoms(use_true_random=False))
def test_without_one_shaded_start_exactly_what_is_still_shaded_can_be_completed(seed, chance):
    """Every other shaded start can, unless only the one that is gone completed it: then it is not shaded now."""
    problem = instance(seed)
    if not problem.slots.complete:
        return
    step = chance.choice(problem.course.steps)
    gone = int(chance.choice(problem.slots.cells[step]))
    without = {**problem.sets, step: problem.sets[step] & ~(1 << gone)}
    left = SlotMap(problem.course, without)
    other = chance.choice(problem.course.steps)
    start = int(chance.choice(problem.slots.cells[other]))
    still = left.complete and start in left.cells[other].tolist()

    fixed = {**without, other: without[other] & (1 << start)}
    found = problem.optimum.best(fixed) is not None
    assert found == still or (still and may_shade_too_much(problem))


@FEW
@given(seeds, st.randoms(use_true_random=False))
def test_every_shaded_start_can_be_completed_and_no_other(seed, chance):
    problem = instance(seed)
    step = chance.choice(problem.course.steps)
    free = problem.availability.grid.cells(problem.sets[step])
    if not free:
        return
    start = chance.choice(free)
    shaded = problem.slots.complete and start in problem.slots.cells[step].tolist()

    found = problem.optimum.best({**problem.sets, step: 1 << start}) is not None
    assert found == shaded or (shaded and may_shade_too_much(problem))


@FEW
@given(seeds, st.randoms(use_true_random=False))
def test_taking_a_start_away_shades_no_new_one(seed, chance):
    problem = instance(seed)
    if not problem.slots.complete:
        return
    step = chance.choice(problem.course.steps)
    gone = int(chance.choice(problem.slots.cells[step]))
    left = SlotMap(problem.course, {**problem.sets, step: problem.sets[step] & ~(1 << gone)})

    if left.complete:
        for each in problem.course.steps:
            assert set(left.cells[each].tolist()) <= set(problem.slots.cells[each].tolist()) - (
                {gone} if each is step else set()
            )


@FEW
@given(seeds)
def test_allocation_can_be_taken_away_and_added_again(seed):
    availability = instance(seed).availability
    calendar = availability.calendar
    some = list(calendar.occupied)[::2]

    empty = availability.changed(replace(calendar, occupied=[]), (), calendar.occupied)
    back = empty.changed(calendar, calendar.occupied, ())
    without = availability.changed(calendar, (), some)

    assert empty.at_least == Availability(replace(calendar, occupied=[])).at_least
    assert back.at_least == availability.at_least
    rest = [taken for taken in calendar.occupied if taken not in some]
    assert without.at_least == Availability(replace(calendar, occupied=rest)).at_least
