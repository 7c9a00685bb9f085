"""The first answer to a request that may come twice.

Written in the request's own transaction, so the answer exists exactly when its effect does. Scoped to who asks
(`caller`: a token or a user) and the route; kept for 24 hours.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.database import Model, UTCDateTime
from scheduler.models.columns import Document, InClinic


class IdempotencyKey(InClinic, Model):
    __tablename__ = "idempotency_key"
    __table_args__ = (UniqueConstraint("clinic_id", "caller", "route", "key"),)

    caller: Mapped[str] = mapped_column(String(60))
    route: Mapped[str] = mapped_column(String(120))
    key: Mapped[str] = mapped_column(String(200))
    body_digest: Mapped[str] = mapped_column(String(64))
    status: Mapped[int | None]
    answer: Mapped[dict[str, Any] | None] = mapped_column(Document)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime, index=True)
