"""A refusal becomes a page, or a piece of one when htmx asked: what cannot be done, why, and what helps."""

from __future__ import annotations

from flask import Flask, Response, current_app, g, render_template, request
from flask_security import current_user
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from scheduler.database import db
from scheduler.errors import Refusal
from scheduler.http import access
from scheduler.http.outages import Busy, DatabaseAway, Outage, StorageFull, noted
from scheduler.services.account.permissions import allowed
from scheduler.web.current import actor, to_sign_in

OUTAGES: dict[type[Outage], tuple[str, str]] = {
    Busy: ("The system is busy", "Nothing was changed. Try again in a moment."),
    DatabaseAway: ("The system is temporarily unavailable", "Nothing was changed. Try again in a minute."),
    StorageFull: (
        "The server disk is full",
        "Nothing was changed. Please tell your administrator.",
    ),
}
WORDS = {
    400: ("This request isn't valid", "Go back and try again."),
    403: ("Your role does not allow this", "Ask a manager if you need access."),
    404: ("Page not found", "The link may be wrong, or the page no longer exists."),
    405: ("This action isn't available here", "Go back and use the button on the page."),
    413: ("Too large", "Reduce the size and try again."),
    429: ("Too many attempts", "Wait a minute, then try again."),
    500: (
        "Something went wrong",
        "Nothing was changed. The error was logged for your administrator.",
    ),
}


def register(app: Flask) -> None:
    """Answer refusals and errors of the pages; interfaces with their own format answer their own."""
    app.register_error_handler(Refusal, refused)
    app.register_error_handler(CSRFError, _stale_form)
    app.register_error_handler(HTTPException, _http)
    for kind in (SQLAlchemyError, OSError):
        app.register_error_handler(kind, _outage)
    app.register_error_handler(500, _broken)


def refused(refusal: Refusal) -> tuple[str, int]:
    """Return the page or partial of a refusal, with its status."""
    db.session.rollback()
    access.refuse(refusal)
    return _show(refusal.title, refusal.words, refusal.status, refusal.code, refusal.details)


def is_partial() -> bool:
    """Tell whether htmx asks for a piece of a page."""
    return "HX-Request" in request.headers and "HX-Boosted" not in request.headers


def _stale_form(_error: CSRFError) -> tuple[str, int] | BaseResponse:
    """Refuse a form of another session; without any session, ask to sign in as for every page of staff."""
    view = current_app.view_functions.get(request.endpoint or "")
    if hasattr(view, "permission") and not current_user.is_authenticated:
        return to_sign_in()
    words = "You signed in again after it was opened. Go back and save again. Nothing was changed."
    return _show("This page has expired", words, 400, "csrf")


def _http(error: HTTPException) -> tuple[str, int] | HTTPException:
    status = error.code or 500
    if status < 400 or error.response is not None:
        return error
    title, words = WORDS.get(status, (error.name, error.description or ""))
    return _show(title, words, status, f"http-{status}")


def _outage(error: Exception) -> Response:
    """Say what is away or full. Anything else is raised again: it is a fault of the program."""
    found = noted(error)
    if found is None:
        raise error
    _ask_nothing()
    page, status = _show(*OUTAGES[type(found)], found.status, found.code)
    return Response(page, status, {"Retry-After": str(found.seconds)})


def _ask_nothing() -> None:
    """Let the page of an error be made without the database: no frame, no one signed in."""
    db.session.rollback()
    g.frameless = True
    g._login_user = current_app.login_manager.anonymous_user()  # type: ignore[attr-defined]  # what Flask-Login keeps


def _broken(_error: Exception) -> tuple[str, int]:
    _ask_nothing()
    return _show(*WORDS[500], 500, "internal")


def _show(
    title: str, words: str, status: int, code: str, details: dict[str, object] | None = None
) -> tuple[str, int]:
    template = "_refusal.html" if is_partial() else "refusals/refusal.html"
    page = render_template(
        template, title=title, words=words, status=status, code=code, details=details or {}
    )
    return page, status


def may_be_overridden(refusal: Refusal | None) -> bool:
    """Tell whether this person may override what was refused, with a (better) reason."""
    if refusal is None or not allowed(actor(), "override"):
        return False
    broken = refusal.details.get("violations", ())
    faults = refusal.details.get("errors", ())
    return (bool(broken) and not any(one["hard"] for one in broken)) or any(
        one["field"] == "override_reason" for one in faults
    )
