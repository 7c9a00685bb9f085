"""The job that seals the audit trail."""

from __future__ import annotations

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

    def seal(session: Session, clinic: Clinic, now: datetime) -> int:
        return audit_chain.seal(session, clinic, keys, now)

    return in_each_clinic(app, "seal", "sealed", audit_chain.due_clinics, seal)
