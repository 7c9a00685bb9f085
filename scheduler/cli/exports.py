"""`flask export ...`: what is kept, as files. What is taken out is noted in the audit trail."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup
from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler import clock
from scheduler.cli.clinic_option import chosen, clinic_option, commander
from scheduler.cli.output import json_option, say, writing
from scheduler.database import db
from scheduler.database import writing as writing_beside
from scheduler.domain.localtime import day_bounds
from scheduler.models.clinic import Clinic
from scheduler.models.patient import Patient
from scheduler.services.patient import patient_record, patients
from scheduler.services.trail import audit
from scheduler.services.trail.audit import BeforePage
from scheduler.services.transfer import exports, exports_print

Lines = Callable[[Session, Clinic, datetime, datetime, BeforePage], Iterator[str]]
group = AppGroup("export", help="Export data as files that only their owner can read.")
file_argument = click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
first_option = click.option(
    "--from", "first", type=click.DateTime(["%Y-%m-%d"]), help="First day, clinic-local."
)
last_option = click.option("--to", "last", type=click.DateTime(["%Y-%m-%d"]), help="Last day, clinic-local.")
EVER = (datetime(1900, 1, 1), datetime(2199, 12, 30))  # noqa: DTZ001  (days, as click gives them)


@group.command("patient")
@click.argument("patient_id")
@file_argument
@click.option("--html", "as_page", is_flag=True, help="A page to print instead of JSON.")
@clinic_option
@json_option
def patient(patient_id: str, file: Path, as_page: bool, clinic_key: str | None, as_json: bool) -> None:
    """Write everything that is kept about a patient to FILE, as JSON. FILE must not exist yet."""
    with writing():
        actor = commander(chosen(db.session(), clinic_key))
        found = patients.get(db.session(), actor.clinic, patient_id)
        record = patient_record.export(db.session(), actor, found, clock.now())
        document = json.dumps(record, ensure_ascii=False, indent=1) + "\n"
        _write(file, [exports_print.page(record) if as_page else document])
    values = {
        "file": str(file),
        "appointments": len(record["appointments"]),
        "courses": len(record["courses"]),
    }
    line = f"{file}: {values['courses']} courses, {values['appointments']} appointments, with all related records"
    say(line, values, as_json=as_json)


@group.command("appointments")
@file_argument
@first_option
@last_option
@clinic_option
@json_option
def appointments(
    file: Path, first: datetime | None, last: datetime | None, clinic_key: str | None, as_json: bool
) -> None:
    """Write the appointments of some days to FILE, as CSV. FILE must not exist yet."""
    _table("appointments", exports.appointments, file, first, last, clinic_key, as_json)


@group.command("messages")
@file_argument
@first_option
@last_option
@clinic_option
@json_option
def messages(
    file: Path, first: datetime | None, last: datetime | None, clinic_key: str | None, as_json: bool
) -> None:
    """Write the mails that were due on some days to FILE, as CSV. FILE must not exist yet."""
    _table("messages", exports.messages, file, first, last, clinic_key, as_json)


def _table(
    name: str,
    lines: Lines,
    file: Path,
    first: datetime | None,
    last: datetime | None,
    clinic_key: str | None,
    as_json: bool,
) -> None:
    with writing():
        actor = commander(chosen(db.session(), clinic_key))
        key = actor.clinic.key
        audit.record(db.session(), actor, f"{name}.exported", None, clock.now())
    clinic = chosen(db.session(), key)
    start = day_bounds((first or EVER[0]).date(), clinic.zone)[0]
    after = day_bounds((last or EVER[1]).date() + timedelta(days=1), clinic.zone)[0]
    if start >= after:
        raise click.ClickException("--to is before --from")

    def before_page(things: list[Any]) -> None:
        ids = {thing.patient_id for thing in things if thing.patient_id is not None}
        shown = db.session.scalars(select(Patient.public_id).where(Patient.id.in_(ids))).all()
        with writing_beside() as own:
            own.add_all(audit.lists(actor, f"{name} export", shown, clock.now()))

    rows = _write(file, lines(db.session(), clinic, start, after, before_page)) - 1
    say(f"{file}: {rows} {name}", {"file": str(file), name: rows}, as_json=as_json)


def _write(file: Path, parts: Iterable[str]) -> int:
    """Write a new file that only its owner can read, and return of how many parts."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from None
    count = 0
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as opened:
        for part in parts:
            opened.write(part)
            count += 1
    return count
