"""What a feed's answer depends on, read in one query that touches no appointment.

The tag changes exactly when the bytes may: with the feed's version (raised in the transaction of every change it
shows), the clinic's local date (the window moves), what the clinic is called and allows, the rules of its zone, and
the serialiser. An unchanged tag is a 304.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
from sqlalchemy import and_, func, select
from sqlalchemy.orm import Session

from scheduler.ical.calendars import SERIALISER
from scheduler.ical.zones import fingerprint
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.models.clinic import Clinic
from scheduler.models.versions import FeedVersion
from scheduler.services.feeds import NOTED_EVERY, digest

QUERY = (
    select(
        CalendarFeed.id,
        CalendarFeed.revoked_at,
        CalendarFeed.last_fetched_at,
        CalendarFeed.title_style,
        CalendarFeed.alarm_minutes,
        FeedVersion.version,
        Clinic.name,
        Clinic.zone_name,
        Clinic.phone,
        Clinic.address,
        Clinic.settings_document,
    )
    .join(Clinic, Clinic.id == CalendarFeed.clinic_id)
    .outerjoin(
        FeedVersion,
        and_(
            FeedVersion.clinic_id == CalendarFeed.clinic_id,
            FeedVersion.resource_id == func.coalesce(CalendarFeed.resource_id, 0),
        ),
    )
)


@dataclass(frozen=True, slots=True)
class FeedState:
    """A feed as its door needs it. `tag` is the ETag's text, without quotes."""

    feed_id: int
    revoked: bool
    noted: bool
    tag: str


def look_up(session: Session, token: str, public_url: str, now: datetime) -> FeedState | None:
    """Return the state of a well-formed token's feed, None when there is none."""
    row = session.execute(QUERY.where(CalendarFeed.digest == digest(token))).one_or_none()
    if row is None:
        return None
    noted = row.last_fetched_at is not None and row.last_fetched_at > now - NOTED_EVERY
    today = now.astimezone(ZoneInfo(row.zone_name)).date()
    return FeedState(row.id, row.revoked_at is not None, noted, _tag(row, today, public_url))


def _tag(row: Any, today: date, public_url: str) -> str:
    parts = (
        SERIALISER,
        icalendar.__version__,
        fingerprint(row.zone_name),
        today,
        public_url,
        row.id,
        row.version,
        row.title_style,
        row.alarm_minutes,
        row.name,
        row.zone_name,
        row.phone,
        row.address,
        sorted(row.settings_document.items()),
    )
    return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]
