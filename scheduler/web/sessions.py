"""Watching over signed-in browsers: begun at sign-in, looked at on every request, locked, listed and ended.

What a page asks for by itself (header X-Background) neither keeps a session awake nor gets past a lock. A locked page
stays as it is: its requests are answered 423, and js/lock.js asks for the password over it. A form that is sent without
htmx leads to the page that asks for the password, and back to the form.
"""

from __future__ import annotations

from typing import Any

from flask import (
    Blueprint,
    Flask,
    after_this_request,
    flash,
    g,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_login import logout_user, user_logged_in, user_logged_out
from flask_security import current_user, verify_password
from markupsafe import Markup
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db, is_writer, writing
from scheduler.errors import NotFound
from scheduler.models.clinic import Clinic
from scheduler.models.invitation import open_of_user
from scheduler.models.user import User
from scheduler.models.user_session import UserSession
from scheduler.services.account import accounts, sessions
from scheduler.services.account.throttles import PASSWORDS
from scheduler.services.actors import Actor
from scheduler.transactions import again_as_writer, reads_first, write_now
from scheduler.web import known_browser, throttle
from scheduler.web.addresses import came_from, safe
from scheduler.web.current import sign_in_first

bp = Blueprint("sessions", __name__, url_prefix="/account")
KEPT = "sid"
OPEN_WHILE_LOCKED = frozenset({"sessions.locked", "sessions.unlock", "security.logout"})
NOT_OURS = frozenset({"api", "api_docs", "patient_pages", "health"})  # interfaces that look at no session


def register(app: Flask) -> None:
    """Watch every request, and hang in the pages."""
    known_browser.register(app)
    user_logged_in.connect(_begin, app)
    user_logged_out.connect(_end, app)
    app.before_request(_watch)
    app.register_blueprint(bp)


@bp.get("/sessions")
def index() -> str:
    """List where the person is signed in."""
    here = _here()
    return render_template(
        "sessions/index.html",
        here=here,
        rows=sessions.present(db.session(), here.user, clock.wall()),
        tokens=accounts.in_force(db.session(), here.user, clock.now()),
    )


@bp.post("/sessions/<public_id>/end")
def end(public_id: str) -> Response:
    """End one of the person's other sessions."""
    here = _here()
    for row in sessions.present(db.session(), here.user, clock.wall()):
        if row.public_id == public_id and row is not here:
            sessions.end(db.session(), row, clock.wall())
            db.session.commit()
            flash("That device is signed out.")
            return redirect(url_for(".index"), 303)
    raise NotFound


@bp.post("/sessions/others/end")
def end_others() -> Response:
    """End every session of the person but this one."""
    here = _here()
    sessions.end_others(db.session(), here.user, clock.wall(), but=here)
    db.session.commit()
    flash("All other devices are signed out.")
    return redirect(url_for(".index"), 303)


@bp.post("/sessions/tokens/<public_id>/end")
def end_token(public_id: str) -> Response:
    """End one of the person's own API tokens, in whichever clinic."""
    user = _here().user
    for token in accounts.in_force(db.session(), user, clock.now()):
        if token.public_id == public_id:
            clinic = db.session().get_one(Clinic, token.clinic_id)
            acting = Actor(clinic, user, None, "staff", request.remote_addr or "")
            accounts.revoke_token(db.session(), acting, token, clock.now())
            db.session.commit()
            flash("That token has ended.")
            return redirect(url_for(".index"), 303)
    raise NotFound


def here() -> UserSession:
    """Return the signed-in session of this request; send everybody else to sign in."""
    return _here()


def end_others_of(user: User) -> None:
    """End every session of the signed-in person but this one: how they sign in has changed."""
    sessions.end_others(db.session(), user, clock.wall(), but=_here())


@bp.post("/lock")
def lock() -> Response:
    """Lock this session at once."""
    sessions.lock(db.session(), _here(), clock.wall())
    db.session.commit()
    return redirect(url_for(".locked", next=came_from() or None), 303)


@bp.get("/awake")
def awake() -> Response:
    """Note that the person is there, while they type and ask for nothing."""
    _here()
    return Response(status=204)


@bp.get("/locked")
def locked() -> str:
    """Ask for the password again."""
    _here()
    return render_template("sessions/locked.html", next=safe(request.args.get("next", "")), wrong=False)


@bp.post("/unlock")
@reads_first
def unlock() -> Response | tuple[str, int]:
    """Go on after the right password; the page that asked from above the locked one gets 204."""
    row = _here()
    wanted = safe(request.form.get("next", ""))
    attempt = throttle.begin(row.user.email, PASSWORDS, here=row)
    if isinstance(attempt, str):
        return render_template("sessions/locked.html", next=wanted, wrong=True, refusal=attempt), 403
    if not verify_password(request.form.get("password", ""), row.user.password or ""):
        throttle.failed(attempt)
        return render_template("sessions/locked.html", next=wanted, wrong=True, refusal=None), 403
    write_now()
    throttle.passed(attempt)
    sessions.unlock(db.session(), _here(), clock.wall())
    db.session.commit()
    if "HX-Request" in request.headers:
        return Response(status=204)
    return redirect(wanted or "/", 303)


@again_as_writer
def _watch() -> Response | None:
    """End what is over, stop what is locked, and note that the person is there."""
    if "_user_id" not in session or request.blueprint in NOT_OURS or request.endpoint == "static":
        return None
    row = _row()
    if row is None:
        logout_user()
        return None
    g.session_id = row.public_id
    now = clock.wall()
    if sessions.is_locked(row, now):
        return None if request.endpoint in OPEN_WHILE_LOCKED else _refuse_locked()
    if "X-Background" not in request.headers and sessions.is_worth_noting(row, now):
        _note(row)
    return None


def _refuse_locked() -> Response:
    if "HX-Request" in request.headers:
        return Response(
            "This session is locked.", status=423, headers={"HX-Reswap": "none"}, mimetype="text/plain"
        )
    wanted = request.full_path.rstrip("?") if request.method == "GET" else came_from()
    return redirect(url_for("sessions.locked", next=wanted or None), 303)


def _note(row: UserSession) -> None:
    """Write down that the person is there, in a transaction of its own unless the request is a writer already."""
    if is_writer(db.session()):
        row.seen_at = clock.wall()
        return
    row_id = row.id
    db.session.rollback()  # gives its connection back: a request that holds one and waits for another can wait forever
    with writing() as own:
        own.get_one(UserSession, row_id).seen_at = clock.wall()


def _begin(_app: Flask, user: User, **_: Any) -> None:
    session.pop("csrf_token", None)  # Flask-WTF makes another: what was known before sign-in is worth nothing
    g.pop("csrf_token", None)
    known_browser.remember(user)
    if open_of_user(db.session(), user.id, clock.now()):
        invited = Markup('You are invited to a clinic. <a href="{}">See the invitation</a>.')
        flash(invited.format(url_for("invitations.index")))
    agent = request.user_agent.string
    session[KEPT] = sessions.begin(
        db.session(), user, clock.wall(), request.remote_addr or "", agent, clock.now()
    )


def _end(_app: Flask, **_: Any) -> None:
    text = session.pop(KEPT, None)
    row = sessions.by_text(db.session(), text) if isinstance(text, str) else None
    if row is not None and request.method == "POST":
        sessions.end(db.session(), row, clock.wall())
        db.session.commit()
        after_this_request(_forget)


def _forget(response: Any) -> Any:
    """Let the browser drop pages and drafts of the user who signed out; its cookies say only that it is known."""
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


def _row() -> UserSession | None:
    text = session.get(KEPT)
    if not isinstance(text, str) or not current_user.is_authenticated:
        return None
    return sessions.find(db.session(), text, current_user.id, clock.wall())


def _here() -> UserSession:
    row = _row()
    if row is None:
        sign_in_first()
    return row
