from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.domain.plans import Unit
from scheduler.domain.reminders import (
    Anchor,
    QuietHours,
    ReminderCalendar,
    ReminderRule,
    by_lead_hours,
    due_times,
    outside_quiet,
    read_rule,
    words_of,
)

NEW_YORK = ZoneInfo("America/New_York")
QUIET = QuietHours(time(21), time(8))
HOUR = timedelta(hours=1)


def weekdays(on):
    return on.isoweekday() <= 5


CLINIC = ReminderCalendar(NEW_YORK, QUIET, weekdays)


def at(day, clock, zone=NEW_YORK):
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


def due(rule, start, calendar=CLINIC, kind="infusion"):
    [found] = due_times([rule], kind, start, start + 2 * HOUR, start - 30 * 24 * HOUR, calendar)
    return found


def test_the_default_rules_are_three_days_and_one_day_before():
    start = at(date(2026, 11, 27), time(10))
    found = due_times(by_lead_hours((24, 72)), "infusion", start, start + HOUR, start, CLINIC)

    assert [(one.rule.key, start - one.due_at) for one in found] == [
        ("before-72h", 72 * HOUR),
        ("before-24h", 24 * HOUR),
    ]
    assert {one.expires_at for one in found} == {start}


def test_days_keep_the_wall_clock_over_a_clock_change_and_hours_do_not():
    start = at(date(2026, 11, 1), time(14))  # the clocks went back that morning
    days, hours = read_rule("before-start 1 days"), read_rule("before-start 24 hours")

    assert due(days, start).due_at == at(date(2026, 10, 31), time(14))
    assert due(hours, start).due_at == at(date(2026, 10, 31), time(15))


def test_working_days_step_over_the_weekend():
    monday = at(date(2026, 11, 30), time(10))

    assert due(read_rule("before-start 2 working_days"), monday).due_at == at(date(2026, 11, 26), time(10))


def test_what_falls_on_a_closed_day_can_come_on_the_working_day_before():
    monday = at(date(2026, 11, 30), time(10))
    pulled = ReminderCalendar(NEW_YORK, QUIET, weekdays, skip_closed=True)
    rule = read_rule("before-start 24 hours")

    assert due(rule, monday).due_at == at(date(2026, 11, 29), time(10))
    assert due(rule, monday, pulled).due_at == at(date(2026, 11, 27), time(10))


@pytest.mark.parametrize(
    ("lead", "start", "expected"),
    [
        (24, time(7), (date(2026, 11, 26), time(8))),  # due at 7, held until 8
        (12, time(10), (date(2026, 11, 26), time(20, 45))),  # due at 22: 8 would leave two hours
        (2, time(9), (date(2026, 11, 27), time(8))),  # due at 7, an hour is left at 8
        (2, time(8, 30), (date(2026, 11, 26), time(20, 45))),  # half an hour would be left
        (2, time(12), (date(2026, 11, 27), time(10))),
    ],
)
def test_quiet_hours_hold_or_pull_forward(lead, start, expected):
    visit = at(date(2026, 11, 27), start)

    assert due(read_rule(f"before-start {lead} hours"), visit).due_at == at(*expected)


@given(
    minutes=st.integers(0, 2 * 365 * 24 * 60),
    lead=st.integers(1, 200),
    zone=st.sampled_from(["America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe"]),
)
def test_a_reminder_never_leaves_in_quiet_hours_nor_after_the_start(minutes, lead, zone):
    instant = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    zone = ZoneInfo(zone)
    leaves = outside_quiet(instant, instant + timedelta(hours=lead), zone, QUIET)

    assert not QUIET.hold(leaves.astimezone(zone).time())
    assert leaves < instant + timedelta(hours=lead)


def test_no_quiet_hours():
    midnight = at(date(2026, 11, 27), time(0))

    assert outside_quiet(midnight, midnight + HOUR, NEW_YORK, QuietHours(time(8), time(8))) == midnight


def test_after_a_visit_and_at_booking():
    start = at(date(2026, 11, 27), time(10))
    booked = start - 30 * 24 * HOUR

    assert due(read_rule("after-end 1 days"), start).due_at == at(date(2026, 11, 28), time(12))
    assert due(read_rule("at-booking"), start).due_at == booked


def test_a_rule_is_for_the_kinds_it_names():
    rule = read_rule("after-end 1 days: infusion, session")

    assert (rule.anchor, rule.amount, rule.unit, rule.kinds) == (
        Anchor.AFTER_END,
        1,
        Unit.DAYS,
        frozenset({"infusion", "session"}),
    )
    assert rule.fits("infusion")
    assert not rule.fits("therapy")
    assert ReminderRule("x", Anchor.AT_BOOKING, 0, Unit.HOURS).fits("anything")
    assert rule.key != read_rule("after-end 1 days").key


@pytest.mark.parametrize(
    "text", ["", "before 3 days", "before-start 0 hours", "before-start 9999 days", "after-end x days"]
)
def test_a_rule_that_makes_no_sense_is_refused(text):
    with pytest.raises(ValueError, match=r"reads like|between"):
        read_rule(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("before-start 24 hours", "24 hours before"),
        ("before-start 1 days", "1 day before"),
        ("requirements before-start 3 working_days", "missing items, 3 working days before"),
        ("driver before-start 2 days: infusion", "driver request, 2 days before"),
        ("after-end 1 hours: infusion, session", "1 hour after"),
        ("at-booking", "at booking"),
    ],
)
def test_a_rule_in_words(text, words):
    assert words_of(read_rule(text).key) == words


def test_a_key_of_another_time_is_left_as_it_is():
    assert words_of("three moons before") == "three moons before"
