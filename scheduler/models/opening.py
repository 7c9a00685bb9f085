"""Time that got free and someone else could use, and what is asked of patients about it.

While offers are out, an opening holds what they need: allocation rows that belong to it instead of to a visit
(models/allocation.py), so no one else can book that time. The first patient who says yes gets it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, func, select, text
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.domain.windows import Window
from scheduler.models.appointment import Appointment
from scheduler.models.columns import Document, InClinic, Public, choice, in_order, own, refers
from scheduler.models.user import User
from scheduler.models.waitlist import WaitlistEntry

OPEN = "closed_at IS NULL"


class OpeningCause(StrEnum):
    CANCELED = "canceled"
    MOVED = "moved"
    MISSED = "missed"
    EXPIRED = "expired"  # a reservation or an offer that no one took
    REOPENED = "reopened"  # a closure was lifted
    HOURS = "hours"  # hours were added

    @property
    def words(self) -> str:
        return _CAUSES[self]


_CAUSES = {
    OpeningCause.CANCELED: "Canceled",
    OpeningCause.MOVED: "Moved",
    OpeningCause.MISSED: "No-show",
    OpeningCause.EXPIRED: "Reservation ended",
    OpeningCause.REOPENED: "Open again",
    OpeningCause.HOURS: "Hours added",
}


class OpeningOutcome(StrEnum):
    FILLED = "filled"  # by an offer
    TAKEN = "taken"  # booked otherwise
    CLOSED = "closed"  # the clinic, the place or the people are not there any more
    PAST = "past"
    DISMISSED = "dismissed"  # the desk keeps it free


class OfferState(StrEnum):
    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    EXPIRED = "expired"  # no answer in time
    TAKEN = "taken"  # someone else said yes first
    WITHDRAWN = "withdrawn"  # by the desk, or because the visit or the opening changed


class Opening(InClinic, Public, Model):
    """`resource_ids` are the place and the people that got free from `start_at` to `end_at`; empty: all of the clinic.

    `appointment_id` is the visit that left it. `depth` counts the accepted offers that led to it: a patient who comes
    earlier leaves a later time. `held_until` is when the offers that are out end; None while none is out. `waves` is
    how many rounds of offers there were, `looked_at` when the clock last looked for someone who could take it.
    """

    __tablename__ = "opening"
    __table_args__ = own(
        refers("appointment_id", "appointment"),
        in_order("start_at", "end_at", "order"),
        Index(
            "ix_opening_open",
            "clinic_id",
            "start_at",
            sqlite_where=text(OPEN),
            postgresql_where=text(OPEN),
        ),
        Index("ix_opening_appointment", "appointment_id"),
        Index(  # the openings that ended in a period
            "ix_opening_closed",
            "clinic_id",
            "closed_at",
            sqlite_where=text("closed_at IS NOT NULL"),
            postgresql_where=text("closed_at IS NOT NULL"),
        ),
    )

    cause: Mapped[OpeningCause] = mapped_column(choice(OpeningCause, "cause"))
    appointment_id: Mapped[int | None]
    resource_ids: Mapped[list[int]] = mapped_column(Document, default=list)
    start_at: Mapped[datetime] = mapped_column(UTCDateTime)
    end_at: Mapped[datetime] = mapped_column(UTCDateTime)
    depth: Mapped[int] = mapped_column(default=0)
    waves: Mapped[int] = mapped_column(default=0)
    looked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    held_until: Mapped[datetime | None] = mapped_column(UTCDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    outcome: Mapped[OpeningOutcome | None] = mapped_column(choice(OpeningOutcome, "outcome"))

    appointment: Mapped[Appointment | None] = relationship(
        Appointment, primaryjoin="foreign(Opening.appointment_id) == Appointment.id"
    )
    offers: Mapped[list[Offer]] = relationship(
        "Offer",
        primaryjoin="Opening.id == foreign(Offer.opening_id)",
        order_by="Offer.id",
        back_populates="opening",
    )

    @property
    def window(self) -> Window:
        return Window(self.start_at, self.end_at)


class Offer(InClinic, Public, Model):
    """An opened time offered to one who waits: the start, and until when the answer counts.

    `schedule_version` is that of the visit that would move (0: nothing is booked yet). `by_phone` offers are for the
    desk to make; the others are mailed. `answered_by_id` is the member of staff who entered the answer; None: the
    patient.
    """

    __tablename__ = "offer"
    __table_args__ = own(
        refers("opening_id", "opening"),
        refers("entry_id", "waitlist_entry"),
        UniqueConstraint("opening_id", "entry_id"),
        Index("ix_offer_entry", "entry_id"),
    )

    opening_id: Mapped[int]
    entry_id: Mapped[int]
    state: Mapped[OfferState] = mapped_column(choice(OfferState, "state"), default=OfferState.OPEN)
    start_at: Mapped[datetime] = mapped_column(UTCDateTime)
    schedule_version: Mapped[int] = mapped_column(default=0)
    by_phone: Mapped[bool] = mapped_column(default=False)
    wave: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    answered_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    why: Mapped[str] = mapped_column(String(300), default="")

    opening: Mapped[Opening] = relationship(
        Opening, primaryjoin="foreign(Offer.opening_id) == Opening.id", back_populates="offers"
    )
    entry: Mapped[WaitlistEntry] = relationship(
        WaitlistEntry, primaryjoin="foreign(Offer.entry_id) == WaitlistEntry.id"
    )
    answered_by: Mapped[User | None] = relationship(User)


def by_public_id(session: Session, clinic_id: int, public_id: str) -> Opening | None:
    return session.scalar(
        select(Opening).where(Opening.clinic_id == clinic_id, Opening.public_id == public_id)
    )


def offers_of(session: Session, entry: WaitlistEntry) -> list[Offer]:
    """Return everything that was offered to one who waits, in order."""
    return list(session.scalars(select(Offer).where(Offer.entry_id == entry.id).order_by(Offer.id)))


def offer_counts(session: Session, entries: Sequence[WaitlistEntry]) -> dict[int, int]:
    """Return how many offers were made to each of these who wait, by id; those without one are left out."""
    query = select(Offer.entry_id, func.count()).where(Offer.entry_id.in_([one.id for one in entries]))
    return dict(session.execute(query.group_by(Offer.entry_id)).all())
