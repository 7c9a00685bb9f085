"""Accounts and the tokens with which programs act for them.

A user is global, a membership ties one to a clinic with a role. A token's text is 256 random bits behind a readable
prefix, given out once; the database keeps its SHA-256, so a stolen copy of the database opens nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from flask_security import hash_password
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from scheduler.domain.text import BadText, clean_line
from scheduler.errors import Invalid, NotFound
from scheduler.models import api_token as api_tokens
from scheduler.models import user as users
from scheduler.models.api_token import ApiToken
from scheduler.models.clinic import Clinic
from scheduler.models.user import Membership, StaffRole, User
from scheduler.services.account import password_strength
from scheduler.services.account.permissions import PERMISSIONS
from scheduler.services.actors import Actor
from scheduler.services.patient.patient_fields import clean_email
from scheduler.services.trail import audit

TOKEN_PREFIX = "seriate_"  # noqa: S105  (what a leaked token is recognised by, not a secret)
KNOWN_BY = len(TOKEN_PREFIX) + 6
USED_EVERY = timedelta(minutes=10)


def create_user(
    session: Session, clinic: Clinic, email: str, role: StaffRole, now: datetime, name: str = ""
) -> User:
    """Make a person a member of a clinic; whoever has an account already keeps it. Raises Invalid."""
    try:
        address = clean_email("email", email).lower()
        called = clean_line("name", name, 200)
    except BadText as error:
        raise Invalid([(error.field, error.reason)]) from None
    user = users.by_email(session, address)
    if user is None:
        user = User(email=address, name=called, active=True, create_datetime=now, confirmed_at=now)
        session.add(user)
        session.flush()
    elif users.member(session, user.id, clinic.id):
        raise Invalid([("email", "belongs to a member of this clinic already")])
    session.add(Membership(clinic_id=clinic.id, user_id=user.id, role=role))
    session.flush()
    return user


def set_password(session: Session, user: User, password: str) -> None:
    """Give the user this password and end every session made with the former one. Raises Invalid."""
    own = [user.email.split("@")[0], *user.name.split()]
    near = [word for row in user.memberships for word in (row.clinic.name, row.clinic.key)]
    if reason := password_strength.refusal(password, own, near):
        raise Invalid([("password", reason)])
    user.password = hash_password(password)
    user.fs_uniquifier = secrets.token_hex(32)  # what every session of the former password names
    session.flush()


def create_token(
    session: Session,
    actor: Actor,
    user: User,
    name: str,
    now: datetime,
    expires_at: datetime | None = None,
    scopes: Collection[str] | None = None,
) -> tuple[ApiToken, str]:
    """Make a token for a member of the actor's clinic; return it with its text, which is never shown again.

    `scopes` are the permissions that it has of the user's role (None: all). Raises NotFound for somebody who is no
    member, and Invalid.
    """
    _check_scopes(scopes)
    if expires_at is not None and expires_at <= now:
        raise Invalid([("expires_at", "is in the past")])
    if users.member(session, user.id, actor.clinic.id) is None:
        raise NotFound("There is no such member of this clinic")
    try:
        called = clean_line("name", name, 100, required=True)
    except BadText as error:
        raise Invalid([(error.field, error.reason)]) from None
    text = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        clinic_id=actor.clinic.id,
        user_id=user.id,
        made_by_id=actor.user_id,
        name=called,
        prefix=text[:KNOWN_BY],
        digest=digest_of(text),
        created_at=now,
        expires_at=expires_at,
        scopes=None if scopes is None else sorted(set(scopes)),
    )
    session.add(token)
    session.flush()
    audit.record(session, actor, "token.created", token, now)
    return token, text


def tokens_of(session: Session, clinic: Clinic, most: int = 200) -> list[ApiToken]:
    """Return the clinic's tokens, the latest first, those out of force as well."""
    query = select(ApiToken).where(ApiToken.clinic_id == clinic.id).options(joinedload(ApiToken.user))
    return list(session.scalars(query.order_by(ApiToken.created_at.desc(), ApiToken.id.desc()).limit(most)))


def get_token(session: Session, clinic: Clinic, public_id: str) -> ApiToken:
    """Return a token of the clinic. Raises NotFound."""
    query = select(ApiToken).where(ApiToken.clinic_id == clinic.id, ApiToken.public_id == public_id)
    token = session.scalar(query)
    if token is None:
        raise NotFound
    return token


def revoke_token(session: Session, actor: Actor, token: ApiToken, now: datetime) -> None:
    """End a token; doing so again changes nothing."""
    if token.revoked_at is None:
        token.revoked_at = now
        audit.record(session, actor, "token.revoked", token, now)
        session.flush()


def actor_for_token(session: Session, text: str, now: datetime, address: str) -> Actor | None:
    """Return who acts with this token, or None when it is not in force."""
    found = caller_of(session, text, now, address)
    return found[0] if found else None


def caller_of(session: Session, text: str, now: datetime, address: str) -> tuple[Actor, ApiToken] | None:
    """Return who acts with this token, and the token.

    None when it is revoked, expired, unknown, or its user or membership is gone.
    """
    token = api_tokens.by_digest(session, digest_of(text))
    if token is None or token.revoked_at is not None or not token.user.active:
        return None
    if token.expires_at is not None and token.expires_at <= now:
        return None
    membership = users.member(session, token.user_id, token.clinic_id)
    if membership is None:
        return None
    scopes = None if token.scopes is None else frozenset(token.scopes)
    actor = Actor(
        membership.clinic, token.user, membership.role, "staff", address, scopes, token_id=token.public_id
    )
    return actor, token


def _check_scopes(scopes: Collection[str] | None) -> None:
    if scopes is None:
        return
    if not scopes:
        raise Invalid([("scopes", "must not be empty")])
    unknown = sorted(set(scopes) - PERMISSIONS.keys())
    if unknown:
        raise Invalid([("scopes", f"{unknown[0]} is not a permission")])


def is_use_worth_noting(token: ApiToken, now: datetime) -> bool:
    """Tell whether the noted last use is old enough for a new note; not every request writes."""
    return token.last_used_at is None or token.last_used_at <= now - USED_EVERY


def digest_of(text: str) -> str:
    """Return what is kept of a token's text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
