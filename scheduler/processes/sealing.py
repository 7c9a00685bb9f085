"""The job that seals the audit trail.

Which events are to be linked is found by reading: a row that SQL put into the table is never linked, so it would be
looked at under the write lock again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from flask import Flask
from sqlalchemy.orm import Session

from config import Settings
from scheduler.models.clinic import Clinic
from scheduler.processes.clock_jobs import in_each_clinic
from scheduler.services.trail import audit_chain


def seal_trails(app: Flask) -> str:
    """Seal what every clinic's trail has gained."""
    settings: Settings = app.config["SETTINGS"]
    keys = settings.signing_keys
    found: dict[int, list[int]] = {}

    def due(session: Session, now: datetime) -> Sequence[int]:
        for clinic_id in audit_chain.due_clinics(session, now):
            found[clinic_id] = audit_chain.to_link(session, session.get_one(Clinic, clinic_id), keys)
        return [clinic_id for clinic_id, ids in found.items() if ids]

    def seal(session: Session, clinic: Clinic, now: datetime) -> int:
        return audit_chain.seal(session, clinic, keys, now, found[clinic.id])

    return in_each_clinic(app, "seal", "sealed", due, seal)
