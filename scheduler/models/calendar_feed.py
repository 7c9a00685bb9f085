"""A private iCalendar subscription of a patient, a practitioner, a location or the whole clinic.

The token is kept as its SHA-256. A revoked feed keeps its row, because a revoked address answers 410 and an unknown
one 404. `resource_id` NULL is the whole clinic; `days_back` and `days_ahead` NULL are what is usual for whom it is.
A patient's feed ends with the link epoch under which it was made; `link_epoch` is NULL for every other feed.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from functools import cache

from sqlalchemy import ForeignKey, Select, String, bindparam, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.models.columns import InClinic, Public, choice, own, refers
from scheduler.models.user import User


class TitleStyle(StrEnum):
    """What a visit is called: the clinic's neutral word, its kind, or (staff only) the patient's initials and id."""

    NEUTRAL = "neutral"
    KIND = "kind"
    INITIALS = "initials"


class CalendarFeed(InClinic, Public, Model):
    __tablename__ = "calendar_feed"
    __table_args__ = own(refers("resource_id", "resource"))

    resource_id: Mapped[int | None] = mapped_column(index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    title_style: Mapped[TitleStyle] = mapped_column(choice(TitleStyle, "title_style"))
    alarm_minutes: Mapped[int | None]
    days_back: Mapped[int | None]
    days_ahead: Mapped[int | None]
    link_epoch: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_fetched_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_client: Mapped[str] = mapped_column(String(120), default="")

    created_by: Mapped[User | None] = relationship(User)


def fetched_since(session: Session, resource_id: int, since: datetime) -> bool:
    """Tell whether a feed of this patient or practitioner is in use."""
    return session.scalar(_fetched(), {"whose": resource_id, "since": since}) is not None


@cache  # built once, asked for every mail about a visit
def _fetched() -> Select[int]:
    query = select(CalendarFeed.id).where(
        CalendarFeed.resource_id == bindparam("whose"),
        CalendarFeed.revoked_at.is_(None),
        CalendarFeed.last_fetched_at >= bindparam("since"),
    )
    return query.limit(1)


def by_digest(session: Session, digest: str) -> CalendarFeed | None:
    return session.scalar(select(CalendarFeed).where(CalendarFeed.digest == digest))


def by_public_id(session: Session, clinic_id: int, public_id: str) -> CalendarFeed | None:
    query = select(CalendarFeed).where(
        CalendarFeed.clinic_id == clinic_id, CalendarFeed.public_id == public_id
    )
    return session.scalar(query)
