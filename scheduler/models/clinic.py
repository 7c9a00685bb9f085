"""A clinic: its zone, its address, its settings."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from scheduler.database import Model
from scheduler.domain.formats import Formats
from scheduler.domain.settings import ClinicSettings
from scheduler.models.columns import Document, Public


class Clinic(Public, Model):
    """`settings_document` holds only what differs from the defaults of ClinicSettings.

    `zone_strays` counts the visits ahead that could not keep their local time when the zone's rules changed.
    """

    __tablename__ = "clinic"

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(60), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    zone_name: Mapped[str] = mapped_column(String(60))
    country: Mapped[str] = mapped_column(String(2), default="US")
    subdivision: Mapped[str | None] = mapped_column(String(6))
    phone: Mapped[str] = mapped_column(String(40), default="")
    address: Mapped[str] = mapped_column(String(300), default="")
    zone_strays: Mapped[int] = mapped_column(default=0, server_default="0")
    settings_document: Mapped[dict[str, Any]] = mapped_column(Document, default=dict)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.zone_name)

    @property
    def settings(self) -> ClinicSettings:
        return _settings_of(json.dumps(self.settings_document))

    @property
    def formats(self) -> Formats:
        """How dates and times are written for its staff."""
        return self.settings.formats


@lru_cache(maxsize=256)
def _settings_of(document: str) -> ClinicSettings:
    """Read settings once: a mail asks for them several times, and they hardly ever change."""
    return ClinicSettings.from_document(json.loads(document))


def by_key(session: Session, key: str) -> Clinic | None:
    return session.scalar(select(Clinic).where(Clinic.key == key))


def every(session: Session) -> list[Clinic]:
    """Return all clinics in order of id."""
    return list(session.scalars(select(Clinic).order_by(Clinic.id)))


def where(session: Session, is_due: Callable[[Clinic], object]) -> list[int]:
    """Return the ids of the clinics that are due, in order; also of one whose data are such that asking fails.

    What it is that fails will be found, and told, when the work is done for that clinic alone.
    """
    found = []
    for clinic in every(session):
        try:
            due = bool(is_due(clinic))
        except Exception:
            due = True
        if due:
            found.append(clinic.id)
    return found
