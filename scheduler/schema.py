"""Whether the database has the schema that this version works with, in words that name the command to run.

Asked when a process or a command starts, and every few seconds while the web serves: a newer version may migrate the
database under a running process, which then serves nothing until it is restarted with that version.
"""

from __future__ import annotations

import time
from functools import wraps
from typing import Any

import click
from flask import Flask, Response, json, request
from flask.cli import with_appcontext
from sqlalchemy import Engine
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError

from config import ConfigError
from scheduler.database import db
from scheduler.services.schema import BEFORE_RELEASE, is_before_release, is_known, newest, revision

LOOK_SECONDS = 5.0  # between two looks of a web process
MIGRATING = "db"  # whose commands look by themselves, in migrations/env.py
WITHOUT = frozenset(
    {"restore", "demo mail", "plans check"}
)  # the first makes the tables, the others use none
ALWAYS_SERVED = ("/livez", "/readyz", "/healthz", "/metrics", "/static/")  # they say themselves what is wrong
FOR_PROGRAMS = ("/api/", "/fhir/")
TITLE = "The schedule is being updated"
WORDS = "Nothing was changed. Please try again in a few minutes."
PAGE = f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{TITLE}</title>
<h1>{TITLE}</h1><p>{WORDS}</p></html>
"""


def fault(connection: Connection) -> str | None:
    """Return why this version cannot work with the database, and what to run; None when it can."""
    present = revision(connection)
    if present == newest():
        return None
    if present is None:
        return "the database has no tables yet; run: flask db upgrade"
    if is_known(present):
        return f"the database has schema {present}, and this version needs {newest()}; run: flask db upgrade"
    return newer(present)


def newer(present: str) -> str:
    """Return the words for a schema that this version does not know."""
    if is_before_release(present):
        return f"the database has schema {present} {BEFORE_RELEASE}; use a new database"
    return (
        f"the database has schema {present}, which is newer than this version (schema {newest()}); install the version"
        f" of Seriate that migrated it, or run with that version: flask db downgrade {newest()}"
    )


def fault_of(engine: Engine) -> str | None:
    """As `fault`; a database that does not answer is a fault too."""
    try:
        with engine.connect() as connection:
            return fault(connection)
    except SQLAlchemyError as error:
        return f"the database does not answer: {reason_of(error)}"


def reason_of(error: SQLAlchemyError) -> str:
    """Return the driver's own words in one line; they hold no password."""
    return (str(getattr(error, "orig", "") or error).strip().splitlines() or [type(error).__name__])[0]


def require(app: Flask) -> None:
    """Raise ConfigError unless the app can work with its database."""
    with app.app_context():
        words = fault_of(db.engine)
        db.engine.dispose()  # the server's processes are forked later, and a connection must not be shared
    if words is not None:
        raise ConfigError("DATABASE_URL", f"cannot be used: {words}")


def guard(app: Flask) -> None:
    """Let every command that uses the database refuse one of another schema. Call it after the last command."""
    for name, command in app.cli.commands.items():
        if name != MIGRATING:
            _guard(command, name)


def _guard(command: click.Command, path: str) -> None:
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            _guard(inner, f"{path} {inner.name}")
    run = command.callback
    if run is None or path in WITHOUT or getattr(run, "looks_at_schema", False):
        return

    @wraps(run)
    def looking(*arguments: Any, **options: Any) -> Any:
        words = fault_of(db.engine)
        if words is not None:
            raise click.ClickException(words)
        return run(*arguments, **options)

    looking.looks_at_schema = True  # type: ignore[attr-defined]  # commands are made once, for every app of a process
    command.callback = with_appcontext(looking)


def watch(app: Flask) -> None:
    """Answer 503 while the database has another schema. Register it before what begins a transaction."""
    watching = _Watch(app)

    @app.before_request
    def refuse_other_schema() -> Response | None:
        if request.path.startswith(ALWAYS_SERVED):
            return None
        words = watching.look()
        return _refusal(request.path) if words else None


class _Watch:
    """The last look of this process, shared by its threads."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._words: str | None = None
        self._next = 0.0

    def look(self) -> str | None:
        now = time.monotonic()
        if now < self._next:
            return self._words
        self._next = now + LOOK_SECONDS
        try:
            with db.engine.connect() as connection:
                words = fault(connection)
        except SQLAlchemyError:
            return None  # the request that needs it says that the database does not answer
        if words and words != self._words:
            self._app.logger.error("nothing is served: %s", words)
        self._words = words
        return words


def _refusal(path: str) -> Response:
    if path.startswith(FOR_PROGRAMS):
        problem = {
            "type": "about:blank",
            "title": TITLE,
            "status": 503,
            "detail": WORDS,
            "code": "other-schema",
        }
        response = Response(json.dumps(problem), mimetype="application/problem+json")
    else:
        response = Response(PAGE, mimetype="text/html")
    response.status_code = 503
    response.headers["Retry-After"] = "60"
    response.headers["Cache-Control"] = "no-store"
    return response
