"""Days of the demo clinic."""

from datetime import date, time

from scheduler.demo import calendar, files
from scheduler.services.clinic.schedules import Hours

CLINIC = files.read("clinic")


def test_weekly_hours_have_an_entry_for_each_day_and_stretch() -> None:
    entries = [{"days": ["mon", "sun"], "times": ["08:00-12:30", "13:00-17:00"]}]

    assert calendar.weekly(entries) == [
        Hours(1, time(8), time(12, 30)),
        Hours(1, time(13), time(17)),
        Hours(7, time(8), time(12, 30)),
        Hours(7, time(13), time(17)),
    ]


def test_holidays_are_those_that_the_clinic_keeps_also_where_they_are_observed() -> None:
    assert calendar.holiday_names(CLINIC, date(2026, 6, 1), date(2027, 1, 31)) == {
        date(2026, 6, 19): "Juneteenth National Independence Day",
        date(2026, 7, 3): "Independence Day (observed)",
        date(2026, 7, 4): "Independence Day",
        date(2026, 9, 7): "Labor Day",
        date(2026, 11, 26): "Thanksgiving Day",
        date(2026, 12, 25): "Christmas Day",
        date(2027, 1, 1): "New Year's Day",
        date(2027, 1, 18): "Martin Luther King Jr. Day",
    }


def test_two_holidays_on_one_day_are_one() -> None:
    assert calendar.holiday_names(CLINIC, date(2027, 2, 15), date(2027, 2, 15)) == {
        date(2027, 2, 15): "Susan B. Anthony Day; Washington's Birthday"
    }


def test_extra_days_are_the_first_saturdays() -> None:
    found = [day for day, _ in calendar.extra_days(CLINIC, date(2026, 11, 1), date(2027, 1, 31))]

    assert found == [date(2026, 11, 7), date(2026, 12, 5), date(2027, 1, 2)]


def test_the_hours_of_a_usual_day_are_those_of_a_wednesday() -> None:
    people = {entry["name"]: entry["shifts"] for entry in CLINIC["people"]}

    assert calendar.usual_hours(CLINIC["hours"]) == [(time(8), time(18))]
    assert calendar.usual_hours(people["Camille Laurent, LMFT"]) == [
        (time(8), time(12)),
        (time(12, 30), time(16, 30)),
    ]


def test_somebody_of_each_role_is_there_whenever_the_clinic_is_open() -> None:
    for role in ("nurse", "prescriber", "therapist"):
        for opening in calendar.weekly(CLINIC["hours"]):
            shifts = [
                shift
                for person in CLINIC["people"]
                if role in person["roles"]
                for shift in calendar.weekly(person["shifts"])
                if shift.weekday == opening.weekday
            ]
            reached = opening.starts
            for shift in sorted(shifts, key=lambda one: one.starts):
                if shift.starts <= reached:
                    reached = max(reached, shift.ends)
            assert reached >= opening.ends, (role, opening.weekday, reached)
