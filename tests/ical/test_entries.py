from datetime import UTC, datetime

import pytest

from scheduler.domain.status import AppointmentStatus
from scheduler.ical.entries import Entry, EventStatus, bare, busy, entry, event_status, look_of
from tests.calendar_cast import NOW

S = AppointmentStatus


def test_what_a_calendar_says_of_each_status():
    assert {status: event_status(status) for status in AppointmentStatus} == {
        S.PROPOSED: None,
        S.PENDING: EventStatus.TENTATIVE,
        S.BOOKED: EventStatus.CONFIRMED,
        S.ARRIVED: EventStatus.CONFIRMED,
        S.CHECKED_IN: EventStatus.CONFIRMED,
        S.FULFILLED: EventStatus.CONFIRMED,
        S.CANCELLED: EventStatus.CANCELLED,
        S.NOSHOW: EventStatus.CONFIRMED,
        S.WAITLIST: None,
        S.ENTERED_IN_ERROR: EventStatus.CANCELLED,
    }


def test_a_visit_as_a_patients_calendar_shows_it(clinic, booked):
    look = look_of(clinic, url="https://clinic.example/visits", alarm_minutes=90)

    assert entry(booked("2026-03-05T09:00"), EventStatus.CONFIRMED, "Appointment", look) == Entry(
        uid="visit-1",
        start=datetime(2026, 3, 5, 14, 0, tzinfo=UTC),
        end=datetime(2026, 3, 5, 15, 55, tzinfo=UTC),
        status=EventStatus.CONFIRMED,
        sequence=0,
        changed_at=NOW,
        summary="Appointment",
        place="Harbor Street, 12 Harbor Street, Portland",
        description="Questions or changes: +1 555 0100",
        url="https://clinic.example/visits",
        alarm_minutes=90,
    )


def test_a_cancelled_visit_says_so_and_rings_no_more(clinic, booked):
    look = look_of(clinic, alarm_minutes=90)
    shown = entry(booked("2026-03-05T09:00"), EventStatus.CANCELLED, "Appointment", look)

    assert (shown.summary, shown.alarm_minutes, shown.description) == ("Canceled: Appointment", None, "")


def test_words_in_the_patients_language_or_else_in_english(clinic, booked):
    cancelled = booked("2026-03-05T09:00", status=S.CANCELLED)
    titles = [
        entry(cancelled, EventStatus.CANCELLED, "Cita", look_of(clinic, language=language)).summary
        for language in ("es", "en", "tlh")
    ]

    assert titles == ["Cancelada: Cita", "Canceled: Cita", "Canceled: Cita"]


def test_a_clinic_may_keep_its_place_to_itself(clinic):
    clinic.settings_document = {"show_location": False}

    assert look_of(clinic).place == ""


def test_a_stand_in_has_the_time_and_no_word_of_the_visit(clinic, booked):
    look = look_of(clinic, url="https://clinic.example/visits")
    own = entry(booked("2026-03-05T09:00"), EventStatus.CONFIRMED, "Appointment", look)

    stand_in = busy(booked("2026-03-05T09:00"), look)
    assert (
        stand_in
        == bare(own, look)
        == Entry(own.uid, own.start, own.end, own.status, own.sequence, own.changed_at, "Busy")
    )


@pytest.mark.parametrize(
    "hostile", ["a\r\nATTENDEE:mailto:x@y", "a\u2028b", "a\x00b\x07", "a\ud800", "\u202eba"]
)
def test_no_text_brings_a_line_of_its_own(clinic, booked, hostile):
    clinic.name = hostile
    shown = entry(booked("2026-03-05T09:00"), EventStatus.CONFIRMED, hostile, look_of(clinic))

    assert len(shown.summary.splitlines()) == len(shown.place.splitlines()) == 1
    assert shown.summary.isprintable()
    assert shown.summary.encode().decode() == shown.summary
