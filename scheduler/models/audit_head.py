"""How far a clinic's audit trail is sealed: the last serial and its seal, so that a cut-off end is noticed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.database import Model, UTCDateTime


class AuditHead(Model):
    __tablename__ = "audit_head"

    clinic_id: Mapped[int] = mapped_column(ForeignKey("clinic.id"), primary_key=True, autoincrement=False)
    serial: Mapped[int]
    seal: Mapped[str] = mapped_column(String(64))
    sealed_at: Mapped[datetime] = mapped_column(UTCDateTime)
