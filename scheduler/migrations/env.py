"""How migrations run: on the app's own engine, inside one transaction, in batches where SQLite needs them.

A batch rebuilds a table and drops its SQLite triggers: a migration that touches `allocation` or `audit_event` must
create them again. Custom column types are written as the plain types they store, so migrations import nothing of
the app.
"""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from alembic.runtime.migration import MigrationContext
from flask import current_app
from flask_security import AsaList
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from scheduler import schema
from scheduler.database import UTCDateTime
from scheduler.services.schema import is_known

migrate = current_app.extensions["migrate"]
database = migrate.db


def render_item(kind: str, item: Any, _context: AutogenContext) -> str | Literal[False]:
    """Write our own column types as what they store."""
    if kind == "type" and isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, AsaList):
        return "sa.UnicodeText()"
    return False


def is_here(item: Any, _name: str | None, _kind: str, _reflected: bool, _other: Any) -> bool:
    """Tell whether this engine has an index of the models; see models/columns.py."""
    dialect = context.get_context().dialect.name
    return bool(item.info.get("only_on", dialect) == dialect)


def run(connection: Connection) -> None:
    # A batch rebuilds a table by dropping it, which would cascade; SQLite switches keys only outside a transaction.
    switch_foreign_keys(connection, "OFF")
    context.configure(
        connection=connection,
        target_metadata=database.metadata,
        render_item=render_item,
        include_object=is_here,
        **migrate.configure_args,
    )
    with context.begin_transaction():
        context.run_migrations()
    switch_foreign_keys(connection, "ON")


def switch_foreign_keys(connection: Connection, state: str) -> None:
    if connection.dialect.name == "sqlite":
        driver: Any = connection.connection.driver_connection
        driver.execute(f"PRAGMA foreign_keys = {state}")


if context.is_offline_mode():
    raise SystemExit("Migrations run against a database; there is no offline mode.")
try:
    engine_connection = database.engine.connect()
except OperationalError as error:
    raise SystemExit(f"Error: the database does not answer: {schema.reason_of(error)}") from None
with engine_connection:
    revision = MigrationContext.configure(engine_connection).get_current_revision()
    if revision is not None and not is_known(revision):
        raise SystemExit(f"Error: {schema.newer(revision)}")
    engine_connection.rollback()  # alembic commits only a transaction that it has begun itself
    run(engine_connection)
