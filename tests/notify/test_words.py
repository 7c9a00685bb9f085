from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.domain.formats import USUAL, Formats
from scheduler.notify.words import tongue

TEN = datetime(2026, 11, 24, 15, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("language", "zone", "formats", "expected"),
    [
        ("en", "America/New_York", USUAL, ("Tuesday, November 24, 2026", "10:00 AM", "New York time, EST")),
        ("en", "Europe/London", Formats("en-GB"), ("Tuesday, 24 November 2026", "15:00", "London time, GMT")),
        (
            "es",
            "America/New_York",
            USUAL,
            ("martes, 24 de noviembre de 2026", "10:00 a.m.", "hora de Nueva York, EST"),
        ),
        (
            "es-MX",
            "Asia/Kathmandu",
            Formats(twenty_four=True),
            ("martes, 24 de noviembre de 2026", "20:45", "hora de Katmandú, UTC+05:45"),
        ),
        (
            "xx",
            "America/Los_Angeles",
            USUAL,
            ("Tuesday, November 24, 2026", "7:00 AM", "Los Angeles time, PST"),
        ),
    ],
)
def test_a_time_in_words(language, zone, formats, expected):
    speech = tongue(language, ZoneInfo(zone), formats)

    assert (speech.day(TEN), speech.time(TEN), speech.zone_of(TEN)) == expected


def test_a_stretch_of_time_in_words():
    end = TEN + timedelta(hours=3)

    assert [tongue(language, ZoneInfo("UTC"), USUAL).times(TEN, end) for language in ("en", "es")] == [
        "3:00 PM to 6:00 PM",
        "3:00 p.m. a 6:00 p.m.",
    ]
