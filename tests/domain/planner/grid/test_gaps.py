from datetime import date

import pytest

from scheduler.domain.planner import Availability
from scheduler.domain.planner.grid.gaps import working_number
from tests.domain.planner.clinics import MONDAY, calendar, day

AVAILABILITY = Availability(calendar(7))


@pytest.mark.parametrize(
    ("on", "number"),
    [
        (day(-4), -1),
        (day(-3), 0),
        (MONDAY, 1),
        (day(6), 5),
        (day(7), 6),
        (day(13), 10),
    ],
)
def test_working_days_are_counted_before_and_after_the_calendar(on: date, number: int) -> None:
    assert working_number(AVAILABILITY.grid, AVAILABILITY.working, on) == number
