"""How the clock and the worker log: one line a record on stderr, the time in UTC first.

2026-11-29T16:20:45.123Z WARNING scheduler.processes.clock_jobs: job digest failed for clinic 3

Records name rows by their ids, never a person; what could open a calendar or a page is hidden (redaction.py). What
PostgreSQL tells of a refused row's values is left out of tracebacks, as SQLAlchemy leaves out the parameters.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from flask import Flask
from flask.logging import default_handler

from config import Settings

FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
LIBRARIES = ("apscheduler",)  # they tell of every run at the level that we use for what happens


class Formatter(logging.Formatter):
    """Times in UTC, tracebacks without values of rows."""

    converter = staticmethod(time.gmtime)

    def formatException(self, ei: Any) -> str:
        lines = super().formatException(ei).splitlines()
        return "\n".join(line for line in lines if not line.startswith("DETAIL:"))


def set_up(app: Flask) -> None:
    """Let every record of this process be written in one format, from the level of the settings on."""
    settings: Settings = app.config["SETTINGS"]
    handler = logging.StreamHandler()
    handler.setFormatter(Formatter(FORMAT, "%Y-%m-%dT%H:%M:%S"))
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    app.logger.removeHandler(default_handler)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))
