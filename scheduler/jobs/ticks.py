"""What the clock does, and how often. A tick looks for due rows; it never raises, and leaves a sign of life.

Intervals are in seconds of UTC: APScheduler's cron trigger fires twice where the clocks go back.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from flask import Flask
from sqlalchemy.orm import Session

from scheduler.clock import Clock
from scheduler.database import begin_write, db
from scheduler.models import clinic as clinics
from scheduler.models.clinic import Clinic
from scheduler.services import idempotency, jobs, signs_of_life
from scheduler.services.account import sessions, throttles
from scheduler.services.actors import Actor
from scheduler.services.course.reservations import release_expired
from scheduler.services.mail import digest
from scheduler.services.patient import erasure
from scheduler.services.visit import zone_drift, zone_rules
from scheduler.transactions import take_turns, write_now

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
    return f"released {_in_each_clinic(app, release_expired)}"


def write_digests(app: Flask) -> str:
    """Put the morning digests that are due into the outbox."""
    return f"wrote {_in_each_clinic(app, digest.enqueue_due)}"


def prune(app: Flask) -> str:
    """Forget what is kept for a day or a week only."""
    clock: Clock = app.extensions["clock"]
    with app.app_context():
        try:
            begin_write(db.session())
            count = idempotency.prune(db.session(), clock.now()) + jobs.prune(db.session(), clock.now())
            count += sessions.prune(db.session(), clock.wall()) + throttles.prune(db.session(), clock.wall())
            db.session.commit()
        finally:
            db.session.remove()
    return f"forgot {count}"


def erase_retained(app: Flask) -> str:
    """Make anonymous whom the clinics keep no longer."""
    return f"erased {_in_each_clinic(app, erasure.erase_due)}"


def keep_hours(app: Flask) -> str:
    """Bring visits ahead to their time on the wall when the rules of a zone have changed; others may write between.

    Looks first, so that an idle tick takes no write lock.
    """
    clock: Clock = app.extensions["clock"]
    moved = stays = 0
    with app.app_context():
        try:
            session, now = db.session(), clock.now()
            due = [clinic.id for clinic in clinics.every(session) if zone_drift.is_due(session, clinic, now)]
            for clinic_id in due:
                write_now()
                actor = Actor(session.get_one(Clinic, clinic_id), None, None, "clock")
                done = zone_rules.derive(session, actor, clock.now(), take_turns)
                session.commit()
                moved, stays = moved + len(done.moved), stays + len(done.stays)
        finally:
            db.session.remove()
    return f"moved {moved}, {stays} could not"


def _in_each_clinic(app: Flask, work: Callable[[Session, Clinic, datetime], int]) -> int:
    """Do the work for each clinic in one writing transaction; return the sum."""
    clock: Clock = app.extensions["clock"]
    with app.app_context():
        try:
            begin_write(db.session())
            count = sum(work(db.session(), clinic, clock.now()) for clinic in clinics.every(db.session()))
            db.session.commit()
        finally:
            db.session.remove()
    return count
