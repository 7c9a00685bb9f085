"""What a patient tells about a visit on their private page: who drives them home, and how they are the day after.

The check-in is the PHQ-2 (Kroenke 2003, PubMed 14583691: two questions, each 0 to 3, over the last two weeks) and a
mood from 0 to 10. `urgent` says that the patient asks to be contacted soon. Answers beyond the clinic's thresholds open
a task for a person (domain/answers.py); they decide nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import CheckConstraint, String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, contains_eager, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.domain.status import LIVE
from scheduler.models.appointment import Appointment
from scheduler.models.columns import InClinic, own, refers


class DriverAnswer(InClinic, Model):
    __tablename__ = "driver_answer"
    __table_args__ = own(refers("appointment_id", "appointment"), UniqueConstraint("appointment_id"))

    appointment_id: Mapped[int]
    schedule_version: Mapped[int]
    has_driver: Mapped[bool]
    name: Mapped[str] = mapped_column(String(100), default="")
    phone: Mapped[str] = mapped_column(String(40), default="")
    answered_at: Mapped[datetime] = mapped_column(UTCDateTime)

    appointment: Mapped[Appointment] = relationship(
        Appointment, primaryjoin="foreign(DriverAnswer.appointment_id) == Appointment.id"
    )


class CheckIn(InClinic, Model):
    __tablename__ = "check_in"
    __table_args__ = own(
        refers("appointment_id", "appointment"),
        UniqueConstraint("appointment_id"),
        CheckConstraint("little_interest BETWEEN 0 AND 3", name="little_interest"),
        CheckConstraint("feeling_down BETWEEN 0 AND 3", name="feeling_down"),
        CheckConstraint("mood BETWEEN 0 AND 10", name="mood"),
    )

    appointment_id: Mapped[int]
    little_interest: Mapped[int | None]
    feeling_down: Mapped[int | None]
    mood: Mapped[int | None]
    note: Mapped[str] = mapped_column(Text, default="")
    urgent: Mapped[bool] = mapped_column(default=False)
    answered_at: Mapped[datetime] = mapped_column(UTCDateTime)

    appointment: Mapped[Appointment] = relationship(
        Appointment, primaryjoin="foreign(CheckIn.appointment_id) == Appointment.id"
    )

    @property
    def phq2(self) -> int | None:
        """The sum of both questions, 0 to 6; None unless both were answered."""
        if self.little_interest is None or self.feeling_down is None:
            return None
        return self.little_interest + self.feeling_down


def driver_of(session: Session, appointment: Appointment) -> DriverAnswer | None:
    return session.scalar(select(DriverAnswer).where(DriverAnswer.appointment_id == appointment.id))


def drivers_of(session: Session, appointment_ids: Sequence[int]) -> dict[int, DriverAnswer]:
    """Return what patients said about the way home, by visit."""
    query = select(DriverAnswer).where(DriverAnswer.appointment_id.in_(appointment_ids))
    return {one.appointment_id: one for one in session.scalars(query)}


def check_in_of(session: Session, appointment: Appointment) -> CheckIn | None:
    return session.scalar(select(CheckIn).where(CheckIn.appointment_id == appointment.id))


def check_ins_of_course(session: Session, care_plan_id: int) -> list[CheckIn]:
    """Return a course's check-ins in order of the visits they follow."""
    query = select(CheckIn).join(CheckIn.appointment).options(contains_eager(CheckIn.appointment))
    query = query.where(Appointment.care_plan_id == care_plan_id)
    return list(session.scalars(query.order_by(Appointment.start_at, CheckIn.id)))


def drivers_ahead(session: Session, care_plan_id: int, now: datetime) -> list[DriverAnswer]:
    """Return what was said about the way home from a course's visits that are not over, in their order."""
    query = (
        select(DriverAnswer).join(DriverAnswer.appointment).options(contains_eager(DriverAnswer.appointment))
    )
    query = query.where(
        Appointment.care_plan_id == care_plan_id, Appointment.end_at > now, Appointment.status.in_(LIVE)
    )
    return list(session.scalars(query.order_by(Appointment.start_at, DriverAnswer.id)))
