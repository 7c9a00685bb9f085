"""The jobs of the clock and the worker, and what each run leaves behind so that others can see whether it lives.

A job is late when its last sign is older than its interval and 30 seconds, even if others live.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from scheduler.models.job_run import JobRun
from scheduler.services import jobs

DISPATCH, INBOX, WORKER = "dispatch", "inbox", "worker"
CLOCK = {  # seconds between two runs of each job of the clock
    DISPATCH: 5,
    "seal": 5,
    "expiry": 60,
    "digest": 60,
    "figures": 60,
    "tasks": 60,
    "waitlist": 15,
    INBOX: 60,
    "prune": 3600,
    "retention": 3600,
    "zones": 3600,  # the zone database changes with an upgrade, after which every process is started again
}
WORKER_SECONDS = 60
SLACK = timedelta(seconds=30)
SILENT = timedelta(minutes=2)  # a worker with nothing to do says every minute that it lives
KEPT_FOR = timedelta(days=7)
INSERT: dict[str, Any] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}  # that may meet another's row


@dataclass(frozen=True)
class JobHealth:
    """How a job is doing. `age` is None when it has never run; `late` and `failed` are about its last run."""

    name: str
    age: float | None
    late: bool
    failed: int = 0
    outcome: str = ""

    @property
    def trouble(self) -> str:
        """Say what is wrong, in words; empty when nothing is."""
        if self.age is None:
            return "has never run" if self.late else ""
        if self.late:
            return f"last ran {span(self.age)} ago"
        return self.outcome if self.failed else ""


def beat(
    session: Session,
    name: str,
    host: str,
    now: datetime,
    wall: datetime,
    outcome: str,
    *,
    seconds: int = 0,
    failed: int | None = None,
) -> None:
    """Write that a job has just run (or still does, which leaves `failed` as it was)."""
    said: dict[str, Any] = {"ended_at": now, "wall_at": wall, "outcome": outcome[:200]}
    if seconds:
        said["seconds"] = seconds
    if failed is not None:
        said["failed"] = failed
    insert = INSERT[session.get_bind().dialect.name](JobRun).values(name=name, host=host, **said)
    session.execute(insert.on_conflict_do_update(index_elements=["name", "host"], set_=said))


def newest(session: Session, name: str) -> JobRun | None:
    """Return the latest sign of a job on any host, by the machine's time."""
    return session.scalars(select(JobRun).where(JobRun.name == name).order_by(JobRun.wall_at.desc())).first()


def every(session: Session, wall: datetime, *, inbox: bool) -> list[JobHealth]:
    """Return how each job is doing: those of the clock (`inbox`: with that one), and the worker once there was one."""
    rows: dict[str, list[JobRun]] = {}
    for row in session.scalars(select(JobRun).order_by(JobRun.wall_at.desc())):
        rows.setdefault(row.name, []).append(row)
    found = [
        _run(name, rows.get(name, []), seconds, wall)
        for name, seconds in CLOCK.items()
        if inbox or name != INBOX
    ]
    return [*found, *_worker(session, rows.get(WORKER, []), wall)]


def is_worker_gone(session: Session, now: datetime) -> bool:
    """Tell whether no worker has been seen of late, so that a job would wait."""
    seen = newest(session, WORKER)
    return (seen is None or seen.ended_at < now - SILENT) and not jobs.is_any_done_now(session)


def prune(session: Session, wall: datetime) -> int:
    """Forget the signs of hosts and processes that were taken out of use a week ago; return how many."""
    found = session.execute(
        delete(JobRun).where(JobRun.wall_at < wall - KEPT_FOR).returning(JobRun.name)
    ).all()
    return len(found)


def span(seconds: float) -> str:
    """Return a span of time in words, such as 70 s or 12 min."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _run(name: str, rows: list[JobRun], seconds: int, wall: datetime) -> JobHealth:
    """`rows`: the latest first. One host that runs it is enough; a failure on any of them that still does counts."""
    if not rows:
        return JobHealth(name, None, late=True)
    age = (wall - rows[0].wall_at).total_seconds()
    alive = [row for row in rows if not _is_late(row, seconds, wall)]
    failing = next((row for row in alive if row.failed), rows[0])
    return JobHealth(name, age, late=not alive, failed=failing.failed, outcome=failing.outcome)


def _is_late(row: JobRun, seconds: int, wall: datetime) -> bool:
    return wall - row.wall_at > timedelta(seconds=row.seconds or seconds) + SLACK


def _worker(session: Session, rows: list[JobRun], wall: datetime) -> Iterator[JobHealth]:
    """An installation may do without a worker as long as nothing waits for it."""
    if not rows:
        if jobs.is_any_open(session):
            yield JobHealth(WORKER, None, late=True)
        return
    run = _run(WORKER, rows, WORKER_SECONDS, wall)
    if run.late and jobs.is_any_moving(session, timedelta(seconds=WORKER_SECONDS) + SLACK):
        run = JobHealth(WORKER, run.age, late=False)  # it shows that it lives by the progress of what it does
    yield run
