"""A person who treats: prescriber, nurse, therapist, or several of these."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import CheckConstraint, ForeignKey, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship, selectinload

from scheduler.database import Model
from scheduler.domain.plans import Role
from scheduler.models.columns import InClinic, Public, choice, own, refers
from scheduler.models.resource import Resource, ResourceKind


class PractitionerRole(InClinic, Model):
    __tablename__ = "practitioner_role"
    __table_args__ = (
        refers("practitioner_id", "practitioner", ondelete="CASCADE"),
        UniqueConstraint("practitioner_id", "role"),
        CheckConstraint("role IN ('nurse', 'prescriber', 'therapist')", name="person"),
    )

    practitioner_id: Mapped[int]
    role: Mapped[Role] = mapped_column(choice(Role, "role"))


class Practitioner(InClinic, Public, Model):
    __tablename__ = "practitioner"
    __table_args__ = own(refers("resource_id", "resource"), UniqueConstraint("clinic_id", "user_id"))

    resource_id: Mapped[int] = mapped_column(unique=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("user.id"))
    name: Mapped[str] = mapped_column(String(200))
    rank: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)

    resource: Mapped[Resource] = relationship(
        Resource, primaryjoin="foreign(Practitioner.resource_id) == Resource.id", lazy="joined"
    )
    role_rows: Mapped[list[PractitionerRole]] = relationship(
        PractitionerRole,
        primaryjoin="Practitioner.id == foreign(PractitionerRole.practitioner_id)",
        cascade="all, delete-orphan",
        order_by=PractitionerRole.id,
    )

    @property
    def roles(self) -> frozenset[Role]:
        return frozenset(row.role for row in self.role_rows)


def unit_counts(
    session: Session, clinic_id: int, nurse_units: int, resource_ids: Iterable[int] | None = None
) -> dict[int, int]:
    """Return how many units each resource of a clinic has (all but patients unless `resource_ids` are given).

    A nurse without a number of her own has the clinic's; everything else has one.
    """
    nurses = select(PractitionerRole.practitioner_id).where(PractitionerRole.role == Role.NURSE)
    is_nurse = (
        select(Practitioner.id)
        .where(Practitioner.resource_id == Resource.id, Practitioner.id.in_(nurses))
        .exists()
    )
    query = select(Resource.id, Resource.units, is_nurse).where(Resource.clinic_id == clinic_id)
    if resource_ids is None:
        query = query.where(Resource.kind != ResourceKind.PATIENT)
    else:
        query = query.where(Resource.id.in_(set(resource_ids)))
    return {
        resource_id: own or (nurse_units if nurse else 1)
        for resource_id, own, nurse in session.execute(query)
    }


def active(session: Session, clinic_id: int) -> list[Practitioner]:
    """Return the people at work, with their roles, in the board's order."""
    query = select(Practitioner).where(Practitioner.clinic_id == clinic_id, Practitioner.active)
    query = query.options(selectinload(Practitioner.role_rows))
    return list(session.scalars(query.order_by(Practitioner.rank, Practitioner.name)))


def by_public_id(session: Session, clinic_id: int, public_id: str) -> Practitioner | None:
    query = select(Practitioner).where(
        Practitioner.clinic_id == clinic_id, Practitioner.public_id == public_id
    )
    return session.scalar(query)


def of_user(session: Session, clinic_id: int, user_id: int) -> Practitioner | None:
    """Return whom an account is in this clinic."""
    query = select(Practitioner).where(Practitioner.clinic_id == clinic_id, Practitioner.user_id == user_id)
    return session.scalar(query)


def every(session: Session, clinic_id: int) -> list[Practitioner]:
    """Return all people with their roles, those at work first, in the board's order."""
    query = select(Practitioner).where(Practitioner.clinic_id == clinic_id)
    query = query.options(selectinload(Practitioner.role_rows))
    ordered = query.order_by(Practitioner.active.desc(), Practitioner.rank, Practitioner.name)
    return list(session.scalars(ordered))
