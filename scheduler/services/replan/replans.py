"""A re-plan from the first click to the last: asked for, searched by the worker, accepted or undone.

It is about the visits that are displaced now: by a closure, an absence, a change of hours. Asking again searches for
those that are displaced still. Nothing is moved before a person accepts it; the reminders of displaced visits wait.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, joinedload

from scheduler.domain.windows import Window
from scheduler.errors import NotFound, WrongStatus
from scheduler.models import job as jobs_table
from scheduler.models import replan as models
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.job import Job, JobState
from scheduler.models.replan import Replan, ReplanCourse, ReplanState
from scheduler.models.schedule import Closure
from scheduler.services import jobs
from scheduler.services.actors import Actor
from scheduler.services.replan.affected import Scope
from scheduler.services.trail import audit

MAY = "move"
SEARCH = "replan"
UNDO_WITHIN = timedelta(hours=24)


def ask(
    session: Session,
    actor: Actor,
    now: datetime,
    scope: Scope,
    closure: Closure | None = None,
    *,
    closes: bool = False,
) -> Replan:
    """Put the search in line; `closes` tells that the closure was made for this, so undoing it reopens."""
    window = scope.window
    replan = Replan(
        clinic_id=actor.clinic.id,
        closure=closure.public_id if closure else "",
        closes=closes,
        resource_id=scope.resource_id,
        start_at=window.start if window else None,
        end_at=window.end if window else None,
        user_id=actor.user_id,
        created_at=now,
    )
    session.add(replan)
    session.flush()
    audit.record(session, actor, "replan.asked", replan, now)
    _search(session, actor, replan, now)
    return replan


def of_closure(closure: Closure) -> Scope:
    """Return what a closure displaces."""
    return Scope(closure.resource_id, Window(closure.start_at, closure.end_at))


def again(
    session: Session,
    actor: Actor,
    replan: Replan,
    now: datetime,
    pinned: Collection[str] = (),
    left_out: Collection[str] = (),
) -> None:
    """Search again for what is displaced still. `pinned` visits stay, the courses of `left_out` visits are not touched.

    Both are public ids of visits. What was accepted stays accepted. Raises WrongStatus while a job is at it.
    """
    require_idle(session, replan)
    replan.options = {"pinned": sorted(pinned), "left_out": sorted(left_out)}
    session.execute(
        delete(ReplanCourse).where(
            ReplanCourse.replan_id == replan.id, ReplanCourse.state != ReplanState.ACCEPTED
        )
    )
    session.expire(replan, ["courses"])
    replan.result = None
    _search(session, actor, replan, now)


def stop(session: Session, actor: Actor, replan: Replan, now: datetime) -> None:
    """End the search with the best that it has found."""
    job = search_of(session, replan)
    if job is not None:
        jobs.stop(session, actor, job, now)


def get(session: Session, clinic: Clinic, public_id: str) -> Replan:
    """Return the clinic's re-plan with this id. Raises NotFound."""
    replan = models.by_public_id(session, clinic.id, public_id)
    if replan is None:
        raise NotFound
    return replan


def courses(session: Session, replan: Replan) -> Sequence[ReplanCourse]:
    """Return what was found for each course, with visits and patients, in order of the first displaced visit."""
    visit = joinedload(ReplanCourse.appointment)
    query = (
        select(ReplanCourse)
        .join(Appointment, Appointment.id == ReplanCourse.appointment_id)
        .where(ReplanCourse.replan_id == replan.id)
        .order_by(Appointment.start_at, ReplanCourse.id)
        .options(visit.joinedload(Appointment.patient), visit.joinedload(Appointment.care_plan))
    )
    return session.scalars(query).all()


def recent(session: Session, clinic: Clinic, limit: int = 20) -> Sequence[Replan]:
    """Return the clinic's last re-plans, the newest first."""
    query = select(Replan).where(Replan.clinic_id == clinic.id)
    return session.scalars(query.order_by(Replan.id.desc()).limit(limit)).all()


def search_of(session: Session, replan: Replan) -> Job | None:
    """Return the job that searches, None once it is forgotten."""
    return jobs_table.by_public_id(session, replan.clinic_id, replan.job)


def step_of(session: Session, replan: Replan) -> Job | None:
    """Return the job that accepts or undoes it, if there is or was one."""
    return jobs_table.by_public_id(session, replan.clinic_id, replan.step_job) if replan.step_job else None


def is_open(job: Job | None) -> bool:
    return job is not None and job.state in (JobState.WAITING, JobState.RUNNING)


def require_idle(session: Session, replan: Replan) -> None:
    """Raise WrongStatus while a job searches, accepts or undoes, and for what was undone."""
    if replan.undone_at is not None:
        raise WrongStatus("These moves were undone already")
    if is_open(search_of(session, replan)):
        raise WrongStatus("The search is not over yet")
    if is_open(step_of(session, replan)):
        raise WrongStatus("The visits are being moved right now")


def begin_step(
    session: Session, actor: Actor, replan: Replan, kind: str, request: dict[str, Any], now: datetime
) -> Job:
    """Put accepting, or undoing, in line."""
    job = jobs.ask(session, actor, kind, {"replan": replan.public_id, **request}, now)
    replan.step_job = job.public_id
    return job


def scope_of(replan: Replan) -> Scope:
    """Return which displaced visits a re-plan is about."""
    window = Window(replan.start_at, replan.end_at) if replan.start_at and replan.end_at else None
    return Scope(replan.resource_id, window)


def _search(session: Session, actor: Actor, replan: Replan, now: datetime) -> None:
    replan.job = jobs.ask(session, actor, SEARCH, {"replan": replan.public_id}, now).public_id
