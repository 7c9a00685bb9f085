"""Errors of the database and of the disk that are no one's mistake: busy, away, full. Each is a 503 of its own.

One place decides which error is which; pages, API and FHIR only differ in how they say it.
"""

from __future__ import annotations

import errno
import logging

from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from scheduler.errors import Refusal
from scheduler.transactions import is_contention

DISK_FULL = "53100"
OUT_OF_REACH = (
    "08",  # connection exceptions
    "53",  # insufficient resources: too many connections, out of memory
    "57P",  # the server shuts down, has crashed, or is starting
    "25006",  # read-only: a replica that is not promoted yet
)
NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
SQLITE_FULL = ("database or disk is full",)
SQLITE_AWAY = ("unable to open database file", "disk I/O error")


log = logging.getLogger(__name__)


class Outage(Refusal):
    """Nothing is wrong with the request; the same one can succeed later. Nothing was changed."""

    status = 503
    seconds = 1  # Retry-After


class Busy(Outage):
    """The database did not let us in time."""

    code, title = "busy", "The database is busy; try again"


class DatabaseAway(Outage):
    """The database cannot be reached: it restarts, or another server takes over."""

    code, title, seconds = "database-away", "The database cannot be reached; try again", 5


class StorageFull(Outage):
    """There is no room left on a disk: a person must make some."""

    code, title, seconds = "storage-full", "The disk of the server is full", 60


def outage(error: BaseException) -> Outage | None:
    """Return which outage an error is, or None when it is something else."""
    if isinstance(error, PoolTimeout):
        return Busy("Every connection to the database is in use")
    if isinstance(error, OSError) and error.errno in NO_ROOM:
        return StorageFull()
    if not isinstance(error, DBAPIError):
        return None
    state = getattr(error.orig, "sqlstate", None)
    words = str(error.orig)
    if state == DISK_FULL or words.startswith(SQLITE_FULL):
        return StorageFull()
    if isinstance(error, OperationalError) and is_contention(error):
        return Busy()
    if state is not None:
        return DatabaseAway() if state.startswith(OUT_OF_REACH) else None
    is_lost = error.connection_invalidated or _is_psycopg(error) or words.startswith(SQLITE_AWAY)
    return DatabaseAway() if is_lost and isinstance(error, OperationalError) else None


def noted(error: BaseException) -> Outage | None:
    """Return the outage that an error is, after writing it to the log; contention is normal and not written."""
    found = outage(error)
    if found is not None and not isinstance(found, Busy):
        cause = getattr(error, "orig", None) or error
        log.error("%s: %s: %s", found.code, type(cause).__name__, str(cause).partition("\n")[0])
    return found


def _is_psycopg(error: DBAPIError) -> bool:
    """Tell whether psycopg raised it: without a state of the server, no server answered."""
    return type(error.orig).__module__.partition(".")[0] == "psycopg"
