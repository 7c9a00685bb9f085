"""Whether the database has the tables that this code knows."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import Connection

from scheduler import models

MIGRATIONS = Path(models.__path__[0]).parent / "migrations"


def revision(connection: Connection) -> str | None:
    """Return the revision of the database; None before the first migration."""
    return MigrationContext.configure(connection).get_current_revision()


def is_known(revision: str) -> bool:
    """Tell whether this code has that migration."""
    return revision in _known()


@cache
def newest() -> str:
    """Return the revision that this code was written for."""
    head = ScriptDirectory(str(MIGRATIONS)).get_current_head()
    if head is None:
        raise RuntimeError("there is no migration")
    return head


@cache
def _known() -> frozenset[str]:
    return frozenset(script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions())
