"""`flask mail`: a mail from standard input, and the check that mail is delivered, against real servers."""

import json
import os
from dataclasses import replace

import pytest
from sqlalchemy import text

from config import DkimKey, MailServer
from scheduler.models.incoming_mail import open_in
from scheduler.notify.sender_records import public_record
from scheduler.services.patient.incoming_mail import receive as take_in
from tests.cast import NOW
from tests.dns_server import dns_server, txt
from tests.imap_server import PASSWORD, USER, Mailbox, imap_server
from tests.rsa_keys import rsa_pem
from tests.smtp_server import Script, smtp_server

DOMAIN = "clinic.example"
RECORDS = {
    (DOMAIN, "MX"): ["10 mx.clinic.example."],
    (DOMAIN, "TXT"): [txt("v=spf1 mx -all")],
    (f"_dmarc.{DOMAIN}", "TXT"): [txt("v=DMARC1; p=none")],
}
PASSED = f"spf=pass smtp.mailfrom=desk@{DOMAIN}; dkim=pass (good) header.d={DOMAIN}; dmarc=pass header.from={DOMAIN}"
KEY = DkimKey(DOMAIN, "seriate", rsa_pem())
SIGNED = {(f"seriate._domainkey.{DOMAIN}", "TXT"): [txt(public_record(KEY))]}


class Delivery(list):
    """What an SMTP server accepts goes on to a mailbox, with the headers that the receiving server adds."""

    def __init__(self, mailbox, results="", refused=()):
        super().__init__()
        self.mailbox, self.results, self.refused = mailbox, results, refused

    def append(self, received):
        super().append(received)
        if not any(part in received.recipient for part in self.refused):
            head = f"Authentication-Results: mx.clinic.example; {self.results}\r\n" if self.results else ""
            self.mailbox.put(head.encode() + received.content)


@pytest.fixture
def check(app):
    """Run the check with these servers; return the exit status, the state of each check, and all words."""

    def check(accepted, *options, records=RECORDS, plan=None, password=PASSWORD, dkim=None, inbox=True):
        script = Script(accepted=accepted, plan=plan or {})
        with smtp_server(script) as smtp, imap_server(accepted.mailbox) as imap, dns_server(records) as dns:
            app.config["SETTINGS"] = replace(
                app.config["SETTINGS"],
                smtp=MailServer("127.0.0.1", smtp, "plain"),
                inbox=MailServer("127.0.0.1", imap, "plain", USER, password) if inbox else None,
                mail_from=f"Clinic <desk@{DOMAIN}>",
                dkim=dkim,
            )
            args = ["mail", "check", "--dns", dns, "--wait", "0.2", "--json", *options]
            result = app.test_cli_runner().invoke(args=args, catch_exceptions=False)
        told = json.loads(result.output)["checks"]
        return (
            result.exit_code,
            {one["name"]: one["state"] for one in told},
            " ".join(one["words"] for one in told),
        )

    return check


BY_POSTFIX = (
    b"From nora@example.org  Mon Nov 30 13:00:00 2026\nReturn-Path: <nora@example.org>\n"
    b"X-Original-To: desk\nDelivered-To: desk@clinic.example\nFrom: Nora <nora@example.org>\n"
    b"Subject: Tuesday\n\nI cannot come.\n"
)


def receive(app, content=BY_POSTFIX):
    result = app.test_cli_runner().invoke(args=["mail", "receive"], input=content, catch_exceptions=False)
    return result.exit_code, result.stdout


def test_a_mail_from_standard_input_is_taken_in(app, session, harbor):
    session.commit()
    assert receive(app) == (0, "for a person\n")

    [mail] = open_in(session, harbor.clinic.id)
    assert (mail.patient, mail.sender, mail.subject, mail.body) == (
        harbor.patients["Nora"],
        "Nora <nora@example.org>",
        "Tuesday",
        "I cannot come.",
    )


def test_before_the_first_clinic_the_mail_server_keeps_the_mail(app):
    assert receive(app) == (os.EX_TEMPFAIL, "")


def test_what_cannot_be_stored_is_kept_by_the_mail_server(app, session, harbor):
    session.commit()
    session.execute(text("ALTER TABLE incoming_mail RENAME TO another_name"))
    session.commit()

    assert receive(app) == (os.EX_TEMPFAIL, "")


def test_what_is_delivered_is_found_right_from_end_to_end(check):
    mailbox = Mailbox()
    mailbox.put(b"From: gail@example.org\r\n\r\nhello")
    code, states, words = check(Delivery(mailbox, PASSED))

    names = ("MX", "SPF", "DMARC", "Inbox", "Sending", "Sub-addressing", "Authentication")
    assert (code, states) == (0, dict.fromkeys(names, "ok"))
    assert "spf=pass, dkim=pass, dmarc=pass; aligned with clinic.example: spf, dkim" in words
    assert mailbox.unread() == 3


@pytest.mark.parametrize(
    ("results", "state", "words"),
    [
        (f"spf=pass smtp.mailfrom={DOMAIN}; dkim=none; dmarc=pass", "warning", "Without DKIM"),
        ("spf=pass smtp.mailfrom=relay.example; dkim=pass header.i=@relay.example", "fault", "speaks for"),
        ("spf=softfail; dkim=none; dmarc=fail (p=none)", "fault", "dmarc=fail"),
        (f"dkim=pass header.i=@mail.{DOMAIN}", "ok", "aligned with clinic.example: dkim"),
    ],
)
def test_what_the_receiving_server_says_is_judged(check, results, state, words):
    code, states, told = check(Delivery(Mailbox(), results))

    assert (states["Authentication"], words in told, code) == (state, True, int(state == "fault")), told


def test_a_key_of_our_own_is_looked_up_and_its_signature_verified(check):
    accepted = Delivery(Mailbox())
    code, states, _ = check(accepted, records={**RECORDS, **SIGNED}, dkim=KEY)
    assert (code, states["DKIM key"], states["Signature"]) == (0, "ok", "ok")
    assert all(one.content.startswith(b"DKIM-Signature: ") for one in accepted)

    code, states, words = check(Delivery(Mailbox()), dkim=KEY)
    assert (code, states["DKIM key"], states["Signature"]) == (1, "fault", "fault")
    assert 'Publish a TXT record there: "v=DKIM1; k=rsa; p=' in words


def test_a_mail_that_nobody_signs_is_a_warning(check):
    code, states, words = check(Delivery(Mailbox()))

    assert (code, states["Signature"], "flask mail check --to" in words) == (0, "warning", True)


def test_a_server_without_sub_addressing_is_found(check):
    code, states, words = check(Delivery(Mailbox(), PASSED, refused=("+",)))
    assert (code, states["Sending"], states["Sub-addressing"]) == (1, "ok", "fault")
    assert "did not arrive, so bounces will not" in words


def test_mail_that_is_lost_is_found(check):
    code, states, words = check(Delivery(Mailbox(), PASSED, refused=("desk",)))

    assert (code, states["Sending"], "did not arrive in the inbox" in words) == (1, "fault", True)
    assert "Sub-addressing" not in states


def test_a_mail_server_that_refuses_and_an_inbox_that_is_closed(check):
    code, states, _ = check(Delivery(Mailbox()), plan={"desk": ("rcpt", b"550 5.1.1 no such user")})
    assert (code, states["Sending"]) == (1, "fault")

    code, states, words = check(Delivery(Mailbox()), password="wrong")
    assert (code, states["Inbox"], "cannot be read" in words) == (1, "fault", True)


def test_a_mail_for_a_mailbox_elsewhere_is_sent_and_left_to_a_person(check):
    accepted = Delivery(Mailbox(), PASSED)
    code, states, words = check(accepted, "--to", "me@elsewhere.example", inbox=False)

    assert (code, states["Inbox"], states["Sending"]) == (0, "warning", "ok")
    assert [one.recipient for one in accepted] == ["me@elsewhere.example"]
    assert "spf=pass, dkim=pass and dmarc=pass" in words


def test_where_an_alias_hands_mail_over_a_person_tries_it(app, check, session, harbor):
    session.commit()
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], app_env="production", inbox_alias=True)
    code, states, words = check(Delivery(Mailbox()), inbox=False)

    assert (code, states["Inbox"]) == (0, "warning")
    assert "Write to desk+" in words
    assert "INBOX_URL" not in app.test_cli_runner().invoke(args=["status"]).output


def test_a_check_asks_no_person_to_read_its_mails(check, session, harbor):
    accepted = Delivery(Mailbox(), PASSED)
    check(accepted)

    assert [take_in(session, mail.content, NOW) for mail in accepted.mailbox.mails] == [
        "an automatic reply"
    ] * 2
    assert open_in(session, harbor.clinic.id) == []


def test_production_is_warned_until_mail_was_checked_with_its_settings(app, check, session, harbor):
    def status():
        app.config["SETTINGS"] = replace(app.config["SETTINGS"], app_env="production")
        said = app.test_cli_runner().invoke(args=["status"]).output
        session.rollback()
        return said

    session.commit()
    before = status()
    check(Delivery(Mailbox(), PASSED))
    after = status()
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], mail_from="desk@other.example", inbox=None)
    changed = status()
    check(Delivery(Mailbox(), PASSED, refused=("+",)))
    failed = status()

    assert "warning: it has not been checked that mail is delivered (flask mail check)" in before
    assert "warning: bounces and calendar answers are not read (INBOX_URL is not set)" in before
    assert "warning" not in after
    assert "warning: the mail settings have changed since they were checked" in changed
    assert "warning: the last check of mail failed: Sub-addressing (flask mail check)" in failed
