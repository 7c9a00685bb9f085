"""`flask import ...`: bring a clinic's patients along, all or nothing, with every fault by its line or entry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NoReturn

import click
from flask.cli import AppGroup

from scheduler import clock
from scheduler.cli.clinic_option import chosen, clinic_option, commander
from scheduler.cli.output import json_option, say
from scheduler.database import begin_write, db
from scheduler.errors import Refusal
from scheduler.services.account.overrides import WORDS, is_reason
from scheduler.services.transfer import imports_appointments, imports_patients
from scheduler.services.transfer.imports import ImportRefused

group = AppGroup("import", help="Import patients and appointments from files, all or nothing.")
file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
dry_run_option = click.option("--dry-run", is_flag=True, help="Check everything and write nothing.")


@group.command("patients")
@file_argument
@dry_run_option
@click.option(
    "--skip-duplicates", is_flag=True, help="Skip patients who already exist or appear twice in the file."
)
@clinic_option
@json_option
def patients(file: Path, dry_run: bool, skip_duplicates: bool, clinic_key: str | None, as_json: bool) -> None:
    """Add the patients of FILE: CSV (.csv), or a FHIR R4 bundle (.json)."""
    clinic = chosen(db.session(), clinic_key)
    now, content = clock.now(), file.read_bytes()
    read = imports_patients.read_bundle if file.suffix.lower() == ".json" else imports_patients.read_csv
    try:
        batch = read(content, now.astimezone(clinic.zone).date(), tell)
        key = clinic.key
        db.session.rollback()  # what was read so far was no writing transaction
        begin_write(db.session())
        actor = commander(chosen(db.session(), key))
        done = imports_patients.write(db.session(), actor, batch, now, tell, skip_duplicates)
    except ImportRefused as refused:
        refuse(file, refused, as_json)
    finish(dry_run)
    words = f"{'Would add' if dry_run else 'Added'} {done.added} patients to {key}"
    if done.left_out:
        words += f"; left out {len(done.left_out)} duplicates"
    if batch.others:
        words += f"; ignored {batch.others} resources that are not patients"
    values = {
        "ok": True,
        "clinic": key,
        "added": done.added,
        "dry_run": dry_run,
        "left_out": list(done.left_out),
    }
    say(f"{words}.", values | {"ignored": batch.others}, as_json=as_json)


@group.command("appointments")
@file_argument
@dry_run_option
@click.option("--override-reason", default="", help="Why courses may break soft rules of their protocol.")
@clinic_option
@json_option
def appointments(
    file: Path, dry_run: bool, override_reason: str, clinic_key: str | None, as_json: bool
) -> None:
    """Book the courses of FILE (CSV): what is done is recorded, what is to come is booked."""
    if override_reason and not is_reason(override_reason):
        raise click.BadParameter(WORDS, param_hint="--override-reason")
    content = file.read_bytes()
    begin_write(db.session())
    actor, now = commander(chosen(db.session(), clinic_key)), clock.now()
    try:
        done = imports_appointments.write(db.session(), actor, content, now, tell, override_reason)
    except ImportRefused as refused:
        refuse(file, refused, as_json)
    key = actor.clinic.key
    finish(dry_run)
    verb = "Would book" if dry_run else "Booked"
    line = f"{verb} {done.courses} courses at {key}: {done.booked} visits ahead, {done.done} done."
    values = {"ok": True, "clinic": key, "courses": done.courses, "booked": done.booked, "done": done.done}
    say(line, values | {"dry_run": dry_run}, as_json=as_json)


def finish(dry_run: bool) -> None:
    """Keep what was written, or after a dry run none of it."""
    if dry_run:
        db.session.rollback()
    else:
        db.session.commit()


def tell(what: str, done: int, total: int) -> None:
    """Show how far it is, apart from the command's own answer."""
    click.echo(f"{what} {done} of {total}", err=True)


def refuse(file: Path, refusal: Refusal, as_json: bool) -> NoReturn:
    """Say what is wrong with the file, and end with 1; nothing is written."""
    db.session.rollback()
    if as_json:
        facts: dict[str, Any] = {"ok": False, "code": refusal.code, **refusal.details}
        click.echo(json.dumps(facts, ensure_ascii=False, default=str))
    elif isinstance(refusal, ImportRefused):
        for line in refusal.lines():
            click.echo(f"{file.name}: {line}", err=True)
    click.echo(f"Error: {refusal.words}", err=True)
    raise SystemExit(1)
