"""Units of one resource: assigning them, and reassigning them when they are fragmented."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.units import Held, deal, place
from scheduler.domain.windows import Window

EIGHT = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
TEN_MINUTES = timedelta(minutes=10)


def window(start: int, length: int) -> Window:
    return Window(EIGHT + start * TEN_MINUTES, EIGHT + (start + length) * TEN_MINUTES)


# Two units: unit 0 is taken early, unit 1 late, so a long visit in the middle fits by count and on no single unit.
FRAGMENTED = [Held(1, 0, window(0, 3)), Held(2, 1, window(3, 3))]


def test_the_lowest_free_unit_is_given():
    assert place(window(0, 2), 3, [Held(1, 0, window(0, 1))]) == (1,)


def test_the_preferred_unit_is_given_while_it_is_free():
    assert place(window(0, 2), 3, [Held(1, 0, window(0, 1))], prefer=2) == (2,)


def test_exclusive_takes_every_unit_or_none():
    assert place(window(0, 2), 2, [], exclusive=True) == (0, 1)
    assert place(window(0, 2), 2, [Held(1, 1, window(1, 1))], exclusive=True) is None


def test_fragmented_units_hold_no_long_visit_until_they_are_dealt_anew():
    long = window(0, 6)

    assert place(long, 2, FRAGMENTED) is None
    assert deal(2, FRAGMENTED, long) is not None


def test_an_exclusive_stretch_is_never_moved_and_blocks():
    held = [Held(1, 0, window(2, 1), exclusive=True), Held(1, 1, window(2, 1), exclusive=True)]

    assert deal(2, held, window(0, 4)) is None


intervals = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 8)), max_size=14)


@given(intervals, st.tuples(st.integers(0, 20), st.integers(1, 8)), st.integers(1, 4))
def test_dealing_succeeds_exactly_when_no_instant_asks_for_too_many(asked, wanted, units):
    held = packed(asked, units)
    new = window(*wanted)
    dealt = deal(units, held, new)

    assert (dealt is not None) == (busiest([*(h.window for h in held), new], new) <= units)
    if dealt is not None:
        assert_no_overlap(held, new, *dealt)


def packed(asked, units) -> list[Held]:
    """Put intervals on whichever unit is free, the last first, and drop those that fit nowhere."""
    held: list[Held] = []
    for key, (start, length) in enumerate(asked):
        stretch = window(start, length)
        for unit in reversed(range(units)):
            if not any(h.unit == unit and h.window.overlaps(stretch) for h in held):
                held.append(Held(key, unit, stretch))
                break
    return held


def busiest(windows, within) -> int:
    """Return how many of the windows run at once at the busiest moment of `within`."""
    moments = [w.start for w in windows if within.start <= w.start < within.end] + [within.start]
    return max(sum(w.start <= at < w.end for w in windows) for at in moments)


def assert_no_overlap(held, new, unit, changes) -> None:
    placed = [(changes.get(h.key, h.unit), h.window) for h in held] + [(unit, new)]
    for n, (first_unit, first) in enumerate(placed):
        for second_unit, second in placed[n + 1 :]:
            assert first_unit != second_unit or not first.overlaps(second)
