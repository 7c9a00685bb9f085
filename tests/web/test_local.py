"""Times for people, and the way back from forms."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from scheduler.errors import Invalid
from scheduler.web.local import local_date, local_time, read_date, read_instant, read_time

NEW_YORK = ZoneInfo("America/New_York")


def test_an_instant_is_said_in_the_clinics_zone():
    instant = datetime(2026, 11, 24, 2, 30, tzinfo=UTC)

    assert local_date(instant, zone=NEW_YORK) == "Mon, Nov 23"
    assert local_date(instant, "long", zone=NEW_YORK) == "Monday, November 23, 2026"
    assert local_time(instant, zone=NEW_YORK) == "9:30 PM"
    assert (local_date(None), local_time(None)) == ("", "")


@pytest.mark.parametrize("text", ["", "2026-02-30", "tomorrow", "2026-11-23T10:00", "9" * 10_000])
def test_a_date_that_is_none_is_refused(text):
    with pytest.raises(Invalid, match="on: must be a date"):
        read_date("on", text)


@pytest.mark.parametrize("text", ["0001-01-01", "1899-12-31", "2200-01-01", "9999-12-31"])
def test_a_date_that_no_calendar_here_reaches_is_refused(text):
    with pytest.raises(Invalid, match="on: must be a date from 1900 to 2199"):
        read_date("on", text)


@pytest.mark.parametrize("text", ["", "25:00", "9.30", "09:30+02:00", "9" * 10_000])
def test_a_time_that_is_none_is_refused(text):
    with pytest.raises(Invalid, match="at: must be a time"):
        read_time("at", text)


def test_a_time_that_the_clocks_skip_is_refused_with_the_nearest():
    with pytest.raises(Invalid, match=r"does not exist .*1:30 AM and 3:30 AM"):
        read_instant("at", date(2027, 3, 14), time(2, 30), NEW_YORK)


def test_a_time_that_comes_twice_is_asked_about():
    with pytest.raises(Invalid, match="happens twice"):
        read_instant("at", date(2026, 11, 1), time(1, 30), NEW_YORK)


def test_a_plain_time_becomes_its_instant():
    assert read_instant("at", date(2026, 11, 23), time(9, 30), NEW_YORK) == datetime(
        2026, 11, 23, 14, 30, tzinfo=UTC
    )
