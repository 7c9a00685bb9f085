"""Telling a person by mail what happened to their account, through the outbox; the mail names no clinic matter."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.models.api_token import ApiToken
from scheduler.models.clinic import Clinic
from scheduler.models.message import MessageKind
from scheduler.models.user import User
from scheduler.services.mail import outbox

USEFUL = timedelta(days=2)
WORDS = "account-notice"  # the mail's text
PAGE = "/account/sessions"


def tell(session: Session, clinic: Clinic, user: User, lines: str, now: datetime) -> None:
    """Enqueue a notice; `lines` are whole sentences of ours, without anything that a user typed."""
    values = {"words": WORDS, "lines": lines, "path": PAGE}
    outbox.enqueue(
        session, clinic, MessageKind.NOTICE, now, user=user, values=values, expires_at=now + USEFUL
    )


def token_made(session: Session, token: ApiToken, now: datetime) -> None:
    """Notify a person that a program can now act as them; a service account reads no mail."""
    if token.user.is_service:
        return
    how = "by a command on the server" if token.made_via == "command" else "under your name"
    words = f"An API token was created {how}. A program can use it to act as you. You can end it on the page below."
    tell(session, session.get_one(Clinic, token.clinic_id), token.user, words, now)
