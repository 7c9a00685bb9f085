"""The blueprint that the settings pages share."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.services.clinic import displaced
from scheduler.web.current import actor

bp = Blueprint("settings", __name__, url_prefix="/settings")


def saved(endpoint: str, words: str = "Saved.") -> Response:
    """Commit, say so, and go back to the page."""
    db.session.commit()
    flash(words)
    return redirect(url_for(endpoint), 303)


def displaced_ahead() -> int:
    """Return how many visits ahead are where the clinic, a place or a person is not available."""
    return len(displaced.ahead(db.session(), actor().clinic, clock.now()))


def saved_availability(endpoint: str, before: int, words: str = "Saved.") -> Response:
    """Do as `saved`, and say how many visits more than `before` are displaced now."""
    db.session.flush()
    more = displaced_ahead() - before
    if more > 0:
        visits = "1 visit is" if more == 1 else f"{more} visits are"
        words = f"{words} {visits} affected: they are listed under To do."
    return saved(endpoint, words)


def by_field(refusal: Invalid | None) -> Mapping[str, str]:
    """Return what is wrong, by field."""
    return {error["field"]: error["reason"] for error in refusal.details["errors"]} if refusal else {}
