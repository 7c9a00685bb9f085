"""How the way to people is doing, told between processes: the sender writes it, health and the desk read it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.localtime import to_local
from scheduler.domain.message_reasons import HoldReason
from scheduler.models.channel import EMAIL, Channel
from scheduler.models.clinic import Clinic
from scheduler.models.mail_check import MailCheck


def state(session: Session) -> Channel | None:
    """Return the row of the mail channel; None while nothing has ever gone wrong."""
    return session.get(Channel, EMAIL)


def note(session: Session, failures: int, open_until: datetime | None, reason: str, now: datetime) -> None:
    """Keep the state of the breaker."""
    row = _row(session, now)
    row.failures, row.open_until, row.reason, row.changed_at = failures, open_until, reason[:300], now
    session.flush()


def hold(session: Session, reason: HoldReason, now: datetime, detail: str = "") -> None:
    """Stop all sending until a person agrees; nothing happens if it is held."""
    row = _row(session, now)
    if row.held_at is None:
        row.held_code, row.held_reason = reason.value, reason.words(detail)[:300]
        row.held_at = row.changed_at = now
    session.flush()


def release(session: Session, now: datetime) -> bool:
    """Let sending go on. Returns whether it was held."""
    row = state(session)
    if row is None or row.held_at is None:
        return False
    row.held_at, row.held_reason, row.held_code, row.changed_at = None, "", "", now
    session.flush()
    return True


def is_held(session: Session) -> bool:
    """Tell whether sending waits for a person to agree."""
    row = state(session)
    return row is not None and row.held_at is not None


def troubles(session: Session, now: datetime, clinic: Clinic | None = None) -> list[str]:
    """Return what keeps mails from leaving, in words; nothing while all is well.

    Times are in the clinic's zone, or in UTC without a clinic, for the operator of the server.
    """
    row = state(session)
    if row is None:
        return []
    found = []
    if row.held_at is not None:
        found.append(f"Sending is paused: {row.held_reason}")
    if row.failures > 0:
        next_at = row.open_until if row.open_until is not None and row.open_until > now else None
        until = f", next try {_time(next_at, clinic)}" if next_at else ""
        found.append(f"The mail server is not accepting email ({row.reason}){until}.")
    return found


def note_check(session: Session, settings: str, faults: Sequence[str], now: datetime) -> None:
    """Keep that delivery was checked with these settings (a digest), and which checks failed."""
    session.merge(MailCheck(settings=settings, checked_at=now, faults=", ".join(faults)[:200]))
    session.flush()


def unchecked(session: Session, settings: str) -> str:
    """Return why mail is not known to be delivered, in words; empty once a check with these settings has passed."""
    found = session.get(MailCheck, settings)
    if found is not None:
        return f"the last check of mail failed: {found.faults} (flask mail check)" if found.faults else ""
    if session.scalar(select(MailCheck.settings).limit(1)) is None:
        return "it has not been checked that mail is delivered (flask mail check)"
    return "the mail settings have changed since they were checked (flask mail check)"


def _time(at: datetime, clinic: Clinic | None) -> str:
    if clinic is None:
        return f"{at.astimezone(UTC).time().isoformat('minutes')} UTC"
    return clinic.formats.time(to_local(at, clinic.zone))


def _row(session: Session, now: datetime) -> Channel:
    row = state(session)
    if row is None:
        row = Channel(name=EMAIL, failures=0, reason="", held_reason="", held_code="", changed_at=now)
        session.add(row)
    return row
