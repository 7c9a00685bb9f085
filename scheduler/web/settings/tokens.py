"""API tokens and service accounts: made, shown once, listed, revoked."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.models.user import StaffRole
from scheduler.services.account import accounts, memberships
from scheduler.services.account.permissions import PERMISSIONS, SERVICE_ROLES, WORDS, allowed
from scheduler.services.mail import account_notices
from scheduler.web.current import actor
from scheduler.web.settings.blueprint import bp, by_field, saved
from scheduler.web.shell import may

ENDS = {"30": "in 30 days", "90": "in 90 days", "365": "in a year"}


@bp.get("/tokens")
@may("tokens")
def tokens() -> str:
    return _page()


@bp.post("/tokens")
@may("tokens")
def add_token() -> str | tuple[str, int]:
    """Make a token for the person themself or a service account; its text is on this answer and nowhere else."""
    form, now = request.form, clock.now()
    try:
        membership = memberships.get(db.session(), actor().clinic, form.get("user") or _own_email())
        chosen = form.getlist("scopes") if form.get("share") == "some" else None
        token, text = accounts.create_token(
            db.session(), actor(), membership.user, form.get("name", ""), now, _ends(now), chosen, "page"
        )
    except Invalid as refusal:
        db.session.rollback()
        return _page(refusal), refusal.status
    account_notices.token_made(db.session(), token, now)
    db.session.commit()
    return _page(made=text)


@bp.post("/tokens/service-accounts")
@may("users")
def add_service_account() -> Response | tuple[str, int]:
    """Make an account for an integration."""
    form = request.form
    try:
        role = form.get("role", "")
        chosen = StaffRole(role) if role in set(StaffRole) else StaffRole.ADMIN  # which the service refuses
        accounts.create_service(db.session(), actor(), form.get("service_name", ""), chosen, clock.now())
    except Invalid as refusal:
        db.session.rollback()
        errors = {"service_name" if name == "name" else name: why for name, why in by_field(refusal).items()}
        return _page(refusal, errors=errors), refusal.status
    return saved(".tokens", "Service account created. Now create a token for it.")


@bp.post("/tokens/<token_id>/revocation")
@may("tokens")
def revoke_token(token_id: str) -> Response:
    token = accounts.get_token(db.session(), actor().clinic, token_id)
    accounts.revoke_token(db.session(), actor(), token, clock.now())
    return saved(".tokens", "Token revoked.")


def _ends(now: datetime) -> datetime:
    chosen = request.form.get("ends", "90")
    if chosen not in ENDS:
        raise Invalid([("ends", "is not one of the choices")])
    return now + timedelta(days=int(chosen))


def _own_email() -> str:
    user = actor().user
    return user.email if user else ""


def _page(
    refusal: Invalid | None = None, made: str | None = None, errors: Mapping[str, str] | None = None
) -> str:
    clinic = actor().clinic
    members = memberships.every(db.session(), clinic)
    return render_template(
        "settings/tokens.html",
        tokens=accounts.tokens_of(db.session(), clinic),
        services=[one for one in members if one.user.is_service],
        service_roles=[role for role in StaffRole if role in SERVICE_ROLES],
        permissions={name: WORDS[name] for name in PERMISSIONS if allowed(actor(), name)},
        ends=ENDS,
        values=request.form if refusal else {},
        errors=by_field(refusal) if errors is None else errors,
        made=made,
        now=clock.now(),
    )
