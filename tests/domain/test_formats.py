"""How dates and times are written: by the locale, by the switch for 24 hours, and read aloud."""

from datetime import date, datetime, time

import pytest

from scheduler.domain.formats import LOCALES, USUAL, Formats, locale_name

MORNING, NIGHT = datetime.fromisoformat("2026-12-10T09:30"), datetime.fromisoformat("2026-12-10T00:05")
AFTERNOON = time(14)
LONGER = Formats(twenty_four=True)


def test_american_english_is_the_usual():
    assert [USUAL.time(at) for at in (MORNING, NIGHT, time(12), time(23, 59))] == [
        "9:30 AM",
        "12:05 AM",
        "12:00 PM",
        "11:59 PM",
    ]
    assert [
        write(MORNING)
        for write in (
            USUAL.day,
            USUAL.dated,
            USUAL.date,
            USUAL.long,
            USUAL.month_day,
            USUAL.moment,
            USUAL.dated_moment,
        )
    ] == [
        "Thu, Dec 10",
        "Thu, Dec 10, 2026",
        "Dec 10, 2026",
        "Thursday, December 10, 2026",
        "Dec 10",
        "Thu, Dec 10, 9:30 AM",
        "Thu, Dec 10, 2026, 9:30 AM",
    ]


@pytest.mark.parametrize(
    ("on", "said"),
    [
        (date(2026, 12, 10), "Thu, Dec 10"),
        (date(2027, 5, 31), "Mon, May 31"),
        (date(2027, 12, 10), "Fri, Dec 10, 2027"),
        (date(2025, 12, 10), "Wed, Dec 10, 2025"),
    ],
)
def test_a_day_has_its_year_when_it_is_more_than_half_a_year_away(on, said):
    assert USUAL.day_near(on, date(2026, 11, 30)) == said


def test_a_time_is_read_aloud_with_its_weekday_and_month_in_full():
    assert USUAL.spoken(MORNING) == "Thursday, December 10, at 9:30 AM"
    assert LONGER.spoken(MORNING) == "Thursday, December 10, at 09:30"
    assert Formats("en-GB").spoken(MORNING) == "Thursday 10 December, at 09:30"


def test_the_switch_writes_24_hours_and_changes_no_date():
    assert [LONGER.time(MORNING), LONGER.time(NIGHT), LONGER.hour(time(14))] == ["09:30", "00:05", "14:00"]
    assert LONGER.dated(MORNING) == USUAL.dated(MORNING)
    assert LONGER.uses_24_hours and not USUAL.uses_24_hours and Formats("en-GB").uses_24_hours


@pytest.mark.parametrize(
    ("start", "end", "usual", "longer"),
    [
        (time(9, 30), time(11, 40), "9:30–11:40 AM", "09:30–11:40"),
        (time(11, 30), time(13, 5), "11:30 AM–1:05 PM", "11:30–13:05"),
        (time(9, 30), time(0, 5), "9:30 AM–12:05 AM", "09:30–00:05"),
    ],
)
def test_a_stretch_names_the_half_of_the_day_once_unless_it_changes(start, end, usual, longer):
    assert (USUAL.times(start, end), LONGER.times(start, end)) == (usual, longer)


@pytest.mark.parametrize(
    ("formats", "parts"),
    [
        (USUAL, ("9:30", "AM")),
        (Formats("en-CA"), ("9:30", "a.m.")),
        (Formats("en-AU"), ("9:30", "am")),
        (LONGER, ("09:30", "")),
        (Formats("en-GB"), ("09:30", "")),
    ],
)
def test_the_half_of_the_day_can_be_left_out_where_there_is_no_room(formats, parts):
    assert formats.split_time(MORNING) == parts


def test_an_hour_of_an_axis_is_short_but_keeps_its_minutes():
    assert [USUAL.hour(at) for at in (time(9), time(12), time(9, 30))] == ["9 AM", "12 PM", "9:30 AM"]


@pytest.mark.parametrize(
    ("locale", "day", "first", "week_start"),
    [
        ("en-US", "Thu, Dec 10", "Sunday", date(2026, 12, 6)),
        ("en-GB", "Thu 10 Dec", "Monday", date(2026, 12, 7)),
        ("en-AU", "Thu 10 Dec", "Monday", date(2026, 12, 7)),
    ],
)
def test_a_locale_orders_the_date_and_begins_the_week(locale, day, first, week_start):
    formats = Formats(locale)

    assert formats.day(MORNING.date()) == day
    assert formats.weekday(formats.week[0]) == first
    assert sorted(formats.week) == [1, 2, 3, 4, 5, 6, 7]
    assert formats.week_start(date(2026, 12, 10)) == formats.week_start(week_start) == week_start


@pytest.mark.parametrize("locale", LOCALES)
def test_every_locale_that_a_clinic_may_choose_has_all_forms(locale):
    formats = Formats(locale)

    assert locale_name(locale).startswith("English (")
    assert "2026" in formats.dated(MORNING) and "2026" in formats.date(MORNING)
    assert "December" in formats.spoken(MORNING) and "Thursday" in formats.long(MORNING)
    assert formats.times(MORNING, AFTERNOON) and formats.hour(MORNING)


@pytest.mark.parametrize(
    ("formats", "time_said", "long"),
    [
        (USUAL, "9:30 a.m.", "jueves, 10 de diciembre de 2026"),
        (LONGER, "09:30", "jueves, 10 de diciembre de 2026"),
        (Formats("en-PR"), "9:30 a. m.", "jueves, 10 de diciembre de 2026"),
        (Formats("en-GB"), "9:30", "jueves, 10 de diciembre de 2026"),  # there is no Spanish of Great Britain
    ],
)
def test_a_reader_of_spanish_gets_the_spanish_of_the_clinics_country(formats, time_said, long):
    spanish = formats.in_language("es")

    assert (spanish.time(MORNING), spanish.long(MORNING)) == (time_said, long)
    assert formats.in_language("en") == formats


def test_no_special_space_is_left_that_a_font_or_a_search_may_not_know():
    for formats in (USUAL, LONGER, USUAL.in_language("es"), *map(Formats, LOCALES)):
        said = formats.time(MORNING) + formats.times(MORNING, AFTERNOON) + formats.spoken(MORNING)
        assert not set(said) & set("\u00a0\u2009\u202f")
