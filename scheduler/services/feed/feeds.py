"""Private calendar feeds: made, handed out once, revoked, and what they show.

A token has 256 random bits and is kept as its SHA-256. A patient's feed goes 90 days back and as far ahead as there
are visits; one of a practitioner, a place or the clinic 14 days back and 180 ahead, because it may hold thousands; each
may have its own lengths. The edges lie at midnights of the clinic, so a feed changes with the date at most once a day.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload

from scheduler.errors import Invalid, WrongStatus
from scheduler.ical import texts
from scheduler.models import calendar_feed
from scheduler.models.calendar_feed import CalendarFeed, TitleStyle
from scheduler.models.patient import Patient
from scheduler.models.resource import Resource, ResourceKind
from scheduler.services.actors import Actor
from scheduler.services.trail import audit

TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")
NOTED_EVERY = timedelta(minutes=10)
LONGEST_ALARM = 7 * 24 * 60
MOST_BACK, MOST_AHEAD = 366, 732  # days


def create(
    session: Session,
    actor: Actor,
    resource_id: int | None,
    title_style: TitleStyle | str,
    now: datetime,
    alarm_minutes: int | None = None,
    days_back: int | None = None,
    days_ahead: int | None = None,
) -> tuple[CalendarFeed, str]:
    """Make a feed of a patient, a practitioner, a place, or (None) the whole clinic; the token is never shown again.

    Raises Invalid.
    """
    lengths = (
        ("alarm_minutes", alarm_minutes, 0, LONGEST_ALARM),
        ("days_back", days_back, 0, MOST_BACK),
        ("days_ahead", days_ahead, 1, MOST_AHEAD),
    )
    _check(session, actor, resource_id, title_style, lengths)
    token = secrets.token_urlsafe(32)
    feed = CalendarFeed(
        clinic_id=actor.clinic.id,
        resource_id=resource_id,
        digest=digest(token),
        title_style=TitleStyle(title_style),
        alarm_minutes=alarm_minutes,
        days_back=days_back,
        days_ahead=days_ahead,
        link_epoch=_link_epoch(session, resource_id),
        created_at=now,
        created_by_id=actor.user_id,
    )
    session.add(feed)
    session.flush()
    audit.record(session, actor, "feed.created", feed, now)
    return feed, token


def revoke(session: Session, actor: Actor, feed: CalendarFeed, now: datetime) -> None:
    """Switch a feed off for good; its address answers 410 from then on."""
    if feed.revoked_at is None:
        feed.revoked_at = now
        audit.record(session, actor, "feed.revoked", feed, now)
        session.flush()


def rotate(session: Session, actor: Actor, feed: CalendarFeed, now: datetime) -> tuple[CalendarFeed, str]:
    """Switch a feed off and make one like it, with a new token. Raises WrongStatus for one that is off already."""
    if feed.revoked_at is not None:
        raise WrongStatus("This calendar link is already turned off")
    revoke(session, actor, feed, now)
    alike = (feed.alarm_minutes, feed.days_back, feed.days_ahead)
    return create(session, actor, feed.resource_id, feed.title_style, now, *alike)


def find(session: Session, token: str) -> CalendarFeed | None:
    """Return the feed of a token, revoked or not, or None for anything else."""
    return calendar_feed.by_digest(session, digest(token)) if is_token(token) else None


def of_resource(session: Session, clinic_id: int, resource_id: int | None) -> list[CalendarFeed]:
    """Return the feeds of a resource that are switched on, oldest first."""
    query = select(CalendarFeed).where(
        CalendarFeed.clinic_id == clinic_id,
        CalendarFeed.resource_id.is_not_distinct_from(resource_id),
        CalendarFeed.revoked_at.is_(None),
    )
    query = query.options(joinedload(CalendarFeed.created_by))
    return list(session.scalars(query.order_by(CalendarFeed.id)))


def of_clinic(session: Session, clinic_id: int) -> dict[int | None, list[CalendarFeed]]:
    """Return all feeds of a clinic that are switched on, by resource (None: the whole clinic's), oldest first."""
    query = select(CalendarFeed).where(CalendarFeed.clinic_id == clinic_id, CalendarFeed.revoked_at.is_(None))
    query = query.options(joinedload(CalendarFeed.created_by))
    found: dict[int | None, list[CalendarFeed]] = {}
    for feed in session.scalars(query.order_by(CalendarFeed.id)):
        found.setdefault(feed.resource_id, []).append(feed)
    return found


def note_fetch(session: Session, feed_id: int, client: str, now: datetime) -> None:
    """Note when and by which client a feed was last fetched, at most every ten minutes."""
    due = CalendarFeed.last_fetched_at.is_(None) | (CalendarFeed.last_fetched_at <= now - NOTED_EVERY)
    values: dict[str, Any] = {"last_fetched_at": now, "last_client": texts.line(client)[:120]}
    statement = update(CalendarFeed).where(CalendarFeed.id == feed_id, due).values(values)
    session.execute(statement, execution_options={"synchronize_session": False})


def addresses(public_url: str, token: str) -> tuple[str, str]:
    """Return the https and the webcal address of a token."""
    url = f"{public_url}/feeds/{token}.ics"
    return url, "webcal:" + url.partition(":")[2]


def is_token(text: str) -> bool:
    return TOKEN.fullmatch(text) is not None


def digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _link_epoch(session: Session, resource_id: int | None) -> int | None:
    """Return the link epoch of the patient whose resource it is, None for any other."""
    return session.scalar(select(Patient.link_epoch).where(Patient.resource_id == resource_id))


def _check(
    session: Session,
    actor: Actor,
    resource_id: int | None,
    style: str,
    lengths: Sequence[tuple[str, int | None, int, int]],
) -> None:
    errors: list[tuple[str, str]] = []
    resource = session.get(Resource, resource_id) if resource_id is not None else None
    if resource_id is not None and (resource is None or resource.clinic_id != actor.clinic.id):
        errors.append(("resource", "is not in this clinic"))
    if style not in set(TitleStyle):
        errors.append(("title_style", f"must be one of {', '.join(TitleStyle)}"))
    elif style == TitleStyle.INITIALS and resource is not None and resource.kind is ResourceKind.PATIENT:
        errors.append(("title_style", "initials are for feeds of staff"))
    for name, value, least, most in lengths:
        if value is not None and not least <= value <= most:
            errors.append((name, f"must be from {least} to {most}"))
    if errors:
        raise Invalid(errors)


def latest_fetch(feeds: Sequence[CalendarFeed]) -> datetime | None:
    """Return when any of these feeds was last fetched."""
    return max((feed.last_fetched_at for feed in feeds if feed.last_fetched_at), default=None)


def makers(feeds: Sequence[CalendarFeed]) -> list[str]:
    """Return who made any of these feeds, each once."""
    named = (one.created_by.name or one.created_by.email if one.created_by else "a command" for one in feeds)
    return list(dict.fromkeys(named))
