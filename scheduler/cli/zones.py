"""`flask zones ...`: what follows when the rules of a clinic's zone have changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask.cli import AppGroup

from scheduler import clock
from scheduler.cli.clinic_option import chosen, clinic_option, commander
from scheduler.cli.output import json_option, say, writing
from scheduler.database import db
from scheduler.services.visit import zone_drift, zone_rules
from scheduler.services.visit.zone_drift import Stray
from scheduler.services.visit.zone_rules import Moved
from scheduler.transactions import take_turns

group = AppGroup("zones", help="Update upcoming visits after a change of time zone rules.")


@group.command("check")
@clinic_option
@json_option
def check(clinic_key: str | None, as_json: bool) -> None:
    """List the visits ahead that no longer stand at their local time; nothing is written."""
    clinic = chosen(db.session(), clinic_key)
    found = zone_drift.strays(db.session(), clinic, clock.now())
    lines = [f"{len(found)} visits are at a different local time than agreed", *_lines(found)]
    say("\n".join(lines), {"strays": [_stray(one) for one in found]}, as_json=as_json)


@group.command("derive")
@clinic_option
@json_option
def derive(clinic_key: str | None, as_json: bool) -> None:
    """Move visits and closures ahead to the UTC times of their local times, and notify the patients."""
    with writing():
        actor = commander(chosen(db.session(), clinic_key))
        done = zone_rules.derive(db.session(), actor, clock.now(), take_turns)
        values = {
            "moved": [_moved(one) for one in done.moved],
            "stays": [_stray(one) for one in done.stays],
            "closures": done.closures,
        }
        told = f"{len(done.moved)} visits and {done.closures} closures moved"
        lines = [f"{told}, {len(done.stays)} visits could not be moved", *_lines(done.stays)]
    say("\n".join(lines), values, as_json=as_json)


def _lines(strays: Sequence[Stray]) -> list[str]:
    return [
        f"  {one.appointment.public_id}  {one.appointment.local_start.isoformat(' ', 'minutes')}  {one.why}".rstrip()
        for one in strays
    ]


def _moved(one: Moved) -> dict[str, Any]:
    return {
        "id": one.public_id,
        "local_start": one.local_start.isoformat(),
        "start": one.start.isoformat(),
    }


def _stray(one: Stray) -> dict[str, Any]:
    visit = one.appointment
    belongs = one.start.isoformat() if one.start else None
    stands = _moved(Moved(visit.public_id, visit.local_start, visit.start_at))
    return {**stands, "belongs": belongs, "why": one.why}
