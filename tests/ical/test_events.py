from dataclasses import replace
from datetime import timedelta

import pytest

from scheduler.ical.entries import EventStatus, entry, look_of
from scheduler.ical.events import rendered

NEW_YORK = "America/New_York"


@pytest.fixture
def shown(clinic, booked):
    def make(
        local_start="2026-03-05T09:00", status=EventStatus.CONFIRMED, title="Appointment", look=(), **fields
    ):
        return entry(booked(local_start, **fields), status, title, look_of(clinic, **dict(look)))

    return make


def lines(entry, zone_name=NEW_YORK):
    return rendered(entry, zone_name).decode().split("\r\n")


def test_every_line_of_an_event(shown):
    assert lines(shown(sequence=2, look={"url": "https://clinic.example/visits"})) == [
        "BEGIN:VEVENT",
        "SUMMARY:Appointment",
        "DTSTART;TZID=America/New_York:20260305T090000",
        "DTEND;TZID=America/New_York:20260305T105500",
        "DTSTAMP:20260302T150000Z",
        "UID:visit-1",
        "SEQUENCE:2",
        "CLASS:PUBLIC",
        "DESCRIPTION:Questions or changes: +1 555 0100",
        "LAST-MODIFIED:20260302T150000Z",
        "LOCATION:Harbor Street\\, 12 Harbor Street\\, Portland",
        "STATUS:CONFIRMED",
        "TRANSP:OPAQUE",
        "URL:https://clinic.example/visits",
        "END:VEVENT",
        "",
    ]


def test_a_tombstone_takes_no_time(shown):
    cancelled = lines(shown(status=EventStatus.CANCELLED))

    assert [line for line in cancelled if line.startswith(("STATUS", "TRANSP", "SUMMARY"))] == [
        "SUMMARY:Canceled: Appointment",
        "STATUS:CANCELLED",
        "TRANSP:TRANSPARENT",
    ]


def test_an_alarm_counts_back_from_the_start(shown):
    ringing = lines(shown(look={"alarm_minutes": 120}))

    assert ringing[ringing.index("BEGIN:VALARM") : ringing.index("END:VALARM") + 1] == [
        "BEGIN:VALARM",
        "ACTION:DISPLAY",
        "DESCRIPTION:Appointment",
        "TRIGGER:-PT2H",
        "END:VALARM",
    ]


@pytest.mark.parametrize(
    "local_start, written",
    [
        ("2026-11-01T00:10", ["DTSTART:20261101T041000Z", "DTEND:20261101T060500Z"]),
        ("2026-11-01T01:30", ["DTSTART:20261101T053000Z", "DTEND:20261101T072500Z"]),
        (
            "2026-11-01T02:00",
            ["DTSTART;TZID=America/New_York:20261101T020000", "DTEND;TZID=America/New_York:20261101T035500"],
        ),
    ],
)
def test_an_hour_that_comes_twice_is_written_in_utc(shown, local_start, written):
    assert [line for line in lines(shown(local_start)) if line.startswith(("DTSTART", "DTEND"))] == written


def test_a_visit_across_the_spring_gap_ends_by_the_new_clock(shown):
    assert "DTEND;TZID=America/New_York:20260308T042500" in lines(shown("2026-03-08T01:30"))


def test_a_zone_without_a_rule_is_written_in_utc(shown):
    assert "DTSTART:20260305T140000Z" in lines(shown(), zone_name=None)


def test_lines_of_at_most_75_octets_that_never_break_a_character(shown):
    long = lines(shown(title="輸液療法 🩺 مرحبا " * 40))

    assert max(len(line.encode()) for line in long) <= 75


def test_the_same_entry_gives_the_same_bytes_and_a_changed_one_others(shown):
    entry = shown()

    assert rendered(entry, NEW_YORK) is rendered(replace(entry), NEW_YORK)
    assert rendered(entry, NEW_YORK) != rendered(
        replace(entry, end=entry.end + timedelta(minutes=5)), NEW_YORK
    )
