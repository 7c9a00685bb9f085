"""Taking a task, giving it back, and recording what came of it.

Anyone who may take a task may also complete it, even if another person has taken it: what must be done soon does not
wait for one person.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.domain.text import BadText, clean_note
from scheduler.errors import Forbidden, Invalid, NotFound, WrongStatus
from scheduler.models import task as models
from scheduler.models.task import Task, TaskKind
from scheduler.services.account.permissions import allowed, require
from scheduler.services.actors import Actor
from scheduler.services.trail import audit

LONGEST = 500
LONGEST_SNOOZE = timedelta(days=2)
# the permission to take a task of a kind, and to complete it
NEEDS = {TaskKind.ANSWER: "answers", TaskKind.PROPOSAL: "book"}


def find(session: Session, actor: Actor, public_id: str) -> Task:
    """Return the clinic's task with this id. Raises NotFound."""
    task = models.by_public_id(session, actor.clinic.id, public_id)
    if task is None:
        raise NotFound
    return task


def may_take(actor: Actor, task: Task) -> bool:
    """Tell whether the actor's role may take a task and complete it."""
    return allowed(actor, NEEDS[task.kind])


def take(session: Session, actor: Actor, task: Task, now: datetime) -> Task:
    """Take a task; taking one's own again changes nothing. It no longer escalates.

    Raises WrongStatus when it is done or another person has it.
    """
    _lock(session, actor, task)
    if task.taken_by_id is not None:
        if task.taken_by_id == actor.user_id:
            return task
        raise WrongStatus(f"{_name(task)} has taken this")
    task.taken_at, task.taken_by_id, task.escalates_at = now, _person(actor), None
    audit.record(session, actor, "task.taken", task, now)
    session.flush()
    return task


def give_back(session: Session, actor: Actor, task: Task, now: datetime) -> Task:
    """Let others take a task again; from then on it escalates as before. Nothing happens if it is free."""
    _lock(session, actor, task)
    if task.taken_by_id is None:
        return task
    task.taken_at = task.taken_by_id = None
    task.escalates_at = max(task.due_at, now + timedelta(minutes=actor.clinic.settings.answer_due_minutes))
    audit.record(session, actor, "task.given-back", task, now)
    session.flush()
    return task


def snooze(session: Session, actor: Actor, task: Task, until: datetime, now: datetime) -> Task:
    """Leave a task out of the list until then, for its taker alone: one that no one has taken goes on escalating.

    Raises WrongStatus unless the actor has taken it, Invalid for a time in the past or more than two days ahead.
    """
    _lock(session, actor, task)
    if task.taken_by_id is None or task.taken_by_id != actor.user_id:
        raise WrongStatus("Take this task before you snooze it")
    if not now < until <= now + LONGEST_SNOOZE:
        raise Invalid([("until", "must be within two days from now")])
    task.snoozed_until = until
    audit.record(session, actor, "task.snoozed", task, now)
    session.flush()
    return task


def complete(session: Session, actor: Actor, task: Task, outcome: str, now: datetime) -> Task:
    """Record what came of a task. Raises Invalid without an outcome, WrongStatus when it is done."""
    _lock(session, actor, task)
    try:
        outcome = clean_note("outcome", outcome, LONGEST, required=True)
    except BadText as bad:
        raise Invalid([(bad.field, bad.reason)]) from None
    task.done_at, task.done_by_id, task.escalates_at = now, _person(actor), None
    task.outcome = outcome
    audit.record(session, actor, "task.completed", task, now)
    session.flush()
    return task


def _lock(session: Session, actor: Actor, task: Task) -> None:
    """Read the task again and hold it. Raises Forbidden for a role that may not take it, WrongStatus when done."""
    require(actor, NEEDS[task.kind])
    session.refresh(task, with_for_update=True)
    if task.done_at is not None:
        by = task.done_by.name or task.done_by.email if task.done_by else "another person"
        raise WrongStatus(f"{by} has completed this")


def _person(actor: Actor) -> int:
    if actor.user_id is None:
        raise Forbidden("A task is taken by a person, with an account")
    return actor.user_id


def _name(task: Task) -> str:
    return (task.taken_by.name or task.taken_by.email) if task.taken_by else "Another person"
