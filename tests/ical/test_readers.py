"""Every parser agrees with what was written: on start, end, status and sequence."""

import random
import unicodedata

import pytest

from scheduler.domain.status import AppointmentStatus
from scheduler.ical import feed_calendar
from scheduler.ical.calendars import shown
from scheduler.ical.entries import event_status, look_of
from tests.calendar_cast import visit
from tests.ical.readers import Read, by_ical_js, by_icalendar, by_ics, by_vobject

S = AppointmentStatus
STATUSES = [S.BOOKED, S.PENDING, S.CANCELLED, S.FULFILLED, S.NOSHOW]
# spring gaps, autumn repeats on both halves of the Earth, midnights, a leap day, New Year's Eve
STARTS = [
    "2026-01-05T09:00",
    "2026-03-08T01:30",
    "2026-03-08T03:00",
    "2026-03-28T23:30",
    "2026-04-05T01:30",
    "2026-04-05T02:15",
    "2026-07-15T16:45",
    "2026-10-04T01:45",
    "2026-10-25T01:30",
    "2026-11-01T00:30",
    "2026-11-01T01:30",
    "2026-11-01T02:00",
    "2026-12-31T23:30",
    "2028-02-29T09:00",
    "2031-06-30T09:00",
]
ZONES = [
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "America/Nuuk",
    "Europe/Dublin",
    "Europe/Berlin",
    "Africa/Cairo",
    "Africa/Casablanca",
    "Asia/Jerusalem",
    "Asia/Kolkata",
    "Asia/Tokyo",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "Pacific/Easter",
]
HOSTILE = [
    "\r\nATTENDEE:mailto:x@evil.example",
    "\nEND:VEVENT\nBEGIN:VEVENT\nUID:planted",
    "\u2028BEGIN:VALARM",
    "\x85X-PLANTED:1",
    "\x1cX-PLANTED:1",
    "\x00\x07\x1b[31m",
    "\ud800",
    "\u202egnp.exe\u2066",
    "\\n\\,\\;\\N",
    ';VALUE=DATE:20260101"',
    "=?utf-8?q?planted?=",
    "😀" * 40,
    "é" * 80,
    "e\u0301" * 60,
    "नमस्ते" * 20,
    "مرحبا بالعالم " * 10,
    "a" * 10_000,
    " " * 90,
    "",
]


def body(clinic, visits, title):
    look = look_of(clinic)
    return feed_calendar(clinic.name, look, shown(visits, title, look), 2026)


def neutral(_):
    return "Appointment"


def expected(visits):
    return {
        each.uid: Read(each.start_at, each.end_at, event_status(each.status).value, each.sequence)
        for each in visits
    }


@pytest.fixture
def torture(clinic, patient):
    """Calendars with the same wall-clock times in zones of every kind, and what is in each."""
    made = []
    for zone_name in ZONES:
        clinic.zone_name = zone_name
        visits = [
            visit(
                clinic,
                patient,
                start,
                uid=f"v{number}",
                status=STATUSES[number % len(STATUSES)],
                sequence=number,
            )
            for number, start in enumerate(STARTS)
        ]
        made.append((body(clinic, visits, neutral), expected(visits)))
    return made


def test_all_parsers_agree_in_zones_of_every_kind(torture):
    by_node = by_ical_js(*(written for written, _ in torture))
    wrong = [
        (zone_name, reader.__name__)
        for zone_name, (written, told) in zip(ZONES, torture, strict=True)
        for reader in (by_icalendar, by_vobject, by_ics)
        if reader(written) != told
    ]

    assert wrong == []
    assert by_node == [told for _, told in torture]


def test_a_planted_error_is_seen_by_each(torture):
    written, told = torture[0]
    wrong = written.replace(b"TZOFFSETTO:-0400", b"TZOFFSETTO:-0430")

    assert written != wrong
    assert by_ical_js(wrong) != [told]
    counted = written.replace(b"SEQUENCE:3\r\n", b"SEQUENCE:4\r\n")
    assert [reader(counted) != told for reader in (by_icalendar, by_vobject, by_ics)] == [True] * 3
    assert by_ical_js(counted) != [told]


def test_hostile_names_bring_no_line_of_their_own(clinic, patient):
    draw = random.Random(20260302)
    names = [hostile_name(draw) for _ in range(1500)]
    visits = [visit(clinic, patient, "2026-03-05T09:00", uid=f"v{number:04}") for number in range(len(names))]
    of = dict(zip((each.uid for each in visits), names, strict=True))
    written = body(clinic, visits, lambda each: of[each.uid])

    lines = written.split(b"\r\n")
    assert max(map(len, lines)) <= 75
    assert b"\n" not in written.replace(b"\r\n", b"") and b"\r" not in written.replace(b"\r\n", b"")
    heads = {line.partition(b":")[0].partition(b";")[0] for line in lines if not line.startswith(b" ")}
    plain = body(clinic, [visit(clinic, patient, "2026-03-05T09:00", uid="v")], neutral).split(b"\r\n")
    assert heads == {
        line.partition(b":")[0].partition(b";")[0] for line in plain if not line.startswith(b" ")
    }
    assert lines.count(b"BEGIN:VEVENT") == lines.count(b"END:VEVENT") == 1500
    told = expected(visits)
    assert by_icalendar(written) == told
    assert by_ical_js(written) == [told]


def hostile_name(draw):
    """Return a name made of traps and of any characters at all."""
    parts = draw.choices(HOSTILE, k=draw.randint(0, 2))
    anything = "".join(chr(draw.randrange(1, 0x11_0000)) for _ in range(draw.randint(0, 30)))
    parts.append(anything if draw.random() < 0.5 else unicodedata.normalize("NFD", "Núñez Žižek"))
    return "".join(draw.sample(parts, len(parts)))
