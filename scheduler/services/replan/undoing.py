"""Undoing an accepted re-plan: every visit goes where it was, and a closure that was made for it is withdrawn.

It can be undone within a day, as a whole, while nothing else has happened to the visits that it moved. A visit that
changes after that (a patient confirms the new time before the worker has come to it) stays at its new time, with all of
its patient's that moved with it, and the page names it. A message about a move that has not left is void; patients
whose message is out get one correction.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import uuid4

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session, aliased

from scheduler.errors import Refusal, WrongStatus
from scheduler.models import job as jobs_table
from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.job import Job
from scheduler.models.replan import Replan, ReplanCourse, ReplanState
from scheduler.models.schedule import Closure
from scheduler.services import jobs
from scheduler.services.actors import Actor
from scheduler.services.clinic import schedules
from scheduler.services.progress import Part, Progress
from scheduler.services.replan import replans
from scheduler.services.trail import audit
from scheduler.services.visit.undo_moves import move_back

KIND = "undo-replan"


@dataclass(frozen=True)
class UndoWork:
    clinic_id: int
    job: str
    operations: tuple[str, ...]


def ask(session: Session, actor: Actor, replan: Replan, now: datetime) -> Job:
    """Put undoing in line.

    Raises WrongStatus once a day is over, when a moved visit has changed since, or while its former time is closed.
    """
    replans.require_idle(session, replan)
    _require(session, replan, now)
    _reopen(session, actor, replan, now)
    return replans.begin_step(session, actor, replan, KIND, {}, now)


def read(session: Session, actor: Actor, request: Mapping[str, Any], _now: datetime) -> UndoWork:
    """Return what is undone, the last moves first: a time that one patient left may be another's now."""
    replan = replans.get(session, actor.clinic, request["replan"])
    last = select(AppointmentEvent.operation, func.max(AppointmentEvent.id)).where(
        AppointmentEvent.operation.in_({row.operation for row in _accepted(replan)})
    )
    known = session.execute(last.group_by(AppointmentEvent.operation)).all()
    operations = [operation for operation, _ in sorted(known, key=lambda row: -row[1])]
    return UndoWork(actor.clinic.id, replan.step_job, tuple(operations))


def check(work: UndoWork, _now: datetime, _progress: Progress) -> UndoWork:
    return work


def parts(work: UndoWork, now: datetime) -> Iterator[Part]:
    """Yield what undoes the moves of each patient."""
    for done, operation in enumerate(work.operations, 1):
        yield Part(
            done, len(work.operations), partial(_undo_patient, work=work, operation=operation, now=now)
        )


def write(
    session: Session, actor: Actor, request: Mapping[str, Any], _work: UndoWork, now: datetime
) -> dict[str, Any]:
    """Record what was undone; return for how many courses, and for how many not."""
    replan = replans.get(session, actor.clinic, request["replan"])
    left = len(_accepted(replan))
    undone = sum(row.state is ReplanState.UNDONE for row in replan.courses)
    if not left:
        replan.undone_at = now
    audit.record(session, actor, "replan.undone", replan, now, [f"courses:{undone}"])
    return {"undone": undone, "left": left}


def is_open(replan: Replan, now: datetime) -> bool:
    """Tell whether there is something to undo, and time to do it."""
    times = [row.accepted_at for row in _accepted(replan) if row.accepted_at is not None]
    return replan.undone_at is None and bool(times) and now < max(times) + replans.UNDO_WITHIN


def _accepted(replan: Replan) -> list[ReplanCourse]:
    return [row for row in replan.courses if row.state is ReplanState.ACCEPTED]


def _require(session: Session, replan: Replan, now: datetime) -> None:
    if not is_open(replan, now):
        raise WrongStatus("It can be undone within 24 hours of accepting it")
    if why := obstacle(session, replan):
        raise WrongStatus(why)


def obstacle(session: Session, replan: Replan) -> str:
    """Return why what was accepted cannot be undone as a whole; nothing if it can."""
    if not replan.closes and _closure(session, replan) is not None:
        return "The former times are still closed: reopen them first, then undo"
    later = aliased(AppointmentEvent)
    query = select(AppointmentEvent.appointment_id).where(
        AppointmentEvent.operation.in_({row.operation for row in _accepted(replan)}),
        exists().where(
            later.appointment_id == AppointmentEvent.appointment_id, later.id > AppointmentEvent.id
        ),
    )
    changed = session.scalar(query.order_by(AppointmentEvent.id).limit(1))
    if changed is None:
        return ""
    visit = session.get_one(Appointment, changed)
    return f"A moved visit has changed since: {visit.numbered_title} of {visit.patient.name}"


def _reopen(session: Session, actor: Actor, replan: Replan, now: datetime) -> None:
    """Withdraw the closure that was made for this re-plan."""
    closure = _closure(session, replan)
    if replan.closes and closure is not None:
        schedules.reopen(session, actor, closure, now, is_offered=False)


def _closure(session: Session, replan: Replan) -> Closure | None:
    """Return the closure of a re-plan, None once it was withdrawn."""
    return session.scalar(
        select(Closure).where(Closure.clinic_id == replan.clinic_id, Closure.public_id == replan.closure)
    )


def _undo_patient(session: Session, work: UndoWork, operation: str, now: datetime) -> None:
    job = jobs_table.by_public_id(session, work.clinic_id, work.job)
    if job is None:
        raise AssertionError("the job that undoes it is gone")
    actor = replace(jobs.asker(session, job), operation=str(uuid4()))
    accepted = (ReplanCourse.operation == operation, ReplanCourse.state == ReplanState.ACCEPTED)
    rows = session.scalars(select(ReplanCourse).where(*accepted)).all()
    if not rows:
        return  # another worker has undone it: a job may be begun twice
    events = _events(session, operation)
    try:
        with session.begin_nested():
            if events:
                move_back(session, actor, events[0], now)
    except Refusal as refused:
        for row in rows:
            row.reasons = [f"Stays at the new time. {refused.words}"]
        return
    for row in rows:
        row.state, row.reasons = ReplanState.UNDONE, []


def _events(session: Session, operation: str) -> Sequence[AppointmentEvent]:
    query = select(AppointmentEvent).where(AppointmentEvent.operation == operation)
    return session.scalars(query.order_by(AppointmentEvent.id)).all()
