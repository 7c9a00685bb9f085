"""API tokens of the clinic: made, listed, revoked. The text is shown once, when a token is made."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from sqlalchemy import select

from scheduler import clock
from scheduler.api.fields import At, Body, Id, Instant, Secret, TextLine, View, ViewWithSecrets, at
from scheduler.api.operations import Answer, call
from scheduler.api.paging import Paged, page
from scheduler.database import db
from scheduler.errors import NotFound
from scheduler.models import user as users
from scheduler.models.api_token import ApiToken
from scheduler.services.account import accounts
from scheduler.services.actors import Actor
from scheduler.services.mail import account_notices

Scope = Annotated[str, Field(pattern="^[a-z-]{1,40}$")]


class NewToken(Body):
    """`user` is the caller (the default) or, for an admin, a service account of the clinic.

    `scopes` are the permissions that it has of the user's role, at most those of the token that asks; null is all that
    may be given. Without `expires_at` it ends in 90 days; 365 are the most, and not later than the token that asks.
    """

    user: Annotated[str, TextLine(254, required=True)] | None = None
    name: Annotated[str, TextLine(100, required=True)]
    scopes: list[Scope] | None = Field(default=None, max_length=40)
    expires_at: Instant | None = None


class TokenView(View):
    id: Id
    user: str
    name: str
    prefix: str
    scopes: list[str] | None
    created_at: At
    expires_at: At | None
    last_used_at: At | None
    revoked_at: At | None
    made_by: str | None
    made_via: str


class NewTokenView(TokenView, ViewWithSecrets):
    """A token with its text, which is not shown again: in a repeated answer it is null, and `notice` says why."""

    token: Secret


class TokenPage(View):
    items: list[TokenView]
    next_cursor: str | None


@call("POST", "/tokens", may="tokens", body=NewToken, gives=NewTokenView, status=201)
def create_token(actor: Actor, body: NewToken) -> Answer:
    """Make a token that acts for the caller, or for a service account."""
    user = users.by_email(db.session(), body.user) if body.user else actor.user
    if user is None:
        raise NotFound("No such member of this clinic")
    token, text = accounts.create_token(
        db.session(), actor, user, body.name, clock.now(), body.expires_at, body.scopes, "api"
    )
    account_notices.token_made(db.session(), token, clock.now())
    return Answer(NewTokenView(**_view(token).model_dump(), token=text))


@call("GET", "/tokens", may="tokens", query=Paged, gives=TokenPage)
def list_tokens(actor: Actor, query: Paged) -> Answer:
    """List the clinic's tokens, the latest first, those out of force as well."""
    rows = select(ApiToken).where(ApiToken.clinic_id == actor.clinic.id)
    order = (ApiToken.created_at, ApiToken.public_id)
    found, cursor = page(
        db.session(), rows, query, order, lambda row: (row.created_at, row.public_id), newest_first=True
    )
    return Answer(TokenPage(items=[_view(row) for row in found], next_cursor=cursor))


@call("DELETE", "/tokens/<token_id>", may="tokens", status=204)
def revoke_token(actor: Actor, token_id: str) -> Answer:
    """End a token at once."""
    token = accounts.get_token(db.session(), actor.clinic, token_id)
    accounts.revoke_token(db.session(), actor, token, clock.now())
    return Answer(None)


def _view(token: ApiToken) -> TokenView:
    return TokenView(
        id=token.public_id,
        user=token.user.email,
        name=token.name,
        prefix=token.prefix,
        scopes=token.scopes,
        created_at=at(token.created_at),
        expires_at=at(token.expires_at) if token.expires_at else None,
        last_used_at=at(token.last_used_at) if token.last_used_at else None,
        revoked_at=at(token.revoked_at) if token.revoked_at else None,
        made_by=token.made_by.email if token.made_by else None,
        made_via=token.made_via,
    )
