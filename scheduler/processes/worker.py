"""The worker: a process of its own that does jobs, one at a time, until a signal stops it.

What a job needs is read first; then it is checked or worked out outside any transaction, and tells how far it is; then
it is written in one transaction, which also ends the job. What is too large for a short transaction is stored in parts
before, each in a transaction of its own, and counts only from the last transaction on; the parts of a job that fails
are discarded. A worker that is killed leaves a lease that runs out; one that is stopped by a signal returns what it has
not begun to write.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from types import FrameType
from typing import Any
from uuid import uuid4

from flask import Flask
from sqlalchemy.orm import Session

from scheduler.clock import Clock
from scheduler.database import begin_write, db, writing
from scheduler.errors import Refusal
from scheduler.models.job import Job
from scheduler.processes.clock_jobs import show_life
from scheduler.processes.logs import set_up
from scheduler.services import jobs, signs_of_life
from scheduler.services.account.permissions import require
from scheduler.services.actors import Actor
from scheduler.services.jobs import LeaseLost
from scheduler.services.planning import improving_jobs
from scheduler.services.progress import Part, Progress
from scheduler.services.replan import accepting, replan_search, replans, undoing
from scheduler.services.reports import files
from scheduler.services.transfer import import_jobs
from scheduler.transactions import stored_in_parts

log = logging.getLogger(__name__)
PAUSE_SECONDS = 1.0  # between two looks for a job
LIFE_SECONDS = float(signs_of_life.WORKER_SECONDS)  # between two signs of a worker that has nothing to do
TROUBLE_SECONDS = 10.0  # after the database did not answer
STEP_SECONDS = 0.1


@dataclass(frozen=True)
class Work:
    """How a kind of job is done: the permission it needs, what is read, checked or worked out, and written then.

    `parts` yields what is stored before; `discard` deletes some of that, and returns how much.
    """

    may: str
    read: Callable[[Session, Actor, Mapping[str, Any], datetime], Any]
    check: Callable[[Any, datetime, Progress], Any]
    write: Callable[[Session, Actor, Mapping[str, Any], Any, datetime], dict[str, Any]]
    parts: Callable[[Any, datetime], Iterable[Part]] = lambda *_: ()
    discard: Callable[..., int] = lambda *_, **__: 0


KINDS = {
    import_jobs.KIND: Work(
        import_jobs.MAY,
        import_jobs.read,
        import_jobs.check,
        import_jobs.write,
        import_jobs.parts,
        import_jobs.discard,
    ),
    improving_jobs.KIND: Work(
        improving_jobs.MAY, improving_jobs.read, improving_jobs.check, improving_jobs.write
    ),
    replan_search.KIND: Work(replans.MAY, replan_search.read, replan_search.check, replan_search.write),
    accepting.KIND: Work(replans.MAY, accepting.read, accepting.check, accepting.write, accepting.parts),
    undoing.KIND: Work(replans.MAY, undoing.read, undoing.check, undoing.write, undoing.parts),
    files.KIND: Work(files.MAY, files.read, files.check, files.write, files.parts, files.discard),
}


class Stopping(Exception):
    """The worker has been told to stop."""


class Ending:
    """Whether the worker has been told to stop: a signal's handler that only says so.

    Not waited for as the clock does: libraries have threads that block no signals, and would end the process by one
    that comes while a job is done.
    """

    told = False

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        self.told = True

    def pause(self, seconds: float) -> None:
        """Sleep, but not long after the signal."""
        last = time.monotonic() + seconds
        while not self.told and time.monotonic() < last:
            time.sleep(STEP_SECONDS)


def run_worker(app: Flask) -> None:
    """Do jobs until SIGTERM or SIGINT."""
    set_up(app)
    ending = Ending()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ending)
    log.info("the worker waits for jobs")
    token, seen = str(uuid4()), -LIFE_SECONDS
    while not ending.told:
        try:
            outcome = work_once(app, token, lambda: ending.told)
            if outcome or time.monotonic() - seen > LIFE_SECONDS:
                show_life(app, signs_of_life.WORKER, outcome or "nothing to do", int(LIFE_SECONDS))
                seen = time.monotonic()
            ending.pause(0 if outcome.startswith("done") else PAUSE_SECONDS)
        except Exception:
            log.exception("the worker cannot look for jobs")
            ending.pause(TROUBLE_SECONDS)
    log.info("the worker has stopped")


def work_once(app: Flask, token: str, is_ending: Callable[[], bool] = lambda: False) -> str:
    """Do the next job; return how it ended, or nothing when there is none."""
    with app.app_context():
        try:
            job_id = _claim(app, token)
            return _do(app, job_id, token, is_ending) if job_id is not None else ""
        finally:
            db.session.remove()


def _claim(app: Flask, token: str) -> int | None:
    """Take the next job. Looks first, so that a worker with nothing to do takes no write lock."""
    waiting = jobs.is_any_open(db.session())
    db.session.rollback()
    if not waiting:
        return None
    begin_write(db.session())
    job = jobs.claim(db.session(), token, _now(app))
    job_id = job.id if job else None
    db.session.commit()
    return job_id


def _do(app: Flask, job_id: int, token: str, is_ending: Callable[[], bool]) -> str:
    try:
        return _work(app, job_id, token, is_ending)
    except LeaseLost:
        db.session.rollback()
        return "lost a job to another worker"
    except Stopping:
        _with_job(job_id, token, lambda job: jobs.hand_back(db.session(), job))
        return "returned a job to the queue"
    except Refusal as refusal:
        problem = jobs.problem_of(refusal)
        _with_job(job_id, token, lambda job: jobs.fail(db.session(), job, problem, _now(app)))
        return f"refused: {refusal.code}"
    except Exception as trouble:
        log.exception("job %s failed", job_id)
        _with_job(job_id, token, lambda job: jobs.try_again(db.session(), job))
        return f"failed: {type(trouble).__name__}"


def _work(app: Flask, job_id: int, token: str, is_ending: Callable[[], bool]) -> str:
    job = db.session.get_one(Job, job_id)
    kind, request = job.kind, job.request
    work = KINDS[kind]
    actor = jobs.asker(db.session(), job)
    require(actor, work.may)
    known = work.read(db.session(), actor, request, _now(app))
    db.session.rollback()

    def tell(stage: str, done: int, total: int) -> bool:
        if is_ending():
            raise Stopping
        with writing() as own:
            return jobs.tell(own, job_id, token, stage, done, total)

    prepared = work.check(known, _now(app), tell)
    discard = partial(work.discard, prepared=prepared)
    with stored_in_parts(work.parts(prepared, _now(app)), discard, tell):
        tell(jobs.WRITING, 0, 0)
        begin_write(db.session())
        job = jobs.held(db.session(), job_id, token)
        result = work.write(db.session(), jobs.asker(db.session(), job), request, prepared, _now(app))
        jobs.finish(db.session(), job, result, _now(app))
        db.session.commit()
    return f"done: {kind}"


def _with_job(job_id: int, token: str, change: Callable[[Job], None]) -> None:
    """Change a job that is still ours, in a transaction of its own."""
    db.session.rollback()
    begin_write(db.session())
    try:
        change(jobs.held(db.session(), job_id, token))
    except LeaseLost:
        db.session.rollback()
        return
    db.session.commit()


def _now(app: Flask) -> datetime:
    clock: Clock = app.extensions["clock"]
    return clock.now()
