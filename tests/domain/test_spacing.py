"""Gaps are measured in their own unit, on clinic-local days."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.domain.plans import Action, Edge, Offset, Plan, Unit
from scheduler.domain.spacing import spacings

NEW_YORK = ZoneInfo("America/New_York")
EARLIER = (
    datetime(2026, 10, 30, 14, 0, tzinfo=UTC),
    datetime(2026, 10, 30, 16, 0, tzinfo=UTC),
)  # a Friday, 10:00


def is_weekday(on: date) -> bool:
    return on.isoweekday() < 6


@pytest.mark.parametrize(
    ("unit", "edge", "later", "amount"),
    [
        (
            Unit.DAYS,
            Edge.START,
            datetime(2026, 11, 3, 2, 0, tzinfo=UTC),
            3,
        ),  # Monday 21:00, after the clocks went back
        (Unit.HOURS, Edge.END, datetime(2026, 10, 31, 16, 0, tzinfo=UTC), 24),
        (Unit.HOURS, Edge.START, datetime(2026, 10, 31, 16, 0, tzinfo=UTC), 26),
        (Unit.WORKING_DAYS, Edge.START, datetime(2026, 11, 3, 15, 0, tzinfo=UTC), 2),
    ],
)
def test_a_gap_is_counted_in_its_unit_from_its_edge(unit, edge, later, amount):
    plan = plan_with(Offset("first", unit, 2, 3, 4, edge))

    found = spacings(
        plan, {"first": EARLIER, "second": (later, later + timedelta(hours=1))}, NEW_YORK, is_weekday
    )

    assert found["second"].amount == amount
    assert found["second"].kept is (2 <= amount <= 4)


def test_a_gap_from_an_unknown_visit_is_left_out():
    plan = plan_with(Offset("first", Unit.DAYS, 2, 3, 4))

    assert spacings(plan, {"second": EARLIER}, NEW_YORK, is_weekday) == {}


def plan_with(offset: Offset) -> Plan:
    actions = (Action("first", "visit", "First", ()), Action("second", "visit", "Second", (), offset))
    return Plan("two", 1, "Two", "", "", actions)
