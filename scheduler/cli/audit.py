"""`flask audit ...`: whether the audit trail is what was sealed."""

from __future__ import annotations

import click
from flask import current_app
from flask.cli import AppGroup

from config import Settings
from scheduler.cli.clinic_option import chosen, clinic_option
from scheduler.cli.output import json_option, say
from scheduler.database import db
from scheduler.services.trail import audit_chain

group = AppGroup("audit", help="The audit trail.")


@group.command("verify")
@click.option(
    "--head", metavar="SERIAL:SEAL", help="A head that was noted earlier; the trail must still hold it."
)
@clinic_option
@json_option
def verify(head: str | None, clinic_key: str | None, as_json: bool) -> None:
    """Check every seal: find events that were altered, removed, exchanged, cut off or forged, and blanked reasons.

    Exit 1 when there are any.
    """
    settings: Settings = current_app.config["SETTINGS"]
    clinic = chosen(db.session(), clinic_key)
    key, keys = clinic.key, settings.signing_keys
    try:
        found = audit_chain.verify(db.session(), clinic, keys, head)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    values = {
        "ok": not found.faults,
        "clinic": key,
        "checked": found.checked,
        "unsealed": found.unsealed,
        "forged": found.forged,
        "head": found.head,
        "faults": [{"serial": fault.serial, "words": fault.words} for fault in found.faults],
    }
    lines = [f"{key}: {found.checked} sealed events, {found.unsealed} not sealed yet; head {found.head}"]
    lines += [f"{fault.serial}: {fault.words}" if fault.serial else fault.words for fault in found.faults]
    say("\n".join(lines), values, as_json=as_json)
    if found.faults:
        raise SystemExit(1)
