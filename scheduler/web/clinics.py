"""Working in another clinic: for anyone who belongs to several."""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.models.invitation import open_of_user
from scheduler.models.user import Membership
from scheduler.services.trail import audit
from scheduler.web.current import actor, choose_clinic

bp = Blueprint("clinics", __name__, url_prefix="/account/clinics")


@bp.get("")
def index() -> str:
    """List the clinics that the person belongs to."""
    here = actor()
    invited = open_of_user(db.session(), here.user_id or 0, clock.now())
    return render_template("clinics/index.html", here=here.clinic, memberships=_sorted(), invitations=invited)


@bp.post("")
def choose() -> Response:
    """Work in another one from now on, in this browser."""
    actor()
    choose_clinic(request.form.get("clinic", ""))
    audit.record(db.session(), actor(), "user.switched-here", actor().clinic, clock.now())
    db.session.commit()
    flash(f"You are now in {actor().clinic.name}.")
    return redirect(url_for("board.today"), 303)


def _sorted() -> list[Membership]:
    user = actor().user
    return sorted(user.memberships, key=lambda row: row.clinic.name.casefold()) if user else []
