"""One connection for each thread that stays open, for a question that is asked all the time and must be answered again.

A pool's checking out, pinging and rolling back would take longer than the answer. Such a connection has no transaction:
each question sees what has been committed by then. One that the database has closed meanwhile is replaced once.
"""

from __future__ import annotations

from threading import local
from typing import Any, cast
from weakref import WeakKeyDictionary, WeakSet, finalize

from sqlalchemy import Engine, event


class _Held:
    """A connection that is closed when its thread ends, or the engine is disposed of."""

    def __init__(self, engine: Engine) -> None:
        proxied = engine.raw_connection()
        self.connection = cast(Any, proxied.dbapi_connection)
        proxied.detach()
        if engine.dialect.name == "postgresql":
            self.connection.autocommit = True
        self.close = finalize(self, self.connection.close)


class ThreadConnections:
    """The connections of an engine, one for each thread that has asked."""

    def __init__(self, engine: Engine) -> None:
        self._own = local()
        self._all: WeakSet[_Held] = WeakSet()
        self._error = engine.dialect.loaded_dbapi.Error
        event.listen(engine, "engine_disposed", self._close)

    def row(self, engine: Engine, statement: str, parameters: Any) -> Any:
        """Return the first row or None."""
        held: _Held | None = getattr(self._own, "held", None)
        if held is not None:
            try:
                return _first(held, statement, parameters)
            except self._error:
                held.close()
        self._own.held = held = _Held(engine)
        self._all.add(held)
        return _first(held, statement, parameters)

    def _close(self, _engine: Engine) -> None:
        for held in list(self._all):
            held.close()


_by_engine: WeakKeyDictionary[Engine, ThreadConnections] = WeakKeyDictionary()


def ask(engine: Engine, statement: str, parameters: Any) -> Any:
    """Return the first row that the driver gives, or None."""
    kept = _by_engine.get(engine)
    if kept is None:
        kept = _by_engine.setdefault(engine, ThreadConnections(engine))
    return kept.row(engine, statement, parameters)


def _first(held: _Held, statement: str, parameters: Any) -> Any:
    """Read all rows: a statement that is left in its middle would keep what it saw, and the journal from being cut."""
    rows = held.connection.execute(statement, parameters).fetchall()
    return rows[0] if rows else None
