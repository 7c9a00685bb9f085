"""The tick that seals the audit trail."""

from __future__ import annotations

from flask import Flask

from config import Settings
from scheduler.clock import Clock
from scheduler.database import begin_write, db
from scheduler.models import clinic as clinics
from scheduler.services.trail import audit_chain

SECONDS = 5


def seal_trails(app: Flask) -> str:
    """Seal what every clinic's trail has gained; look first, so that an idle tick takes no write lock."""
    clock: Clock = app.extensions["clock"]
    settings: Settings = app.config["SETTINGS"]
    keys = settings.signing_keys
    sealed = 0
    with app.app_context():
        try:
            waiting = [
                clinic.id
                for clinic in clinics.every(db.session())
                if audit_chain.has_unsealed(db.session(), clinic, keys)
            ]
            db.session.rollback()
            for clinic_id in waiting:
                begin_write(db.session())
                clinic = db.session.get_one(clinics.Clinic, clinic_id)
                sealed += audit_chain.seal(db.session(), clinic, keys, clock.now())
                db.session.commit()
        finally:
            db.session.remove()
    return f"sealed {sealed}"
