"""Staff and sign-ins: each person once, with what they do, their hours and how they sign in."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.domain.localtime import local_on
from scheduler.errors import Invalid, WrongStatus
from scheduler.http import signing
from scheduler.models import user as users
from scheduler.models.practitioner import Practitioner
from scheduler.models.user import Membership, StaffRole
from scheduler.services.account import invitations, memberships, staff_list
from scheduler.services.account.permissions import allowed
from scheduler.services.clinic import places as service
from scheduler.web.current import actor
from scheduler.web.local import read_number
from scheduler.web.passwords import public_url
from scheduler.web.settings.blueprint import bp, by_field, displaced_ahead, saved, saved_availability
from scheduler.web.shell import may

KEPT, ENDED = "keep", "remove"  # what becomes of the sign-in of a person who leaves the schedule


@bp.get("/people")
@may("people")
def people() -> str:
    return page()


@bp.post("/people")
@may("people")
def add_person() -> Response | tuple[str, int]:
    """Add a person to the schedule; with an address they are invited, with one of a member they are that member."""
    session, form = db.session(), request.form
    try:
        person = service.create_practitioner(session, actor(), _fields(), clock.now())
        email = form.get("email", "").strip().lower()
        if form.get("member"):
            membership = memberships.get(session, actor().clinic, form["member"])
            service.tie_account(session, actor(), person, membership.user, clock.now())
        elif email:
            invite(email, read_role(staff_list.usual_role(person)), person.name, person)
    except (Invalid, WrongStatus) as refusal:
        db.session.rollback()
        return page(refusal), refusal.status
    return saved(".people", f"Added, and an invitation is sent to {email}." if email else "Added.")


@bp.post("/people/<person_id>")
@may("people")
def save_person(person_id: str) -> Response | str | tuple[str, int]:
    session = db.session()
    person = service.get_practitioner(session, actor().clinic, person_id)
    fields, before = _fields() | {"active": "active" in request.form}, displaced_ahead()
    membership = _membership(person)
    leaves = person.active and not fields["active"]
    if leaves and membership is not None and request.form.get("sign_in") not in (KEPT, ENDED):
        return _ask(person, membership)
    try:
        service.update_practitioner(session, actor(), person, fields, clock.now())
        if leaves and membership is not None and request.form["sign_in"] == ENDED:
            memberships.end(session, actor(), membership, clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return page(refusal, person_id), refusal.status
    return saved_availability(".people", before)


@bp.post("/people/<person_id>/invitation")
@may("invite")
def invite_person(person_id: str) -> Response | tuple[str, int]:
    """Invite a person of the schedule: the sign-in becomes theirs when they accept."""
    person = service.get_practitioner(db.session(), actor().clinic, person_id)
    try:
        invite(request.form.get("email", ""), read_role(staff_list.usual_role(person)), person.name, person)
    except (Invalid, WrongStatus) as refusal:
        db.session.rollback()
        return page(refusal, person_id), refusal.status
    return saved(".people", f"{person.name} is invited. The emailed link works for 7 days.")


@bp.post("/people/<person_id>/account")
@may("people")
def link_account(person_id: str) -> Response | tuple[str, int]:
    """Say which member a person of the schedule is, or that they are none."""
    session = db.session()
    person = service.get_practitioner(session, actor().clinic, person_id)
    email = request.form.get("email", "")
    user = memberships.get(session, actor().clinic, email).user if email else None
    try:
        service.tie_account(session, actor(), person, user, clock.now())
    except Invalid as refusal:
        db.session.rollback()
        return page(refusal, person_id), refusal.status
    return saved(".people")


def invite(email: str, role: StaffRole, name: str, person: Practitioner | None = None) -> None:
    """Invite by mail, as the page's forms do. Raises Invalid, WrongStatus and Forbidden."""
    now = clock.now()
    invitations.invite(
        db.session(), actor(), email, role, now, public_url(), signing.keys(), name, practitioner=person
    )


def read_role(otherwise: StaffRole | None = None) -> StaffRole:
    """Return the role of the form, or `otherwise` where it leaves it open. Raises Invalid."""
    wanted = request.form.get("role", "")
    if not wanted and otherwise is not None:
        return otherwise
    if wanted not in set(StaffRole):
        raise Invalid([("role", f"must be one of {', '.join(StaffRole)}")])
    return StaffRole(wanted)


def page(refusal: Invalid | WrongStatus | None = None, wrong: str = "", made: str = "") -> str:
    """Show everyone. `wrong` is the person whose form was refused, `made` who was just invited."""
    clinic = actor().clinic
    found = staff_list.everyone(db.session(), clinic)
    roles = [one for one in StaffRole if one is not StaffRole.ADMIN or allowed(actor(), "users")]
    return render_template(
        "settings/people.html",
        people=found,
        unlinked=[
            one.membership for one in found if one.record is None and one.membership and not one.is_program
        ],
        usual_role=staff_list.usual_role,
        least=staff_list.LEAST,
        roles=roles,
        ratio=clinic.settings.nurse_units,
        settings=clinic.settings,
        now=clock.now(),
        values=request.form if refusal else {},
        errors=by_field(refusal) if isinstance(refusal, Invalid) else {},
        trouble=refusal.words if isinstance(refusal, WrongStatus) else "",
        wrong=wrong,
        made=made,
    )


def _ask(person: Practitioner, membership: Membership) -> str:
    """Ask what becomes of the sign-in before a person leaves the schedule."""
    ahead = service.visits_ahead(db.session(), person.resource_id, clock.now())
    return render_template(
        "settings/leaving.html",
        person=person,
        member=membership,
        ahead=len(ahead),
        today=local_on(clock.now(), actor().clinic.zone),
        may_end=membership.role is not StaffRole.ADMIN or allowed(actor(), "users"),
        fields=[(name, value) for name, value in request.form.items(multi=True) if name != "csrf_token"],
    )


def _membership(person: Practitioner) -> Membership | None:
    if person.user_id is None:
        return None
    return users.member(db.session(), person.user_id, actor().clinic.id)


def _fields() -> dict[str, Any]:
    form = request.form
    units = form.get("units", "")
    return {
        "name": form.get("name", ""),
        "roles": form.getlist("roles"),
        "units": read_number(units) if units else None,
        "rank": read_number(form.get("rank", "0")),
    }
