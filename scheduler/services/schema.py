"""Whether the database has the tables that this code knows.

Asked at the start of every command, so without Alembic, which takes a tenth of that start: the version table is read
by SQL, and the migrations are read as text instead of run.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from scheduler import models

MIGRATIONS = Path(models.__path__[0]).parent / "migrations"
BEFORE_RELEASE = "of the time before the first release, which no later version can read"
REVISION = re.compile(r"""^revision = ["'](\w+)["']$""", re.MULTILINE)
DOWN_REVISION = re.compile(r"""^down_revision = ["'](\w+)["']$""", re.MULTILINE)


def revision(connection: Connection) -> str | None:
    """Return the revision of the database; None before the first migration."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    present: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return present


def is_before_release(revision: str) -> bool:
    """Tell whether a schema is of the time before the first release, from which no migration leads here."""
    return re.fullmatch(r"\d{4}", revision) is not None


def is_known(revision: str) -> bool:
    """Tell whether this code has that migration."""
    return revision in _known()[0]


@cache
def newest() -> str:
    """Return the revision that this code was written for."""
    known, before = _known()
    heads = known - before
    if len(heads) != 1:
        raise RuntimeError(f"there must be one newest migration, not {len(heads)}")
    return heads.pop()


@cache
def _known() -> tuple[set[str], set[str]]:
    """Return the revisions of all migrations, and those that another one follows."""
    sources = "\n".join(path.read_text(encoding="utf-8") for path in (MIGRATIONS / "versions").glob("*.py"))
    return set(REVISION.findall(sources)), set(DOWN_REVISION.findall(sources))
