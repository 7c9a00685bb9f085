"""What is to do: the open tasks of the clinic, taking one, giving it back, and recording what came of it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.models import task as models
from scheduler.services.clinic import displaced
from scheduler.services.day import duties
from scheduler.services.task import tasks
from scheduler.web.current import actor
from scheduler.web.shell import may

bp = Blueprint("tasks", __name__, url_prefix="/tasks")


@bp.get("")
@may("tasks")
def index() -> str:
    now, clinic = clock.now(), actor().clinic
    return _page(
        models.open_in(db.session(), clinic.id, now),
        heading="To do",
        displaced=displaced.ahead(db.session(), clinic, now),
        duties=duties.of_clinic(db.session(), clinic, now),
    )


@bp.get("/<task_id>")
@may("tasks")
def show(task_id: str) -> str:
    """One task, where the mail about it leads; also when it is done."""
    return _page([tasks.find(db.session(), actor(), task_id)], heading="Task")


@bp.post("/<task_id>/assignment")
@may("answers")
def take(task_id: str) -> Response:
    task = tasks.find(db.session(), actor(), task_id)
    tasks.take(db.session(), actor(), task, clock.now())
    db.session.commit()
    flash("You have taken this task.")
    return redirect(url_for(".show", task_id=task_id), 303)


@bp.post("/<task_id>/release")
@may("answers")
def give_back(task_id: str) -> Response:
    task = tasks.find(db.session(), actor(), task_id)
    tasks.give_back(db.session(), actor(), task, clock.now())
    db.session.commit()
    flash("The task is open for others again.")
    return redirect(url_for(".index"), 303)


@bp.post("/<task_id>/completion")
@may("answers")
def complete(task_id: str) -> Response | tuple[str, int]:
    task = tasks.find(db.session(), actor(), task_id)
    try:
        tasks.complete(db.session(), actor(), task, request.form.get("outcome", ""), clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page([task], heading="Task", error="Say what came of it."), refusal.status
    db.session.commit()
    flash("Done.")
    return redirect(url_for(".index"), 303)


def _page(found: list[models.Task], heading: str, **more: Any) -> str:
    return render_template(
        "tasks/index.html",
        tasks=found,
        heading=heading,
        now=clock.now(),
        may_take=lambda task: tasks.may_take(actor(), task),
        **more,
    )
