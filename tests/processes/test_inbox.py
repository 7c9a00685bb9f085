"""The inbox job against a server that speaks IMAP: bounces, calendar answers, and connections that break."""

import imaplib
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from config import MailServer
from scheduler.domain.status import Response
from scheduler.models.incoming_mail import open_in
from scheduler.models.message import MessageState
from scheduler.notify.imap import FetchRefused
from scheduler.processes.clock_process import clock_jobs, outbound
from scheduler.processes.inbox import read_inbox
from scheduler.services.mail import call_list
from scheduler.services.patient.incoming_mail import UNREADABLE
from tests.cast import NOW
from tests.engines import both
from tests.imap_server import PASSWORD, USER, Mailbox, imap_server
from tests.services.patient.test_incoming_mail import answer, report, sent
from tests.visits import add_visit

DAY = timedelta(days=1)


@pytest.fixture
def mailbox():
    return Mailbox()


@pytest.fixture
def server(mailbox):
    with imap_server(mailbox) as port:
        yield MailServer("127.0.0.1", port, "plain", USER, PASSWORD)


@pytest.fixture
def visit(session, harbor):
    return add_visit(session, harbor, "Chair 1", NOW + 5 * DAY)


def read(session, app, server):
    app.extensions["clock"].now = lambda: NOW
    session.commit()
    said = read_inbox(app, server)
    session.expire_all()
    return said


@both
def test_a_bounce_in_the_mailbox_marks_the_address_and_asks_for_a_call(
    app, session, harbor, visit, mailbox, server
):
    message = sent(session, harbor, visit)
    mailbox.put(report("5.1.1", message_id=message.rfc_message_id))

    assert read(session, app, server) == "read 1"
    assert (message.state, message.reason) == (MessageState.FAILED, "bounced: 5.1.1")
    assert visit.patient.email_bad_at is not None
    assert [call.patient for call in call_list.calls(session, harbor.clinic, NOW)] == [visit.patient]
    assert mailbox.unread() == 1


@both
def test_a_calendar_programs_answer_confirms_the_visit(app, session, harbor, visit, mailbox, server):
    mailbox.put(answer(harbor, visit, "ACCEPTED"))

    assert read(session, app, server) == "read 1"
    assert visit.response is Response.ACCEPTED


def test_a_calendar_programs_refusal_asks_for_a_call_and_cancels_nothing(
    app, session, harbor, visit, mailbox, server
):
    mailbox.put(answer(harbor, visit, "DECLINED"))
    read(session, app, server)

    assert visit.response is Response.DECLINED
    assert visit.status.is_live


def test_what_is_read_is_not_read_again(app, session, harbor, visit, mailbox, server):
    mailbox.put(report("4.4.7", "delayed"))

    assert [read(session, app, server) for _ in range(2)] == ["read 1", "read 0"]
    assert mailbox.commands.count("FETCH") == 1


def test_mails_that_cannot_be_read_hold_up_no_others(app, session, harbor, visit, mailbox, server):
    message = sent(session, harbor, visit)
    for strange in (
        b"",
        b"\xff\xfe\x00",
        b"Content-Type: multipart/report\n\n",
        b"From: a\nSubject: {9}\n\n)\r\nA1 OK\n",
        b"Content-Type: message/rfc822\n\n" * 3000,  # deeper than the parser can go
    ):
        mailbox.put(strange)
    mailbox.put(report("5.1.1", message_id=message.rfc_message_id))

    assert read(session, app, server) == "read 6"
    assert message.state is MessageState.FAILED
    assert mailbox.unread() == 6


@pytest.mark.parametrize("words", ["NO [SERVERBUG] internal error", "BAD command error"])
def test_a_mail_that_the_server_does_not_give_holds_up_no_others(
    app, session, harbor, visit, mailbox, server, words
):
    for _ in range(2):
        mailbox.put(b"From: nora@example.org\n\nbroken\n").refused = words
    for _ in range(2):
        with pytest.raises(FetchRefused):
            read(session, app, server)
    assert open_in(session, harbor.clinic.id) == []
    mailbox.put(b"From: nora@example.org\n\nI cannot come.\n")

    assert read(session, app, server) == "read 3"
    listed = [(mail.reason, mail.body) for mail in open_in(session, harbor.clinic.id)]
    assert listed == [(UNREADABLE, "")] * 2 + [("Wrote an email.", "I cannot come.")]
    assert read(session, app, server) == "read 0"


@both
def test_a_connection_that_breaks_loses_nothing_and_changes_nothing_twice(
    app, session, harbor, visit, mailbox, server
):
    message = sent(session, harbor, visit)
    mailbox.put(report("5.1.1", message_id=message.rfc_message_id))
    mailbox.put(b"From: nora@example.org\n\nI cannot come on Tuesday.\n")
    read(session, app, server)
    mailbox.put(b"From: nora@example.org\n\nPlease call me.\n")
    mailbox.strikes = Counter({"FETCH": 1})
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        read(session, app, server)

    assert read(session, app, server) == "read 1"
    assert [mail.body for mail in open_in(session, harbor.clinic.id)] == [
        "I cannot come on Tuesday.",
        "Please call me.",
    ]


def test_mail_is_never_marked_as_read(app, session, harbor, visit, mailbox, server):
    mailbox.put(b"From: nora@example.org\n\nI cannot come on Tuesday.\n")
    mailbox.put(answer(harbor, visit, "ACCEPTED"))
    read(session, app, server)

    assert mailbox.unread() == 2
    assert {"STORE", "SELECT"} & set(mailbox.commands) == set()


def test_a_rebuilt_mailbox_starts_with_the_last_days_and_repeats_nothing(
    app, session, harbor, visit, mailbox, server
):
    mailbox.put(b"From: nora@example.org\n\nLast year.\n").old = True
    assert read(session, app, server) == "read 0"
    mailbox.put(b"From: nora@example.org\n\nToday.\n")
    assert read(session, app, server) == "read 1"
    mailbox.uid_validity = 2

    assert read(session, app, server) == "read 1"
    assert [mail.body for mail in open_in(session, harbor.clinic.id)] == ["Today."]


def test_a_wrong_password_is_a_fault_of_the_job(app, session, harbor, server):
    wrong = MailServer(server.host, server.port, "plain", USER, "guessed")
    with pytest.raises(imaplib.IMAP4.error):
        read_inbox(app, wrong)


def test_no_more_than_a_hundred_at_once(app, session, harbor, mailbox, server):
    for _ in range(103):
        mailbox.put(b"Subject: spam\n\nbuy\n")

    assert [read(session, app, server) for _ in range(3)] == ["read 100", "read 3", "read 0"]


def test_bounces_come_back_by_an_alias_too_and_no_mailbox_is_read(app):
    settings = app.config["SETTINGS"]
    nothing = outbound(app)
    app.config["SETTINGS"] = replace(settings, inbox_alias=True)
    by_alias = outbound(app)

    assert [one.head.bounces_to for one in (nothing, by_alias)] == [None, settings.mail_from]
    assert "inbox" not in [job.name for job in clock_jobs(app, by_alias)]
