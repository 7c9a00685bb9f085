"""Invitations to clinics: the page where a person accepts or declines, and the link of the mail.

The link alone accepts nothing for a person who has a password: they sign in first. A person without one chooses it by
the link, which proves that the mail reached them, and accepts with that.
"""

from __future__ import annotations

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_security import current_user
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.http import signing
from scheduler.models import invitation as invitation_rows
from scheduler.models.invitation import Invitation
from scheduler.models.user import User
from scheduler.services.account import invitations
from scheduler.web.current import choose_clinic, sign_in_first
from scheduler.web.passwords import set_password

bp = Blueprint("invitations", __name__, url_prefix="/account/invitations")


@bp.get("")
def index() -> str:
    """List the invitations that the signed-in person can answer."""
    user = _signed_in()
    open_ones = invitation_rows.open_of_user(db.session(), user.id, clock.now())
    return render_template("invitations/index.html", invitations=open_ones)


@bp.post("/<invitation_id>/acceptance")
def accept(invitation_id: str) -> Response:
    """Become a member of the clinic, and work there from now on."""
    invitation = invitations.get_own(db.session(), _signed_in(), invitation_id, clock.now())
    invitations.accept(db.session(), invitation, clock.now(), request.remote_addr or "")
    db.session.commit()
    choose_clinic(invitation.clinic.public_id)
    flash(f"You joined {invitation.clinic.name} and are signed in there.")
    return redirect(url_for("board.today"), 303)


@bp.post("/<invitation_id>/refusal")
def decline(invitation_id: str) -> Response:
    """Decline an invitation."""
    invitation = invitations.get_own(db.session(), _signed_in(), invitation_id, clock.now())
    invitations.decline(db.session(), invitation, clock.now())
    db.session.commit()
    flash(f"You declined the invitation from {invitation.clinic.name}.")
    return redirect(url_for(".index"), 303)


@bp.get("/by-mail/<token>")
def by_link(token: str) -> Response | str:
    """Show a new person what they are invited to; send a person with a password to sign in and answer."""
    invitation = _of_link(token)
    if invitation.user.password is not None:
        return redirect(url_for(".index"), 303)
    return _form(invitation, token)


@bp.post("/by-mail/<token>")
def accept_by_link(token: str) -> Response | tuple[str, int]:
    """Accept, and choose the password of a new account."""
    invitation = _of_link(token)
    if invitation.user.password is not None:
        return redirect(url_for(".index"), 303)
    errors = set_password(invitation.user)
    if errors:
        return _form(invitation, token, errors), 422
    invitations.accept(db.session(), invitation, clock.now(), request.remote_addr or "")
    db.session.commit()
    flash(f"You joined {invitation.clinic.name}. Sign in with your password.")
    return redirect(url_for("security.login"), 303)


def _of_link(token: str) -> Invitation:
    return invitations.read_link(db.session(), token, clock.now(), signing.keys())


def _form(invitation: Invitation, token: str, errors: dict[str, str] | None = None) -> str:
    return render_template("invitations/show.html", invitation=invitation, token=token, errors=errors or {})


def _signed_in() -> User:
    if not current_user.is_authenticated:
        sign_in_first()
    return db.session().get_one(User, current_user.id)
