"""The times of a visit's phases on the day's pages."""

from datetime import UTC, datetime, timedelta

from scheduler.models.appointment import Appointment
from scheduler.services.day import boards

TEN = datetime(2026, 11, 30, 15, tzinfo=UTC)


def minutes(number):
    return timedelta(minutes=number)


def visit(*phases):
    """Return a visit at ten with these phases: (name, minutes, attended)."""
    rows = [{"name": name, "minutes": length, "attended": attended} for name, length, attended in phases]
    return Appointment(
        id=1,
        patient_id=1,
        start_at=TEN,
        end_at=TEN + minutes(60),
        phases=rows,
        zone_name="America/New_York",
    )


PREPARED = visit(("prepare", 20, False), ("session", 60, True), ("clean", 10, False))


def test_a_room_is_prepared_before_the_visit_starts():
    times = [(one.name, one.window.start, one.window.end) for one in boards.stretches(PREPARED)]

    assert times == [
        ("prepare", TEN - minutes(20), TEN),
        ("session", TEN, TEN + minutes(60)),
        ("clean", TEN + minutes(60), TEN + minutes(70)),
    ]


def test_the_board_draws_the_preparation_as_a_block_of_its_own():
    drawn = [(one.window.start, one.window.end) for one in boards.blocks(PREPARED)]

    assert drawn == [(TEN - minutes(20), TEN), (TEN, TEN + minutes(70))]
