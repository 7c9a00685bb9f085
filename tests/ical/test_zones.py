from datetime import timedelta

import pytest

from scheduler.ical.zones import Onset, Side, fingerprint, parse, rules

HOUR = timedelta(hours=1)


def test_a_zone_without_summer_time():
    assert parse("<+0530>-5:30") == (Side("+0530", timedelta(hours=5, minutes=30), None),)


def test_both_sides_of_a_zone_with_the_default_time_of_two_o_clock():
    assert parse("EST5EDT,M3.2.0,M11.1.0") == (
        Side("EST", -5 * HOUR, Onset(11, 1, 0, 2 * HOUR)),
        Side("EDT", -4 * HOUR, Onset(3, 2, 0, 2 * HOUR)),
    )


def test_times_beyond_the_day_and_before_it():
    assert parse("<-02>2<-01>,M3.5.0/-1,M10.5.0/0") == (
        Side("-02", -2 * HOUR, Onset(10, 5, 0, 0 * HOUR)),
        Side("-01", -1 * HOUR, Onset(3, 5, 0, -1 * HOUR)),
    )
    assert parse("IST-2IDT,M3.4.4/26,M10.5.0")[1] == Side("IDT", 3 * HOUR, Onset(3, 4, 4, 26 * HOUR))


def test_a_second_offset_that_is_said():
    assert parse("IST-1GMT0,M10.5.0,M3.5.0/1")[1] == Side("GMT", 0 * HOUR, Onset(10, 5, 0, 2 * HOUR))


@pytest.mark.parametrize(
    "text", ["", "EST5EDT", "EST5EDT,J60,J300", "EST5EDT,59,299", "12345", "EST5EDT,M13"]
)
def test_what_is_not_a_monthly_rule_is_not_read(text):
    assert parse(text) is None


def test_the_rules_of_the_tz_database():
    assert rules("America/New_York") == parse("EST5EDT,M3.2.0,M11.1.0")
    assert rules("Etc/UTC") == parse("UTC0")


def test_a_fingerprint_for_each_set_of_rules():
    assert fingerprint("America/New_York") == fingerprint("US/Eastern")
    assert fingerprint("America/New_York") != fingerprint("Europe/Berlin")


def test_a_name_that_leads_out_of_the_database_is_refused():
    with pytest.raises(ValueError, match="etc/passwd"):
        rules("../../../etc/passwd")
