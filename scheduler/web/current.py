"""Who is asking: the signed-in person, acting in one of their clinics.

A member of several clinics works in the one that the session names, the first unless chosen. Anyone who is not
signed in is sent to sign in and back; htmx loads the whole page.
"""

from __future__ import annotations

from typing import NoReturn

from flask import Response, abort, g, redirect, request, session, url_for
from flask_security import current_user
from werkzeug.wrappers import Response as BaseResponse

from scheduler import clock
from scheduler.database import db
from scheduler.errors import NotFound
from scheduler.models.invitation import open_of_user
from scheduler.models.user import Membership
from scheduler.services.actors import Actor
from scheduler.web.addresses import came_from

CHOSEN = "clinic"


def actor() -> Actor:
    """Return the signed-in person in their clinic, the same for the whole request."""
    if "actor" not in g:
        g.actor = _find()
    known: Actor = g.actor
    return known


def forget_actor() -> None:
    """Look the person up again when they are next asked for: their role may have changed meanwhile."""
    g.pop("actor", None)


def choose_clinic(public_id: str) -> None:
    """Work in another of the person's clinics from now on. Raises NotFound."""
    if public_id not in {row.clinic.public_id for row in _memberships()}:
        raise NotFound
    session[CHOSEN] = public_id
    forget_actor()


def _find() -> Actor:
    if not current_user.is_authenticated:
        sign_in_first()
    memberships = _memberships()
    if not memberships:
        if open_of_user(db.session(), current_user.id, clock.now()):
            abort(redirect(url_for("invitations.index"), 303))
        raise NotFound("Your account belongs to no clinic")
    chosen = session.get(CHOSEN)
    row = next((row for row in memberships if row.clinic.public_id == chosen), memberships[0])
    address, session_id = request.remote_addr or "", g.get("session_id", "")
    return Actor(row.clinic, row.user, row.role, "staff", address, session_id=session_id)


def _memberships() -> list[Membership]:
    return list(current_user.memberships)


def sign_in_first() -> NoReturn:
    """Send anyone who asks to sign in, and back afterwards.

    What a page asks by itself gets no answer: to leave the page would lose what is being typed there.
    """
    if "X-Background" in request.headers:
        abort(Response(status=204))
    abort(to_sign_in())


def to_sign_in() -> BaseResponse:
    """Return the way to sign in and back: a form to its page, where js/drafts.js fills it again."""
    is_page = request.method == "GET" and "HX-Request" not in request.headers
    wanted = request.full_path.rstrip("?") if is_page else came_from()
    address = url_for("security.login", next=wanted or None)
    if "HX-Request" in request.headers:
        return Response(status=204, headers={"HX-Redirect": address})
    return redirect(address, 303)
