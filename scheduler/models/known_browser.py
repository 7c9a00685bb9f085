"""A browser in which a person has signed in. It has a throttle of its own, so a stranger cannot slow it down.

Its cookie carries a random text whose SHA-256 is `digest`; one browser may be known for several accounts.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from scheduler.database import Model, UTCDateTime


class KnownBrowser(Model):
    __tablename__ = "known_browser"
    __table_args__ = (UniqueConstraint("user_id", "digest"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    digest: Mapped[str] = mapped_column(String(64))
    seen_at: Mapped[datetime] = mapped_column(UTCDateTime)


def of_user(session: Session, user_id: int, digest: str) -> KnownBrowser | None:
    return session.scalar(
        select(KnownBrowser).where(KnownBrowser.user_id == user_id, KnownBrowser.digest == digest)
    )


def forget_all(session: Session, user_id: int) -> None:
    """Forget every browser of a person."""
    session.execute(
        delete(KnownBrowser).where(KnownBrowser.user_id == user_id),
        execution_options={"synchronize_session": False},
    )
