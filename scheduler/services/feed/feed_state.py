"""What a feed's answer depends on, read in one query that touches no appointment.

The tag changes exactly when the bytes may: with the feed's version (raised in the transaction of every change it
shows), the clinic's local date (the window moves), what the clinic is called and allows, the rules of its zone, and
the serialiser. An unchanged tag is a 304.

The query goes straight to the driver, over a connection that stays open: through SQLAlchemy's layers it would be most
of the time that a 304 takes, and calendar clients ask for little else. Its rows are therefore the driver's (SQLite has
text for times and JSON).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import icalendar
from sqlalchemy import Dialect, Engine, text

from scheduler import kept
from scheduler.ical.calendars import SERIALISER
from scheduler.ical.zones import fingerprint
from scheduler.services.feed.feeds import NOTED_EVERY, digest

QUERY = text(
    """
    SELECT calendar_feed.last_fetched_at, calendar_feed.revoked_at, calendar_feed.link_epoch, patient.link_epoch,
        clinic.zone_name, calendar_feed.id,
        calendar_feed.title_style, calendar_feed.alarm_minutes, calendar_feed.days_back, calendar_feed.days_ahead,
        feed_version.version,
        clinic.name, clinic.phone, clinic.address, clinic.settings_document
    FROM calendar_feed
    JOIN clinic ON clinic.id = calendar_feed.clinic_id
    LEFT JOIN patient ON patient.resource_id = calendar_feed.resource_id
    LEFT JOIN feed_version ON feed_version.clinic_id = calendar_feed.clinic_id
        AND feed_version.resource_id = COALESCE(calendar_feed.resource_id, 0)
    WHERE calendar_feed.digest = :digest
    """
)


@dataclass(frozen=True, slots=True)
class FeedState:
    """A feed as its interface needs it. `revoked` also says that its patient's link epoch has risen since it was made.

    `tag` is the ETag's text, without quotes.
    """

    feed_id: int
    revoked: bool
    noted: bool
    tag: str


def look_up(engine: Engine, token: str, public_url: str, now: datetime) -> FeedState | None:
    """Return the state of a well-formed token's feed, None when there is none."""
    row = _row(engine, digest(token))
    if row is None:
        return None
    fetched_at, revoked_at, made_under, epoch, zone_name, feed_id, *shown = row
    noted = fetched_at is not None and _instant(fetched_at) > now - NOTED_EVERY
    today = now.astimezone(ZoneInfo(zone_name)).date()
    revoked = revoked_at is not None or made_under != epoch
    return FeedState(feed_id, revoked, noted, _tag(today, zone_name, feed_id, public_url, *shown))


def _row(engine: Engine, digest: str) -> Any:
    statement, positional = _compiled(engine.dialect)
    return kept.ask(engine, statement, (digest,) if positional else {"digest": digest})


@lru_cache(maxsize=8)
def _compiled(dialect: Dialect) -> tuple[str, bool]:
    compiled = QUERY.compile(dialect=dialect)
    return str(compiled), bool(compiled.positional)


def _instant(value: str | datetime) -> datetime:
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _tag(today: date, zone_name: str, *parts: Any) -> str:
    told = (SERIALISER, icalendar.__version__, fingerprint(zone_name), today.isoformat(), zone_name, *parts)
    return hashlib.sha256(repr(told).encode("utf-8", "backslashreplace")).hexdigest()[:32]
