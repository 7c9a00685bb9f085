"""Who is calling: `Authorization: Bearer TOKEN`. A token acts as one user in one clinic."""

from __future__ import annotations

import re

from flask import g, request

from scheduler import clock
from scheduler.database import db, is_writer, writing
from scheduler.http.problems import Unauthenticated
from scheduler.models.api_token import ApiToken
from scheduler.services.account import accounts
from scheduler.services.actors import Actor
from scheduler.transactions import again_as_writer

BEARER = re.compile(r"[Bb]earer +([A-Za-z0-9_\-]{1,200})")


@again_as_writer
def authenticate() -> None:
    """Find the actor of the request, or refuse it."""
    given = BEARER.fullmatch(request.headers.get("Authorization", ""))
    if given is None:
        raise Unauthenticated("Send the header Authorization: Bearer TOKEN")
    now, session = clock.now(), db.session()
    found = accounts.caller_of(session, given[1], now, request.remote_addr or "")
    if found is None:
        raise Unauthenticated("The token is unknown, expired or revoked")
    g.actor, token = found
    if accounts.is_use_worth_noting(token, now):
        _note_use(token)


def caller() -> Actor:
    """Return who is calling."""
    actor: Actor = g.actor
    return actor


def caller_key() -> str:
    """Return what an idempotency key is scoped to."""
    return f"token:{caller().token_id}"


def _note_use(token: ApiToken) -> None:
    """Record that the token was used, in a transaction of its own unless the request is a writer already."""
    now, token_id = clock.now(), token.id
    if is_writer(db.session()):
        token.last_used_at = now
        return
    db.session.rollback()  # gives its connection back: a request that holds one and waits for another can wait forever
    with writing() as own:
        own.get_one(ApiToken, token_id).last_used_at = now
