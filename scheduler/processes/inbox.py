"""The inbox job: bounces and calendar answers, read by IMAP where INBOX_URL names a mailbox.

Each mail is taken in and committed by itself, then marked as seen. A mail whose mark was lost is read again, which
changes nothing: bounces and answers are told once however often they are read. Of several clocks only one takes in a
mail at a time, so that the second finds what the first has written.
"""

from __future__ import annotations

import imaplib
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask

from config import MailServer
from scheduler.clock import Clock
from scheduler.database import writing
from scheduler.services import locks
from scheduler.services.patient.incoming_mail import receive

WAIT = 60  # seconds for an answer
AT_ONCE = 100
log = logging.getLogger(__name__)


def read_inbox(app: Flask, server: MailServer) -> str:
    """Take in what is unread. Returns what was done, in words."""
    with _mailbox(server) as mailbox:
        _, found = mailbox.search(None, "UNSEEN")
        numbers = found[0].split()[:AT_ONCE] if found and found[0] else []
        for number in numbers:
            _, parts = mailbox.fetch(number, "(BODY.PEEK[])")
            if all(_take_in(app, part[1]) for part in parts if isinstance(part, tuple)):
                mailbox.store(number, "+FLAGS", r"(\Seen)")
    return f"read {len(numbers)}"


def _take_in(app: Flask, content: bytes) -> bool:
    """Return False when another clock is at it; then the mail stays unread, and is looked at again."""
    clock: Clock = app.extensions["clock"]
    try:
        with writing(app) as session:
            if not locks.take_job(session, "inbox"):
                return False
            what = receive(session, content, clock.now())
        log.info("a mail came in: %s", what)
    except Exception:
        log.exception("a message could not be read and is skipped")
    return True


@contextmanager
def _mailbox(server: MailServer) -> Iterator[imaplib.IMAP4]:
    context = ssl.create_default_context()
    if server.security == "tls":
        mailbox: imaplib.IMAP4 = imaplib.IMAP4_SSL(
            server.host, server.port, ssl_context=context, timeout=WAIT
        )
    else:
        mailbox = imaplib.IMAP4(server.host, server.port, timeout=WAIT)
    try:
        if server.security == "starttls":
            mailbox.starttls(context)
        mailbox.login(server.username or "", server.password or "")
        mailbox.select("INBOX")
        yield mailbox
    finally:
        try:
            mailbox.logout()
        except (OSError, imaplib.IMAP4.error):
            log.info("the connection to the mailbox ended early")
            mailbox.shutdown()
