"""Choosing a password: by the link of a mail, after asking for one, or by someone who knows the present one."""

from __future__ import annotations

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask_security import verify_password
from werkzeug.wrappers import Response

from config import Settings
from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.http import signing
from scheduler.models.user import User
from scheduler.services.account import accounts, passwords
from scheduler.services.account.throttles import PASSWORDS
from scheduler.transactions import reads_first, write_now
from scheduler.web import known_browser, sessions, throttle
from scheduler.web.current import actor

bp = Blueprint("passwords", __name__, url_prefix="/account")
SENT = "If there is an account with this address, we sent an email with a link."


@bp.get("/forgotten")
def forgotten() -> str:
    """Ask for which account."""
    return render_template("passwords/forgotten.html")


@bp.post("/forgotten")
def ask() -> Response:
    """Mail a link, if there is such an account; the answer does not tell."""
    email = request.form.get("email", "")[:254]
    passwords.ask_for_reset(
        db.session(),
        email,
        clock.now(),
        public_url(),
        signing.keys(),
        request.remote_addr or "",
        known_browser.text(),
    )
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
    assert user is not None  # noqa: S101  (anyone who is signed in is someone)
    return _form(user)


@bp.post("/password")
@reads_first
def choose_mine() -> Response | tuple[str, int]:
    """Change the password of someone who knows the present one; it ends every session, this one too."""
    user = actor().user
    assert user is not None  # noqa: S101  (anyone who is signed in is someone)
    attempt = throttle.begin(user.email, PASSWORDS, here=sessions.here())
    if isinstance(attempt, str):
        return _form(user, errors={"present": attempt}), 422
    if not verify_password(request.form.get("present", ""), user.password or ""):
        throttle.failed(attempt)
        return _form(user, errors={"present": "is incorrect"}), 422
    verified = user.password
    write_now()
    if user.password != verified:
        return _form(user, errors={"present": "is incorrect"}), 422
    throttle.passed(attempt)
    return _choose(user)


def public_url() -> str:
    """Return the address from which every link is built."""
    return _settings().public_url


def _choose(user: User, token: str | None = None) -> Response | tuple[str, int]:
    errors = set_password(user, keep_tokens=token is None and "keep_tokens" in request.form)
    if errors:
        return _form(user, token=token, errors=errors), 422
    db.session.commit()
    flash("Password changed. Sign in with your new password.")
    return redirect(url_for("security.login"), 303)


def set_password(user: User, *, keep_tokens: bool = False) -> dict[str, str]:
    """Set the password of the form and know this browser again; return what is wrong instead."""
    wanted = request.form.get("password", "")
    try:
        if wanted != request.form.get("again", ""):
            raise Invalid([("again", "does not match")])
        passwords.choose(db.session(), user, wanted, clock.now(), clock.wall(), keep_tokens=keep_tokens)
    except Invalid as refusal:
        return {error["field"]: error["reason"] for error in refusal.details["errors"]}
    known_browser.remember(user)
    return {}


def _form(user: User, token: str | None = None, errors: dict[str, str] | None = None) -> str:
    return render_template(
        "passwords/choose.html",
        email=user.email,
        token=token,
        tokens=[] if token else accounts.in_force(db.session(), user, clock.now()),
        errors=errors or {},
    )


def _settings() -> Settings:
    settings: Settings = current_app.config["SETTINGS"]
    return settings
