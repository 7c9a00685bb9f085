"""The database: one session, one time column, and the way both engines are opened.

SQLite runs through pysqlite3, because the SQLite of many systems (3.7.0 to 3.51.2) can corrupt a WAL database when two
connections write and checkpoint at once (fixed in 3.51.3, 3.50.7 and 3.44.6). With a fixed version the journal is WAL,
otherwise TRUNCATE. The driver's own transactions are switched off: readers begin plainly, writers begin IMMEDIATE, so a
writer waits for its turn at the start instead of failing in the middle. It asks about every hundredth of a second then:
SQLite's own waiting asks ever more seldom, so that anyone who has just written is first again and others starve.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pysqlite3.dbapi2 as sqlite
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import DateTime, Dialect, Engine, MetaData, event, make_url
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
BUSY_SECONDS = 10
CONNECT_SECONDS = (
    10  # PostgreSQL's own default is to wait for as long as the network does, two minutes and more
)
TURN_SECONDS = (0.002, 0.02)  # between two askings of a writer that waits
WAL_IS_SAFE = sqlite.sqlite_version_info >= (3, 51, 3)


class Base(DeclarativeBase):
    """Plain declarative: MappedAsDataclass breaks under SQLAlchemy 2.1 with Flask-SQLAlchemy 3.1."""

    metadata = MetaData(naming_convention=NAMES)


db = SQLAlchemy(model_class=Base)

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class UTCDateTime(TypeDecorator[datetime]):
    """An instant. Refuses naive values and gives aware ones in UTC (SQLite forgets the zone otherwise)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant must be aware")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def engine_options(uri: str) -> dict[str, Any]:
    """Return the engine's options for a database address.

    What a statement was given stays out of errors and logs: it may be a patient's name. Without prepared statements no
    connection keeps a state between two transactions, so a pooler (PgBouncer in transaction mode) may share it.
    """
    if make_url(uri).get_backend_name() == "sqlite":
        return {"module": sqlite, "connect_args": {"timeout": BUSY_SECONDS}, "hide_parameters": True}
    return {
        "pool_pre_ping": True,
        "hide_parameters": True,
        "connect_args": {"prepare_threshold": None, "connect_timeout": CONNECT_SECONDS},
    }


def begin_write(session: Session) -> None:
    """Begin the transaction as a writer; it must be the first thing that the session does.

    SQLite takes the write lock here, waiting up to ten seconds for its turn. PostgreSQL begins as usual.
    """
    if session.in_transaction():
        raise RuntimeError("a writing transaction must be begun before anything is read")
    session.connection(execution_options={"writes": True})


@contextmanager
def writing(app: Flask | None = None) -> Iterator[Session]:
    """Give a session in a writing transaction, which is committed at the end and rolled back on an error.

    With an app it is the session of a new context of that app, for jobs and threads. Without one it is a session of its
    own beside the request's, which must hold no connection meanwhile.
    """
    with ExitStack() as stack:
        if app is None:
            session = stack.enter_context(Session(db.engine))
        else:
            stack.enter_context(app.app_context())
            stack.callback(db.session.remove)
            session = db.session()
        begin_write(session)
        yield session
        session.commit()


def is_writer(session: Session) -> bool:
    """Tell whether the present transaction was begun as a writer; it begins as a reader if there is none."""
    return bool(session.connection().get_execution_options().get("writes"))


@event.listens_for(Engine, "do_connect")
def _create_sqlite(dialect: Dialect, _record: Any, arguments: list[Any], _named: dict[str, Any]) -> None:
    """Create a missing file for its owner only, with any umask; SQLite gives its log the same mode."""
    if dialect.name == "sqlite" and not arguments[0].startswith((":memory:", "file:")):
        with suppress(OSError):  # the driver says it better, and every time
            os.close(os.open(arguments[0], os.O_RDWR | os.O_CREAT, 0o600))


@event.listens_for(Engine, "connect")
def _open_sqlite(connection: Any, _record: ConnectionPoolEntry) -> None:
    if not isinstance(connection, sqlite.Connection):
        return
    connection.isolation_level = None
    for pragma in (
        f"busy_timeout = {BUSY_SECONDS * 1000}",
        f"journal_mode = {'WAL' if WAL_IS_SAFE else 'TRUNCATE'}",
        "synchronous = FULL",
        "foreign_keys = ON",
        "mmap_size = 0",
        "trusted_schema = OFF",
        "secure_delete = ON",  # what is deleted or replaced is overwritten in the file
    ):
        connection.execute(f"PRAGMA {pragma}")


def empty_log(engine: Engine) -> bool:
    """Write SQLite's write-ahead log into the database and empty it: it holds pages as they were before.

    Call it after the commit of an erasure. False when a reader held the log for a second; the clock repeats it hourly.
    True on PostgreSQL, whose log is the server's.
    """
    if engine.dialect.name != "sqlite":
        return True
    held = engine.raw_connection()
    driver: Any = held.driver_connection
    try:
        driver.execute("PRAGMA busy_timeout = 1000")
        return bool(driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
        held.close()


@event.listens_for(Engine, "begin")
def _begin_sqlite(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        return
    if connection.get_execution_options().get("writes", False):
        _wait_for_turn(connection)
    else:
        connection.exec_driver_sql("BEGIN")


def _wait_for_turn(connection: Connection) -> None:
    """Begin as a writer, waiting up to ten seconds; raises what the driver says after that."""
    driver = connection.connection.driver_connection
    assert driver is not None  # noqa: S101  (for mypy: a connection that begins is one)
    last = time.monotonic() + BUSY_SECONDS
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        while time.monotonic() < last:
            try:
                driver.execute("BEGIN IMMEDIATE")
                return
            except sqlite.OperationalError as error:
                if "locked" not in str(error):
                    break
            time.sleep(random.uniform(*TURN_SECONDS))  # noqa: S311  (so that no one is always first)
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
