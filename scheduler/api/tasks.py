"""Tasks: what a person must do. A patient's answers beyond the clinic's thresholds open one."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from sqlalchemy import select

from scheduler import clock
from scheduler.api.fields import At, Body, Id, TextLine, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.paging import Paged, page
from scheduler.api.withheld import Details, withhold
from scheduler.database import db
from scheduler.http import access
from scheduler.models.task import Task, TaskKind
from scheduler.models.user import User
from scheduler.services.actors import Actor
from scheduler.services.task import tasks


class TaskAnswerView(View):
    """What a patient answered. `phq2` is the sum of both questions, null unless both were answered."""

    at: At
    phq2: int | None
    mood: int | None
    urgent: bool
    note: str


class TaskView(View):
    """A task. It is free while `taken_by` is null; it is open until `done_at`.

    `answer` is about check-in answers; `proposal` about appointments that were proposed by email, which the patient
    `accepts`, or asks for a call about.
    `answers` are those that opened it or were added to it, the earliest first. `withheld` names the fields that are
    empty because the caller's role does not see them.
    """

    id: Id
    kind: Literal["answer", "proposal"]
    patient_id: Id | None
    appointment_id: Id | None
    answers: list[TaskAnswerView]
    accepts: bool | None
    created_at: At
    due_at: At
    overdue: bool
    escalations: int
    taken_by: str | None
    taken_at: At | None
    done_by: str | None
    done_at: At | None
    outcome: str
    withheld: list[str]


class TaskPage(View):
    items: list[TaskView]
    next_cursor: str | None


class TaskQuery(Paged):
    status: Literal["open", "done"] = "open"


class Completion(Body):
    """Outcome, in words."""

    outcome: Annotated[str, TextLine(tasks.LONGEST, required=True, lines=True)]


DETAILS: Details = {"answers": {"answers": [], "outcome": ""}}


@call("GET", "/tasks", may="tasks", query=TaskQuery, gives=TaskPage)
def list_tasks(actor: Actor, query: TaskQuery) -> Answer:
    """List open tasks, or those that are done, in the order in which they are due."""
    is_done = Task.done_at.is_not(None) if query.status == "done" else Task.done_at.is_(None)
    rows = select(Task).where(Task.clinic_id == actor.clinic.id, is_done)
    order = (Task.due_at, Task.public_id)
    found, cursor = page(db.session(), rows, query, order, lambda row: (row.due_at, row.public_id))
    return Answer(TaskPage(items=[_view(row) for row in found], next_cursor=cursor))


@call("GET", "/tasks/<task_id>", may="tasks", gives=TaskView)
def get_task(actor: Actor, task_id: str) -> Answer:
    """Show one task."""
    return Answer(_view(tasks.find(db.session(), actor, task_id)))


@call("POST", "/tasks/<task_id>/assignment", may="answers", gives=TaskView, refuses=(409,))
def take_task(actor: Actor, task_id: str) -> Answer:
    """Take a task: it no longer escalates. 409 `wrong-status` when another person has it, or it is done."""
    task = tasks.find(db.session(), actor, task_id)
    return Answer(_view(tasks.take(db.session(), actor, task, clock.now())))


@call("DELETE", "/tasks/<task_id>/assignment", may="answers", gives=TaskView, refuses=(409,))
def give_back_task(actor: Actor, task_id: str) -> Answer:
    """Let others take a task again."""
    task = tasks.find(db.session(), actor, task_id)
    return Answer(_view(tasks.give_back(db.session(), actor, task, clock.now())))


@call("POST", "/tasks/<task_id>/completion", may="answers", body=Completion, gives=TaskView, refuses=(409,))
def complete_task(actor: Actor, body: Completion, task_id: str) -> Answer:
    """Complete a task with what came of it, even if another person has taken it. 409 `wrong-status` when it is done."""
    task = tasks.find(db.session(), actor, task_id)
    return Answer(_view(tasks.complete(db.session(), actor, task, body.outcome, clock.now())))


def _view(task: Task) -> TaskView:
    if task.patient is not None:
        access.touch(task.patient)
    shown = TaskView(
        id=task.public_id,
        kind=task.kind.value,
        patient_id=task.patient.public_id if task.patient else None,
        appointment_id=task.appointment.public_id if task.appointment else None,
        answers=[_answer(answer) for answer in task.answers],
        accepts=task.accepts if task.kind is TaskKind.PROPOSAL else None,
        created_at=at(task.created_at),
        due_at=at(task.due_at),
        overdue=task.is_overdue(clock.now()),
        escalations=task.escalations,
        taken_by=_email(task.taken_by),
        taken_at=at(task.taken_at) if task.taken_at else None,
        done_by=_email(task.done_by),
        done_at=at(task.done_at) if task.done_at else None,
        outcome=task.outcome,
        withheld=[],
    )
    return withhold(shown, DETAILS)


def _answer(answer: dict[str, Any]) -> TaskAnswerView:
    return TaskAnswerView(**{**answer, "at": at(answer["at"])})


def _email(user: User | None) -> str | None:
    return user.email if user else None
