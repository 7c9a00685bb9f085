"""Where a clinic treats: an address with its chairs and rooms, its hours and what closes it.

A clinic always has a first site. All sites share the clinic's zone, people and patients. A site is a resource, so that
hours and closures are kept for it as for a chair: they cut those of its chairs and rooms.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from scheduler.database import Model
from scheduler.models.clinic import Clinic
from scheduler.models.columns import InClinic, Public, own, refers
from scheduler.models.resource import Resource

FIRST = (
    "Main"  # what the first site is called until the clinic says otherwise: with one site it is never shown
)


class Site(InClinic, Public, Model):
    """An empty `address` or `phone` is the clinic's. `rank` orders sites; an inactive one is kept for its past."""

    __tablename__ = "site"
    __table_args__ = own(refers("resource_id", "resource"), UniqueConstraint("clinic_id", "name"))

    resource_id: Mapped[int] = mapped_column(unique=True)
    name: Mapped[str] = mapped_column(String(80))
    phone: Mapped[str] = mapped_column(String(40), default="")
    address: Mapped[str] = mapped_column(String(300), default="")
    rank: Mapped[int] = mapped_column(default=0)
    active: Mapped[bool] = mapped_column(default=True)

    resource: Mapped[Resource] = relationship(
        Resource, primaryjoin="foreign(Site.resource_id) == Resource.id", lazy="select"
    )


def active(session: Session, clinic_id: int) -> list[Site]:
    """Return the sites in use, in order. There is always one."""
    query = select(Site).where(Site.clinic_id == clinic_id, Site.active)
    return list(session.scalars(query.order_by(Site.rank, Site.name)))


def every(session: Session, clinic_id: int) -> list[Site]:
    """Return all sites, those in use first, in order."""
    query = select(Site).where(Site.clinic_id == clinic_id)
    return list(session.scalars(query.order_by(Site.active.desc(), Site.rank, Site.name)))


def by_public_id(session: Session, clinic_id: int, public_id: str) -> Site | None:
    query = select(Site).where(Site.clinic_id == clinic_id, Site.public_id == public_id)
    return session.scalar(query)


@dataclass(frozen=True)
class ContactDetails:
    """Where patients come, and whom they call."""

    address: str
    phone: str


def contact_of(clinic: Clinic, site: Site | None) -> ContactDetails:
    """Return the details of a site, or of the clinic. A site with an address of its own is named before it."""
    if site is None:
        return ContactDetails(clinic.address, clinic.phone)
    address = f"{site.name}, {site.address}" if site.address else clinic.address
    return ContactDetails(address, site.phone or clinic.phone)
