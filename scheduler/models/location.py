"""A chair or a room, and what it can do."""

from __future__ import annotations

from sqlalchemy import String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from scheduler.database import Model
from scheduler.models.columns import Document, InClinic, Public, own, refers
from scheduler.models.resource import Resource, ResourceKind
from scheduler.models.site import Site


class Location(InClinic, Public, Model):
    """`rank` orders chairs and rooms on the board; an inactive one is kept for what happened there."""

    __tablename__ = "location"
    __table_args__ = own(
        refers("resource_id", "resource"), refers("site_id", "site"), UniqueConstraint("clinic_id", "name")
    )

    resource_id: Mapped[int] = mapped_column(unique=True)
    site_id: Mapped[int] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(80))
    capabilities: Mapped[list[str]] = mapped_column(Document, default=list)
    rank: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)

    resource: Mapped[Resource] = relationship(
        Resource, primaryjoin="foreign(Location.resource_id) == Resource.id", lazy="joined"
    )
    site: Mapped[Site] = relationship(
        Site, primaryjoin="foreign(Location.site_id) == Site.id", lazy="joined", innerjoin=True
    )

    @property
    def kind(self) -> ResourceKind:
        return self.resource.kind


Where = Location | Site  # what a person may ask for: this very chair or room, or any at a site


def active(session: Session, clinic_id: int) -> list[Location]:
    """Return the chairs and rooms in use, in the board's order."""
    query = select(Location).where(Location.clinic_id == clinic_id, Location.active)
    return list(session.scalars(query.order_by(Location.rank, Location.name)))


def by_public_id(session: Session, clinic_id: int, public_id: str) -> Location | None:
    query = select(Location).where(Location.clinic_id == clinic_id, Location.public_id == public_id)
    return session.scalar(query)


def every(session: Session, clinic_id: int) -> list[Location]:
    """Return all chairs and rooms, those in use first, in the board's order."""
    query = select(Location).where(Location.clinic_id == clinic_id)
    return list(session.scalars(query.order_by(Location.active.desc(), Location.rank, Location.name)))
