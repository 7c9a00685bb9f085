"""A signed-in browser: known to the server, so that it can be listed, locked and ended.

The browser's cookie carries a random text whose SHA-256 is `digest`. `seen_at` is when the person last did something;
what a page asks for by itself does not count.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.models.columns import Public
from scheduler.models.user import User


class UserSession(Public, Model):
    __tablename__ = "user_session"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)
    locked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    address: Mapped[str] = mapped_column(String(64), default="")
    agent: Mapped[str] = mapped_column(String(200), default="")

    user: Mapped[User] = relationship(User)


def by_digest(session: Session, digest: str) -> UserSession | None:
    return session.scalar(select(UserSession).where(UserSession.digest == digest))


def open_of(session: Session, user_id: int) -> list[UserSession]:
    """Return a person's sessions that have not ended, the latest first."""
    query = select(UserSession).where(UserSession.user_id == user_id, UserSession.ended_at.is_(None))
    return list(session.scalars(query.order_by(UserSession.seen_at.desc(), UserSession.id.desc())))


def begun_since(session: Session, user_id: int, since: datetime) -> list[UserSession]:
    """Return a person's sessions since an instant, ended or not."""
    query = select(UserSession).where(UserSession.user_id == user_id, UserSession.created_at >= since)
    return list(session.scalars(query))
