"""How a way to people is doing: the state of its breaker, and whether sending is held.

One row per channel. The sending process writes it when something changes; health and the desk's banner read it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.database import Model, UTCDateTime

EMAIL = "email"


class Channel(Model):
    """`open_until` and `reason` are the breaker's; `held_at` is when all sending stopped.

    `held_code` is the HoldReason, `held_reason` its words for people.
    """

    __tablename__ = "channel"

    name: Mapped[str] = mapped_column(String(20), primary_key=True)
    failures: Mapped[int] = mapped_column(default=0)
    open_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    reason: Mapped[str] = mapped_column(String(300), default="")
    held_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    held_reason: Mapped[str] = mapped_column(String(300), default="")
    held_code: Mapped[str] = mapped_column(String(40), default="")
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime)
