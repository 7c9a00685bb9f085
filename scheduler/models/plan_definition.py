"""A protocol in one clinic and one version.

The row never changes: a changed file becomes a new version, and care plans keep theirs. Actions and offsets are inside
`document` (the shape of scheduler/protocols/plan-definition.schema.json, expanded), since a version is read whole.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import String, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from scheduler.database import Model, UTCDateTime
from scheduler.domain.plan_files import from_document
from scheduler.domain.plans import Plan
from scheduler.models.columns import Document, InClinic, Public, own

_PLANS: dict[tuple[str, int], Plan] = {}


class PlanDefinition(InClinic, Public, Model):
    __tablename__ = "plan_definition"
    __table_args__ = own(UniqueConstraint("clinic_id", "key", "version"))

    key: Mapped[str] = mapped_column(String(60))
    version: Mapped[int]
    title: Mapped[str] = mapped_column(String(200))
    document: Mapped[dict[str, Any]] = mapped_column(Document)
    digest: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    retired_at: Mapped[datetime | None] = mapped_column(UTCDateTime)

    @property
    def plan(self) -> Plan:
        """The planner's value, read from the document once: the row never changes."""
        known = _PLANS.get((self.digest, self.version))
        if known is None:
            known = _PLANS[self.digest, self.version] = from_document(self.document, version=self.version)
        return known


def current(session: Session, clinic_id: int, key: str) -> PlanDefinition | None:
    """Return the newest version of a protocol, unless it is retired."""
    query = select(PlanDefinition).where(PlanDefinition.clinic_id == clinic_id, PlanDefinition.key == key)
    newest = session.scalar(query.order_by(PlanDefinition.version.desc()).limit(1))
    return newest if newest and newest.retired_at is None else None


def all_current(session: Session, clinic_id: int) -> list[PlanDefinition]:
    """Return the newest version of each protocol that is not retired, by title."""
    newest = (
        select(PlanDefinition.key, func.max(PlanDefinition.version).label("version"))
        .where(PlanDefinition.clinic_id == clinic_id)
        .group_by(PlanDefinition.key)
        .subquery()
    )
    query = (
        select(PlanDefinition)
        .join(newest, (PlanDefinition.key == newest.c.key) & (PlanDefinition.version == newest.c.version))
        .where(PlanDefinition.clinic_id == clinic_id, PlanDefinition.retired_at.is_(None))
    )
    return list(session.scalars(query.order_by(PlanDefinition.title)))


def versions(session: Session, clinic_id: int, key: str) -> list[PlanDefinition]:
    """Return all versions of a protocol, the newest first."""
    query = select(PlanDefinition).where(PlanDefinition.clinic_id == clinic_id, PlanDefinition.key == key)
    return list(session.scalars(query.order_by(PlanDefinition.version.desc())))


def by_public_id(session: Session, clinic_id: int, public_id: str) -> PlanDefinition | None:
    query = select(PlanDefinition).where(
        PlanDefinition.clinic_id == clinic_id, PlanDefinition.public_id == public_id
    )
    return session.scalar(query)
