"""Telling a person by mail what happened to their account, through the outbox; the mail names no clinic matter."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.models.clinic import Clinic
from scheduler.models.message import MessageKind
from scheduler.models.user import User
from scheduler.services.mail import outbox

USEFUL = timedelta(days=2)
WORDS = "account-notice"  # the mail's text
PAGE = "/account/sessions"


def tell(session: Session, clinic: Clinic, user: User, lines: str, now: datetime) -> None:
    """Enqueue a notice; `lines` are whole sentences of ours, without anything that somebody typed."""
    values = {"words": WORDS, "lines": lines, "path": PAGE}
    outbox.enqueue(
        session, clinic, MessageKind.NOTICE, now, user=user, values=values, expires_at=now + USEFUL
    )
