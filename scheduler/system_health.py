"""Is everything well: the database, its schema, each job of the clock and the worker, the disk, the mail.

Asked by /healthz, /metrics and `flask status` in full, and by the banner of the pages for what the desk must know.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flask import Flask
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from config import Settings
from scheduler import schema
from scheduler.clock import Clock
from scheduler.services import signs_of_life, wellbeing
from scheduler.services.mail import channels
from scheduler.services.signs_of_life import DISPATCH, WORKER, JobHealth
from scheduler.storage import Storage

LATE = 600.0  # seconds: beyond the first retries of a mail server that is away
PURPOSES = {
    "dispatch": "sending mail",
    "digest": "the morning digest",
    "figures": "the weekly email of figures",
    "expiry": "releasing expired holds",
    "inbox": "reading answers and bounces",
    "prune": "deleting what is kept for a short time",
    "retention": "erasing records after their retention period",
    "seal": "sealing the audit trail",
    "tasks": "notifying more people of tasks that were not taken",
    "waitlist": "offering time that got free",
    "worker": "imports and longer searches",
    "zones": "changes of time zone rules",
}
STOPPED = "Emails are not being sent. Tell your administrator: the clock process is not running."


@dataclass
class Health:
    """What was found. Everything but the database is unknown (empty) while the database is away."""

    database: str = "ok"
    schema: str = "unknown"
    jobs: list[JobHealth] = field(default_factory=list)
    due: int = 0
    oldest_due: float = 0.0
    channel: list[str] = field(default_factory=list)  # what keeps mail from leaving at this moment
    is_held: bool = False
    storage: Storage = field(default_factory=Storage)

    @property
    def is_ready(self) -> bool:
        """Whether requests can be served."""
        return self.database == self.schema == "ok"

    @property
    def troubles(self) -> list[str]:
        """Return all that a person must look at, one line each; empty while all is well.

        A mail server that refuses is none of it before mail is late: it may be back in a minute.
        """
        found = []
        if self.database != "ok":
            found.append(f"the database is {self.database}")
        elif self.schema != "ok":
            found.append(self.schema)
        found += [f"{kind(job)} {job.name}: {job.trouble}" for job in self.jobs if job.trouble]
        if self.is_mail_late:
            found.append(f"mail is {self.oldest_due / 60:.0f} minutes late")
        if self.is_held:
            found.append("sending is held (flask clock agree)")
        return [*found, *self.storage.troubles]

    @property
    def is_mail_late(self) -> bool:
        return self.oldest_due > LATE

    @property
    def clock(self) -> str:
        """Say how the clock's jobs are, all in one line."""
        return said(job for job in self.jobs if job.name != WORKER) if self.is_ready else "unknown"

    @property
    def worker(self) -> str:
        if not self.is_ready:
            return "unknown"
        found = [job for job in self.jobs if job.name == WORKER]
        return said(found) if found else "not used"

    @property
    def mail(self) -> str:
        if not self.is_ready:
            return "unknown"
        late = [f"mail is {self.oldest_due / 60:.0f} minutes late"] if self.is_mail_late else []
        return " ".join([*late, *self.channel]) or "ok"


def look(app: Flask, session: Session, storage: Storage) -> Health:
    """Look at everything. Raises nothing: a database that does not answer is a finding."""
    found = ready(session)
    found.storage = storage
    if found.is_ready:
        try:
            _look_at_rows(app, session, found)
        except SQLAlchemyError:
            session.rollback()
            found.database = "away"
    return found


def ready(session: Session) -> Health:
    """Look only whether requests can be served: the database answers, and has this code's tables."""
    found = Health()
    try:
        session.execute(text("SELECT 1"))
        found.schema = schema.fault(session.connection()) or "ok"
    except SQLAlchemyError:
        session.rollback()
        found.database = "away"
    return found


def banner(app: Flask, session: Session) -> list[str]:
    """Return what the desk must know: nothing while all is well."""
    found = Health(schema="ok")
    _look_at_rows(app, session, found)
    late = [job for job in found.jobs if job.late]
    if all(job.late for job in found.jobs if job.name != WORKER):
        return [STOPPED, *found.channel]
    words = [
        "Emails are not being sent. Tell your administrator: the sending job "
        + ("has never run." if job.age is None else f"last ran {signs_of_life.span(job.age)} ago.")
        for job in late
        if job.name == DISPATCH
    ]
    rest = [job for job in found.jobs if job.trouble and not (job.late and job.name == DISPATCH)]
    if rest:
        named = ", ".join(f"{job.name} ({PURPOSES[job.name]})" for job in rest)
        words.append(f"Background tasks are delayed or failing: {named}. Tell your administrator.")
    if found.is_mail_late and not words:
        words.append("Emails are delayed. Tell your administrator.")
    return [*words, *found.channel]


def kind(job: JobHealth) -> str:
    """Return what to call it: the worker is a process, the others are jobs of the clock."""
    return "process" if job.name == WORKER else "job"


def said(jobs: Iterable[JobHealth]) -> str:
    """Return what is wrong with these jobs, or ok."""
    return "; ".join(f"{job.name} {job.trouble}" for job in jobs if job.trouble) or "ok"


def _look_at_rows(app: Flask, session: Session, found: Health) -> None:
    clock: Clock = app.extensions["clock"]
    settings: Settings = app.config["SETTINGS"]
    found.jobs = signs_of_life.every(session, clock.wall(), inbox=settings.inbox is not None)
    found.due, found.oldest_due = wellbeing.waiting(session, clock.now())
    found.channel = channels.troubles(session, clock.now())
    found.is_held = channels.is_held(session)
