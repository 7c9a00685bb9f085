"""The second step of signing in: a code after the password, and setting it up when it is asked for first.

Flask-Security decides whether a code must follow and keeps between the steps who gave the right password; the pages
are ours, because its own show recovery codes again, mail codes, and let a code be tried without a limit. Between the
steps there is no session yet: nothing else opens.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn, cast

from flask import (
    Blueprint,
    Flask,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_security import current_user, verify_password
from flask_security.tf_plugin import TfPluginBase, tf_check_state, tf_clean_session
from werkzeug.exceptions import NotFound
from werkzeug.wrappers import Response

from config import Settings
from scheduler import clock
from scheduler.database import begin_write, db
from scheduler.models.user import User
from scheduler.services.account import second_factors
from scheduler.services.account.throttles import CODES, PASSWORDS
from scheduler.transactions import reads_first, write_now
from scheduler.web import throttle
from scheduler.web.addresses import safe
from scheduler.web.current import sign_in_first
from scheduler.web.sessions import end_others_of, here

bp = Blueprint("second_factor", __name__, url_prefix="/account/second-factor")
ASKED, ENROLLING = "ready", "setup_from_login"  # Flask-Security's names of the two states between the steps
SECRET = "tf_totp_secret"  # noqa: S105  (where Flask-Security keeps an encrypted secret that is not confirmed yet)
BEGUN = "tf_begun"
PATIENCE = 600  # seconds from the password to the code
WRONG = "Incorrect code. Each code works once, for 30 seconds."
SHUT = (
    "two_factor_setup",
    "two_factor_setup_validate",
    "two_factor_token_validation",
    "two_factor_rescue",
    "tf_select",
)


class Authenticator(TfPluginBase):
    """What Flask-Security asks after a right password."""

    def create_blueprint(self, app: Flask, bp: Blueprint, state: Any) -> None:
        """Add no page: ours are in a blueprint of their own."""

    def get_setup_methods(self, user: User) -> list[tuple[str, str]]:  # type: ignore[override]
        name = second_factors.AUTHENTICATOR
        return [(name, name)] if user.has_second_factor else []

    def tf_login(self, user: User, json_payload: dict[str, Any], next_loc: str | None) -> Response:  # type: ignore[override]
        """Send anyone who gave the right password to the second step."""
        del json_payload
        session["tf_state"] = ASKED if user.has_second_factor else ENROLLING
        session[BEGUN] = int(clock.wall().timestamp())
        page = ".ask" if user.has_second_factor else ".enrollment"
        return redirect(url_for(f"{bp.name}{page}", next=safe(next_loc or "") or None), 303)


def register(app: Flask) -> None:
    """Hang the pages in, and shut those that Flask-Security has beside them."""
    app.register_blueprint(bp)
    for name in SHUT:
        app.view_functions[f"security.{name}"] = _nothing_here


@bp.get("/code")
def ask() -> str:
    """Ask for a code of the app, or a recovery code."""
    _between_steps(ASKED)
    return render_template("second_factor/code.html", wrong=None)


@bp.post("/code")
@reads_first
def answer() -> Response | tuple[str, int]:
    """Let the person in after a right code."""
    user = _between_steps(ASKED)
    wrong = _wrong_code(user, request.form.get("code", ""))
    if wrong:
        return render_template("second_factor/code.html", wrong=wrong), 403
    _come_in(user)
    left = second_factors.remaining(user)
    db.session.commit()
    if left < 3:
        flash(f"You have {left} recovery codes left. Create new ones under Two-step verification.")
    return redirect(safe(request.form.get("next", "")) or "/", 303)


@bp.get("")
def index() -> str:
    """Show whether a code is asked for."""
    user = _signed_in()
    return _status(user)


@bp.get("/enrollment")
def enrollment() -> str:
    """Show the secret for the app."""
    return _enrollment_form(_enrolling(), {})


@bp.post("/enrollment")
@reads_first
def enrol() -> str | tuple[str, int]:
    """Take the app once a code of it has come; show the recovery codes, this once."""
    user, secret = _enrolling(), session.get(SECRET)
    signed_in = bool(current_user.is_authenticated)
    errors = _not_proven(user) if signed_in else {}
    if not errors and (wrong := _wrong_first_code(user, secret, request.form.get("code", ""))):
        errors = {"code": wrong}
    if errors:
        return _enrollment_form(user, errors), 422
    fresh = second_factors.enrol(db.session(), user, str(secret), clock.now(), request.remote_addr or "")
    if signed_in:
        session.pop(SECRET)
        end_others_of(user)
    else:
        _come_in(user)
    db.session.commit()
    return _show_codes(fresh)


@bp.post("/codes")
@reads_first
def renew() -> str | tuple[str, int]:
    """Replace the recovery codes; show the new ones, this once."""
    user = _signed_in()
    if errors := _not_proven(user):
        return _status(user, errors), 422
    end_others_of(user)
    fresh = second_factors.renew_recovery_codes(db.session(), user, clock.now(), request.remote_addr or "")
    db.session.commit()
    return _show_codes(fresh)


@bp.post("/removal")
@reads_first
def remove() -> Response | tuple[str, int]:
    """Ask for no code any more, where neither the role nor the clinic wants one."""
    user = _signed_in()
    if errors := _not_proven(user):
        return _status(user, errors), 422
    second_factors.remove(db.session(), user, clock.now(), request.remote_addr or "", enforced=_enforced())
    db.session.commit()
    flash("Two-step verification is off.")
    return redirect(url_for(".index"), 303)


def _between_steps(state: str) -> User:
    """Return who gave the right password a moment ago; send everybody else to sign in."""
    user = cast("User | None", tf_check_state([state]))
    begun = session.get(BEGUN)
    late = not isinstance(begun, int) or clock.wall().timestamp() > begun + PATIENCE
    if user is None or not user.active or late:
        _start_again()
    return user


def _start_again() -> NoReturn:
    tf_clean_session()  # type: ignore[no-untyped-call]
    abort(redirect(url_for("security.login", next=safe(request.values.get("next", "")) or None), 303))


def _signed_in() -> User:
    if not current_user.is_authenticated:
        sign_in_first()
    return db.session().get_one(User, current_user.id)


def _enrolling() -> User:
    return _signed_in() if current_user.is_authenticated else _between_steps(ENROLLING)


def _not_proven(user: User) -> dict[str, str]:
    """Return what is wrong with the password and the present code that must come with a change."""
    attempt = throttle.begin(user.email, PASSWORDS, here=here())
    if isinstance(attempt, str):
        return {"present": attempt}
    if not verify_password(request.form.get("present", ""), user.password or ""):
        throttle.failed(attempt)
        return {"present": "is incorrect"}
    verified = user.password
    write_now()  # a hash takes long, and SQLite has one writer at a time
    if user.password != verified:
        return {"present": "is incorrect"}
    throttle.passed(attempt)
    db.session.commit()
    if user.has_second_factor and (wrong := _wrong_code(user, request.form.get("present_code", ""))):
        return {"present_code": wrong}
    db.session.commit()  # the code is used up even if what follows is refused
    begin_write(db.session())
    return {}


def _wrong_code(user: User, text: str) -> str | None:
    """Return why this code lets no one in, None (and a writer) for a right one."""
    return _tried(user, lambda: second_factors.passes(db.session(), _codes(), user, text[:60]))


def _wrong_first_code(user: User, secret: str | None, text: str) -> str | None:
    """Return why this code is none of the new secret's, None (and a writer) for a right one."""
    return _tried(user, lambda: bool(secret) and _matches(user, str(secret), text))


def _tried(user: User, is_right: Callable[[], bool]) -> str | None:
    row = here() if current_user.is_authenticated else None
    attempt = throttle.begin(user.email, CODES, here=row)
    if isinstance(attempt, str):
        return attempt
    write_now()
    if not is_right():
        throttle.failed(attempt)
        return WRONG
    throttle.passed(attempt)
    return None


def _matches(user: User, secret: str, text: str) -> bool:
    """Tell whether a code comes of the new secret."""
    user.tf_last_counter = None  # of the former app, if there was one
    return _codes().verify_totp("".join(text[:20].split()), secret, user, window=second_factors.DRIFT)


def _come_in(user: User) -> None:
    _security().two_factor_plugins.tf_complete(user, True)
    session.pop(BEGUN, None)


def _enrollment_form(user: User, errors: dict[str, str]) -> str:
    if SECRET not in session:
        session[SECRET] = _codes().generate_totp_secret()
    shown = _codes().fetch_setup_values(session[SECRET], user)
    return render_template(
        "second_factor/enrollment.html",
        person=user,
        signed_in=bool(current_user.is_authenticated),
        picture=shown["image"],
        key=shown["key"],
        errors=errors,
    )


def _show_codes(fresh: list[str]) -> str:
    wanted = safe(request.form.get("next", "")) or url_for("board.today")
    return render_template("second_factor/recovery_codes.html", fresh=fresh, next=wanted)


def _status(user: User, errors: dict[str, str] | None = None) -> str:
    return render_template(
        "second_factor/show.html",
        person=user,
        required=user.must_have_second_factor(enforced=_enforced()),
        left=second_factors.remaining(user),
        errors=errors or {},
    )


def _enforced() -> bool:
    settings: Settings = current_app.config["SETTINGS"]
    return settings.second_factor == "required"


def _codes() -> second_factors.Codes:
    return cast(second_factors.Codes, _security().totp_factory)


def _security() -> Any:
    return current_app.extensions["security"]


def _nothing_here(**_: Any) -> NoReturn:
    raise NotFound
