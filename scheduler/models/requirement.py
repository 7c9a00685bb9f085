"""What must be settled before a visit of one course: consent, clearance, a driver.

One row for the whole course, or one per appointment where the plan says "per session". Which actions a requirement
guards, and for how long it holds, stands in the plan definition.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Boolean, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.database import Model, UTCDateTime
from scheduler.models.columns import InClinic, own, refers


class Requirement(InClinic, Model):
    """Closed since `completed_at`; good up to and including `valid_until_on` (None: for good).

    `applies` is None until staff have said whether it does, where the plan asks that. An authorization is good for
    `approved_visits` visits from `valid_from_on` on (None: all of the course).
    """

    __tablename__ = "requirement"
    __table_args__ = own(
        refers("care_plan_id", "care_plan"),
        refers("appointment_id", "appointment"),
        UniqueConstraint("care_plan_id", "key", "appointment_id"),
    )

    care_plan_id: Mapped[int] = mapped_column(index=True)
    appointment_id: Mapped[int | None] = mapped_column(index=True)
    key: Mapped[str] = mapped_column(String(60))
    completed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    completed_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    applies: Mapped[bool | None]
    approved_visits: Mapped[int | None]
    valid_from_on: Mapped[date | None]
    valid_until_on: Mapped[date | None]
    document: Mapped[str] = mapped_column(String(300), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    waived: Mapped[bool] = mapped_column(Boolean, default=False)
