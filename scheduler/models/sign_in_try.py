"""How many passwords or codes failed of late, by rule and by what the rule counts (an account, a browser, a network).

`digest` is the SHA-256 of what is counted, since addresses belong in no table. No try is looked at before `next_at`.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.database import Model, UTCDateTime


class SignInTry(Model):
    __tablename__ = "sign_in_try"

    rule: Mapped[str] = mapped_column(String(40), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    failures: Mapped[int]
    last_at: Mapped[datetime] = mapped_column(UTCDateTime)
    next_at: Mapped[datetime] = mapped_column(UTCDateTime)
