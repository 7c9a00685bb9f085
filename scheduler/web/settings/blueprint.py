"""The blueprint that the settings pages share."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, url_for
from werkzeug.wrappers import Response

from scheduler.database import db
from scheduler.errors import Invalid

bp = Blueprint("settings", __name__, url_prefix="/settings")


def saved(endpoint: str, words: str = "Saved.") -> Response:
    """Commit, say so, and go back to the page."""
    db.session.commit()
    flash(words)
    return redirect(url_for(endpoint), 303)


def by_field(refusal: Invalid | None) -> Mapping[str, str]:
    """Return what is wrong, by field."""
    return {error["field"]: error["reason"] for error in refusal.details["errors"]} if refusal else {}
