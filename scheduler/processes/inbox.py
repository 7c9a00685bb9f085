"""The inbox job: bounces, answers and replies, read by IMAP where INBOX_URL names a mailbox.

The mailbox is opened read-only, so mail that is unread stays unread for people. How far it has been read is kept in the
database, as (UIDVALIDITY, UID), in the transaction that takes in the mail: none is lost and none is taken in twice,
wherever a process ends. A new mailbox, or one with a new UIDVALIDITY, starts with the last seven days. Of several
clocks only one takes in a mail at a time. A mail that the server does not give is listed for a person as soon as it
gives a later one, so that it holds up no others; if it gives none, the run fails and is repeated.
"""

from __future__ import annotations

import imaplib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial

from flask import Flask
from sqlalchemy.orm import Session

from config import MailServer
from scheduler.clock import Clock
from scheduler.database import db, writing
from scheduler.models import clinic as clinics
from scheduler.models.incoming_mail import InboxPosition
from scheduler.notify import imap, received
from scheduler.services import locks
from scheduler.services.patient.incoming_mail import list_unreadable, receive

AT_ONCE = 100
FIRST_DAYS = timedelta(days=7)
TakeIn = Callable[..., str]  # of a session and the time
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
        refused: list[int] = []
        for uid in found:
            try:
                content = imap.fetch(mailbox, uid, received.LARGEST)
            except imap.FetchRefused:
                if uid == found[-1]:
                    raise
                refused.append(uid)
                continue
            taken = [(one, _unreadable(name, present, one)) for one in refused]
            taken.append((uid, partial(receive, content=content) if content is not None else _deleted))
            refused = []
            for one, take in taken:
                if not _take_in(app, name, present, one, take):
                    return "another clock does it"
    return f"read {len(found)}"


def _unreadable(name: str, validity: int, uid: int) -> TakeIn:
    return partial(list_unreadable, mail=f"{name} {validity} {uid}")


def _deleted(session: Session, *, now: datetime) -> str:
    del session, now
    return "it was deleted"


def _take_in(app: Flask, name: str, validity: int, uid: int, take: TakeIn) -> bool:
    """Take in one mail. Returns False when another clock is at it."""
    clock: Clock = app.extensions["clock"]
    with writing(app) as session:
        if not locks.take_job(session, "inbox"):
            return False
        position = session.get(InboxPosition, name, populate_existing=True)
        if position and (position.uid_validity, position.uid) >= (validity, uid):
            return True
        what = take(session, now=clock.now())
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
    newest = max(imap.search(mailbox, "UID *"), default=0)  # first: what comes meanwhile is not passed over
    lately = imap.search(mailbox, f"SINCE {day}-{month}-{year}")
    return min(lately) - 1 if lately else newest
