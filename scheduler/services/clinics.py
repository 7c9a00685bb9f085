"""Founding a clinic: its name, its zone, and the protocols that come with the program."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.orm import Session

from scheduler.domain.text import BadText, clean_line
from scheduler.errors import Invalid
from scheduler.models.clinic import Clinic, by_key
from scheduler.services import audit, plans
from scheduler.services.actors import Actor

KEY = re.compile(r"[a-z][a-z0-9-]{1,58}[a-z0-9]")


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
    try:
        name = clean_line("name", name, 200, required=True)
        phone, address = clean_line("phone", phone, 40), clean_line("address", address, 300)
    except BadText as bad:
        faults.append((bad.field, bad.reason))
    if not _is_zone(zone_name):
        faults.append(("zone", f"{zone_name} is not a time zone, such as America/New_York"))
    if faults:
        raise Invalid(faults)
    clinic = Clinic(
        key=key,
        name=name,
        zone_name=zone_name,
        country=country,
        subdivision=subdivision,
        phone=phone,
        address=address,
    )
    session.add(clinic)
    session.flush()
    actor = Actor(clinic=clinic, user=None, role=None, name="command")
    for plan in plans.shipped():
        plans.load(session, actor, plan, now)
    audit.record(session, actor, "clinic.founded", clinic, now)
    return clinic


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return False
    return bool(name)
