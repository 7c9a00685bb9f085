from datetime import UTC, datetime

import icalendar
import pytest
import vobject
from ics import Calendar as IcsCalendar

from scheduler.domain.status import AppointmentStatus
from scheduler.ical import course_calendar, events, feed_calendar
from scheduler.ical.calendars import shown
from scheduler.ical.entries import look_of
from tests.calendar_cast import visit

S = AppointmentStatus


def neutral(_):
    return "Appointment"


@pytest.fixture
def course(booked):
    return [
        booked("2026-03-10T09:00", "b"),
        booked("2026-03-05T09:00", "c", status=S.PENDING),
        booked("2026-03-10T09:00", "a"),
        booked("2026-03-12T09:00", "d", status=S.CANCELLED),
        booked("2026-03-20T09:00", "e", status=S.PROPOSED),
    ]


def body(clinic, visits, title=neutral):
    look = look_of(clinic)
    return feed_calendar(clinic.name, look, shown(visits, title, look), 2026)


def test_the_head_of_a_feed_without_visits(clinic):
    lines = body(clinic, []).decode().split("\r\n")

    assert lines[: lines.index("BEGIN:VTIMEZONE")] == [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//Seriate//Seriate 1.0//EN",
        "CALSCALE:GREGORIAN",
        "NAME:Harbor Street",
        "X-WR-CALNAME:Harbor Street",
        "COLOR:teal",
        "REFRESH-INTERVAL;VALUE=DURATION:PT1H",
        "X-PUBLISHED-TTL:PT1H",
    ]
    assert lines[lines.index("END:VTIMEZONE") :] == ["END:VTIMEZONE", "END:VCALENDAR", ""]


def test_events_in_order_of_start_and_uid_without_proposed_ones(clinic, course):
    read = icalendar.Calendar.from_ical(body(clinic, course))

    assert [(str(event["uid"]), str(event["status"])) for event in read.events] == [
        ("c", "TENTATIVE"),
        ("a", "CONFIRMED"),
        ("b", "CONFIRMED"),
        ("d", "CANCELLED"),
    ]


def test_the_same_state_gives_the_same_bytes_in_any_order(clinic, course):
    assert body(clinic, course) == body(clinic, reversed(course))


def test_what_a_subscription_must_not_have(clinic, course):
    lines = body(clinic, course).decode().split("\r\n")
    names = {line.partition(":")[0].partition(";")[0] for line in lines}

    assert names & {"METHOD", "ORGANIZER", "ATTENDEE", "SOURCE", "UID", "RRULE"} == {"UID", "RRULE"}
    assert sum(line.startswith("UID:") for line in lines) == 4
    assert sum(line.startswith("RRULE:") for line in lines) == 2  # of the VTIMEZONE


def test_a_visit_that_cannot_be_named_is_busy_and_the_others_stand(clinic, course, caplog):
    def title(each):
        if each.uid == "a":
            raise LookupError("no such title")
        return "Appointment"

    read = icalendar.Calendar.from_ical(body(clinic, course, title))

    assert [(str(event["uid"]), str(event["summary"])) for event in read.events] == [
        ("c", "Appointment"),
        ("a", "Busy"),
        ("b", "Appointment"),
        ("d", "Canceled: Appointment"),
    ]
    assert [record.getMessage() for record in caplog.records] == ["visit a is shown as busy"]


def test_a_visit_that_cannot_be_written_is_busy_and_the_others_stand(clinic, course, monkeypatch, caplog):
    write = events.event

    def event(entry, zone_name):
        if entry.uid == "b" and entry.summary != "Busy":
            raise ValueError("cannot be written")
        return write(entry, zone_name)

    monkeypatch.setattr(events, "event", event)
    events.rendered.cache_clear()
    read = icalendar.Calendar.from_ical(body(clinic, course))

    assert [str(event["summary"]) for event in read.events] == [
        "Appointment",
        "Appointment",
        "Busy",
        "Canceled: Appointment",
    ]


def test_a_clinic_in_a_zone_without_a_rule_has_its_times_in_utc(clinic, booked):
    visits = [booked("2026-03-05T09:00")]
    clinic.zone_name = "Africa/Cairo"
    text = course_calendar(clinic, visits).decode()

    assert "TZID:Etc/UTC\r\n" in text
    assert "DTSTART:20260305T140000Z\r\n" in text


def test_a_course_as_a_file_has_its_visits_and_no_subscription_marks(clinic, course):
    read = icalendar.Calendar.from_ical(course_calendar(clinic, course))

    assert [str(event["uid"]) for event in read.events] == ["c", "a", "b", "d"]
    assert {"METHOD", "NAME", "REFRESH-INTERVAL"} & set(read) == set()


@pytest.mark.parametrize(
    "zone_name", ["America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Europe/Dublin"]
)
def test_other_parsers_agree_on_the_instants(clinic, patient, zone_name):
    clinic.zone_name = zone_name
    starts = [
        "2026-01-05T09:00",
        "2026-04-04T23:30",
        "2026-07-15T16:45",
        "2026-10-25T01:30",
        "2026-12-31T23:55",
    ]
    visits = [visit(clinic, patient, start, uid=f"v{n}") for n, start in enumerate(starts)]
    written = body(clinic, visits)
    expected = {each.uid: (each.start_at, each.end_at) for each in visits}

    assert expected == _by_vobject(written.decode())
    assert expected == _by_icalendar(written)
    assert expected == _by_ics(written.decode())


def _by_vobject(text):
    events = vobject.readOne(text).vevent_list
    return {e.uid.value: (_utc(e.dtstart.value), _utc(e.dtend.value)) for e in events}


def _by_icalendar(text):
    events = icalendar.Calendar.from_ical(text).events
    return {str(e["uid"]): (_utc(e.start), _utc(e.end)) for e in events}


def _by_ics(text):
    return {e.uid: (_utc(e.begin.datetime), _utc(e.end.datetime)) for e in IcsCalendar(text).events}


def _utc(moment):
    return datetime.fromtimestamp(moment.timestamp(), UTC)
