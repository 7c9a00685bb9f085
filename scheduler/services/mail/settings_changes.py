"""Changing a clinic's settings, with what follows for reminders."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from scheduler.domain.settings import ClinicSettings
from scheduler.services.actors import Actor
from scheduler.services.clinic import clinic_settings
from scheduler.services.mail import reminders

REMINDING = ("reminder_lead_hours", "reminder_rules", "reminders_on_closed_days", "show_hidden_visits")


def change(session: Session, actor: Actor, fields: Mapping[str, Any], now: datetime) -> ClinicSettings:
    """Change the fields that are given. Raises Invalid naming each that is unknown or out of bounds.

    New reminder rules apply at once to all visits ahead, but switching one on never sends anything late.
    """
    before = actor.clinic.settings
    settings = clinic_settings.change(session, actor, fields, now)
    if any(getattr(before, name) != getattr(settings, name) for name in REMINDING):
        reminders.rules_changed(session, actor.clinic, now)
    return settings
