"""Both clock changes in five zones: 10:00 stays 10:00, and hours are elapsed hours."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.domain.localtime import to_local
from scheduler.domain.planner import Availability, check, propose, slot_map
from scheduler.domain.planner.calendar import Calendar
from scheduler.domain.planner.grid import Grid
from scheduler.domain.planner.model import Request
from scheduler.domain.windows import Window
from tests.domain.planner.clinics import INFUSION, at, course, day, day_and_night, hours, staff

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
