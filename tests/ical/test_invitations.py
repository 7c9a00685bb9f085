from email.message import EmailMessage

import icalendar
import pytest

from scheduler.domain.status import AppointmentStatus
from scheduler.ical import Method, invitation

S = AppointmentStatus
ANA, DESK = "ana@patients.example", '"Harbor; Street" <desk@harbor.example>'


def read(clinic, appointment, method):
    return icalendar.Calendar.from_ical(invitation(clinic, appointment, ANA, DESK, method))


def test_a_request_has_one_sender_and_one_guest(clinic, booked):
    calendar = read(clinic, booked("2026-03-05T09:00", sequence=3), Method.REQUEST)
    (event,) = calendar.events

    assert (calendar["method"], event["status"], event["sequence"]) == ("REQUEST", "CONFIRMED", 3)
    assert event["organizer"] == "mailto:desk@harbor.example"
    assert event["organizer"].params == {"CN": "Harbor; Street"}
    assert event["attendee"] == "mailto:ana@patients.example"
    assert event["attendee"].params["PARTSTAT"] == "NEEDS-ACTION"
    assert event["attendee"].params["RSVP"] == "TRUE"
    assert "CN" not in event["attendee"].params


def test_a_pending_visit_is_asked_for_as_tentative(clinic, booked):
    (event,) = read(clinic, booked("2026-03-05T09:00", status=S.PENDING), Method.REQUEST).events

    assert event["status"] == "TENTATIVE"


def test_a_cancellation_keeps_the_uid(clinic, booked):
    calendar = read(clinic, booked("2026-03-05T09:00", sequence=4, status=S.CANCELLED), "CANCEL")
    (event,) = calendar.events

    assert calendar["method"] == "CANCEL"
    assert (event["uid"], event["sequence"], event["status"]) == ("visit-1", 4, "CANCELLED")


@pytest.mark.parametrize("status", [S.CANCELLED, S.PROPOSED, S.WAITLIST])
def test_a_visit_that_does_not_stand_is_not_asked_for(clinic, booked, status):
    with pytest.raises(ValueError, match=f"{status} cannot be sent as REQUEST"):
        read(clinic, booked("2026-03-05T09:00", status=status), Method.REQUEST)


def test_nothing_but_the_clinics_word_tells_what_it_is(clinic, booked):
    appointment = booked("2026-03-05T09:00", title="Ketamine infusion", kind="infusion", action="infusion-1")
    text = invitation(clinic, appointment, ANA, DESK, "REQUEST").decode().lower()

    assert {word for word in ("ketamine", "infusion", "brandt") if word in text} == set()


def test_it_survives_a_mail(clinic, booked):
    written = invitation(clinic, booked("2026-03-05T09:00"), ANA, DESK, "REQUEST")
    mail = EmailMessage()
    mail.set_content(written, "text", "calendar", params={"method": "REQUEST", "charset": "utf-8"})

    assert mail.get_payload(decode=True) == written
