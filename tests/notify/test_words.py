from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from scheduler.notify.words import tongue

TEN = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "zone", "country", "expected"),
    [
        ("en", "America/New_York", "US", ("Tuesday, November 24, 2026", "10:00 AM", "New York time, EST")),
        ("en", "Europe/London", "GB", ("Tuesday, November 24, 2026", "15:00", "London time, GMT")),
        (
            "es",
            "America/New_York",
            "US",
            ("martes, 24 de noviembre de 2026", "10:00 a.\N{NO-BREAK SPACE}m.", "hora de Nueva York, EST"),
        ),
        (
            "es-MX",
            "Asia/Kathmandu",
            "NP",
            ("martes, 24 de noviembre de 2026", "20:45", "hora de Kathmandu, UTC+05:45"),
        ),
        (
            "xx",
            "America/Los_Angeles",
            "US",
            ("Tuesday, November 24, 2026", "7:00 AM", "Los Angeles time, PST"),
        ),
    ],
)
def test_a_time_in_words(language, zone, country, expected):
    speech = tongue(language, ZoneInfo(zone), country)

    assert (speech.day(TEN), speech.time(TEN), speech.zone_of(TEN)) == expected


def test_noon_and_midnight():
    speech = tongue("en", ZoneInfo("UTC"), "US")

    assert [speech.time(datetime(2026, 1, 1, hour, tzinfo=UTC)) for hour in (0, 12, 23)] == [
        "12:00 AM",
        "12:00 PM",
        "11:00 PM",
    ]


def test_every_month_and_weekday_has_a_name():
    for language in ("en", "es"):
        speech = tongue(language, ZoneInfo("UTC"), "US")
        said = [speech.date(date(2026, month, month)) for month in range(1, 13)]
        assert len(set(said)) == 12
