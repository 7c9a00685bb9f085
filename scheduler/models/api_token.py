"""A token with which a program acts as one user in one clinic. Only its SHA-256 is kept.

`scopes` are the permissions that it has of its user's role; None is all of them. `made_via` is page, api or command
(empty: made before it was recorded); `made_by_id` is the person, None for a command.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.models.columns import Document, InClinic, Public, own
from scheduler.models.user import User


class ApiToken(InClinic, Public, Model):
    __tablename__ = "api_token"
    __table_args__ = own()

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(16))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
    scopes: Mapped[list[str] | None] = mapped_column(Document)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    made_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    made_via: Mapped[str] = mapped_column(String(20), default="")

    user: Mapped[User] = relationship(User, foreign_keys=[user_id])
    made_by: Mapped[User | None] = relationship(User, foreign_keys=[made_by_id])


def by_digest(session: Session, digest: str) -> ApiToken | None:
    return session.scalar(select(ApiToken).where(ApiToken.digest == digest))
