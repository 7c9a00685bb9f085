"""What every page's frame shows: who is signed in, what they may do, and whether the clock is alive."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import Flask, current_app, g, request, session, url_for
from flask_security import current_user
from markupsafe import Markup

from scheduler import clock
from scheduler.database import db
from scheduler.models import task
from scheduler.models.patient import Patient
from scheduler.models.site import Site
from scheduler.services.account.permissions import allowed, require, sees
from scheduler.services.actors import Actor
from scheduler.services.clinic import sites
from scheduler.services.clinic.staff import initials
from scheduler.services.day import worklist
from scheduler.services.visit import zone_drift
from scheduler.transactions import SAFE, again_as_writer
from scheduler.web.current import actor, forget_actor
from scheduler.web.drafts import key_of
from scheduler.web.health import alarms
from scheduler.web.refusals import is_partial

INITIALS = "initials"
P = ParamSpec("P")
R = TypeVar("R")


def register(app: Flask) -> None:
    """Hand the frame's values to every template, and ask who may write before anything is locked."""
    app.context_processor(_frame)
    app.before_request(_may_write)


def viewer() -> Actor | None:
    """Return who is signed in, if anybody is."""
    if not (current_user and current_user.is_authenticated and current_user.memberships):
        return None  # a refusal to someone without a clinic is a page too
    return actor()


def may(permission: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a view run only for a signed-in person whose role has the permission."""

    def wrap(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            require(actor(), permission)
            return view(*args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]  # what a test holds against its table
        return guarded

    return wrap


@again_as_writer
def _may_write() -> None:
    """Refuse a request that would write, unless its caller is known and may: `may` alone would ask as a writer."""
    view = current_app.view_functions.get(request.endpoint or "")
    permission = getattr(view, "permission", None)
    if permission is not None and request.method not in SAFE:
        forget_actor()
        require(actor(), permission)


def _frame() -> dict[str, Any]:
    person = None if g.get("frameless") else viewer()
    whole = person is not None and not is_partial()
    open_tasks, answers = _tasks(person) if person and whole else (0, [])
    alarmed = [*answers, *alarms(), *_strays(person)] if person and whole else []
    return {
        "viewer": person,
        "draft_key": key_of(person) if person and whole else "",
        "alarms": alarmed,
        "open_tasks": open_tasks,
        "may": lambda permission: bool(person and allowed(person, permission)),
        "sees": lambda field: bool(person and sees(person, field)),
        "seen_name": _seen_name,
        "has_initials": has_initials,
        "site_choices": site_choices,
    }


def site_choices() -> list[Site]:
    """Return the sites to choose from; nothing where there is no choice. Read once for a page."""
    if "site_choices" not in g:
        person = viewer()
        g.site_choices = sites.choices(db.session(), person.clinic) if person else []
    found: list[Site] = g.site_choices
    return found


def has_initials() -> bool:
    """Return whether boards show initials, because others can read the screen."""
    return bool(session.get(INITIALS))


def _seen_name(patient: Patient) -> str:
    """Return what boards show of a patient's name."""
    return initials(patient) if has_initials() else patient.name


def _tasks(person: Actor) -> tuple[int, list[str]]:
    """Return how much there is to do, and that answers of patients wait; nothing for who works on none."""
    if not allowed(person, "tasks"):
        return 0, []
    _, waiting = task.count_open(db.session(), person.clinic.id, clock.now())
    count = worklist.COUNTS.last(person)
    if count is None:
        count = worklist.COUNTS.of_actor(db.session(), person, clock.now())
    if not waiting:
        return count, []
    answers = (
        "A patient’s check-in answer needs" if waiting == 1 else f"{waiting} patients’ check-in answers need"
    )
    words = Markup('{} attention, and no one has taken it: <a href="{}">open To do</a>.')
    return count, [words.format(answers, url_for("tasks.index"))]


def _strays(person: Actor) -> list[str]:
    """Return that visits stand at another hour than was agreed on, with the way to them."""
    count = zone_drift.count(db.session(), person.clinic, clock.now())
    if not count:
        return []
    visits = "1 visit is" if count == 1 else f"{count} visits are"
    words = f"The daylight-saving rules have changed, and {visits} at a different local time than agreed:"
    return [Markup('{} <a href="{}">see which</a>.').format(words, url_for("zone_rules.index"))]
