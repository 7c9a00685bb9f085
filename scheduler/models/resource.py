"""What can be taken up: chairs, rooms, practitioners, patients and sites, all with one kind of integer id.

The patient is a resource too, and cannot be in two places. `units` is how many visits it takes at once; None on a nurse
is the clinic's ratio. A site is used by no visit itself; it has hours and closures.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import CheckConstraint
from sqlalchemy.orm import Mapped, mapped_column

from scheduler.database import Model
from scheduler.models.columns import InClinic, choice, own


class ResourceKind(StrEnum):
    CHAIR = "chair"
    ROOM = "room"
    PRACTITIONER = "practitioner"
    PATIENT = "patient"
    SITE = "site"


class Resource(InClinic, Model):
    __tablename__ = "resource"
    __table_args__ = own(CheckConstraint("units >= 1", name="units"))

    kind: Mapped[ResourceKind] = mapped_column(choice(ResourceKind, "kind"))
    units: Mapped[int | None]
