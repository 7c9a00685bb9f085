"""Flask-Migrate and its `flask db`, imported when they are first needed: Alembic takes a tenth of a command's start."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from flask import Flask, current_app

from scheduler import models
from scheduler.database import db

COMMAND = "db"


def init_app(app: Flask) -> None:
    """Set up Flask-Migrate, with its commands. A second call changes nothing."""
    if "migrate" in app.extensions:
        return
    from flask_migrate import Migrate  # noqa: PLC0415  (see above)

    Migrate(app, db, directory=str(Path(models.__path__[0]).parent / "migrations"), render_as_batch=True)


def upgrade(app: Flask, revision: str = "head") -> None:
    """Bring the database to a revision, the newest unless given."""
    init_app(app)
    import flask_migrate  # noqa: PLC0415  (see above)

    flask_migrate.upgrade(revision=revision)


def empty(app: Flask) -> None:
    """Remove all tables."""
    init_app(app)
    import flask_migrate  # noqa: PLC0415  (see above)

    flask_migrate.downgrade(revision="base")


class Migrations(click.Command):
    """Flask-Migrate's `flask db`, for an app that has not imported it."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Return the context of Flask-Migrate's own group, which click then calls instead of this command."""
        app = current_app._get_current_object()  # type: ignore[attr-defined]  # it is set up here
        init_app(app)
        group: click.Command = app.cli.commands[COMMAND]
        return group.make_context(info_name, args, parent, **extra)


def register(app: Flask) -> None:
    """Add `flask db`, which sets up Flask-Migrate when it is called."""
    app.cli.add_command(Migrations(COMMAND, help="Perform database migrations."))
