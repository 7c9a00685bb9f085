"""Failure notices in the words of each mail server: what they say happened, and whose fault it is.

`make interop` reads the notices that flufl.bounce is tested with; these are the forms that came back most often.
"""

import pytest

from scheduler.notify import received
from scheduler.notify.failure_notices import DELAYED_ACTION, FAILED, read_notice
from scheduler.notify.faults import FailureClass, failure_class

ADDRESS, MAILBOX, POLICY, OTHER = (
    FailureClass.ADDRESS,
    FailureClass.MAILBOX,
    FailureClass.POLICY,
    FailureClass.OTHER,
)
REPORT = """From: {sender}
To: desk@clinic.example
Subject: {subject}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b
Content-Type: text/plain

{words}
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; nora@example.org
Action: {action}
Status: {status}
Diagnostic-Code: smtp; {reply}

--b--
"""
EXIM = """From: Mail Delivery System <Mailer-Daemon@mx.example.org>
To: desk@clinic.example
Subject: Mail delivery failed: returning message to sender
X-Failed-Recipients: nora@example.org
Auto-Submitted: auto-replied

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  nora@example.org
    host mx.example.org [192.0.2.7]
    SMTP error from remote mail server after RCPT TO:<nora@example.org>:
    {reply}
"""
EXIM_WAITS = """From: Mail Delivery System <Mailer-Daemon@mx.example.org>
To: desk@clinic.example
Subject: Warning: message 1abcde-000001-AB delayed 24 hours
X-Failed-Recipients: nora@example.org

This message was created automatically by mail delivery software.
A message that you sent has not yet been delivered to one or more of its recipients after more than 24 hours.

No action is required on your part. Delivery attempts will continue for some time.
"""
QMAIL = """Return-Path: <>
From: MAILER-DAEMON@mx.example.org
To: desk@clinic.example
Subject: failure notice

Hi. This is the qmail-send program at mx.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<nora@example.org>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.
"""
GMAIL = """From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
To: desk@clinic.example
Subject: Delivery Status Notification (Failure)
X-Failed-Recipients: nora@example.org

Delivery to the following recipient failed permanently:

     nora@example.org

Technical details of permanent failure:
Google tried to deliver your message, but it was rejected by the server for the recipient domain example.org by
mx.example.org. [192.0.2.7].

The error that the other server returned was:
{reply}

----- Original message -----
"""
YAHOO = """From: MAILER-DAEMON@yahoo.com
To: desk@clinic.example
Subject: Failure Notice

Sorry, we were unable to deliver your message to the following address.

<nora@example.org>:
Remote host said:
{reply}
[RCPT_TO]

--- Below this line is a copy of the message.
"""
OPENSMTPD = """From: Mailer Daemon <MAILER-DAEMON@mx.example.org>
To: desk@clinic.example
Subject: Delivery status notification: error

    Hi!

    This is the MAILER-DAEMON, please DO NOT REPLY to this email.

    An error has occurred while attempting to deliver a message for
    the following list of recipients:

nora@example.org: {reply}

    Below is a copy of the original message:
"""
EXCHANGE = """From: Microsoft Outlook <MicrosoftExchange329e71ec@clinic.example>
To: desk@clinic.example
Subject: Undeliverable: Reminder
Content-Type: text/html

<p>Delivery has failed to these recipients or groups:</p><p>nora@example.org</p>
<p>Remote Server returned '{reply}'</p>
"""
GROUPS = """From: Mail Delivery Subsystem <mailer-daemon@google.com>
To: desk@clinic.example
Subject: Delivery Status Notification (Failure)

Hello desk@clinic.example,

We're writing to let you know that the group you tried to contact (nora) may not exist, or you may not have
permission to post messages to the group. Your message could not be delivered.
"""


def standard(status, reply, action="failed", sender="MAILER-DAEMON@mx.example.org"):
    return REPORT.format(
        sender=sender,
        subject="Undelivered Mail Returned to Sender",
        words="Reason below.",
        action=action,
        status=status,
        reply=reply,
    )


UNKNOWN = "550 5.1.1 <nora@example.org>: Recipient address rejected: User unknown"
BLOCKED = "550 5.7.1 Service unavailable; client host [203.0.113.9] blocked using zen.dnsbl.example"
FULL = "552 5.2.2 The email account that you tried to reach is over quota"
NOTICES = {
    "Postfix, no such user": (standard("5.1.1", UNKNOWN), FAILED, "5.1.1", ADDRESS),
    "Postfix, given up after days": (
        standard("4.4.1", "connect to mx.example.org: Connection timed out"),
        FAILED,
        "4.4.1",
        OTHER,
    ),
    "Postfix, tries again": (standard("4.4.1", "timed out", "delayed"), DELAYED_ACTION, "4.4.1", OTHER),
    "Exchange, expired": (standard("4.4.7", "QUEUE.Expired; message expired"), FAILED, "4.4.7", OTHER),
    "Gmail, not authenticated": (
        standard("5.7.26", "550-5.7.26 This mail is unauthenticated"),
        FAILED,
        "5.7.26",
        POLICY,
    ),
    "Amazon SES": (
        standard("5.1.1", "550 5.1.1 user unknown", sender="MAILER-DAEMON@us-east-1.amazonses.com"),
        FAILED,
        "5.1.1",
        ADDRESS,
    ),
    "a status that says nothing": (standard("5.0.0", UNKNOWN), FAILED, "5.1.1", ADDRESS),
    "Exim, no such user": (EXIM.format(reply=UNKNOWN), FAILED, "5.1.1", ADDRESS),
    "Exim, blocked": (EXIM.format(reply=BLOCKED), FAILED, "5.7.1", POLICY),
    "Exim, tries again": (EXIM_WAITS, DELAYED_ACTION, "", OTHER),
    "qmail": (QMAIL, FAILED, "5.1.1", ADDRESS),
    "Gmail, former words": (GMAIL.format(reply=UNKNOWN), FAILED, "5.1.1", ADDRESS),
    "Gmail, full": (GMAIL.format(reply=FULL), FAILED, "5.2.2", MAILBOX),
    "Yahoo": (YAHOO.format(reply="550 no such user here"), FAILED, "550", ADDRESS),
    "OpenSMTPD": (OPENSMTPD.format(reply=UNKNOWN), FAILED, "5.1.1", ADDRESS),
    "Exchange, in words": (
        EXCHANGE.format(reply="550 5.1.10 RESOLVER.ADR.RecipientNotFound"),
        FAILED,
        "5.1.10",
        ADDRESS,
    ),
    "Google Groups": (GROUPS, FAILED, "", OTHER),
}


@pytest.mark.parametrize("name", NOTICES)
def test_each_server_is_understood(name):
    content, action, status, fault = NOTICES[name]
    notice = read_notice(received.parse(content.encode()), content.encode())

    assert notice is not None
    assert (notice.action, notice.status) == (action, status)
    assert failure_class(notice.status, notice.diagnosis) is fault


@pytest.mark.parametrize("name", NOTICES)
def test_a_notice_that_a_person_forwards_is_no_notice(name):
    """A patient quotes what came back to them, or a colleague forwards it to the desk."""
    body = NOTICES[name][0].partition("\n\n")[2]
    content = (
        f"From: Nora <nora@example.org>\nTo: desk@clinic.example\nSubject: Please help\n\n{body}".encode()
    )

    assert read_notice(received.parse(content), content) is None
