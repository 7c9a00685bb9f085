"""The inbox job: bounces, answers and replies, read by IMAP where INBOX_URL names a mailbox.

The mailbox is opened read-only, so mail that is unread stays unread for people. How far it has been read is kept in the
database, as (UIDVALIDITY, UID), in the transaction that takes in the mail: none is lost and none is taken in twice,
wherever a process ends. A new mailbox, or one with a new UIDVALIDITY, starts with the last seven days. Of several
clocks only one takes in a mail at a time.
"""

from __future__ import annotations

import imaplib
import logging
from datetime import timedelta
from email.utils import format_datetime

from flask import Flask
from sqlalchemy.orm import Session

from config import MailServer
from scheduler.clock import Clock
from scheduler.database import db, writing
from scheduler.models import clinic as clinics
from scheduler.models.incoming_mail import InboxPosition
from scheduler.notify import imap, received
from scheduler.services import locks
from scheduler.services.patient.incoming_mail import receive

AT_ONCE = 100
FIRST_DAYS = timedelta(days=7)
log = logging.getLogger(__name__)


def read_inbox(app: Flask, server: MailServer) -> str:
    """Take in what has come since the last time. Returns what was done, in words."""
    name = f"{server.username}@{server.host}:{server.port}"[:300]
    with app.app_context():
        position = db.session.get(InboxPosition, name)
        validity, last = (position.uid_validity, position.uid) if position else (0, 0)
        any_clinic = bool(clinics.every(db.session()))
        db.session.rollback()
    if not any_clinic:
        return "no clinic yet"
    with imap.inbox(server) as mailbox:
        present = imap.uid_validity(mailbox)
        if (position is None) or validity != present:
            last = _uid_before_lately(mailbox, app)
            with writing(app) as session:
                _move_on(session, name, present, last)
        found = sorted(uid for uid in imap.search(mailbox, f"UID {last + 1}:*") if uid > last)[:AT_ONCE]
        for uid in found:
            content = imap.fetch(mailbox, uid, received.LARGEST)
            if not _take_in(app, name, present, uid, content):
                return "another clock does it"
    return f"read {len(found)}"


def _take_in(app: Flask, name: str, validity: int, uid: int, content: bytes | None) -> bool:
    """Take in one mail, None if it has been deleted meanwhile. Returns False when another clock is at it."""
    clock: Clock = app.extensions["clock"]
    with writing(app) as session:
        if not locks.take_job(session, "inbox"):
            return False
        position = session.get(InboxPosition, name, populate_existing=True)
        if position and (position.uid_validity, position.uid) >= (validity, uid):
            return True
        what = receive(session, content, clock.now()) if content is not None else "it was deleted"
        _move_on(session, name, validity, uid)
    log.info("a mail came in: %s", what)
    return True


def _move_on(session: Session, name: str, validity: int, uid: int) -> None:
    session.merge(InboxPosition(mailbox=name, uid_validity=validity, uid=uid))
    session.flush()


def _uid_before_lately(mailbox: imaplib.IMAP4, app: Flask) -> int:
    """Return the UID after which the mail of the last days begins."""
    clock: Clock = app.extensions["clock"]
    since = clock.now() - FIRST_DAYS
    day, month, year = format_datetime(since).split()[1:4]  # IMAP writes months as mail does
    if lately := imap.search(mailbox, f"SINCE {day}-{month}-{year}"):
        return min(lately) - 1
    return max(imap.search(mailbox, "ALL"), default=0)
