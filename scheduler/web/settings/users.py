"""Sign-ins of the clinic's people: invited, given roles, ended. They are listed with the staff (people.py)."""

from __future__ import annotations

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid, WrongStatus
from scheduler.http import signing
from scheduler.models import practitioner as practitioners
from scheduler.services.account import invitations, memberships, second_factors, sessions
from scheduler.services.clinic import places
from scheduler.services.mail import settings_changes
from scheduler.web.current import actor
from scheduler.web.passwords import public_url
from scheduler.web.settings.blueprint import bp, saved
from scheduler.web.settings.people import invite, page, read_role
from scheduler.web.shell import may


@bp.post("/users")
@may("invite")
def add_user() -> str | tuple[str, int]:
    """Invite a person by mail. The answer is the same whether or not they have an account."""
    form = request.form
    email = form.get("email", "").strip().lower()
    try:
        invite(email, read_role(), form.get("name", ""))
    except (Invalid, WrongStatus) as refusal:
        db.session.rollback()
        return page(refusal, wrong="invite"), refusal.status
    db.session.commit()
    return page(made=email)


@bp.post("/users/invitations/<invitation_id>/mail")
@may("invite")
def send_invitation(invitation_id: str) -> Response:
    """Mail an invitation again."""
    invitation = invitations.get(db.session(), actor().clinic, invitation_id)
    invitations.send_again(db.session(), actor(), invitation, clock.now(), public_url(), signing.keys())
    return saved(".people", "Invitation sent again.")


@bp.post("/users/invitations/<invitation_id>/withdrawal")
@may("invite")
def withdraw_invitation(invitation_id: str) -> Response:
    invitation = invitations.get(db.session(), actor().clinic, invitation_id)
    invitations.withdraw(db.session(), actor(), invitation, clock.now())
    return saved(".people", "Invitation withdrawn.")


@bp.post("/users/role")
@may("users")
def save_role() -> Response:
    membership = memberships.get(db.session(), actor().clinic, request.form.get("email", ""))
    memberships.set_role(db.session(), actor(), membership, read_role(), clock.now())
    return saved(".people")


@bp.get("/users/removal")
@may("invite")
def ask_remove_user() -> str:
    """Show what ends with a membership before it is ended, and ask about the staff record."""
    session, clinic, now = db.session(), actor().clinic, clock.now()
    membership = memberships.get(session, clinic, request.args.get("email", ""))
    person = practitioners.of_user(session, clinic.id, membership.user_id)
    return render_template(
        "settings/removal.html",
        member=membership,
        ends=memberships.what_ends(session, clinic, membership.user, now),
        person=person if person and person.active else None,
        ahead=len(places.visits_ahead(session, person.resource_id, now)) if person else 0,
    )


@bp.post("/users/removal")
@may("invite")
def remove_user() -> Response:
    """End a membership with the tokens and calendar links that hang on it."""
    membership = memberships.get(db.session(), actor().clinic, request.form.get("email", ""))
    memberships.end(
        db.session(),
        actor(),
        membership,
        clock.now(),
        patients_feeds_too="patients_feeds_too" in request.form,
        off_schedule="off_schedule" in request.form,
    )
    return saved(".people", "Removed from this clinic. Their API tokens and calendar links have ended.")


@bp.post("/users/second-factor/reset")
@may("users")
def reset_second_factor() -> Response:
    """Forget a member's lost phone; they set up another one when they sign in next."""
    membership = memberships.get(db.session(), actor().clinic, request.form.get("email", ""))
    second_factors.reset(db.session(), actor(), membership.user, clock.now())
    sessions.end_others(db.session(), membership.user, clock.wall())
    return saved(".people", "Two-step verification is reset. They set it up at their next sign-in.")


@bp.post("/users/sessions/end")
@may("users")
def end_sessions() -> Response:
    """End every session of a member, such as one whose laptop is lost."""
    membership = memberships.get(db.session(), actor().clinic, request.form.get("email", ""))
    sessions.end_by_admin(db.session(), actor(), membership.user, clock.wall(), clock.now())
    return saved(".people", "They are signed out everywhere and notified by email.")


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
    return saved(".people")
