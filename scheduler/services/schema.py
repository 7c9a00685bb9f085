"""Whether the database has the tables that this code knows."""

from __future__ import annotations

from enum import StrEnum
from functools import cache
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session

from scheduler import models

MIGRATIONS = Path(models.__path__[0]).parent / "migrations"


class SchemaState(StrEnum):
    CURRENT = "current"
    EMPTY = "empty"  # no migration has run
    BEHIND = "behind"  # `flask db upgrade` is missing
    UNKNOWN = "unknown"  # a revision of newer code, or of another branch


def schema_state(session: Session) -> SchemaState:
    """Compare the database's revision with this code's. Raises SQLAlchemyError when the database is away."""
    present = revision(session)
    if present is None:
        return SchemaState.EMPTY
    if present == newest():
        return SchemaState.CURRENT
    return SchemaState.BEHIND if present in _known() else SchemaState.UNKNOWN


def revision(session: Session) -> str | None:
    """Return the revision of the database; None before the first migration."""
    return MigrationContext.configure(session.connection()).get_current_revision()


@cache
def newest() -> str | None:
    """Return the revision that this code was written for."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head()


@cache
def _known() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions())
