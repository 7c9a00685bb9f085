import re
from datetime import timedelta

import pytest
from icalendar import Calendar
from sqlalchemy import select

from scheduler.domain.status import AppointmentStatus, Response
from scheduler.ical import Method, invitation
from scheduler.models.incoming_mail import IncomingMail, MailKind, open_in
from scheduler.models.message import MessageKind, MessageState, MessageSubject
from scheduler.models.patient_request import PatientRequest, RequestState
from scheduler.services.mail import call_list, outbox
from scheduler.services.patient.erasure import erase
from scheduler.services.patient.incoming_mail import UNMATCHED, receive
from scheduler.services.visit import moves
from tests.cast import NOW, add_patient
from tests.engines import both
from tests.services.courses import book
from tests.visits import add_visit

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


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
    for status, expected in (
        ("5.1.1", "bounced: 5.1.1"),
        ("5.1.1", "handled before"),
        ("5.1.2", "known: 5.1.2"),
    ):
        assert receive(session, report(status, message_id=message.rfc_message_id), NOW) == expected


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


def listed(session, harbor):
    """Return what the desk must read: kind, patient, reason and text."""
    found = open_in(session, harbor.clinic.id)
    return [(mail.kind, mail.patient and mail.patient.called, mail.reason, mail.body) for mail in found]


def edited(content, *changes):
    for before, after in changes:
        assert before.encode() in content
        content = content.replace(before.encode(), after.encode())
    return content


def requests(session):
    return session.scalars(select(PatientRequest).order_by(PatientRequest.id)).all()


def test_declining_asks_the_desk_and_cancels_nothing(session, harbor, visit):
    content = answer(harbor, visit, "DECLINED")
    assert receive(session, content, NOW) == "declined"
    assert receive(session, b"Message-ID: <2@example.org>\r\n" + content, NOW) == "declined"

    assert (visit.response, visit.status) == (Response.DECLINED, AppointmentStatus.BOOKED)
    assert [asked.state for asked in requests(session)] == [RequestState.OPEN]


def test_accepting_after_declining_closes_the_request(session, harbor, visit):
    receive(session, answer(harbor, visit, "DECLINED"), NOW)
    receive(session, answer(harbor, visit, "ACCEPTED"), NOW)

    assert visit.response is Response.ACCEPTED
    assert [asked.state for asked in requests(session)] == [RequestState.WITHDRAWN]


@pytest.mark.parametrize("sequence", ["7", "abc", "1\r\nSEQUENCE:2"])
def test_an_answer_counts_by_the_time_that_it_names_not_by_its_sequence(session, harbor, visit, sequence):
    content = edited(answer(harbor, visit, "ACCEPTED"), ("SEQUENCE:0", f"SEQUENCE:{sequence}"))

    assert receive(session, content, NOW) == "accepted"


def test_an_answer_without_a_sequence_counts_after_the_visit_was_moved(session, harbor, visit):
    visit.sequence = 3
    content = edited(answer(harbor, visit, "ACCEPTED"), ("SEQUENCE:3\r\n", ""))

    assert receive(session, content, NOW) == "accepted"


def test_an_answer_without_a_time_counts_while_the_time_that_was_sent_stands(session, harbor, visit):
    sent(session, harbor, visit).subjects[0].method = "REQUEST"
    content = re.sub(rb"DT(START|END)[^\r]*\r\n", b"", answer(harbor, visit, "ACCEPTED"))
    [subject] = session.scalars(select(MessageSubject))
    subject.sequence, visit.sequence = visit.sequence, visit.sequence + 1  # a requirement is complete now

    assert receive(session, content, NOW) == "accepted"
    visit.schedule_version += 1
    assert "another time" in receive(session, b"Message-ID: <2@example.org>\r\n" + content, NOW)


def test_a_visit_that_is_moved_is_not_accepted_any_more_until_the_new_time_is(session, harbor):
    visit = next(one for one in book(session, harbor).appointments if one.action == "therapy-6")
    before = answer(harbor, visit, "ACCEPTED")
    assert receive(session, before, NOW) == "accepted"
    planned = moves.plan_move(session, harbor.actor("alice"), visit, visit.start_at + HOUR, NOW)
    moves.apply_moves(session, harbor.actor("alice"), planned, NOW)
    assert visit.response is Response.NEEDS_ACTION

    assert "another time" in receive(session, b"Message-ID: <2@example.org>\r\n" + before, NOW)
    assert visit.response is Response.NEEDS_ACTION
    assert receive(session, answer(harbor, visit, "ACCEPTED"), NOW) == "accepted"
    assert visit.response is Response.ACCEPTED


def test_a_comment_with_a_refusal_is_kept(session, harbor, visit):
    content = answer(harbor, visit, "DECLINED")
    receive(session, edited(content, ("END:VEVENT", "COMMENT:I have the flu\r\nEND:VEVENT")), NOW)

    assert [asked.note for asked in requests(session)] == [
        "Declined in the patient's calendar app. I have the flu"
    ]


def test_another_time_that_a_calendar_program_proposes_becomes_a_request(session, harbor, visit):
    content = edited(answer(harbor, visit, "TENTATIVE"), ("METHOD:REPLY", "METHOD:COUNTER"))
    wanted = visit.start_at + DAY
    start, later = (f"{at.astimezone(visit.zone):%Y%m%dT%H%M%S}" for at in (visit.start_at, wanted))
    assert receive(session, edited(content, (start, later)), NOW) == "another time proposed"

    assert [(asked.wanted_at, asked.appointment_id) for asked in requests(session)] == [(wanted, visit.id)]
    assert visit.response is Response.NEEDS_ACTION


def moved(content, visit):
    start = f"{visit.start_at.astimezone(visit.zone):%Y%m%d}"
    return edited(content, (start, "20261120"))


@pytest.mark.parametrize(
    ("partstat", "change", "reason"),
    [
        ("TENTATIVE", lambda content, _: content, "Not sure yet in a calendar app."),
        (
            "DECLINED",
            lambda content, _: edited(content, ("nora@example.org", "nora+cal@example.org")),
            "Declined in a calendar app; not applied, because it does not come from the invited address.",
        ),
        (
            "DECLINED",
            lambda content, _: b"Authentication-Results: mx; dmarc=fail\r\n" + content,
            "Declined in a calendar app; not applied, because the sender could not be verified.",
        ),
        (
            "ACCEPTED",
            moved,
            "Accepted in a calendar app; not applied, because it is about another time than the present one.",
        ),
        (
            "ACCEPTED",
            lambda content, visit: edited(content, (visit.uid, "unknown@example.org")),
            "Answers a calendar entry that is unknown here.",
        ),
    ],
)
def test_an_answer_that_is_not_obeyed_is_shown(session, harbor, visit, partstat, change, reason):
    receive(session, change(answer(harbor, visit, partstat), visit), NOW)

    assert listed(session, harbor) == [(MailKind.ANSWER, "Nora", reason, "")]
    assert (visit.response, requests(session)) == (Response.NEEDS_ACTION, [])


def test_an_answer_about_several_visits_counts_for_each(session, harbor, visit):
    other = add_visit(session, harbor, "Chair 1", NOW + 6 * DAY)
    content, more = answer(harbor, visit, "ACCEPTED"), answer(harbor, other, "DECLINED").decode()
    event = more[more.index("BEGIN:VEVENT") : more.index("END:VCALENDAR")]

    assert (
        receive(session, edited(content, ("END:VCALENDAR", f"{event}END:VCALENDAR")), NOW)
        == "accepted; declined"
    )
    assert (visit.response, other.response) == (Response.ACCEPTED, Response.DECLINED)


def test_an_answer_as_a_file_only_counts(session, harbor, visit):
    content = edited(answer(harbor, visit, "ACCEPTED"), ("text/calendar", "application/ics"))

    assert receive(session, content, NOW) == "accepted"


def test_the_words_of_a_patient_reach_the_desk(session, harbor, visit):
    content = (
        b"From: Nora <nora@example.org>\nSubject: Re: Tuesday\n\nI cannot come, please call me.\n> quoted\n"
    )
    assert receive(session, content, NOW) == "for a person"
    assert receive(session, content, NOW) == "handled before"

    assert listed(session, harbor) == [
        (MailKind.MESSAGE, "Nora", "Wrote an email.", "I cannot come, please call me.")
    ]
    [mail] = open_in(session, harbor.clinic.id)
    assert (mail.sender, mail.subject) == ("Nora <nora@example.org>", "Re: Tuesday")


def test_a_reply_from_an_unknown_address_is_known_by_the_mail_that_it_answers(session, harbor, visit):
    message = sent(session, harbor, visit)
    head = f"From: n@example.net\nIn-Reply-To: {message.rfc_message_id}\n"
    receive(
        session, f"{head}Content-Type: text/html\n\n<style>p {{}}</style><p>Yes<br>I come</p>".encode(), NOW
    )

    assert [(mail.patient, mail.appointment, mail.body) for mail in open_in(session, harbor.clinic.id)] == [
        (visit.patient, visit, "Yes\nI come")
    ]


def test_a_mail_goes_to_the_clinic_of_its_sender_or_of_the_address_that_it_came_to(session, harbor, hill):
    for name in ("Ana", "Eva"):  # they share an address
        add_patient(session, hill, name, "Reyes", email="family@example.org")
    receive(session, b"From: family@example.org\nMessage-ID: <1@x>\n\nI cannot come.\n", NOW)
    to = f"To: Desk <desk+{hill.clinic.key}@seriate.example>\n"
    receive(session, f"From: new@example.org\n{to}Message-ID: <2@x>\n\nHello.\n".encode(), NOW)
    receive(session, b"From: new@example.org\nTo: desk@seriate.example\n\nHello again.\n", NOW)

    assert [mail.body for mail in open_in(session, hill.clinic.id)] == ["I cannot come.", "Hello."]
    assert [mail.body for mail in open_in(session, harbor.clinic.id)] == ["Hello again."]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", MailKind.MESSAGE),
        (b"Content-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR\r\n", MailKind.MESSAGE),
        (b"Content-Type: multipart/report; boundary=y\r\n\r\n--y--", MailKind.BOUNCE),
        (bytes(range(256)), MailKind.MESSAGE),
        (b"From: x@[\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n\xff\x00", MailKind.MESSAGE),
    ],
)
def test_a_mail_that_is_not_understood_reaches_a_person(session, harbor, content, kind):
    receive(session, content, NOW)

    assert [mail.kind for mail in open_in(session, harbor.clinic.id)] == [kind]


def test_automatic_replies_need_no_person(session, harbor, visit):
    message = sent(session, harbor, visit)
    for number, head in enumerate(("Auto-Submitted: auto-replied", "Precedence: bulk", "X-Autoreply: yes")):
        to = f"To: clinic+{message.public_id}@seriate.example\nFrom: nora@example.org\n{head}\n"
        assert receive(session, f"{to}\nI am away {number}".encode(), NOW) == "an automatic reply"

    assert (listed(session, harbor), message.state) == ([], MessageState.SENT)


def plain_notice(message, text, head=""):
    return (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.net\nTo: clinic+{message.public_id}@seriate.example\n"
        f"Subject: failure notice\n{head}\n{text}\n"
    ).encode()


QMAIL = (
    "Hi. This is the mail program at mx.example.net.\nI could not deliver your mail to the address below. "
    "This is permanent.\n\n<nora@example.org>:\n192.0.2.7 said: "
)
BLOCKED = "550 5.7.1 Service unavailable; client host [203.0.113.9] blocked using zen.dnsbl.example"


@pytest.mark.parametrize(
    ("text", "head", "said", "is_bad"),
    [
        (f"{QMAIL}550 5.1.1 no such user", "", "bounced: 5.1.1", True),
        (f"{QMAIL}550 no such user", "", "bounced: 550", True),
        (f"{QMAIL}{BLOCKED}", "", "bounced: 5.7.1", False),
        ("It failed.", "X-Failed-Recipients: nora@example.org\n", "bounced: no status", False),
        (f"{QMAIL}552 5.2.2 mailbox full", "", "bounced: 5.2.2", False),
    ],
)
def test_a_notice_without_a_report_is_a_failure_of_that_mail(
    session, harbor, visit, text, head, said, is_bad
):
    message = sent(session, harbor, visit)
    assert receive(session, plain_notice(message, text, head), NOW) == said

    assert (message.state, visit.patient.email_bad_at is not None) == (MessageState.FAILED, is_bad)
    assert [call.patient for call in call_list.calls(session, harbor.clinic, NOW)] == [visit.patient]


@pytest.mark.parametrize(
    ("status", "is_bad"),
    [("4.4.1", False), ("4.4.7", False), ("5.7.26", False), ("5.1.8", False), ("5.1.10", True)],
)
def test_every_final_failure_asks_for_a_call_and_only_a_missing_mailbox_marks_the_address(
    session, harbor, visit, status, is_bad
):
    message = sent(session, harbor, visit)

    assert receive(session, report(status, message_id=message.rfc_message_id), NOW) == f"bounced: {status}"
    assert (message.state, message.reason) == (MessageState.FAILED, f"bounced: {status}")
    assert (visit.patient.email_bad_at is not None) is is_bad
    assert [call.patient for call in call_list.calls(session, harbor.clinic, NOW)] == [visit.patient]


def test_a_mailbox_that_is_full_for_days_marks_the_address(session, harbor, visit):
    for now, is_bad in ((NOW, False), (NOW + DAY, False), (NOW + 4 * DAY, True)):
        message = sent(session, harbor, visit)
        receive(session, report("5.2.2", message_id=message.rfc_message_id), now)
        assert (visit.patient.email_bad_at is not None) is is_bad


def test_an_international_report_and_a_wrapped_one_are_read(session, harbor, visit):
    changes = {
        "international": [
            ("message/delivery-status", "message/global-delivery-status"),
            ("rfc822; nora@", "utf-8; nöra@"),
            ("text/rfc822-headers", "message/global-headers"),
        ],
        "wrapped": [("multipart/report; report-type=delivery-status", "multipart/mixed")],
    }
    for change in changes.values():
        message = sent(session, harbor, visit)
        content = report("5.1.1", message_id=message.rfc_message_id)
        assert receive(session, edited(content, *change), NOW) == "bounced: 5.1.1"


def test_a_failure_of_no_known_mail_is_shown_and_marks_nothing(session, harbor, visit):
    receive(session, report("5.1.1"), NOW)

    [(kind, patient, reason, _)] = listed(session, harbor)
    assert (kind, patient, reason) == (MailKind.BOUNCE, "Nora", UNMATCHED)
    assert visit.patient.email_bad_at is None


def test_a_complaint_stops_reminders_and_is_shown(session, harbor, visit):
    message = sent(session, harbor, visit)
    content = edited(
        report("5.1.1", message_id=message.rfc_message_id),
        ("report-type=delivery-status", "report-type=feedback-report"),
        ("message/delivery-status", "message/feedback-report"),
    )
    assert receive(session, content, NOW) == "a complaint"

    assert (visit.patient.unsubscribed_at, message.state) == (NOW, MessageState.SENT)
    assert [(kind, patient) for kind, patient, *_ in listed(session, harbor)] == [
        (MailKind.COMPLAINT, "Nora")
    ]


def test_what_a_patient_wrote_goes_when_the_record_is_erased(session, harbor):
    nora = harbor.patients["Nora"]
    for head in (b"From: nora@example.org", b"From: Sam <nora@example.org>\nSubject: Hi"):
        receive(session, head + b"\n\nPlease call me.\n", NOW)
    erase(session, harbor.command, nora, "as the patient asked", NOW)

    session.expire_all()
    kept = session.scalars(select(IncomingMail)).all()
    assert {(mail.sender, mail.subject, mail.body, mail.done_at) for mail in kept} == {("", "", "", NOW)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A message that you sent could not be delivered to one or more recipients.", "bounced: no status"),
        ("It could not be delivered yet (4.4.1). It will be retried for 3 days.", "delayed: 4.4.1"),
        ("It could not be delivered within 3 days: 4.4.1 timed out.", "bounced: 4.4.1"),
        ("It will be retried for 3 days: 550 not now.", "delayed: 550"),
    ],
)
def test_a_notice_in_words_alone_is_a_failure_unless_the_server_tries_again(
    session, harbor, visit, text, said
):
    message = sent(session, harbor, visit)
    head = f"From: mailer-daemon@mx.example\nTo: c+{message.public_id}@seriate.example\nSubject: Mail\n\n"

    assert receive(session, f"{head}{text}\n".encode(), NOW) == said
    assert message.state is (MessageState.FAILED if said.startswith("bounced") else MessageState.SENT)
    assert visit.patient.email_bad_at is None
