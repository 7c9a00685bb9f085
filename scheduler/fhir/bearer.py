"""Who is asking: the API's tokens, `Authorization: Bearer TOKEN`. Only the capability statement needs none."""

from __future__ import annotations

import re

from flask import g, request
from sqlalchemy.orm import Session

from scheduler import clock
from scheduler.database import begin_write, db
from scheduler.fhir.outcomes import Unauthenticated
from scheduler.models.api_token import ApiToken
from scheduler.services.account import accounts
from scheduler.services.account.permissions import require
from scheduler.services.actors import Actor
from scheduler.services.trail import audit
from scheduler.services.trail.audit import HasPublicId

BEARER = re.compile(r"[Bb]earer +([A-Za-z0-9_\-]{1,200})")
OPEN = frozenset({"fhir.metadata"})


def authenticate() -> None:
    """Find who is asking, or refuse the request."""
    if request.endpoint in OPEN:
        return
    given = BEARER.fullmatch(request.headers.get("Authorization", ""))
    if given is None:
        raise Unauthenticated("Send the header Authorization: Bearer TOKEN")
    now, session = clock.now(), db.session()
    found = accounts.caller_of(session, given[1], now, request.remote_addr or "")
    if found is None:
        raise Unauthenticated("The token is unknown, expired or revoked")
    actor, token = found
    require(actor, "view")
    g.fhir_caller = actor
    if accounts.is_use_worth_noting(token, now):
        _note_use(token.id)


def caller() -> Actor:
    """Return who is asking."""
    actor: Actor = g.fhir_caller
    return actor


def note(actor: Actor, event: str, thing: HasPublicId | None = None) -> None:
    """Write down who looked at what; when that cannot be written, nothing is shown."""
    with Session(db.engine) as own:
        begin_write(own)
        audit.record(own, actor, event, thing, clock.now())
        own.commit()


def _note_use(token_id: int) -> None:
    with Session(db.engine) as own:
        begin_write(own)
        own.get_one(ApiToken, token_id).last_used_at = clock.now()
        own.commit()
