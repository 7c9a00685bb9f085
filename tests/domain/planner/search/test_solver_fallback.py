"""Courses of parallel series in few hours: the search alone cannot decide them, and never calls them impossible."""

import sys
from dataclasses import replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.domain.planner import Availability, Weights, check, propose, reflow
from scheduler.domain.planner.answers.placements import proposal_of
from scheduler.domain.planner.search import cpsat, optimum, solver_fallback
from scheduler.domain.planner.search.clashes import Clashes
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import GaveUp, NoFit, Request
from scheduler.domain.plans import Action, Role
from tests.domain.planner.clinics import (
    MONDAY,
    NOW,
    at,
    calendar,
    day,
    day_and_night,
    days_after,
    hours_after,
    phase,
    plan,
    staff,
)

KINDS = {
    "drip": (phase("drip", 30, Role.CHAIR),),
    "talk": (phase("talk", 30, Role.THERAPIST),),
    "review": (phase("review", 30, Role.PRESCRIBER),),
}
CONSULT = (phase("talk", 15, Role.NURSE),)


def parallel(number, kinds):
    """Return a plan of several series that know nothing of each other."""
    actions = [Action("consult", "consult", "Consult", CONSULT)]
    for n in range(1, number + 1):
        for kind in list(KINDS)[:kinds]:
            offset = days_after("consult" if n == 1 else f"{kind}-{n - 1}", 1, 1, 3)
            actions.append(Action(f"{kind}-{n}", kind, kind, KINDS[kind], offset, None, kind, n, number))
    return plan(*actions)


def crowded(number=3, kinds=2, closes="09:55", days=14):
    """Return a problem in which no day has room for one visit of each kind."""
    every_day = [day(n) for n in range(days)]
    busy = calendar(days, staff(), every_day, opens="09:00", closes=closes)
    return PlanningProblem(
        Request(parallel(number, kinds), MONDAY, count=1), Availability(busy), Weights(), NOW
    )


@pytest.fixture
def hasty(monkeypatch):
    """Let the search give up at once."""
    monkeypatch.setattr(optimum, "CASES", 2)
    monkeypatch.setattr(optimum, "DIVES", 2)
    monkeypatch.setattr(solver_fallback, "SECONDS", 120.0)  # enough on the slowest machine


@pytest.fixture
def without_or_tools(monkeypatch):
    monkeypatch.setitem(sys.modules, "ortools", None)


@pytest.mark.parametrize(("number", "kinds", "closes"), [(2, 2, "09:55"), (3, 2, "09:55"), (2, 3, "10:25")])
def test_the_search_alone_decides_days_too_short_for_all_kinds(number, kinds, closes):
    problem = crowded(number, kinds, closes)

    ours, theirs = problem.optimum.best(problem.sets), cpsat.solve(problem, seconds=60)

    assert ours.proven and theirs.proven
    assert ours.cost == theirs.cost


@pytest.fixture(scope="module")
def tangled():
    """Return a problem that the search cannot decide, and what it finds."""
    problem = crowded(6, 3, "10:25", days=21)
    return problem, problem.optimum.best(problem.sets)


def test_a_course_too_tangled_for_proof_is_placed_and_says_so(tangled):
    problem, found = tangled

    assert not found.proven
    visits = proposal_of(problem, found).visits
    assert check(problem.request, problem.availability, visits, now=NOW) == []


@pytest.mark.usefixtures("hasty")
def test_a_search_that_gives_up_does_not_say_that_nothing_fits():
    problem = crowded()

    with pytest.raises(GaveUp):
        problem.optimum.best(problem.sets)


@pytest.mark.usefixtures("hasty")
def test_cp_sat_takes_over_and_proves_it():
    problem = crowded()

    found = solver_fallback.best(problem)

    assert found.proven
    assert found.cost == cpsat.solve(problem, seconds=60).cost
    assert propose(problem.request, problem.availability, now=NOW)[0].proven


@pytest.mark.usefixtures("hasty")
def test_a_course_that_was_hard_to_find_comes_alone():
    problem = crowded()
    three = replace(problem.request, count=3)

    assert len(propose(three, problem.availability, now=NOW)) == 1


@pytest.mark.usefixtures("hasty")
def test_cp_sat_proves_that_nothing_fits():
    problem = crowded(number=5, days=6)

    assert solver_fallback.best(problem) is None


@pytest.mark.usefixtures("hasty", "without_or_tools")
def test_without_or_tools_the_refusal_says_that_there_may_be_a_course():
    problem = crowded()

    with pytest.raises(NoFit) as refused:
        propose(problem.request, problem.availability, now=NOW)
    assert "there may be one" in refused.value.reasons[0].why


@pytest.mark.usefixtures("hasty", "without_or_tools")
def test_a_reflow_that_gives_up_says_the_same():
    problem = crowded()

    with pytest.raises(NoFit) as refused:
        reflow(problem.request, {}, {}, problem.availability, now=NOW)
    assert "there may be one" in refused.value.reasons[0].why


@pytest.mark.usefixtures("without_or_tools")
def test_without_or_tools_what_is_known_stands():
    problem = crowded()
    known = replace(problem.optimum.best(problem.sets), proven=False)

    assert solver_fallback.by_cp_sat(problem, problem.sets, problem.optimum.therapists(), known) is known


def test_out_of_time_what_is_known_stands(tangled):
    problem, known = tangled

    found = solver_fallback.by_cp_sat(
        problem, problem.sets, problem.optimum.therapists(), known, seconds=0.01
    )

    assert found.cost <= known.cost


def test_cp_sat_sees_a_clock_change_while_the_clinic_is_open():
    zone, friday = ZoneInfo("America/New_York"), date(2026, 10, 30)
    around_the_clock = calendar(4, staff(), zone=zone, first=friday)
    around_the_clock = replace(around_the_clock, hours={None: [day_and_night(friday, 4, zone)]})
    two = plan(
        Action("drip-1", "drip", "Drip", KINDS["drip"]),
        Action("talk-1", "talk", "Talk", KINDS["talk"], hours_after("drip-1", 24, 30, 72)),
    )
    pinned = {"drip-1": at(day(1, friday), "10:00", zone)}
    request = Request(two, friday, pinned=pinned)
    problem = PlanningProblem(request, Availability(around_the_clock), Weights(), at(friday, "00:30", zone))

    ours, theirs = problem.optimum.best(problem.sets), cpsat.solve(problem, seconds=60)

    assert ours.cost == theirs.cost
    (talk,) = (step for step in problem.course.steps if step.key == "talk-1")
    left = pinned["drip-1"] + timedelta(minutes=30)
    assert problem.availability.grid.instant(theirs.cells[talk]) - left >= timedelta(hours=24)


@pytest.mark.parametrize("number", [2, 3])
def test_the_cases_of_a_clash_hold_every_plan_without_it(number):
    """Every placement without a clash lies in exactly... at least one case, and the clashing one in none."""
    problem = crowded(number)
    clashes = Clashes(problem.course)
    relaxed = problem.optimum.horizon.best(problem.sets, [], optimum.Budget(optimum.STATES))
    clash = clashes.find(relaxed.cells)
    cases = list(clashes.without(clash, relaxed.cells, problem.sets))
    best = problem.optimum.best(problem.sets)

    def inside(case, cells):
        return all(case[step] >> cell & 1 for step, cell in cells.items())

    assert any(inside(case, best.cells) for case in cases)
    assert not any(inside(case, relaxed.cells) for case in cases)


def test_a_side_series_at_other_times_does_not_make_the_line_irregular():
    problem = crowded(number=2, closes="17:00")
    pinned = {"talk-1": at(day(2), "11:00"), "talk-2": at(day(3), "15:00")}
    course = propose(replace(problem.request, pinned=pinned), problem.availability, now=NOW)[0]
    rhythm = next(term for term in course.terms if term.key == "rhythm")

    assert rhythm.cost > 0
    assert rhythm.words == "always at 9:00 AM"
