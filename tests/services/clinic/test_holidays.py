"""Public holidays of a clinic's country and state."""

from datetime import date

import pytest

from scheduler.errors import Invalid
from scheduler.models.schedule import ClosureKind
from scheduler.services.clinic import holidays
from scheduler.services.clinic.working_days import working_days
from tests.cast import NOW

FIRST, LAST = date(2026, 12, 20), date(2027, 1, 10)


def test_the_clinic_does_not_work_on_a_holiday_that_was_closed(session, harbor):
    added = holidays.close_public(session, harbor.command, FIRST, LAST, NOW)
    works = working_days(session, harbor.clinic)

    assert [one.local_start.date() for one in added] == [date(2026, 12, 25), date(2027, 1, 1)]
    assert {one.kind for one in added} == {ClosureKind.HOLIDAY}
    assert [works(day) for day in (date(2026, 12, 24), date(2026, 12, 25))] == [True, False]


def test_asking_twice_closes_nothing_twice(session, harbor):
    holidays.close_public(session, harbor.command, FIRST, LAST, NOW)

    assert holidays.close_public(session, harbor.command, FIRST, LAST, NOW) == []


def test_a_clinic_keeps_only_the_holidays_that_it_names(session, harbor):
    added = holidays.close_public(session, harbor.command, FIRST, LAST, NOW, ["New Year's Day"])

    assert [one.reason for one in added] == ["New Year's Day"]


def test_a_holiday_on_a_weekend_is_kept_on_the_day_it_is_observed():
    found = holidays.public("US", None, date(2027, 7, 1), date(2027, 7, 10), ["Independence Day"])

    assert list(found) == [date(2027, 7, 4), date(2027, 7, 5)]


def test_an_unknown_country_is_refused(session, harbor):
    harbor.clinic.country = "XX"

    with pytest.raises(Invalid) as refused:
        holidays.close_public(session, harbor.command, FIRST, LAST, NOW)

    assert [error["field"] for error in refused.value.details["errors"]] == ["country"]
