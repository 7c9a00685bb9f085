"""`flask export ...`: what is kept, as files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
from flask.cli import AppGroup

from scheduler import clock
from scheduler.cli.clinics import chosen, clinic_option, commander
from scheduler.cli.output import json_option, say, writing
from scheduler.database import db
from scheduler.services import patient_record, patients

group = AppGroup("export", help="What is kept, as files that only their owner can read.")


@group.command("patient")
@click.argument("patient_id")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@clinic_option
@json_option
def patient(patient_id: str, file: Path, clinic_key: str | None, as_json: bool) -> None:
    """Write everything that is kept about a patient to FILE, as JSON. FILE must not exist yet."""
    with writing():
        actor = commander(chosen(db.session(), clinic_key))
        found = patients.get(db.session(), actor.clinic, patient_id)
        record = patient_record.export(db.session(), actor, found, clock.now())
        _write(file, json.dumps(record, ensure_ascii=False, indent=1) + "\n")
    values = {
        "file": str(file),
        "appointments": len(record["appointments"]),
        "courses": len(record["courses"]),
    }
    line = f"{file}: {values['courses']} courses, {values['appointments']} appointments, and all that belongs to them"
    say(line, values, as_json=as_json)


def _write(file: Path, text: str) -> None:
    """Write a new file that only its owner can read."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
        opened.write(text)
