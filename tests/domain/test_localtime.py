"""Wall-clock time to UTC and back, across clock changes of whole and half hours."""
# ruff: noqa: DTZ001  (a wall-clock time has no zone of its own)

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.localtime import (
    AmbiguousTime,
    NonexistentTime,
    day_bounds,
    from_minute,
    local_on,
    to_local,
    to_minute,
    to_utc,
)

NEW_YORK = ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
KOLKATA = ZoneInfo("Asia/Kolkata")
zones = st.sampled_from([NEW_YORK, LORD_HOWE, KOLKATA, ZoneInfo("Europe/Berlin")])


def test_ten_oclock_is_ten_oclock_on_both_sides_of_the_clock_change():
    before = to_utc(datetime(2026, 3, 7, 10, 0), NEW_YORK)
    after = to_utc(datetime(2026, 3, 8, 10, 0), NEW_YORK)

    assert after - before == timedelta(hours=23)


def test_a_skipped_time_names_the_nearest_ones():
    with pytest.raises(NonexistentTime) as refused:
        to_utc(datetime(2026, 3, 8, 2, 30), NEW_YORK)

    assert refused.value.nearest == (datetime(2026, 3, 8, 1, 30), datetime(2026, 3, 8, 3, 30))


def test_a_repeated_time_names_both_instants():
    with pytest.raises(AmbiguousTime) as refused:
        to_utc(datetime(2026, 11, 1, 1, 30), NEW_YORK)

    assert refused.value.choices == (
        datetime(2026, 11, 1, 5, 30, tzinfo=UTC),
        datetime(2026, 11, 1, 6, 30, tzinfo=UTC),
    )


def test_half_an_hour_is_skipped_on_lord_howe():
    with pytest.raises(NonexistentTime):
        to_utc(datetime(2026, 10, 4, 2, 15), LORD_HOWE)


def test_an_aware_wall_clock_time_is_refused():
    with pytest.raises(ValueError, match="carries no zone"):
        to_utc(datetime(2026, 3, 7, 10, 0, tzinfo=UTC), NEW_YORK)


def test_a_naive_instant_is_refused():
    with pytest.raises(ValueError, match="must be aware"):
        to_local(datetime(2026, 3, 7, 10, 0), NEW_YORK)


@pytest.mark.parametrize(
    ("on", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25), (date(2026, 6, 1), 24)]
)
def test_a_day_is_as_long_as_the_clocks_make_it(on, hours):
    start, end = day_bounds(on, NEW_YORK)

    assert end - start == timedelta(hours=hours)


@given(st.datetimes(datetime(2025, 1, 1), datetime(2028, 1, 1)), zones)
def test_there_and_back_is_the_same_instant(moment, zone):
    instant = moment.replace(tzinfo=UTC)
    local = to_local(instant, zone)
    try:
        back = {to_utc(local, zone)}
    except AmbiguousTime as twice:
        back = set(twice.choices)

    assert instant in back
    assert local.date() == local_on(instant, zone)


def test_minutes_go_there_and_back():
    instant = datetime(2026, 3, 8, 7, 31, tzinfo=UTC)

    assert from_minute(to_minute(instant)) == instant
