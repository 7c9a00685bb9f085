"""Founding a clinic with its zone and the protocols that come with the program, and telling what it is called."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import true
from sqlalchemy.orm import Session

from scheduler.domain.text import BadText, clean_line
from scheduler.errors import Invalid
from scheduler.models.clinic import Clinic, by_key
from scheduler.models.versions import raise_versions
from scheduler.services.actors import Actor
from scheduler.services.clinic import plans, sites
from scheduler.services.history import relabelled
from scheduler.services.trail import audit

KEY = re.compile(r"[a-z][a-z0-9-]{1,58}[a-z0-9]")
LINES = {"name": 200, "phone": 40, "address": 300}


def found(
    session: Session,
    key: str,
    name: str,
    zone_name: str,
    now: datetime,
    country: str = "US",
    subdivision: str | None = None,
    phone: str = "",
    address: str = "",
) -> Clinic:
    """Found a clinic with the shipped protocols. Raises Invalid naming each field."""
    faults = []
    if not KEY.fullmatch(key):
        faults.append(("key", "must be 3 to 60 small letters, digits and hyphens, starting with a letter"))
    elif by_key(session, key):
        faults.append(("key", f"there is a clinic {key} already"))
    told, wrong = _cleaned({"name": name, "phone": phone, "address": address})
    faults += wrong
    if not _is_zone(zone_name):
        faults.append(("zone", f"{zone_name} is not a time zone, such as America/New_York"))
    if faults:
        raise Invalid(faults)
    clinic = Clinic(
        key=key,
        zone_name=zone_name,
        country=country,
        subdivision=subdivision,
        **told,
    )
    session.add(clinic)
    session.flush()
    sites.found_first(session, clinic)
    actor = Actor(clinic=clinic, user=None, role=None, name="command")
    for plan in plans.shipped():
        plans.load(session, actor, plan, now)
    audit.record(session, actor, "clinic.founded", clinic, now)
    return clinic


def change(session: Session, actor: Actor, fields: Mapping[str, Any], now: datetime) -> Clinic:
    """Change the clinic's name, phone or address, which its mails, pages and calendars follow from then on.

    Raises Invalid naming each field.
    """
    clinic = actor.clinic
    told, wrong = _cleaned(fields)
    if wrong:
        raise Invalid(wrong)
    changed = [name for name, value in told.items() if getattr(clinic, name) != value]
    for name in changed:
        setattr(clinic, name, told[name])
    if changed:
        audit.record(session, actor, "clinic.changed", clinic, now, changed)
        relabelled(session, clinic.id, true(), now)
        raise_versions(session, clinic.id, [], now)
    return clinic


def _cleaned(fields: Mapping[str, Any]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Return the lines as they are kept, and what is wrong with the others."""
    told: dict[str, str] = {}
    wrong = []
    for name, value in fields.items():
        try:
            if name not in LINES:
                raise BadText(name, "is not a detail of a clinic")
            told[name] = clean_line(name, value, LINES[name], required=name == "name")
        except BadText as bad:
            wrong.append((bad.field, bad.reason))
    return told, wrong


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return bool(name)
