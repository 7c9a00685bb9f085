"""What every page's frame shows: who is signed in, what they may do, and whether the clock is alive."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import Flask, g, url_for
from flask_security import current_user
from markupsafe import Markup

from scheduler import clock
from scheduler.database import db
from scheduler.refused_access import require_noted
from scheduler.services.account.permissions import allowed, sees
from scheduler.services.actors import Actor
from scheduler.services.visit import zone_drift
from scheduler.web.current import actor
from scheduler.web.health import alarms
from scheduler.web.refusals import is_partial

P = ParamSpec("P")
R = TypeVar("R")


def register(app: Flask) -> None:
    """Hand the frame's values to every template."""
    app.context_processor(_frame)


def viewer() -> Actor | None:
    """Return who is signed in, if anybody is."""
    if not (current_user and current_user.is_authenticated and current_user.memberships):
        return None  # a refusal to somebody without a clinic is a page too
    return actor()


def may(permission: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Let a view run only for a signed-in person whose role has the permission."""

    def wrap(view: Callable[P, R]) -> Callable[P, R]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
            require_noted(actor(), permission)
            return view(*args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]  # what a test holds against its table
        return guarded

    return wrap


def _frame() -> dict[str, Any]:
    person = None if g.get("frameless") else viewer()
    alarmed = [*alarms(), *_strays(person)] if person and not is_partial() else []
    return {
        "viewer": person,
        "alarms": alarmed,
        "may": lambda permission: bool(person and allowed(person, permission)),
        "sees": lambda field: bool(person and sees(person, field)),
    }


def _strays(person: Actor) -> list[str]:
    """Return that visits stand at another hour than was agreed on, with the way to them."""
    count = zone_drift.count(db.session(), person.clinic, clock.now())
    if not count:
        return []
    visits = "1 visit stands" if count == 1 else f"{count} visits stand"
    words = f"The rules of the time zone have changed, and {visits} at another hour than was agreed on:"
    return [Markup('{} <a href="{}">see which</a>.').format(words, url_for("zone_rules.index"))]
