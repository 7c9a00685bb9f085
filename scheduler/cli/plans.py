"""`flask plans`: check a plan file, load one into a clinic."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import click
from flask.cli import AppGroup

from scheduler import clock
from scheduler.cli.clinic_option import chosen, clinic_option, commander
from scheduler.cli.output import json_option, say, writing
from scheduler.database import db
from scheduler.domain.plans import Plan
from scheduler.services.clinic import plans
from scheduler.services.clinic.yaml_source import FileRefused

group = AppGroup("plans", help="Plan definitions: check and load YAML files.")
file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


@group.command("check")
@file_argument
@json_option
def check(file: Path, as_json: bool) -> None:
    """Say what is wrong with FILE, line by line, and change nothing."""
    plan = _read(file, as_json)
    say(f"{file} is valid: {plan.key}, {_described(plan)}.", {"ok": True, **_facts(plan)}, as_json=as_json)


@group.command("load")
@file_argument
@clinic_option
@json_option
def load(file: Path, clinic_key: str | None, as_json: bool) -> None:
    """Load FILE into a clinic: a changed plan becomes a new version, an unchanged one adds nothing."""
    plan = _read(file, as_json)
    with writing():
        clinic = chosen(db.session(), clinic_key)
        definition, added = plans.load(db.session(), commander(clinic), plan, clock.now())
        done = "is now" if added else "already is"
        words = f"In {clinic.key}, {plan.key} {done} version {definition.version}: {_described(plan)}."
        facts = {"ok": True, "clinic": clinic.key, "version": definition.version, "added": added}
    say(words, facts | _facts(plan), as_json=as_json)


def _read(file: Path, as_json: bool) -> Plan:
    try:
        return plans.read(file.read_bytes())
    except FileRefused as refused:
        _refuse(file, refused, as_json)


def _refuse(file: Path, refused: FileRefused, as_json: bool) -> NoReturn:
    if as_json:
        faults = [{"line": f.line, "where": f.where, "reason": f.reason} for f in refused.faults]
        click.echo(json.dumps({"ok": False, "faults": faults}))
    else:
        for fault in refused.faults:
            click.echo(f"{file}: {fault}", err=True)
    raise SystemExit(1)


def _described(plan: Plan) -> str:
    proposed = len(plan.actions) - len(plan.firm)
    return f"{len(plan.firm)} visits" + (f" and {proposed} proposed" if proposed else "")


def _facts(plan: Plan) -> dict[str, Any]:
    return {"key": plan.key, "visits": len(plan.firm), "proposed": len(plan.actions) - len(plan.firm)}
