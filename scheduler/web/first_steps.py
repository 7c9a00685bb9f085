"""The first run: a new clinic is led through what it needs, and no page speaks of it once everything is there."""

from __future__ import annotations

from flask import Blueprint, Flask, current_app, render_template

from scheduler.database import db
from scheduler.services.account.permissions import allowed
from scheduler.services.clinic.first_steps import FirstSteps, SetupStep, first_steps
from scheduler.web.current import actor
from scheduler.web.shell import may, viewer

bp = Blueprint("first_steps", __name__)
COMPLETE = "complete clinics"  # kept by the process: anyone who has everything is not asked again


def register(app: Flask) -> None:
    """Let every page lead on while something is missing."""
    app.extensions[COMPLETE] = set()
    app.context_processor(lambda: {"missing_steps": missing_steps})
    app.register_blueprint(bp)


@bp.get("/start")
@may("settings")
def index() -> str:
    """The checklist."""
    return render_template(
        "first_steps/index.html", steps=list(SetupStep), progress=first_steps(db.session(), actor().clinic)
    )


def missing_steps() -> FirstSteps | None:
    """Return how far the clinic is, for someone who can do something about it; None once all is there."""
    person = viewer()
    known: set[int] = current_app.extensions[COMPLETE]
    if person is None or person.clinic.id in known or not allowed(person, "settings"):
        return None
    progress = first_steps(db.session(), person.clinic)
    if progress.next is None:
        known.add(person.clinic.id)
        return None
    return progress
