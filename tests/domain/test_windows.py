"""Half-open windows."""

from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.windows import Window, merged, subtract

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def window(start: int, length: int) -> Window:
    return Window(NOON + start * HOUR, NOON + (start + length) * HOUR)


windows = st.builds(window, st.integers(0, 30), st.integers(1, 8))


def hours_of(some) -> set[int]:
    """Return which hours after noon the windows hold."""
    return {n for n in range(60) for w in some if w.start <= NOON + n * HOUR < w.end}


def test_back_to_back_windows_do_not_overlap():
    assert not window(0, 2).overlaps(window(2, 1))


def test_a_window_contains_itself():
    assert window(0, 2).contains(window(0, 2))


def test_an_empty_window_is_refused():
    with pytest.raises(ValueError, match="must end after it starts"):
        Window(NOON, NOON)


@pytest.mark.parametrize("zone", [None, timezone(timedelta(hours=2))], ids=["naive", "elsewhere"])
def test_only_utc_is_taken(zone):
    start = NOON.replace(tzinfo=zone)
    with pytest.raises(ValueError, match="in UTC"):
        Window(start, start + HOUR)


@given(st.lists(windows))
def test_merging_holds_the_same_hours_and_leaves_gaps(some):
    result = merged(some)

    assert hours_of(result) == hours_of(some)
    assert all(first.end < second.start for first, second in pairwise(result))


@given(st.lists(windows), st.lists(windows))
def test_subtracting_leaves_what_the_taken_do_not_hold(some, taken):
    assert hours_of(subtract(some, taken)) == hours_of(some) - hours_of(taken)
