"""API tokens: made, shown once, listed, revoked."""

from __future__ import annotations

from datetime import datetime, timedelta

from flask import render_template, request
from werkzeug.wrappers import Response

from scheduler import clock
from scheduler.database import db
from scheduler.errors import Invalid
from scheduler.services.account import accounts, memberships
from scheduler.services.account.permissions import PERMISSIONS, WORDS
from scheduler.web.current import actor
from scheduler.web.settings.blueprint import bp, by_field, saved
from scheduler.web.shell import may

ENDS = {"30": "in 30 days", "90": "in 90 days", "365": "in a year", "": "never"}


@bp.get("/tokens")
@may("tokens")
def tokens() -> str:
    return _page()


@bp.post("/tokens")
@may("tokens")
def add_token() -> str | tuple[str, int]:
    """Make a token; its text is on this answer and nowhere else."""
    form, now = request.form, clock.now()
    try:
        membership = memberships.get(db.session(), actor().clinic, form.get("user", ""))
        chosen = form.getlist("scopes") if form.get("share") == "some" else None
        _, text = accounts.create_token(
            db.session(), actor(), membership.user, form.get("name", ""), now, _ends(now), chosen
        )
    except Invalid as refusal:
        db.session.rollback()
        return _page(refusal), refusal.status
    db.session.commit()
    return _page(made=text)


@bp.post("/tokens/<token_id>/revocation")
@may("tokens")
def revoke_token(token_id: str) -> Response:
    token = accounts.get_token(db.session(), actor().clinic, token_id)
    accounts.revoke_token(db.session(), actor(), token, clock.now())
    return saved(".tokens", "Revoked: it opens nothing any more.")


def _ends(now: datetime) -> datetime | None:
    chosen = request.form.get("ends", "90")
    if chosen not in ENDS:
        raise Invalid([("ends", "is not one of those offered")])
    return now + timedelta(days=int(chosen)) if chosen else None


def _page(refusal: Invalid | None = None, made: str | None = None) -> str:
    clinic = actor().clinic
    return render_template(
        "settings/tokens.html",
        tokens=accounts.tokens_of(db.session(), clinic),
        members=memberships.every(db.session(), clinic),
        permissions={name: WORDS[name] for name in PERMISSIONS},
        ends=ENDS,
        values=request.form if refusal else {},
        errors=by_field(refusal),
        made=made,
        now=clock.now(),
    )
