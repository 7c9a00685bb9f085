"""What is to do: the open tasks of the clinic, taking one, giving it back, and recording what came of it."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on, to_local
from scheduler.domain.reminders import at_local
from scheduler.errors import Invalid
from scheduler.models import task as models
from scheduler.services.day import worklist
from scheduler.services.task import tasks
from scheduler.web.current import actor
from scheduler.web.shell import may

bp = Blueprint("tasks", __name__)
MORNING = time(8)


@bp.get("/today")
@may("tasks")
def index() -> str:
    """Everything that is to do, and the tasks first."""
    return _page(models.open_in(db.session(), actor().clinic.id, clock.now()), heading="To do", **_work())


@bp.get("/today/list")
@may("tasks")
def refresh() -> str:
    """The lists again, asked by the page itself."""
    return render_template("tasks/_refreshed.html", now=clock.now(), **_work())


@bp.get("/today/count")
@may("tasks")
def count() -> str:
    """How much there is to do, for the navigation of every page."""
    return render_template(
        "_task_count.html", open_tasks=worklist.COUNTS.of_actor(db.session(), actor(), clock.now())
    )


def _work() -> dict[str, Any]:
    everyone = "all" in request.args
    work = worklist.of_actor(db.session(), actor(), clock.now(), everyone=everyone)
    own = worklist.own_practitioner(db.session(), actor()) if everyone else work.own
    return {"work": work, "everyone": everyone, "own": own}


@bp.get("/tasks/<task_id>")
@may("tasks")
def show(task_id: str) -> str:
    """One task, where the mail about it leads; also when it is done."""
    return _page([tasks.find(db.session(), actor(), task_id)], heading="Task")


@bp.post("/tasks/<task_id>/assignment")
@may("answers")
def take(task_id: str) -> Response:
    task = tasks.find(db.session(), actor(), task_id)
    tasks.take(db.session(), actor(), task, clock.now())
    db.session.commit()
    flash("You have taken this task.")
    return redirect(url_for(".show", task_id=task_id), 303)


@bp.post("/tasks/<task_id>/release")
@may("answers")
def give_back(task_id: str) -> Response:
    task = tasks.find(db.session(), actor(), task_id)
    tasks.give_back(db.session(), actor(), task, clock.now())
    db.session.commit()
    flash("The task is open for others again.")
    return redirect(url_for(".index"), 303)


@bp.post("/tasks/<task_id>/completion")
@may("answers")
def complete(task_id: str) -> Response | tuple[str, int]:
    task = tasks.find(db.session(), actor(), task_id)
    try:
        tasks.complete(db.session(), actor(), task, request.form.get("outcome", ""), clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return _page([task], heading="Task", error="Enter the outcome."), refusal.status
    db.session.commit()
    flash("Done.")
    return redirect(url_for(".index"), 303)


@bp.post("/tasks/<task_id>/snooze")
@may("answers")
def snooze(task_id: str) -> Response:
    """Put a task off: for an hour, or until tomorrow morning."""
    task, now, clinic = tasks.find(db.session(), actor(), task_id), clock.now(), actor().clinic
    until = now + timedelta(hours=1)
    if request.form.get("until") == "tomorrow":
        until = at_local(local_on(now, clinic.zone) + timedelta(days=1), MORNING, clinic.zone)
    tasks.snooze(db.session(), actor(), task, until, now)
    db.session.commit()
    flash(f"Snoozed until {clinic.formats.moment(to_local(until, clinic.zone))}.")
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
