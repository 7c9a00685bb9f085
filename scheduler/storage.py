"""Can anything still be written: the database, the disk under it, and the instance folder.

Looked at seriously, but at most every 30 seconds in a process: /healthz is asked by anybody, and again and again.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from flask import Flask
from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from config import Settings
from scheduler.clock import Clock
from scheduler.database import writing
from scheduler.services import signs_of_life
from scheduler.transactions import is_contention

EVERY_SECONDS = 30
LEAST_FREE = 64 * 1024 * 1024  # bytes: less is as good as full, and the next backup or index fills it
SAMPLE = b"\0" * 65536
ROW = "storage"  # beside the jobs' rows: one that is written in order to see that it can be
DISK_FULL = "53100"  # PostgreSQL


@dataclass(frozen=True)
class Storage:
    """What is wrong, in words, and the free bytes of each folder's filesystem."""

    troubles: tuple[str, ...] = ()
    free: dict[str, int] = field(default_factory=dict)


class StorageWatch:
    """Looks, and remembers for a while what it saw. While one thread looks, the others get what is remembered."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._seen: tuple[float, Storage] | None = None
        self._looking = Lock()

    def __call__(self) -> Storage:
        seen = self._seen
        if seen is not None and time.monotonic() - seen[0] < EVERY_SECONDS:
            return seen[1]
        if not self._looking.acquire(blocking=seen is None):
            return seen[1] if seen else Storage()
        try:
            found = look(self._app)
            self._seen = (time.monotonic(), found)
            return found
        finally:
            self._looking.release()


def look(app: Flask) -> Storage:
    """Write a little everywhere, and see how much room is left."""
    settings: Settings = app.config["SETTINGS"]
    folders = {"instance": settings.instance_path}
    url = make_url(settings.database_url)
    if url.get_backend_name() == "sqlite":
        folders = {"database": Path(str(url.database)).parent, **folders}
    free: dict[str, int] = {}
    troubles: list[str] = []
    for name, folder in folders.items():
        try:
            free[name] = shutil.disk_usage(folder).free
            _write_file(folder)
        except OSError as error:
            troubles.append(f"nothing can be written to the {name} folder: {os.strerror(error.errno or 0)}")
        else:
            if free[name] < LEAST_FREE:
                troubles.append(
                    f"the disk of the {name} folder is nearly full: {free[name] >> 20} MB are free"
                )
    return Storage((*_write_row(app), *troubles), free)


def _write_file(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(SAMPLE)
        file.flush()
        os.fsync(file.fileno())


def _write_row(app: Flask) -> list[str]:
    """Commit a small row. A database that is away, or that another writer holds, is not this question's business."""
    clock: Clock = app.extensions["clock"]
    try:
        with writing() as session:
            host = socket.gethostname()[:200]
            signs_of_life.beat(session, ROW, host, clock.now(), clock.wall(), "can be written")
    except SQLAlchemyError as error:
        if isinstance(error, OperationalError) and is_contention(error):
            return []
        return [f"the database takes no writes: {_why(error)}"]
    return []


def _why(error: SQLAlchemyError) -> str:
    """Say why, without a value of any row."""
    original = getattr(error, "orig", None)
    if getattr(original, "sqlstate", None) == DISK_FULL or "is full" in str(original):
        return "its disk is full"
    return type(original or error).__name__
