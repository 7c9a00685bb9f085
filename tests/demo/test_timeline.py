"""Simulated time."""

from datetime import UTC, datetime, timedelta

from scheduler.demo.timeline import EventQueue

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_what_is_due_happens_in_order_and_the_rest_never() -> None:
    happened: list[tuple[str, datetime]] = []
    timeline = EventQueue()
    for name, at in (("late", NOON + HOUR), ("first", NOON - HOUR), ("second", NOON - HOUR), ("now", NOON)):
        timeline.add(at, lambda now, name=name: happened.append((name, now)))  # type: ignore[misc]

    assert list(timeline.play(until=NOON)) == [NOON - HOUR, NOON - HOUR, NOON]
    assert happened == [("first", NOON - HOUR), ("second", NOON - HOUR), ("now", NOON)]


def test_a_happening_may_add_others() -> None:
    timeline = EventQueue()
    happened: list[datetime] = []

    def again(now: datetime) -> None:
        happened.append(now)
        timeline.add(now + HOUR, again)

    timeline.add(NOON - 2 * HOUR, again)
    for _ in timeline.play(until=NOON):
        pass

    assert happened == [NOON - 2 * HOUR, NOON - HOUR, NOON]


def test_time_never_goes_back() -> None:
    timeline = EventQueue()
    happened: list[datetime] = []
    timeline.add(NOON, lambda _: timeline.add(NOON - HOUR, happened.append))

    assert list(timeline.play(until=NOON)) == [NOON, NOON]
    assert happened == [NOON]
