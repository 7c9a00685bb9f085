"""Signed-in browsers: begun, watched, locked, ended.

After a quarter of an hour without its person a session locks: nothing is shown or done until the password is given
again, and the page that was open stays as it is. Twelve hours after signing in it is over. Times are wall time, so that
a shifted clock (demo, tests) neither locks nor prolongs anything.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from scheduler.models import user_session as user_sessions
from scheduler.models.user import User
from scheduler.models.user_session import UserSession
from scheduler.notify.words import tongue
from scheduler.services import limits
from scheduler.services.account import memberships
from scheduler.services.actors import Actor
from scheduler.services.mail import account_notices
from scheduler.services.trail import audit

IDLE = timedelta(minutes=15)
WHOLE = timedelta(hours=12)
NOTED_EVERY = timedelta(minutes=1)
REMEMBERED = timedelta(days=180)  # how long a browser is known again


def begin(session: Session, user: User, wall: datetime, address: str, agent: str, now: datetime) -> str:
    """Begin a session and return the text that the browser keeps; tell the person if the browser is a new one.

    The mail that tells them is due by the clock that all mail goes by, `now`.
    """
    _announce(session, user, wall, address, agent, now)
    text = secrets.token_urlsafe(32)
    row = UserSession(
        user_id=user.id,
        digest=digest_of(text),
        created_at=wall,
        seen_at=wall,
        address=address,
        agent=agent[:200],
    )
    session.add(row)
    session.flush()
    return text


def find(session: Session, text: str, user_id: int, now: datetime) -> UserSession | None:
    """Return the session of a browser's text, unless it is unknown, someone else's, ended or over."""
    row = user_sessions.by_digest(session, digest_of(text))
    if row is None or row.user_id != user_id or row.ended_at is not None or now >= row.created_at + WHOLE:
        return None
    return row


def by_text(session: Session, text: str) -> UserSession | None:
    """Return the session of a browser's text in any state, or None."""
    return user_sessions.by_digest(session, digest_of(text))


def is_locked(row: UserSession, now: datetime) -> bool:
    """Tell whether the password must be given again."""
    return row.locked_at is not None or now >= row.seen_at + IDLE


def is_worth_noting(row: UserSession, now: datetime) -> bool:
    """Tell whether the noted time is old enough for a new note; not every request writes."""
    return now >= row.seen_at + NOTED_EVERY


def lock(session: Session, row: UserSession, now: datetime) -> None:
    """Lock a session at once."""
    row.locked_at = row.locked_at or now
    session.flush()


def unlock(session: Session, row: UserSession, now: datetime) -> None:
    """Let the person go on."""
    row.locked_at, row.seen_at = None, now
    session.flush()


def end(session: Session, row: UserSession, now: datetime) -> None:
    """End a session; doing so again changes nothing."""
    row.ended_at = row.ended_at or now
    session.flush()


def end_others(session: Session, user: User, now: datetime, but: UserSession | None = None) -> int:
    """End every session of a person, except one; return how many."""
    rows = [row for row in user_sessions.open_of(session, user.id) if row is not but]
    for row in rows:
        end(session, row, now)
    return len(rows)


def end_by_admin(session: Session, actor: Actor, user: User, wall: datetime, now: datetime) -> None:
    """End every session of a person, such as one whose laptop is lost, and notify them by mail.

    Raises WrongStatus unless the actor is an admin in all clinics of this person.
    """
    otherwise = (
        "They can do this themselves. The administrator of the server can, with: flask user end-sessions"
    )
    memberships.require_admin_of_all(session, actor, user, otherwise)
    end_others(session, user, wall)
    for membership in user.memberships:
        there = replace(actor, clinic=membership.clinic)
        audit.record(session, there, "user.sessions-ended", there.clinic, now, [f"user:{user.id}"])
    words = "An administrator signed you out everywhere. Sign in again when you need to."
    account_notices.tell(session, actor.clinic, user, words, now)


def prune(session: Session, wall: datetime) -> int:
    """Delete sessions that began more than 180 days ago, and return how many; no sign-in is compared with them."""
    old = delete(UserSession).where(UserSession.created_at < wall - REMEMBERED)
    gone = session.execute(old, execution_options={"synchronize_session": False})
    return int(gone.rowcount)  # type: ignore[attr-defined]  # a delete has it


def present(session: Session, user: User, now: datetime) -> list[UserSession]:
    """Return a person's sessions that are not over, the latest first."""
    rows = user_sessions.open_of(session, user.id)
    return [row for row in rows if now < row.created_at + WHOLE]


def _announce(session: Session, user: User, wall: datetime, address: str, agent: str, now: datetime) -> None:
    """Put a sign-in into the trail of each clinic of theirs; mail a notice unless they have been here like this."""
    for membership in user.memberships:
        actor = Actor(membership.clinic, user, membership.role, "staff", address)
        audit.record(session, actor, "user.signed-in", membership.clinic, wall, [f"user:{user.id}"])
    former = user_sessions.begun_since(session, user.id, wall - REMEMBERED)
    if not former or not user.memberships:
        return
    if any(_browser(row.agent, row.address) == _browser(agent, address) for row in former):
        return
    clinic = user.memberships[0].clinic
    speech = tongue("en", clinic.zone, clinic.formats)
    when = f"{speech.day(wall)}, at {speech.time(wall)} ({speech.zone_of(wall)})"
    words = f"Your account was used on {when} from a new device or location."
    account_notices.tell(session, clinic, user, words, now)


def _browser(agent: str, address: str) -> tuple[str, str]:
    """Return by what a browser is known again: its program without the version, and its network."""
    return re.sub(r"[\d._]+", "", agent[:200]), limits.network(address)


def digest_of(text: str) -> str:
    """Return what is kept of a browser's text."""
    return hashlib.sha256(text.encode()).hexdigest()
