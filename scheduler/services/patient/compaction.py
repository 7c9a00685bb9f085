"""Rewriting the tables that hold patients, so that no file of theirs keeps what was erased.

PostgreSQL keeps replaced and deleted rows in a table's file until their place is used again; VACUUM FULL writes the
table and its indexes to new files. Its statistics hold sample values too (names, addresses), hence pg_statistic. SQLite
overwrites at once (secure_delete); VACUUM removes what was deleted before that was switched on.

Neither runs inside a transaction, so this takes the engine and not a session. Each table is locked while it is written.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Engine, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError

from scheduler.database import empty_log
from scheduler.errors import Refusal
from scheduler.models.audit_event import AuditEvent
from scheduler.models.calendar_feed import CalendarFeed
from scheduler.models.idempotency_key import IdempotencyKey
from scheduler.models.job import Job
from scheduler.models.reminder import Reminder
from scheduler.services.patient.erased import PERSONAL

KINDS: tuple[type[Any], ...] = (*PERSONAL, AuditEvent, CalendarFeed, IdempotencyKey, Job, Reminder)
TABLES = sorted(kind.__tablename__ for kind in KINDS)
LOCK_SECONDS = 60
OLDER_SECONDS = 30.0  # to wait for transactions that may still see what was erased
OWNS_DATABASE = text(
    "SELECT pg_has_role(current_user, datdba, 'MEMBER') FROM pg_database WHERE datname = current_database()"
)
OWNS_TABLES = text(
    "SELECT bool_and(pg_has_role(current_user, relowner, 'MEMBER')) FROM pg_class"
    " WHERE relname = ANY(:names) AND relnamespace = current_schema()::regnamespace"
)
OLDER = text(  # the start of a transaction of another role, such as autovacuum, is not shown to everybody
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_xmin IS NOT NULL"
    " AND pid <> pg_backend_pid() AND coalesce(xact_start < :began, true)"
)


class NotCompacted(Refusal):
    """Something may still be in a file; the command can be given again."""

    code, title = "not-compacted", "Erased content may still be in the database's files"


def compact(engine: Engine) -> list[str]:
    """Rewrite the tables and return their names. Raises NotCompacted, also when a part of it could not be done."""
    try:
        return _sqlite(engine) if engine.dialect.name == "sqlite" else _postgresql(engine)
    except (DBAPIError, engine.dialect.loaded_dbapi.Error) as error:
        raise NotCompacted(f"the database refused: {getattr(error, 'orig', error)}") from error


def _sqlite(engine: Engine) -> list[str]:
    held = engine.raw_connection()
    driver: Any = held.driver_connection
    try:
        driver.execute("VACUUM")
    finally:
        held.close()
    if not empty_log(engine):
        raise NotCompacted("another process is reading the write-ahead log; give the command again")
    return ["the whole file"]


def _postgresql(engine: Engine) -> list[str]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if _is_pooled(connection):
            raise NotCompacted("DATABASE_URL names a pooler; give this command the database's own address")
        connection.execute(text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
        try:
            _rewrite(connection)
        finally:
            connection.execute(text("RESET lock_timeout"))
    return TABLES


def _is_pooled(connection: Connection) -> bool:
    """Tell whether a pooler is between: it gives its clients other process ids than the server's.

    The limit on waiting for a lock would be set on one connection of the pool, and the rewriting done on another.
    """
    driver: Any = connection.connection.driver_connection
    return bool(driver.info.backend_pid != connection.scalar(text("SELECT pg_backend_pid()")))


def _rewrite(connection: Connection) -> None:
    owns_database = connection.scalar(OWNS_DATABASE)
    if not owns_database and not connection.scalar(OWNS_TABLES, {"names": TABLES}):
        raise NotCompacted("the tables belong to another role; run this as their owner, or the database's")
    _wait_for_older(connection)
    for name in TABLES:
        connection.execute(text(f"VACUUM (FULL, ANALYZE) {name}"))
    if not owns_database:
        raise NotCompacted(
            "pg_statistic holds sample values; as the database's owner, run: VACUUM FULL pg_statistic"
        )
    connection.execute(text("VACUUM FULL pg_statistic"))


def _wait_for_older(connection: Connection) -> None:
    """Wait until every transaction has ended that may still see erased rows: VACUUM keeps these for it.

    Those that begin later do not see them. Raises NotCompacted when one stays open.
    """
    began = connection.scalar(text("SELECT clock_timestamp()"))
    last = time.monotonic() + OLDER_SECONDS
    while connection.scalar(OLDER, {"began": began}):
        if time.monotonic() > last:
            raise NotCompacted(
                "a transaction that began earlier is still open and may see what was erased; give the command again"
            )
        time.sleep(0.1)
