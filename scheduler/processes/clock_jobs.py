"""What the clock does, and how often. A job looks for due rows; it never raises, and records each of its runs.

Jobs go clinic by clinic, each in a transaction of its own: one whose data is broken harms no other. Several clocks may
run at once: on PostgreSQL each clinic's turn at a job is an advisory lock of that transaction (services/locks.py).

Intervals are in seconds of UTC: APScheduler's cron trigger fires twice where the clocks go back.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from flask import Flask
from sqlalchemy.orm import Session

from scheduler.clock import Clock
from scheduler.database import begin_write, db, empty_log, writing
from scheduler.models.clinic import Clinic
from scheduler.services import idempotency, jobs, locks, signs_of_life
from scheduler.services.account import sessions, throttles
from scheduler.services.actors import Actor
from scheduler.services.day import digest
from scheduler.services.patient import erasure, mail_to_read
from scheduler.services.reports import weekly
from scheduler.services.task import answers
from scheduler.services.transfer import imports_patients
from scheduler.services.visit import changes, zone_drift, zone_rules
from scheduler.services.waitlist import running
from scheduler.transactions import take_turns

log = logging.getLogger(__name__)
STARTS_SHOWN = 60  # seconds of interval from which the start is recorded too: a long run must not look late
SHOWN_EVERY = 10.0  # seconds between two signs of life of a run that goes through many clinics


@dataclass(frozen=True)
class ClockJob:
    """One job: its name, the seconds between its runs, and what it does (it returns what it did, in words)."""

    name: str
    seconds: int
    work: Callable[[], str]


class SomeFailed(Exception):
    """A run that failed for some clinics, and did its work for the others."""

    def __init__(self, done: str, failures: Sequence[str]) -> None:
        super().__init__(f"{done}; failed for {', '.join(failures)}")
        self.count = len(failures)


class Elsewhere(Exception):
    """Another clock has taken over this clinic's turn."""


def run(app: Flask, job: ClockJob) -> None:
    """Do the job's work and record how it ended, also after an error."""
    if job.seconds >= STARTS_SHOWN:
        _record(app, job, "runs", None)
    failed = 0
    try:
        outcome = job.work()
    except SomeFailed as some:
        outcome, failed = str(some), some.count
    except Exception as trouble:
        log.exception("job %s failed", job.name)
        outcome, failed = f"failed: {type(trouble).__name__}", 1
    _record(app, job, outcome, failed)


def show_life(app: Flask, name: str, outcome: str, seconds: int = 0, failed: int | None = None) -> None:
    """Write the sign of life of a job."""
    clock: Clock = app.extensions["clock"]
    host = socket.gethostname()[:200]
    with writing(app) as session:
        signs_of_life.beat(
            session, name, host, clock.now(), clock.wall(), outcome, seconds=seconds, failed=failed
        )


def expire_reservations(app: Flask) -> str:
    """Free what was reserved for patients who have not decided in time."""
    return in_each_clinic(app, "expiry", "released", changes.clinics_with_expired, changes.release_expired)


def write_digests(app: Flask) -> str:
    """Put the morning digests that are due into the outbox."""
    return in_each_clinic(app, "digest", "wrote", digest.due_clinics, digest.enqueue_due)


def write_figures(app: Flask) -> str:
    """Put the weekly mails to managers that are due into the outbox."""
    return in_each_clinic(app, "figures", "wrote", weekly.due_clinics, weekly.enqueue_due)


def escalate_tasks(app: Flask) -> str:
    """Notify more people of tasks that were not taken in time."""
    return in_each_clinic(app, "tasks", "escalated", answers.due_clinics, answers.escalate_due)


def offer_openings(app: Flask) -> str:
    """End what is over of the waitlist, and offer time that got free where the clinics want that."""
    return in_each_clinic(app, "waitlist", "offered", running.due_clinics, running.run)


def erase_retained(app: Flask) -> str:
    """Make anonymous whom the clinics keep no longer, and remove what is left of those erased lately."""
    outcome = in_each_clinic(app, "retention", "erased", erasure.due_clinics, erasure.erase_due)
    with app.app_context():
        empty_log(db.engine)
    return outcome


def keep_hours(app: Flask) -> str:
    """Bring visits ahead to their local time when the rules of a zone have changed; others may write between."""
    stays = 0

    def derive(session: Session, clinic: Clinic, now: datetime) -> int:
        nonlocal stays
        turn = partial(locks.take_job, session, "zones", clinic.id)

        def next_part() -> None:
            take_turns()
            if not turn():
                raise Elsewhere

        if not turn():
            raise Elsewhere
        session.refresh(clinic)  # another clock may have ended its turn since it was read
        done = zone_rules.derive(session, Actor(clinic, None, None, "clock"), now, next_part)
        stays += len(done.stays)
        return len(done.moved)

    moved = in_each_clinic(app, "zones", "moved", zone_drift.due_clinics, derive)
    return f"{moved}, {stays} could not be moved"


def prune(app: Flask) -> str:
    """Forget what is kept for a day or a week only."""
    clock: Clock = app.extensions["clock"]
    with writing(app) as session:
        if not locks.take_job(session, "prune"):
            return "another clock process runs it"
        count = idempotency.prune(session, clock.now()) + jobs.prune(session, clock.now())
        count += sessions.prune(session, clock.wall()) + throttles.prune(session, clock.wall())
        count += signs_of_life.prune(session, clock.wall())
        count += mail_to_read.prune(session, clock.now()) + imports_patients.prune(session, clock.now())
    return f"forgot {count}"


def in_each_clinic(
    app: Flask,
    job: str,
    verb: str,
    due: Callable[[Session, datetime], Sequence[int]],
    work: Callable[[Session, Clinic, datetime], int],
) -> str:
    """Do the work for each due clinic in a writing transaction of its own; return what was done, in words.

    Looks first, so that an idle run takes no write lock. Raises SomeFailed at the end when it failed for some.
    """
    clock: Clock = app.extensions["clock"]
    count, shown = 0, time.monotonic()
    failures: list[str] = []
    with app.app_context():
        session = db.session()
        try:
            found = due(session, clock.now())
            session.rollback()
            for clinic_id in found:
                try:
                    begin_write(session)
                    count += work(session, session.get_one(Clinic, clinic_id), clock.now())
                    session.commit()
                except Elsewhere:
                    session.rollback()
                except Exception as trouble:
                    session.rollback()
                    if getattr(trouble, "connection_invalidated", False):
                        raise  # the database has gone, for all of them
                    log.exception("job %s failed for clinic %d", job, clinic_id)
                    failures.append(f"clinic {clinic_id} ({type(trouble).__name__})")
                if time.monotonic() - shown > SHOWN_EVERY:
                    shown = time.monotonic()
                    show_life(app, job, "runs")
        finally:
            db.session.remove()
    if failures:
        raise SomeFailed(f"{verb} {count}", failures)
    return f"{verb} {count}"


def _record(app: Flask, job: ClockJob, outcome: str, failed: int | None) -> None:
    try:
        show_life(app, job.name, outcome, job.seconds, failed)
    except Exception:
        log.exception("job %s could not record its run", job.name)
