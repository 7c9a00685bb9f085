"""Choosing a password: by the link of a mail, after asking for one, or by somebody who knows the present one."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_security import verify_password
from werkzeug.wrappers import Response

from config import Settings
from scheduler import clock
from scheduler.clock import Clock
from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.http import signing
from scheduler.models.user import User
from scheduler.services.account import passwords
from scheduler.web import throttle
from scheduler.web.current import actor

bp = Blueprint("passwords", __name__, url_prefix="/account")
SENT = "If there is an account with this address, a mail with a link is on its way."


@bp.get("/forgotten")
def forgotten() -> str:
    """Ask for which account."""
    return render_template("account/forgotten.html")


@bp.post("/forgotten")
def ask() -> Response:
    """Mail a link, if there is such an account; the answer does not tell."""
    email = request.form.get("email", "")[:254]
    passwords.ask_for_reset(db.session(), email, clock.now(), public_url(), signing.keys())
    db.session.commit()
    flash(SENT)
    return redirect(url_for("security.login"), 303)


@bp.get("/password/<token>")
def by_link(token: str) -> str:
    """Ask for the new password. Opening the link uses nothing up: mail scanners open links."""
    user = passwords.read_link(db.session(), token, clock.now(), signing.keys())
    return _form(user, token=token)


@bp.post("/password/<token>")
def choose_by_link(token: str) -> Response | tuple[str, int]:
    """Set the password and send the person to sign in with it."""
    user = passwords.read_link(db.session(), token, clock.now(), signing.keys())
    return _choose(user, token=token)


@bp.get("/password")
def mine() -> str:
    """Ask for the present and the new password."""
    user = actor().user
    assert user is not None  # noqa: S101  (whoever is signed in is somebody)
    return _form(user)


@bp.post("/password")
def choose_mine() -> Response | tuple[str, int]:
    """Change the password of somebody who knows the present one; it ends every session, this one too."""
    user = actor().user
    assert user is not None  # noqa: S101  (whoever is signed in is somebody)
    refusal = throttle.refusal(user.email)
    if refusal or not verify_password(request.form.get("present", ""), user.password or ""):
        if not refusal:
            throttle.count(user.email)
        return _form(user, errors={"present": refusal or "is not right"}), 422
    return _choose(user)


def public_url() -> str:
    """Return the address from which every link is built."""
    return _settings().public_url


def _choose(user: User, token: str | None = None) -> Response | tuple[str, int]:
    wanted, wall = request.form.get("password", ""), _wall()
    try:
        if wanted != request.form.get("again", ""):
            raise Invalid([("again", "is not the same")])
        passwords.choose(db.session(), user, wanted, clock.now(), wall)
    except Invalid as refusal:
        errors = {error["field"]: error["reason"] for error in refusal.details["errors"]}
        return _form(user, token=token, errors=errors), 422
    db.session.commit()
    flash("Your password is set. Sign in with it.")
    return redirect(url_for("security.login"), 303)


def _form(user: User, token: str | None = None, errors: dict[str, str] | None = None) -> str:
    return render_template("account/password.html", email=user.email, token=token, errors=errors or {})


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings


def _wall() -> Any:
    known: Clock = current_app.extensions["clock"]
    return known.wall()
