"""`flask status`: is everything well, in one look. Exits 1 when something is not."""

from __future__ import annotations

import sys
from dataclasses import asdict
from importlib.metadata import version

import click
import pysqlite3.dbapi2 as sqlite
from alembic.runtime.migration import MigrationContext
from flask import current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from scheduler.cli.output import json_option, say
from scheduler.clock import Clock
from scheduler.database import db
from scheduler.models import clinic as clinics
from scheduler.services import wellbeing
from scheduler.services.trail import audit_chain
from scheduler.services.visit import books

SILENT = 60.0  # seconds: twelve missed ticks
LATE = 600.0  # seconds: beyond the first retries of a mail server that is away


@click.command("status")
@with_appcontext
@json_option
def status(as_json: bool) -> None:
    """Say whether the clock ticks, what is due, whether the books are in order, and the versions."""
    try:
        found, troubles = _look()
    except SQLAlchemyError as trouble:
        raise click.ClickException(f"the database does not answer: {type(trouble).__name__}") from None
    words = "; ".join(troubles) if troubles else "all is well"
    line = f"{words} (clock {_age(found['clock_age'])}, {found['due']} due, schema {found['schema']})"
    say(line, {"troubles": troubles, **found}, as_json=as_json)
    if troubles:
        sys.exit(1)


def _look() -> tuple[dict[str, object], list[str]]:
    clock: Clock = current_app.extensions["clock"]
    session, now = db.session(), clock.now()
    age = wellbeing.clock_age(session, clock.wall())
    due, oldest = wellbeing.waiting(session, now)
    wrong = {clinic.key: books.faults(session, clinic.id, now) for clinic in clinics.every(session)}
    troubles = []
    if age is None or age > SILENT:
        troubles.append("the clock does not tick: nothing is sent")
    if oldest > LATE:
        troubles.append(f"mail is {oldest / 60:.0f} minutes late")
    troubles += [
        f"{clinic.zone_strays} visits of {clinic.key} stand at another hour than was agreed on (flask zones check)"
        for clinic in clinics.every(session)
        if clinic.zone_strays
    ]
    forged = {
        clinic.key: sum(
            1 for _ in audit_chain.forged(session, clinic, current_app.config["SETTINGS"].signing_keys)
        )
        for clinic in clinics.every(session)
    }
    troubles += [
        f"rows in the audit trail of {key} that Seriate has not written: {count} (flask audit verify)"
        for key, count in forged.items()
        if count
    ]
    troubles += [f"the books of {key} are not in order" for key, faults in wrong.items() if faults.any]
    found = {
        "clock_age": age,
        "due": due,
        "oldest_due_seconds": oldest,
        "books": {key: asdict(faults) for key, faults in wrong.items()},
        "forged_audit_rows": forged,
        "schema": MigrationContext.configure(session.connection()).get_current_revision(),
        "engine": session.get_bind().dialect.name,
        "sqlite": sqlite.sqlite_version,
        "tzdata": version("tzdata"),
    }
    return found, troubles


def _age(seconds: object) -> str:
    return f"{seconds:.0f} s ago" if isinstance(seconds, float) else "never"
