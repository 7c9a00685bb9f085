"""What happened to a visit: each step with who, when and why. Rows are only ever added.

`operation` is shared by all rows that one action of one person wrote (a re-flow is one operation). `changes` holds
[old, new] by field, as text.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.database import Model, UTCDateTime
from scheduler.models.columns import Document, InClinic, own, refers


class AppointmentEvent(InClinic, Model):
    __tablename__ = "appointment_event"
    __table_args__ = own(refers("appointment_id", "appointment"))

    appointment_id: Mapped[int] = mapped_column(index=True)
    kind: Mapped[str] = mapped_column(String(40))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    by: Mapped[str] = mapped_column(String(40), default="staff")
    reason: Mapped[str] = mapped_column(Text, default="")
    operation: Mapped[str] = mapped_column(String(36), index=True)
    changes: Mapped[dict[str, Any]] = mapped_column(Document, default=dict)
