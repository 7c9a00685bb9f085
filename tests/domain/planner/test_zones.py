"""Both clock changes in five zones: 10:00 stays 10:00, and hours are elapsed hours."""

from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from scheduler.domain.localtime import to_local
from scheduler.domain.planner import Availability, Weights, check, propose, slot_map
from scheduler.domain.planner.answers.placements import proposal_of
from scheduler.domain.planner.grid.grid import Grid
from scheduler.domain.planner.search import cpsat
from scheduler.domain.planner.search.problem import PlanningProblem
from scheduler.domain.planner.values import Calendar, Done, Request
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import INFUSION, at, course, crowd, day, day_and_night, hours, staff
from tests.domain.planner.instances import SHORT as BRIEF

ROOMY = staff(chairs=3, rooms=2, nurses=2, prescribers=2, therapists=2)
SPRING_AND_AUTUMN = [
    ("America/New_York", date(2026, 3, 6)),
    ("America/New_York", date(2026, 10, 30)),
    ("Europe/Berlin", date(2026, 3, 27)),
    ("Europe/Berlin", date(2026, 10, 23)),
    ("Australia/Sydney", date(2026, 4, 3)),
    ("Australia/Sydney", date(2026, 10, 2)),
    ("Australia/Lord_Howe", date(2026, 4, 3)),
    ("Australia/Lord_Howe", date(2026, 10, 2)),
    ("Asia/Kolkata", date(2026, 3, 27)),
    ("Asia/Kolkata", date(2026, 10, 23)),
]


def clinic(zone, friday, opens="08:00", closes="18:00"):
    open_on = [day(n, friday) for n in range(14)]
    return Calendar(zone, friday, 14, ROOMY, {None: hours(open_on, opens, closes, zone)})


@pytest.mark.parametrize(("name", "friday"), SPRING_AND_AUTUMN)
def test_ten_oclock_stays_ten_oclock_and_hours_are_elapsed(name, friday):
    zone = ZoneInfo(name)
    request = Request(course(3), friday, preferred=time(10))
    availability = Availability(clinic(zone, friday))
    now = at(friday, "00:30", zone)

    best = propose(request, availability, now=now)[0]

    starts = {visit.action: visit.start for visit in best.visits}
    ends = {visit.action: visit.attended_end for visit in best.visits}
    assert {to_local(starts[f"infusion-{n}"], zone).time() for n in (1, 2, 3)} == {time(10)}
    for n in (1, 2, 3):
        elapsed = starts[f"therapy-{n}"] - ends[f"infusion-{n}"]
        assert timedelta(hours=24) <= elapsed <= timedelta(hours=72)
    assert check(request, availability, best.visits, now=now) == []


@pytest.mark.parametrize(("name", "friday"), SPRING_AND_AUTUMN)
def test_the_shaded_therapy_starts_are_the_elapsed_24_to_72_hours(name, friday):
    zone = ZoneInfo(name)
    pinned = at(friday, "10:00", zone)
    request = Request(course(1), friday, pinned={"infusion-1": pinned})
    availability = Availability(clinic(zone, friday))

    shaded = slot_map(request, availability, now=at(friday, "00:30", zone))["therapy-1"]

    left = pinned + timedelta(minutes=55)
    assert shaded[0] == left + timedelta(hours=24)
    assert shaded[-1] == left + timedelta(hours=72)


@pytest.mark.parametrize(("name", "friday"), SPRING_AND_AUTUMN)
def test_hours_from_a_visit_that_is_over_are_elapsed_too(name, friday):
    zone = ZoneInfo(name)
    start, left = at(friday, "10:00", zone), at(friday, "10:55", zone)
    request = Request(course(2), friday, done={"infusion-1": Done("infusion-1", start, left)})
    availability = Availability(clinic(zone, friday))

    shaded = slot_map(request, availability, now=at(friday, "11:00", zone))

    assert shaded["therapy-1"][0] == left + timedelta(hours=24)
    assert shaded["therapy-1"][-1] == left + timedelta(hours=72)
    days = {to_local(start, zone).date() for start in shaded["infusion-2"]}
    assert days == {day(n, friday) for n in (2, 3, 4)}


@pytest.mark.parametrize(("name", "friday"), SPRING_AND_AUTUMN)
def test_hours_across_the_change_differ_from_the_wall_clock_by_what_the_clock_moved(name, friday):
    zone = ZoneInfo(name)
    pinned = at(friday, "10:00", zone)
    request = Request(course(1), friday, pinned={"infusion-1": pinned})

    last = slot_map(request, Availability(clinic(zone, friday)), now=at(friday, "00:30", zone))["therapy-1"][
        -1
    ]

    moved = (pinned + timedelta(hours=72)).astimezone(zone).utcoffset() - pinned.astimezone(zone).utcoffset()
    assert to_local(last, zone) == datetime.combine(day(3, friday), time(10, 55)) + moved
    assert bool(moved) == (name != "Asia/Kolkata")


@pytest.mark.parametrize(("name", "friday"), SPRING_AND_AUTUMN)
def test_a_busy_clinic_across_the_change_gets_the_same_answer_from_cp_sat(name, friday):
    zone = ZoneInfo(name)
    rng = Random(f"{name} {friday}")
    open_on = [day(n, friday) for n in range(9)]
    windows = hours(open_on, "09:00", "11:00", zone)
    people = staff(chairs=2, nurses=2, therapists=2)
    taken = crowd(rng, people, windows, 0.35)
    busy = Calendar(zone, friday, 9, people, {None: windows}, occupied=taken)
    asked = course(2, call=True, phases=BRIEF)
    problem = PlanningProblem(
        Request(asked, friday), Availability(busy), Weights(), at(friday, "00:30", zone)
    )

    ours, theirs = problem.optimum.best(problem.sets), cpsat.solve(problem, seconds=60)

    assert ours.proven and theirs.proven
    assert ours.cost == theirs.cost
    visits = proposal_of(problem, ours).visits
    assert check(problem.request, problem.availability, visits, now=problem.now) == []


@pytest.mark.parametrize(("name", "friday"), SPRING_AND_AUTUMN)
def test_times_that_do_not_exist_or_come_twice_are_not_offered(name, friday):
    zone = ZoneInfo(name)
    around_the_clock = Calendar(zone, friday, 7, ROOMY, {None: [day_and_night(friday, 7, zone)]})
    request = Request(course(1, therapy=False), friday)

    shaded = slot_map(request, Availability(around_the_clock), now=at(friday, "00:00", zone))["infusion-1"]

    for start in shaded:
        nearly_over = sum_of(INFUSION) - timedelta(minutes=5)
        local = to_local(start, zone)
        assert to_local(start + nearly_over, zone) - local == nearly_over
        assert (
            local.replace(tzinfo=zone, fold=0).utcoffset() == local.replace(tzinfo=zone, fold=1).utcoffset()
        )


def sum_of(phases):
    return sum((phase.length for phase in phases), timedelta())


@pytest.mark.parametrize(("name", "friday"), SPRING_AND_AUTUMN)
def test_every_cell_of_the_grid_leads_to_its_instant_and_back(name, friday):
    zone = ZoneInfo(name)
    grid = Grid(zone, friday, 7)

    for cell in grid.cells(grid.real):
        instant = grid.instant(cell)
        assert grid.cell(instant) == cell
        assert to_local(instant, zone) == datetime.combine(grid.on(cell // grid.width), grid.wall(cell))


def test_only_whole_cells_are_free_and_every_touched_one_is_taken():
    grid = Grid(ZoneInfo("UTC"), date(2026, 12, 1), 1)
    uneven = Window(datetime(2026, 12, 1, 9, 2, tzinfo=UTC), datetime(2026, 12, 1, 9, 13, tzinfo=UTC))

    assert [grid.wall(cell) for cell in grid.cells(grid.inside([uneven]))] == [time(9, 5)]
    assert [grid.wall(cell) for cell in grid.cells(grid.touched([uneven]))] == [
        time(9),
        time(9, 5),
        time(9, 10),
    ]
