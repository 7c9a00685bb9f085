from datetime import timedelta

import pytest

from scheduler.database import begin_write
from scheduler.services.clinic import schedules
from tests.cast import NOW
from tests.engines import both
from tests.visits import add_visit, allocate


@pytest.fixture
def slots(rita, harbor):
    """Return the slots of somebody on NOW's day as (status, start, end)."""

    def ask(name, query="start=2026-11-23"):
        one = (harbor.places | harbor.people)[name]
        _, bundle = rita(f"/Slot?schedule=Schedule/{one.public_id}&{query}")
        rows = [entry["resource"] for entry in bundle.get("entry", [])]
        return [(row["status"], row["start"][11:16], row["end"][11:16]) for row in rows]

    return ask


@both
def test_a_chair_is_free_around_what_takes_it(session, harbor, slots):
    add_visit(session, harbor, "Chair 1", NOW + timedelta(hours=2))
    schedules.close(
        session, harbor.command, NOW + timedelta(hours=7), NOW + timedelta(hours=20), NOW,
        harbor.places["Chair 1"].resource,
    )  # fmt: skip
    session.commit()

    assert slots("Chair 1") == [
        ("free", "08:00", "10:00"),
        ("busy", "10:00", "11:00"),
        ("free", "11:00", "15:00"),
        ("busy-unavailable", "15:00", "18:00"),
    ]
    assert slots("Chair 1", "start=2026-11-23&status=busy") == [("busy", "10:00", "11:00")]
    assert slots("Chair 2") == [("free", "08:00", "18:00")]
    assert slots("Chair 2", "start=2026-11-28") == []


def test_a_nurse_is_busy_only_when_every_unit_is_taken(session, harbor, slots):
    nurse, units = harbor.people["Nina"], harbor.clinic.settings.nurse_units
    start = NOW + timedelta(hours=2)
    first = add_visit(session, harbor, "Chair 1", start)
    session.add(allocate(first, nurse.resource_id))
    session.commit()
    before = slots("Nina")
    session.rollback()
    begin_write(session)
    session.add_all([allocate(first, nurse.resource_id, unit) for unit in range(1, units)])
    session.commit()

    assert before == [("free", "08:00", "18:00")]
    assert slots("Nina") == [
        ("free", "08:00", "10:00"),
        ("busy", "10:00", "11:00"),
        ("free", "11:00", "18:00"),
    ]


def test_two_weeks_are_shown_unless_asked_otherwise(rita, harbor):
    chair = harbor.places["Chair 1"].public_id
    _, bundle = rita(f"/Slot?schedule={chair}")

    days = [entry["resource"]["start"][:10] for entry in bundle["entry"]]
    assert days == [f"2026-11-{day}" for day in (23, 24, 25, 26, 27, 30)] + [
        f"2026-12-0{day}" for day in (1, 2, 3, 4)
    ]
