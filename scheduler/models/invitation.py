"""An invitation to work in a clinic. The membership begins when the invited person accepts it.

`name` is what the person who invites typed. Nothing of the person's account is shown to the clinic before they accept.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, select, text
from sqlalchemy.orm import Mapped, Session, joinedload, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.models.clinic import Clinic
from scheduler.models.columns import InClinic, Public, choice, own, refers
from scheduler.models.user import StaffRole, User

OPEN = text("answered_at IS NULL")


class InvitationOutcome(StrEnum):
    """How an invitation ended."""

    ACCEPTED = "accepted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


class Invitation(InClinic, Public, Model):
    __tablename__ = "invitation"
    __table_args__ = own(
        refers("practitioner_id", "practitioner"),
        Index(  # one open invitation of a person to a clinic
            "ix_invitation_open",
            "clinic_id",
            "user_id",
            unique=True,
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
    )

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    role: Mapped[StaffRole] = mapped_column(choice(StaffRole, "role"))
    practitioner_id: Mapped[int | None]  # whose sign-in it becomes
    invited_by_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    invited_at: Mapped[datetime] = mapped_column(UTCDateTime)
    expires_at: Mapped[datetime] = mapped_column(UTCDateTime)
    answered_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    answer: Mapped[str] = mapped_column(String(20), default="")

    user: Mapped[User] = relationship(User, foreign_keys=[user_id])
    invited_by: Mapped[User | None] = relationship(User, foreign_keys=[invited_by_id])
    clinic: Mapped[Clinic] = relationship(Clinic)


def by_public_id(session: Session, public_id: str) -> Invitation | None:
    return session.scalar(select(Invitation).where(Invitation.public_id == public_id))


def open_of_user(session: Session, user_id: int, now: datetime) -> list[Invitation]:
    """Return the invitations that a person can answer now, the oldest first."""
    query = select(Invitation).where(
        Invitation.user_id == user_id, Invitation.answered_at.is_(None), Invitation.expires_at > now
    )
    query = query.options(joinedload(Invitation.clinic), joinedload(Invitation.invited_by))
    return list(session.scalars(query.order_by(Invitation.id)))


def open_of_clinic(session: Session, clinic_id: int) -> list[Invitation]:
    """Return a clinic's unanswered invitations, expired ones too, the latest first."""
    query = select(Invitation).where(Invitation.clinic_id == clinic_id, Invitation.answered_at.is_(None))
    query = query.options(joinedload(Invitation.user))
    return list(session.scalars(query.order_by(Invitation.invited_at.desc(), Invitation.id.desc())))


def open_for(session: Session, clinic_id: int, user_id: int) -> Invitation | None:
    query = select(Invitation).where(
        Invitation.clinic_id == clinic_id, Invitation.user_id == user_id, Invitation.answered_at.is_(None)
    )
    return session.scalar(query)


def open_for_practitioner(session: Session, clinic_id: int, practitioner_id: int) -> Invitation | None:
    query = select(Invitation).where(
        Invitation.clinic_id == clinic_id,
        Invitation.practitioner_id == practitioner_id,
        Invitation.answered_at.is_(None),
    )
    return session.scalar(query)
