"""The columns that say why a row is in its state."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.domain.message_reasons import LONGEST, NEEDS_CALL, MessageReason


class Reasoned:
    """`reason_code` is a MessageReason, by which code decides; `reason` is its words and detail, for people."""

    reason: Mapped[str] = mapped_column(String(LONGEST), default="")
    reason_code: Mapped[str] = mapped_column(String(40), default="")

    def explain(self, reason: MessageReason, detail: str = "") -> None:
        """Say why the row is in its state."""
        columns = reason_columns(reason, detail)
        self.reason_code, self.reason = columns["reason_code"], columns["reason"]

    @property
    def needs_call(self) -> bool:
        return self.reason_code in NEEDS_CALL


def reason_columns(reason: MessageReason, detail: str = "") -> dict[str, str]:
    """Return both columns, for an UPDATE of many rows."""
    return {"reason_code": reason.value, "reason": reason.words(detail)}
