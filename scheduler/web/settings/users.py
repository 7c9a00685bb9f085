"""Accounts and roles: who may do what in the clinic."""

from __future__ import annotations

from typing import Any

from flask import current_app, render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.clock import Clock
from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.http import signing
from scheduler.models.user import StaffRole
from scheduler.services.account import memberships, passwords, second_factors, sessions
from scheduler.services.clinic import clinic_settings
from scheduler.services.trail import audit
from scheduler.web.current import actor
from scheduler.web.passwords import public_url
from scheduler.web.settings.blueprint import bp, by_field, saved
from scheduler.web.shell import may


@bp.get("/users")
@may("users")
def users() -> str:
    return _page()


@bp.post("/users")
@may("users")
def add_user() -> str | tuple[str, int]:
    """Add a member. A new account is mailed a link to choose its password."""
    form = request.form
    try:
        user = passwords.invite(
            db.session(),
            actor(),
            form.get("email", ""),
            _role(),
            clock.now(),
            public_url(),
            signing.keys(),
            form.get("name", ""),
        )
    except Invalid as refusal:
        db.session.rollback()
        return _page(refusal), refusal.status
    db.session.commit()
    return _page(made=(user.email, user.password is None))


@bp.post("/users/role")
@may("users")
def save_role() -> Response:
    membership = memberships.get(db.session(), actor().clinic, request.form.get("email", ""))
    memberships.set_role(db.session(), actor(), membership, _role(), clock.now())
    return saved(".users")


@bp.post("/users/removal")
@may("users")
def remove_user() -> Response:
    membership = memberships.get(db.session(), actor().clinic, request.form.get("email", ""))
    memberships.end(db.session(), actor(), membership, clock.now())
    return saved(".users", "Removed from this clinic.")


@bp.post("/users/second-factor/reset")
@may("users")
def reset_second_factor() -> Response:
    """Forget a member's lost phone; they set up another one when they sign in next."""
    membership = memberships.get(db.session(), actor().clinic, request.form.get("email", ""))
    second_factors.reset(db.session(), actor(), membership.user, clock.now())
    sessions.end_others(db.session(), membership.user, _wall())
    return saved(".users", "They set up the second step when they sign in next.")


@bp.post("/users/sessions/end")
@may("users")
def end_sessions() -> Response:
    """End every session of a member, such as one whose laptop is lost."""
    membership = memberships.get(db.session(), actor().clinic, request.form.get("email", ""))
    sessions.end_others(db.session(), membership.user, _wall())
    told = [f"user:{membership.user_id}"]
    audit.record(db.session(), actor(), "user.sessions-ended", actor().clinic, clock.now(), told)
    return saved(".users", "They are signed out everywhere.")


@bp.post("/users/second-factor")
@may("users")
def save_second_factor() -> Response:
    """Ask everybody in the clinic for a code at sign-in, or only whose role needs one."""
    wanted = "second_factor_for_all" in request.form
    clinic_settings.change(db.session(), actor(), {"second_factor_for_all": wanted}, clock.now())
    return saved(".users")


def _wall() -> Any:
    known: Clock = current_app.extensions["clock"]
    return known.wall()


def _role() -> StaffRole:
    wanted = request.form.get("role", "")
    if wanted not in set(StaffRole):
        raise Invalid([("role", f"must be one of {', '.join(StaffRole)}")])
    return StaffRole(wanted)


def _page(refusal: Invalid | None = None, made: tuple[str, bool] | None = None) -> str:
    return render_template(
        "settings/users.html",
        members=memberships.every(db.session(), actor().clinic),
        roles=list(StaffRole),
        values=request.form if refusal else {},
        errors=by_field(refusal),
        made=made,
        for_all=actor().clinic.settings.second_factor_for_all,
    )
