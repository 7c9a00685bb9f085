"""`flask backup` and `flask restore`: everything in one file, taken while the clinic works, on either engine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import click
from flask import Flask, current_app
from flask.cli import with_appcontext

from scheduler import clock, migrating
from scheduler.cli.output import json_option, say, writing
from scheduler.database import db
from scheduler.services import schema as schemas
from scheduler.services.mail import restored
from scheduler.services.transfer import backup_files, backup_rows
from scheduler.services.transfer.backup_rows import BadBackup, Progress, Summary

KEY_HELP = "A file that holds a key of at least 32 characters. Without the key the backup cannot be read."
quiet_option = click.option(
    "--quiet", is_flag=True, help="Show no progress; none is shown without a terminal."
)
key_option = click.option(
    "--key-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help=KEY_HELP
)


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@key_option
@quiet_option
@json_option
@with_appcontext
def backup(file: Path, key_file: Path | None, quiet: bool, as_json: bool) -> None:
    """Write everything to FILE, encrypted with a key if one is given. FILE must not exist yet."""
    key = _key(key_file)
    part = file.with_name(f"{file.name}.part")
    try:
        if file.exists():
            raise FileExistsError(0, "is there already")
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            summary = _take(opened, key, _progress(quiet))
            opened.flush()
            os.fsync(opened.fileno())
        part.rename(file)  # so a backup is there whole, or it is not there
    except OSError as error:
        part.unlink(missing_ok=True)
        raise click.ClickException(f"{file}: {error.strerror}") from None
    line = f"{file}: {summary.rows} rows of {summary.tables} tables, checksum {summary.checksum}"
    say(line, {"file": str(file), "encrypted": key is not None, **asdict(summary)}, as_json=as_json)


@click.command("restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@key_option
@quiet_option
@json_option
@with_appcontext
def restore(file: Path, key_file: Path | None, quiet: bool, as_json: bool) -> None:
    """Bring the backup in FILE into an empty database. Nothing is sent from it until a person has looked."""
    key = _key(key_file)
    try:
        taken_at, told = _bring_in(file, key, _progress(quiet))
    except BadBackup as refused:
        raise click.ClickException(f"{file}: {refused.words}") from None
    migrating.upgrade(_app())
    with writing():
        doubts = restored.look_through(db.session(), taken_at, clock.now())
    waiting = f"{doubts.held} messages with unknown delivery; sending is paused until: flask clock agree"
    rows = f"{told['rows']} rows, checksum {told['checksum']}" if told else "its last step"
    values = {"taken_at": taken_at, **told, **asdict(doubts)}
    say(f"restored the backup of {taken_at}: {rows}; {waiting}", values, as_json=as_json)


def _take(opened: BinaryIO, key: str | None, progress: Progress) -> Summary:
    writer = backup_files.Writer(opened, key)
    with backup_rows.snapshot(db.engine.connect()) as connection, connection.begin():
        schema = schemas.revision(connection)
        if schema is None:
            raise click.ClickException("the database has no tables yet; run: flask db upgrade")
        summary = backup_rows.dump(connection, schema, clock.now(), writer.put, progress)
    writer.close()
    return summary


def _bring_in(file: Path, key: str | None, progress: Progress) -> tuple[str, dict[str, Any]]:
    """Load the rows into a schema of the backup's own age, with sending held, in one transaction.

    Returns when the backup was taken, and what was loaded: nothing when a former run was ended after it.
    """
    with file.open("rb") as opened:
        schema, taken_at, _ = backup_rows.header(next(backup_files.read(opened, key), ""))
    with _nothing_left_when_refused():
        if _was_ended_halfway():
            return taken_at, {}
        _prepare(schema)
        writing_engine = db.engine.execution_options(writes=True)
        with file.open("rb") as opened, writing_engine.begin() as connection:
            summary = backup_rows.load(connection, backup_files.read(opened, key), progress)
            restored.hold_at_once(connection, clock.now())
    return taken_at, asdict(summary)


@contextmanager
def _nothing_left_when_refused() -> Iterator[None]:
    """Take away the file, or the tables, that a refused restore has made; what was there before stays as it was."""
    path = Path(db.engine.url.database or "") if db.engine.dialect.name == "sqlite" else None
    had_file = path is None or path.exists()
    had_tables = had_file and _present_schema() is not None
    try:
        yield
    except BadBackup:
        if path is not None and not had_file:
            db.engine.dispose()
            for end in ("", "-wal", "-shm", "-journal"):
                path.with_name(f"{path.name}{end}").unlink(missing_ok=True)
        elif not had_tables and _present_schema() is not None:
            migrating.empty(_app())
        raise


def _present_schema() -> str | None:
    with db.engine.connect() as connection:
        return schemas.revision(connection)


def _was_ended_halfway() -> bool:
    with db.engine.connect() as connection:
        return schemas.revision(connection) is not None and restored.is_unfinished(connection)


def _prepare(schema: str) -> None:
    """Make the tables that the backup was taken from. Raises BadBackup unless the database is empty."""
    if schemas.is_before_release(schema):
        raise BadBackup(f"it has schema {schema} {schemas.BEFORE_RELEASE}")
    with db.engine.connect() as connection:
        present = schemas.revision(connection)
        filled = backup_rows.filled(connection) if present else []
    if filled:
        raise BadBackup(
            f"the database is not empty ({', '.join(filled[:3])} ...): name an empty one in DATABASE_URL"
        )
    if present not in (None, schema):
        raise BadBackup(f"the database is empty but has schema {present}, not {schema}: give a new one")
    if not schemas.is_known(schema):
        raise BadBackup(f"it has schema {schema}, which this version does not know: use a newer one")
    migrating.upgrade(_app(), schema)


def _app() -> Flask:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # it is handed on
    return app


def _key(file: Path | None) -> str | None:
    if file is None:
        return None
    key = file.read_text(encoding="utf-8").strip()
    if len(key) < backup_files.SHORTEST_KEY:
        raise click.ClickException(f"{file}: a key has at least {backup_files.SHORTEST_KEY} characters")
    return key


def _progress(quiet: bool) -> Progress:
    """Return what shows how far it is, to a person who watches and not to a log or a mail of cron."""
    return _show if _is_watched() and not quiet else _silent


def _is_watched() -> bool:
    return sys.stderr.isatty()


def _show(name: str, done: int) -> None:
    click.echo(f"{name}: {done} rows", err=True)


def _silent(name: str, done: int) -> None:
    del name, done
