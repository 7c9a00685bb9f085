"""Whether a database is migrated and holds a clinic, asked without the app: a second `make run` starts fast by it."""

import re
from contextlib import closing

import psycopg
from pysqlite3 import dbapi2 as sqlite
from sqlalchemy import make_url

from tools.places import ROOT, Refused

VERSIONS = ROOT / "scheduler" / "migrations" / "versions"


def is_migrated(database_url: str) -> bool:
    """True when the newest migration has run."""
    revision = newest_revision()
    return revision is not None and revision == _first(
        database_url, "SELECT version_num FROM alembic_version"
    )


def has_clinic(database_url: str) -> bool:
    return _first(database_url, "SELECT id FROM clinic LIMIT 1") is not None


def _first(database_url: str, query: str) -> object:
    """Return the first value, None without a row, a table or a file. Raises Refused when nothing answers."""
    url = make_url(database_url)
    try:
        if url.get_backend_name() == "sqlite":
            with closing(sqlite.connect(f"file:{url.database}?mode=ro", uri=True)) as connection:
                row = connection.execute(query).fetchone()
        else:
            plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
            with psycopg.connect(plain, connect_timeout=5, prepare_threshold=None) as connection:
                row = connection.execute(query).fetchone()
    except (sqlite.Error, psycopg.errors.UndefinedTable):
        return None  # a damaged file is the migration's to report
    except psycopg.OperationalError as error:
        raise Refused(f"DATABASE_URL does not answer: {str(error).splitlines()[0]}") from None
    return row[0] if row else None


def newest_revision() -> str | None:
    """The migration that no other follows; None unless it is exactly one."""
    texts = [path.read_text(encoding="utf-8") for path in VERSIONS.glob("*.py")]
    followed = {name for text in texts for name in _assigned("down_revision", text)}
    newest = {name for text in texts for name in _assigned("revision", text)} - followed
    return newest.pop() if len(newest) == 1 else None


def _assigned(name: str, text: str) -> list[str]:
    return re.findall(rf"^{name}\b[^=\n]*= *[\"']([^\"']+)[\"']", text, re.MULTILINE)
