"""`flask status`: is everything well, in one look. Exits 1 when something is not."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import asdict
from importlib.metadata import version

import click
import pysqlite3.dbapi2 as sqlite
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from config import Settings
from scheduler import storage, system_health
from scheduler.cli.output import json_option, say
from scheduler.clock import Clock
from scheduler.database import db
from scheduler.models import clinic as clinics
from scheduler.services import schema, signs_of_life
from scheduler.services.clinic import displaced
from scheduler.services.mail import channels
from scheduler.services.signs_of_life import DISPATCH
from scheduler.services.trail import audit_chain
from scheduler.services.visit import books, judge, unrecorded
from scheduler.system_health import Health


@click.command("status")
@with_appcontext
@json_option
def status(as_json: bool) -> None:
    """Say whether each job of the clock runs, what is due, whether visits and what they use agree, and the versions.

    In production it also warns where mail was never checked; a warning alone exits 0.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # it is handed on
    session = db.session()
    health = system_health.look(app, session, storage.look(app))
    if health.database != "ok":
        raise click.ClickException("; ".join(health.troubles))
    found: dict[str, object] = {}
    troubles: list[str] = []
    try:
        if health.is_ready:
            found, troubles = _look(app, session, health)
        found["schema"] = schema.revision(session.connection())
    except SQLAlchemyError as trouble:
        raise click.ClickException(f"the database does not answer: {type(trouble).__name__}") from None
    troubles = [*health.troubles, *troubles]
    words = "; ".join(troubles) if troubles else "all is well"
    age = _age(found.get("clock_age"))
    line = f"{words} (mail last looked for {age}, {health.due} due, schema {found['schema']})"
    warnings = _warnings(app, session) if health.is_ready else []
    say(
        "\n".join([line, *(f"warning: {one}" for one in warnings)]),
        {"troubles": troubles, "warnings": warnings, **found},
        as_json=as_json,
    )
    if troubles:
        sys.exit(1)


def _look(app: Flask, session: Session, health: Health) -> tuple[dict[str, object], list[str]]:
    clock: Clock = app.extensions["clock"]
    every = clinics.every(session)
    wrong = {clinic.key: books.faults(session, clinic.id, clock.now()) for clinic in every}
    troubles = [
        f"{clinic.zone_strays} visits of {clinic.key} are at a different local time than agreed (flask zones check)"
        for clinic in every
        if clinic.zone_strays
    ]
    forged = {
        clinic.key: sum(1 for _ in audit_chain.forged(session, clinic, app.config["SETTINGS"].signing_keys))
        for clinic in every
    }
    troubles += [
        f"rows in the audit trail of {key} were not written by Seriate: {count} (flask audit verify)"
        for key, count in forged.items()
        if count
    ]
    troubles += [f"the integrity check of {key} found faults" for key, faults in wrong.items() if faults.any]
    close = {clinic.key: judge.unrecorded(session, clinic, clock.now()) for clinic in every}
    troubles += [
        f"{len(pairs)} pairs of dosing visits of {key} are closer than their protocols allow, without an override"
        for key, pairs in close.items()
        if pairs
    ]
    beyond = {clinic.key: unrecorded.find(session, clinic, clock.now()) for clinic in every}
    for key, visits in beyond.items():
        kinds = Counter(one.kind for one in visits)
        troubles += [
            f"{n} {unrecorded.WORDS[kind].format(key)}, without an override" for kind, n in kinds.items()
        ]
    moved_out = {clinic.key: len(displaced.ahead(session, clinic, clock.now())) for clinic in every}
    found: dict[str, object] = {
        "displaced": moved_out,
        "clock_age": next((job.age for job in health.jobs if job.name == DISPATCH), None),
        "jobs": {job.name: asdict(job) for job in health.jobs},
        "due": health.due,
        "oldest_due_seconds": health.oldest_due,
        "mail": health.mail,
        "free_bytes": health.storage.free,
        "books": {key: asdict(faults) for key, faults in wrong.items()},
        "dosing_too_close": {key: [asdict(pair) for pair in pairs] for key, pairs in close.items()},
        "unrecorded": {key: [asdict(one) for one in visits] for key, visits in beyond.items()},
        "forged_audit_rows": forged,
        "engine": session.get_bind().dialect.name,
        "sqlite": sqlite.sqlite_version,
        "tzdata": version("tzdata"),
    }
    return found, troubles


def _warnings(app: Flask, session: Session) -> list[str]:
    """Return what is set up so that mail may be lost. In a demo or a test no mail leaves the machine."""
    settings: Settings = app.config["SETTINGS"]
    if settings.app_env != "production":
        return []
    no_inbox = (
        "" if settings.answers_read else "bounces and calendar answers are not read (INBOX_URL is not set)"
    )
    return [one for one in (channels.unchecked(session, settings.mail_digest), no_inbox) if one]


def _age(seconds: object) -> str:
    return f"{signs_of_life.span(seconds)} ago" if isinstance(seconds, float) else "never"
