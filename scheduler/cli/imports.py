"""`flask import ...`: bring a clinic's patients along, all or nothing, with every fault by its line or entry."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import click
from flask.cli import AppGroup

from scheduler import clock
from scheduler.cli.clinic_option import chosen, clinic_option, commander
from scheduler.cli.output import json_option, say
from scheduler.database import begin_write, db
from scheduler.domain.file_dates import DateOrder
from scheduler.errors import Refusal
from scheduler.services.account.overrides import WORDS, is_reason
from scheduler.services.transfer import import_jobs, imports_appointments
from scheduler.services.transfer.imports import ImportRefused
from scheduler.services.transfer.imports_csv import decoded
from scheduler.services.transfer.imports_patients import Duplicates
from scheduler.transactions import stored_in_parts

FHIR_FILES = (".json", ".ndjson", ".jsonl")
NOTES = {
    "similar": "the phone or email of another patient; see Duplicates",
    "one_name": "one name only, taken as the given name",
}
group = AppGroup("import", help="Import patients and appointments from files, all or nothing.")
file_argument = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
dates_option = click.option(
    "--dates",
    type=click.Choice([order.value for order in DateOrder]),
    default=DateOrder.YMD.value,
    help="How the file writes dates whose year comes last: mdy (month/day/year) or dmy. Otherwise they are faults.",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Check everything and write nothing.")


@group.command("patients")
@file_argument
@dry_run_option
@click.option(
    "--skip-duplicates", is_flag=True, help="Skip patients who already exist or appear twice in the file."
)
@click.option("--add-anyway", is_flag=True, help="Add patients who seem to exist already, too.")
@dates_option
@clinic_option
@json_option
def patients(
    file: Path,
    dry_run: bool,
    skip_duplicates: bool,
    add_anyway: bool,
    dates: str,
    clinic_key: str | None,
    as_json: bool,
) -> None:
    """Add the patients of FILE: CSV, or FHIR R4 (.json: a bundle or a patient; .ndjson: one resource in each line)."""
    if skip_duplicates and add_anyway:
        raise click.UsageError("--skip-duplicates and --add-anyway exclude each other")
    wanted = Duplicates.SKIP if skip_duplicates else Duplicates.ADD if add_anyway else Duplicates.REFUSE
    now = clock.now()
    try:
        request = {
            "format": "fhir" if file.suffix.lower() in FHIR_FILES else "csv",
            "content": decoded(file.read_bytes()),
            "dates": dates,
            "duplicates": wanted.value,
            "dry_run": dry_run,
        }
        actor = commander(chosen(db.session(), clinic_key))
        key = actor.clinic.key
        known = import_jobs.read(db.session(), actor, request, now)
        db.session.rollback()  # what was read so far was no writing transaction
        prepared = import_jobs.check(known, now, tell)
        discard = partial(import_jobs.discard, prepared=prepared)
        with stored_in_parts(import_jobs.parts(prepared, now), discard, tell):
            if not dry_run:
                begin_write(db.session())
            actor = commander(chosen(db.session(), key))
            result = import_jobs.write(db.session(), actor, request, prepared, now)
            finish(dry_run)
    except ImportRefused as refused:
        refuse(file, refused, as_json)
    words = f"{'Would add' if dry_run else 'Added'} {result['added']} patients to {key}"
    if result["left_out"]:
        words += f"; left out {len(result['left_out'])} duplicates"
    if result["ignored"]:
        words += f"; ignored {result['ignored']} resources that are not patients"
    if not as_json:
        for name, meaning in NOTES.items():
            for place in result[name]:
                click.echo(f"{file.name}: {prepared.chosen.unit} {place}: {meaning}", err=True)
    say(f"{words}.", {"ok": True, "clinic": key, **result}, as_json=as_json)


@group.command("appointments")
@file_argument
@dry_run_option
@click.option("--override-reason", default="", help="Why courses may break soft rules of their protocol.")
@click.option("--skip-existing", is_flag=True, help="Skip courses that are here already.")
@dates_option
@clinic_option
@json_option
def appointments(
    file: Path,
    dry_run: bool,
    override_reason: str,
    skip_existing: bool,
    dates: str,
    clinic_key: str | None,
    as_json: bool,
) -> None:
    """Book the courses of FILE (CSV): what is done is recorded, what is to come is booked."""
    if override_reason and not is_reason(override_reason):
        raise click.BadParameter(WORDS, param_hint="--override-reason")
    content = file.read_bytes()
    begin_write(db.session())
    actor, now = commander(chosen(db.session(), clinic_key)), clock.now()
    try:
        done = imports_appointments.write(
            db.session(), actor, content, now, tell, override_reason, DateOrder(dates), skip_existing
        )
    except ImportRefused as refused:
        refuse(file, refused, as_json)
    key = actor.clinic.key
    finish(dry_run)
    verb = "Would book" if dry_run else "Booked"
    line = f"{verb} {done.courses} courses at {key}: {done.booked} visits ahead, {done.done} done"
    if done.left_out:
        line += f"; left out {done.left_out} that are here already"
    say(f"{line}.", {"ok": True, "clinic": key, "dry_run": dry_run, **asdict(done)}, as_json=as_json)


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
