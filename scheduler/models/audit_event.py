"""Who saw or changed what, when, from where, in which operation.

Rows are only ever added; they hold ids and field names, never values, so erasing a patient does not break the trail.
`nonce` and `mac` prove that the application wrote the row; events from before 2026-11-29 have none. `serial` and `seal`
are filled by the sealing tick, which chains the rows of a clinic. `reason` is what a person typed, so it may name
a person: MAC and seal cover its salted digest, and erasing a patient blanks the words and the salt. `token_id` and
`session_id` are the public ids of the API token or of the signed-in browser with which the user acted.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.database import Model, UTCDateTime
from scheduler.models.columns import Document, InClinic

_ERASED = text("event = 'patient.erased'")


class AuditEvent(InClinic, Model):
    __tablename__ = "audit_event"
    __table_args__ = (
        UniqueConstraint("clinic_id", "serial"),
        Index("ix_audit_event_object", "clinic_id", "object_type", "object_id"),  # an object's history
        Index("ix_audit_event_at", "clinic_id", "at"),  # the trail by time
        Index("ix_audit_event_nonce", "nonce", unique=True),  # a copied row is refused
        # what the trigger looks up before it lets a reason be blanked
        Index("ix_audit_event_erased", "clinic_id", sqlite_where=_ERASED, postgresql_where=_ERASED),
    )

    at: Mapped[datetime] = mapped_column(UTCDateTime)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    actor: Mapped[str] = mapped_column(String(60))
    event: Mapped[str] = mapped_column(String(60))
    object_type: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[str] = mapped_column(String(40))
    fields: Mapped[list[str]] = mapped_column(Document, default=list)
    operation: Mapped[str] = mapped_column(String(36))
    address: Mapped[str] = mapped_column(String(64), default="")
    reason: Mapped[str] = mapped_column(String(300), default="")
    reason_salt: Mapped[str | None] = mapped_column(String(32))
    reason_digest: Mapped[str | None] = mapped_column(String(64))
    token_id: Mapped[str] = mapped_column(String(16), default="", server_default="")
    session_id: Mapped[str] = mapped_column(String(16), default="", server_default="")
    nonce: Mapped[str | None] = mapped_column(String(24))
    mac: Mapped[str | None] = mapped_column(String(64))
    serial: Mapped[int | None]
    seal: Mapped[str | None] = mapped_column(String(64))
