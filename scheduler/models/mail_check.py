"""Whether mail was found to be delivered, from the DNS to the inbox: one row for each set of settings so checked."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.database import Model, UTCDateTime


class MailCheck(Model):
    """`settings` is a digest of the settings that decide whether mail is delivered; `faults` names what failed."""

    __tablename__ = "mail_check"

    settings: Mapped[str] = mapped_column(String(64), primary_key=True)
    checked_at: Mapped[datetime] = mapped_column(UTCDateTime)
    faults: Mapped[str] = mapped_column(String(200), default="")
