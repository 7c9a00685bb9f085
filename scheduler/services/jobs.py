"""Jobs: asked for, taken by a worker under a lease, told how far they are, and ended.

Leases are counted by the database's clock (leases.py). A job whose lease is over is begun again; one on which workers
stop again and again is given up. The user is looked up again when the work is done: their role may have changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.orm import Session, selectinload

from scheduler.domain.person import Person
from scheduler.errors import Forbidden, NotFound, RecordErased, Refusal
from scheduler.models import job as models
from scheduler.models import user as users
from scheduler.models.clinic import Clinic
from scheduler.models.job import Job, JobState
from scheduler.services.actors import Actor
from scheduler.services.database_clock import database_time
from scheduler.services.trail import audit

IMPROVE = "improve-course"
ERASED = "it includes a patient whose record was anonymized; try again without that patient"
LEASE = timedelta(minutes=10)  # renewed at each word of progress, and not while everything is written
MOST_ATTEMPTS = 3
WRITING = "writing"  # the stage of a job whose result is being written, all in one transaction
KEPT_FOR = timedelta(days=7)  # after its end
KEPT_SHORTLY = timedelta(hours=1)  # what is good for a quarter of an hour only


class GivenUp(Refusal):
    """A job was begun as often as it may be, and never came to an end. Nothing of it is written."""

    code, status, title = "given-up", 500, "The job failed several times"


class AskedAnew(Refusal):
    """The user who asked has asked for something else since."""

    code, title = "asked-again", "Replaced by a newer search"


class LeaseLost(Exception):
    """Another worker has the job now."""


def ask(session: Session, actor: Actor, kind: str, request: Mapping[str, Any], now: datetime) -> Job:
    """Put a job in line."""
    job = Job(
        clinic_id=actor.clinic.id,
        kind=kind,
        state=JobState.WAITING,
        user_id=actor.user_id,
        address=actor.address[:45],
        request=dict(request),
        created_at=now,
    )
    session.add(job)
    session.flush()
    audit.record(session, actor, "job.asked", job, now, [kind])
    return job


def get(session: Session, clinic: Clinic, public_id: str) -> Job:
    """Return the clinic's job with this id. Raises NotFound."""
    job = models.by_public_id(session, clinic.id, public_id)
    if job is None:
        raise NotFound
    return job


def recent(session: Session, clinic: Clinic, kind: str, limit: int = 20) -> list[Job]:
    """Return the clinic's last jobs of a kind, the newest first."""
    query = select(Job).where(Job.clinic_id == clinic.id, Job.kind == kind).options(selectinload(Job.user))
    return list(session.scalars(query.order_by(Job.created_at.desc(), Job.id.desc()).limit(limit)))


def is_any_open(session: Session) -> bool:
    """Tell whether a job waits, or one is being done (whose lease may be over)."""
    query = select(Job.id).where(Job.state.in_((JobState.WAITING, JobState.RUNNING))).limit(1)
    return session.scalar(query) is not None


def is_any_done_now(session: Session) -> bool:
    """Tell whether a worker does a job whose lease is not over."""
    query = select(Job.id).where(Job.state == JobState.RUNNING, Job.leased_until >= database_time(session))
    return session.scalar(query.limit(1)) is not None


def is_any_moving(session: Session, within: timedelta) -> bool:
    """Tell whether a worker has made progress with a job of late, or writes what it has prepared under its lease."""
    at = database_time(session)
    writing = and_(Job.stage == WRITING, Job.leased_until >= at)
    query = select(Job.id).where(
        Job.state == JobState.RUNNING, or_(writing, Job.leased_until >= at + LEASE - within)
    )
    return session.scalar(query.limit(1)) is not None


def open_of(session: Session, clinic: Clinic, kind: str) -> list[Job]:
    """Return the clinic's jobs of a kind that have not ended, the oldest first."""
    open_ones = Job.state.in_((JobState.WAITING, JobState.RUNNING))
    query = select(Job).where(open_ones, Job.clinic_id == clinic.id, Job.kind == kind)
    return list(session.scalars(query.order_by(Job.created_at, Job.id)))


def claim(session: Session, token: str, now: datetime) -> Job | None:
    """Take the job that waits longest; None when there is none. Other workers pass over what is taken."""
    at = database_time(session)
    stopped = and_(Job.state == JobState.RUNNING, Job.leased_until < at)
    query = (
        select(Job)
        .where(or_(Job.state == JobState.WAITING, stopped))
        .order_by(Job.created_at, Job.id)
        .limit(1)
        .with_for_update(skip_locked=True, of=Job)
    )
    job = session.scalar(query)
    if job is None:
        return None
    if job.attempts >= MOST_ATTEMPTS:
        _end(job, JobState.FAILED, now, problem=problem_of(GivenUp()))
        session.flush()
        return claim(session, token, now)
    job.state, job.lease_token, job.leased_until = JobState.RUNNING, token, at + LEASE
    job.attempts += 1
    job.started_at, job.stage, job.progress, job.total = job.started_at or now, "", 0, 0
    session.flush()
    return job


def tell(session: Session, job_id: int, token: str, stage: str, progress: int, total: int) -> bool:
    """Write how far a job is, which renews its lease; return whether to go on for the best. Raises LeaseLost."""
    result: Any = session.execute(
        update(Job)
        .where(Job.id == job_id, Job.lease_token == token, Job.state == JobState.RUNNING)
        .values(stage=stage, progress=progress, total=total, leased_until=database_time(session) + LEASE)
        .execution_options(synchronize_session=False)
    )
    if result.rowcount != 1:
        raise LeaseLost
    return not session.scalar(select(Job.stopping).where(Job.id == job_id))


def stop(session: Session, actor: Actor, job: Job, now: datetime) -> None:
    """Ask the worker to end a search with the best that it has; nothing happens to one that has ended."""
    if job.ended_at is None:
        job.stopping = True
        audit.record(session, actor, "job.stopped", job, now, [job.kind])


def held(session: Session, job_id: int, token: str) -> Job:
    """Return the job, locked until the transaction ends, if it is still this worker's. Raises LeaseLost."""
    query = (
        select(Job).where(Job.id == job_id).with_for_update(of=Job).execution_options(populate_existing=True)
    )
    job = session.scalar(query)
    if job is None or job.state is not JobState.RUNNING or job.lease_token != token:
        raise LeaseLost
    return job


def try_again(session: Session, job: Job) -> None:
    """Put a job back in line after a failure that is not its own; its attempts count."""
    job.state, job.lease_token, job.leased_until = JobState.WAITING, None, None
    session.flush()


def hand_back(session: Session, job: Job) -> None:
    """Give a job back that has not been done: the worker is about to end."""
    job.attempts -= 1
    try_again(session, job)


def finish(session: Session, job: Job, result: Mapping[str, Any], now: datetime) -> None:
    """End a job that is done."""
    _end(job, JobState.DONE, now, result=dict(result))
    session.flush()


def fail(session: Session, job: Job, problem: Mapping[str, Any], now: datetime) -> None:
    """End a job that cannot be done."""
    _end(job, JobState.FAILED, now, problem=dict(problem))
    session.flush()


def problem_of(refusal: Refusal) -> dict[str, Any]:
    """Return a refusal as a job keeps it."""
    return {
        "code": refusal.code,
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.words,
        "faults": list(refusal.details.get("faults", ())),
    }


def asker(session: Session, job: Job) -> Actor:
    """Return who asked, with the role that they have now. Raises Forbidden when they are no member any more."""
    if job.user is None:
        return Actor(job.clinic, None, None, "command", job.address)
    membership = users.member(session, job.user.id, job.clinic_id)
    if membership is None or not job.user.active:
        raise Forbidden("The user who started this is no longer a member of the clinic")
    return Actor(job.clinic, job.user, membership.role, "staff", job.address)


def forget(session: Session, clinic_id: int, person: Person, now: datetime) -> None:
    """Remove what jobs hold of an erased patient. One that has not ended is given up: it names the patient."""
    for job in session.scalars(select(Job).where(Job.clinic_id == clinic_id).order_by(Job.id)).all():
        held = json.dumps((job.request, job.result, job.problem), ensure_ascii=False)
        if not person.is_named_in(held):
            continue
        if job.ended_at is None:
            fail(session, job, problem_of(RecordErased(ERASED)), now)
        elif job.kind == IMPROVE:
            session.delete(job)
        else:
            job.result, job.problem = {}, {**(job.problem or {}), "faults": []} if job.problem else None
    session.flush()


def prune(session: Session, now: datetime) -> int:
    """Forget jobs that ended more than a week ago, those for a better course after an hour; return how many."""
    soon = and_(Job.kind == IMPROVE, Job.ended_at <= now - KEPT_SHORTLY)
    result: Any = session.execute(delete(Job).where(or_(Job.ended_at <= now - KEPT_FOR, soon)))
    return int(result.rowcount)


def _end(
    job: Job,
    state: JobState,
    now: datetime,
    result: dict[str, Any] | None = None,
    problem: dict[str, Any] | None = None,
) -> None:
    job.state, job.ended_at, job.request = state, now, {}
    job.result, job.problem = result, problem
    job.lease_token, job.leased_until = None, None
