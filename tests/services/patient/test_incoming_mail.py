from datetime import timedelta

import pytest
from icalendar import Calendar
from sqlalchemy import select

from scheduler.domain.status import AppointmentStatus, Response
from scheduler.ical import Method, invitation
from scheduler.models.message import MessageKind, MessageState
from scheduler.models.patient_request import PatientRequest
from scheduler.services.mail import call_list, outbox
from scheduler.services.patient.incoming_mail import receive
from tests.cast import NOW
from tests.engines import both
from tests.visits import add_visit

DAY = timedelta(days=1)


@pytest.fixture
def visit(session, harbor):
    return add_visit(session, harbor, "Chair 1", NOW + 5 * DAY)


def sent(session, harbor, visit):
    message = outbox.enqueue(
        session, harbor.clinic, MessageKind.CONFIRMATION, NOW, patient=visit.patient, about=[visit]
    )
    message.state, message.rfc_message_id = MessageState.SENT, f"<{message.public_id}@seriate.example>"
    message.address = visit.patient.email
    session.flush()
    return message


def report(status, action="failed", to="clinic@seriate.example", message_id="<other@example.org>"):
    return f"""From: MAILER-DAEMON@mx.example.org
To: {to}
Subject: Undelivered
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="x"

--x
Content-Type: text/plain

It did not work.
--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; nora@example.org
Action: {action}
Status: {status}

--x
Content-Type: text/rfc822-headers

Message-ID: {message_id}
Subject: whatever

--x--
""".encode()


@both
def test_a_hard_bounce_marks_the_address_and_asks_for_a_call(session, harbor, visit):
    message = sent(session, harbor, visit)
    said = receive(session, report("5.1.1", to=f"clinic+{message.public_id}@seriate.example"), NOW)

    assert (said, message.state, message.reason) == ("bounced: 5.1.1", MessageState.FAILED, "bounced: 5.1.1")
    assert visit.patient.email_bad_at == NOW
    assert [call.patient for call in call_list.calls(session, harbor.clinic, NOW)] == [visit.patient]


def test_a_bounce_is_known_by_the_mail_it_returns(session, harbor, visit):
    message = sent(session, harbor, visit)

    assert receive(session, report("5.7.1", message_id=message.rfc_message_id), NOW) == "bounced: 5.7.1"


def test_a_delay_is_only_a_delay(session, harbor, visit):
    message = sent(session, harbor, visit)
    said = receive(session, report("4.4.7", "delayed", message_id=message.rfc_message_id), NOW)

    assert (said, message.state, visit.patient.email_bad_at) == ("delayed: 4.4.7", MessageState.SENT, None)


def test_a_bounce_that_is_read_twice_counts_once(session, harbor, visit):
    message = sent(session, harbor, visit)
    for expected in ("bounced: 5.1.1", "known: 5.1.1"):
        assert receive(session, report("5.1.1", message_id=message.rfc_message_id), NOW) == expected


def test_a_bounce_of_an_address_that_has_been_corrected_marks_nothing(session, harbor, visit):
    message = sent(session, harbor, visit)
    visit.patient.email = "nora@new.example.org"
    receive(session, report("5.1.1", message_id=message.rfc_message_id), NOW)

    assert visit.patient.email_bad_at is None


def answer(harbor, visit, partstat, sender="nora@example.org", sequence=None):
    calendar = Calendar.from_ical(
        invitation(harbor.clinic, visit, sender, "Seriate <clinic@seriate.example>", Method.REQUEST)
    )
    calendar["METHOD"] = "REPLY"
    [event] = calendar.walk("VEVENT")
    event["ATTENDEE"].params["PARTSTAT"] = partstat
    if sequence is not None:
        event["SEQUENCE"] = sequence
    body = calendar.to_ical().decode()
    return (
        f"From: Nora <{sender}>\r\nTo: clinic@seriate.example\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: text/calendar; method=REPLY; charset="utf-8"\r\n\r\n{body}'
    ).encode()


@both
def test_accepting_in_the_calendar_confirms(session, harbor, visit):
    assert receive(session, answer(harbor, visit, "ACCEPTED"), NOW) == "accepted"
    assert visit.response is Response.ACCEPTED


def test_declining_asks_the_desk_and_cancels_nothing(session, harbor, visit):
    for _ in range(2):
        assert receive(session, answer(harbor, visit, "DECLINED"), NOW) == "declined"

    assert (visit.response, visit.status) == (Response.DECLINED, AppointmentStatus.BOOKED)
    assert len(session.scalars(select(PatientRequest)).all()) == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"sender": "oscar@example.org"}, "an answer about no visit of theirs"),
        ({"sequence": 7}, "an answer to an earlier time"),
    ],
)
def test_an_answer_counts_only_from_the_patient_and_for_the_present_time(session, harbor, visit, more, said):
    assert receive(session, answer(harbor, visit, "ACCEPTED", **more), NOW) == said
    assert visit.response is Response.NEEDS_ACTION


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not for us"),
        (b"Subject: out of office\r\n\r\nI am away", "not for us"),
        (
            b"Content-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\n",
            "a calendar that cannot be read",
        ),
        (b"Content-Type: multipart/report; boundary=y\r\n\r\n--y--", "a report about nothing that we sent"),
        (bytes(range(256)), "not for us"),
    ],
)
def test_whatever_comes_is_taken_calmly(session, harbor, content, said):
    assert receive(session, content, NOW) == said
