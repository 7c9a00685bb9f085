"""Accounts: a person who signs in, and what they may do in which clinic.

User is global and a Membership ties one to a clinic with a role. The columns are those that Flask-Security 5.9 asks
for; its own role model is not used, because a role holds only within a clinic. Its type hints call columns not null
that are null until something happened, hence the ignores.
"""

from __future__ import annotations

import secrets
from datetime import datetime
from enum import StrEnum
from typing import Any

from flask_security import AsaList, RoleMixin, UserMixin
from sqlalchemy import ForeignKey, String, UniqueConstraint, select
from sqlalchemy.ext.mutable import MutableList
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from scheduler.database import Model, UTCDateTime
from scheduler.models.clinic import Clinic
from scheduler.models.columns import InClinic, choice


class StaffRole(StrEnum):
    """What a member of staff is in a clinic."""

    ADMIN = "admin"
    MANAGER = "manager"
    FRONT_DESK = "front-desk"
    NURSE = "nurse"
    PRESCRIBER = "prescriber"
    THERAPIST = "therapist"
    READ_ONLY = "read-only"


WITH_SECOND_FACTOR = frozenset({StaffRole.ADMIN, StaffRole.MANAGER})


class NoRole(RoleMixin):
    """Flask-Security asks for a role class; roles are memberships here."""


class User(Model, UserMixin):
    __tablename__ = "user"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(254), unique=True)
    name: Mapped[str] = mapped_column(String(200), default="")
    password: Mapped[str | None] = mapped_column(String(255))
    active: Mapped[bool] = mapped_column(default=True)
    fs_uniquifier: Mapped[str] = mapped_column(String(64), unique=True, default=lambda: secrets.token_hex(32))
    confirmed_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_login_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # type: ignore[assignment]
    current_login_at: Mapped[datetime | None] = mapped_column(UTCDateTime)  # type: ignore[assignment]
    last_login_ip: Mapped[str | None] = mapped_column(String(64))
    current_login_ip: Mapped[str | None] = mapped_column(String(64))
    login_count: Mapped[int | None]  # type: ignore[assignment]
    tf_primary_method: Mapped[str | None] = mapped_column(String(64))
    tf_totp_secret: Mapped[str | None] = mapped_column(String(255))
    tf_last_counter: Mapped[int | None]  # of the last code that was taken, so that none is taken twice
    mf_recovery_codes: Mapped[Any | None] = mapped_column(MutableList.as_mutable(AsaList()))
    create_datetime: Mapped[datetime | None] = mapped_column(UTCDateTime)  # type: ignore[assignment]
    update_datetime: Mapped[datetime | None] = mapped_column(UTCDateTime)  # type: ignore[assignment]
    is_service: Mapped[bool] = mapped_column(default=False)  # an integration's account: tokens, no password

    memberships: Mapped[list[Membership]] = relationship(
        back_populates="user", order_by="Membership.id", cascade="all, delete-orphan"
    )

    @property
    def has_second_factor(self) -> bool:
        return bool(self.tf_totp_secret and self.tf_primary_method)

    def must_have_second_factor(self, *, enforced: bool) -> bool:
        """Tell whether a clinic of theirs asks for codes: of everybody by its own choice, of some roles if enforced."""
        return any(
            row.clinic.settings.second_factor_for_all or (enforced and row.role in WITH_SECOND_FACTOR)
            for row in self.memberships
        )

    def check_tf_required(
        self, tf_setup_methods: list[tuple[str, str]], tf_fresh: bool
    ) -> tuple[bool, list[tuple[str, str]]]:
        """Answer Flask-Security after a right password: must a code follow? A browser is never trusted to skip it."""
        del tf_fresh
        enforced = bool(self.check_tf_required_setup())  # what the installation says
        return bool(tf_setup_methods) or self.must_have_second_factor(enforced=enforced), tf_setup_methods

    @property
    def roles(self) -> list[RoleMixin]:  # type: ignore[override]  # nothing ever assigns it
        return []


class Membership(InClinic, Model):
    __tablename__ = "membership"
    __table_args__ = (UniqueConstraint("clinic_id", "user_id"),)

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    role: Mapped[StaffRole] = mapped_column(choice(StaffRole, "role"))

    user: Mapped[User] = relationship(back_populates="memberships")
    clinic: Mapped[Clinic] = relationship(Clinic)


def by_email(session: Session, email: str) -> User | None:
    return session.scalar(select(User).where(User.email == email.strip().lower()))


def member(session: Session, user_id: int, clinic_id: int) -> Membership | None:
    return session.scalar(
        select(Membership).where(Membership.user_id == user_id, Membership.clinic_id == clinic_id)
    )
