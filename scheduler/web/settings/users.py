"""Accounts and roles: who may do what in the clinic."""

from __future__ import annotations

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid, WrongStatus
from scheduler.http import signing
from scheduler.models.invitation import open_of_clinic
from scheduler.models.user import StaffRole
from scheduler.services.account import invitations, memberships, second_factors, sessions
from scheduler.services.mail import settings_changes
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
    """Invite a person by mail. The answer is the same whether or not they have an account."""
    form = request.form
    try:
        invitation = invitations.invite(
            db.session(),
            actor(),
            form.get("email", ""),
            _role(),
            clock.now(),
            public_url(),
            signing.keys(),
            form.get("name", ""),
        )
    except (Invalid, WrongStatus) as refusal:
        db.session.rollback()
        return _page(refusal), refusal.status
    db.session.commit()
    return _page(made=invitation.user.email)


@bp.post("/users/invitations/<invitation_id>/mail")
@may("users")
def send_invitation(invitation_id: str) -> Response:
    """Mail an invitation again."""
    invitation = invitations.get(db.session(), actor().clinic, invitation_id)
    invitations.send_again(db.session(), actor(), invitation, clock.now(), public_url(), signing.keys())
    return saved(".users", "Invitation sent again.")


@bp.post("/users/invitations/<invitation_id>/withdrawal")
@may("users")
def withdraw_invitation(invitation_id: str) -> Response:
    invitation = invitations.get(db.session(), actor().clinic, invitation_id)
    invitations.withdraw(db.session(), actor(), invitation, clock.now())
    return saved(".users", "Invitation withdrawn.")


@bp.post("/users/role")
@may("users")
def save_role() -> Response:
    membership = memberships.get(db.session(), actor().clinic, request.form.get("email", ""))
    memberships.set_role(db.session(), actor(), membership, _role(), clock.now())
    return saved(".users")


@bp.get("/users/removal")
@may("users")
def ask_remove_user() -> str:
    """Show what ends with a membership before it is ended."""
    clinic = actor().clinic
    membership = memberships.get(db.session(), clinic, request.args.get("email", ""))
    ends = memberships.what_ends(db.session(), clinic, membership.user, clock.now())
    return render_template("settings/removal.html", member=membership, ends=ends)


@bp.post("/users/removal")
@may("users")
def remove_user() -> Response:
    """End a membership with the tokens and calendar links that hang on it."""
    membership = memberships.get(db.session(), actor().clinic, request.form.get("email", ""))
    patients_too = "patients_feeds_too" in request.form
    memberships.end(db.session(), actor(), membership, clock.now(), patients_feeds_too=patients_too)
    return saved(".users", "Removed from this clinic. Their API tokens and calendar links have ended.")


@bp.post("/users/second-factor/reset")
@may("users")
def reset_second_factor() -> Response:
    """Forget a member's lost phone; they set up another one when they sign in next."""
    membership = memberships.get(db.session(), actor().clinic, request.form.get("email", ""))
    second_factors.reset(db.session(), actor(), membership.user, clock.now())
    sessions.end_others(db.session(), membership.user, clock.wall())
    return saved(".users", "Two-step verification is reset. They set it up at their next sign-in.")


@bp.post("/users/sessions/end")
@may("users")
def end_sessions() -> Response:
    """End every session of a member, such as one whose laptop is lost."""
    membership = memberships.get(db.session(), actor().clinic, request.form.get("email", ""))
    sessions.end_by_admin(db.session(), actor(), membership.user, clock.wall(), clock.now())
    return saved(".users", "They are signed out everywhere and notified by email.")


@bp.post("/users/second-factor")
@may("users")
def save_second_factor() -> Response:
    """Ask everybody in the clinic for a code at sign-in, or only whose role needs one."""
    return _switch("second_factor_for_all")


@bp.post("/users/closing")
@may("users")
def save_closing() -> Response:
    """Let the front desk enter closures and time off, or only managers and admins."""
    return _switch("front_desk_closes")


def _switch(name: str) -> Response:
    settings_changes.change(db.session(), actor(), {name: name in request.form}, clock.now())
    return saved(".users")


def _role() -> StaffRole:
    wanted = request.form.get("role", "")
    if wanted not in set(StaffRole):
        raise Invalid([("role", f"must be one of {', '.join(StaffRole)}")])
    return StaffRole(wanted)


def _page(refusal: Invalid | WrongStatus | None = None, made: str | None = None) -> str:
    clinic = actor().clinic
    return render_template(
        "settings/users.html",
        members=memberships.every(db.session(), clinic),
        invitations=open_of_clinic(db.session(), clinic.id),
        roles=list(StaffRole),
        values=request.form if refusal else {},
        errors=by_field(refusal) if isinstance(refusal, Invalid) else {},
        trouble=refusal.words if isinstance(refusal, WrongStatus) else "",
        made=made,
        now=clock.now(),
        settings=clinic.settings,
    )
