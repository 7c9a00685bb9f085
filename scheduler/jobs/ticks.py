"""What the clock does, and how often. A tick looks for due rows; it never raises, and leaves a sign of life.

Intervals are in seconds of UTC: APScheduler's cron trigger fires twice where the clocks go back.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask

from scheduler.clock import Clock
from scheduler.database import begin_write, db
from scheduler.models import clinic as clinics
from scheduler.services import signs_of_life
from scheduler.services.reservations import release_expired

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ticking:
    """One tick: its name, how often it comes, and what it does (it returns what it did, in words)."""

    name: str
    seconds: int
    work: Callable[[], str]


def run(app: Flask, tick: Ticking) -> None:
    """Do the tick's work and write how it ended, whatever happens."""
    try:
        outcome = tick.work()
    except Exception as trouble:
        log.exception("tick %s failed", tick.name)
        outcome = f"failed: {type(trouble).__name__}"
    try:
        show_life(app, tick.name, outcome)
    except Exception:
        log.exception("tick %s could not leave its sign of life", tick.name)


def show_life(app: Flask, name: str, outcome: str) -> None:
    """Write the sign of life of a tick."""
    clock: Clock = app.extensions["clock"]
    with app.app_context():
        try:
            begin_write(db.session())
            host = socket.gethostname()[:200]
            signs_of_life.beat(db.session(), name, host, clock.now(), clock.wall(), outcome)
            db.session.commit()
        finally:
            db.session.remove()


def expire_reservations(app: Flask) -> str:
    """Free what was reserved for patients who have not decided in time."""
    clock: Clock = app.extensions["clock"]
    with app.app_context():
        try:
            begin_write(db.session())
            every = clinics.every(db.session())
            released = sum(release_expired(db.session(), clinic, clock.now()) for clinic in every)
            db.session.commit()
        finally:
            db.session.remove()
    return f"released {released}"
