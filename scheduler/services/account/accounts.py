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
from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload

from scheduler.domain.text import BadText, clean_email, clean_line
from scheduler.errors import Forbidden, Invalid, NotFound
from scheduler.models import api_token as api_tokens
from scheduler.models import user as users
from scheduler.models.api_token import ApiToken
from scheduler.models.clinic import Clinic
from scheduler.models.user import Membership, StaffRole, User
from scheduler.services.account import password_strength
from scheduler.services.account.permissions import PERMISSIONS, SERVICE_ROLES, require
from scheduler.services.actors import Actor
from scheduler.services.trail import audit

TOKEN_PREFIX = "seriate_"  # noqa: S105  (what a leaked token is recognised by, not a secret)
KNOWN_BY = len(TOKEN_PREFIX) + 6
USED_EVERY = timedelta(minutes=10)
USUAL, LONGEST = timedelta(days=90), timedelta(days=365)  # how long a token lasts
SERVICE_DOMAIN = "service.invalid"  # RFC 2606: no mail can go there


def create_user(
    session: Session, clinic: Clinic, email: str, role: StaffRole, now: datetime, name: str = ""
) -> User:
    """Make a person a member of a clinic at once, as a command may; an account that exists is kept. Raises Invalid.

    An admin invites instead (`invitations.invite`): the person has to accept.
    """
    try:
        address = clean_email("email", email).lower()
        called = clean_line("name", name, 200)
    except BadText as error:
        raise Invalid([(error.field, error.reason)]) from None
    user = users.by_email(session, address)
    if user is None:
        user = new_user(session, address, called, now)
    elif users.member(session, user.id, clinic.id):
        raise Invalid([("email", "belongs to a member of this clinic already")])
    session.add(Membership(clinic_id=clinic.id, user_id=user.id, role=role))
    session.flush()
    return user


def new_user(session: Session, email: str, name: str, now: datetime) -> User:
    """Add an account without a password or a membership. `email` and `name` are checked by the caller."""
    user = User(email=email, name=name, active=True, create_datetime=now, confirmed_at=now)
    session.add(user)
    session.flush()
    return user


def set_password(session: Session, user: User, password: str) -> None:
    """Give the user this password and end every session made with the former one. Raises Invalid."""
    if user.is_service:
        raise Invalid([("password", "a service account has no sign-in; it uses API tokens")])
    own = [user.email.split("@")[0], *user.name.split()]
    near = [word for row in user.memberships for word in (row.clinic.name, row.clinic.key)]
    if reason := password_strength.refusal(password, own, near):
        raise Invalid([("password", reason)])
    user.password = hash_password(password)
    user.fs_uniquifier = secrets.token_hex(32)  # what every session of the former password names
    session.flush()


def create_service(session: Session, actor: Actor, name: str, role: StaffRole, now: datetime) -> User:
    """Make an account for an integration: no person, no password, and no role that may override. Raises Invalid."""
    if role not in SERVICE_ROLES:
        raise Invalid([("role", f"must be one of {', '.join(sorted(SERVICE_ROLES))}")])
    try:
        called = clean_line("name", name, 200, required=True)
    except BadText as error:
        raise Invalid([(error.field, error.reason)]) from None
    address = f"{secrets.token_hex(6)}@{actor.clinic.key}.{SERVICE_DOMAIN}"  # unique, and never mailed
    user = new_user(session, address, called, now)
    user.is_service = True
    session.add(Membership(clinic_id=actor.clinic.id, user_id=user.id, role=role))
    session.flush()
    fields = [f"user:{user.id}", f"role:{role.value}"]
    audit.record(session, actor, "user.service-account-made", actor.clinic, now, fields)
    return user


def create_token(
    session: Session,
    actor: Actor,
    user: User,
    name: str,
    now: datetime,
    expires_at: datetime | None = None,
    scopes: Collection[str] | None = None,
    via: str = "page",
) -> tuple[ApiToken, str]:
    """Make a token; return it with its text, which is never shown again.

    A person makes one for themself, or as an admin for a service account, with at most the permissions they act with
    and an end (`expires_at` None: in 90 days; at most 365), not later than that of the token they act with. A command
    makes one for any member, without an end unless it gives one. `scopes` None are all that may be given. `via` is
    the interface it was made by. Raises NotFound for a user who is no member, Forbidden and Invalid.
    """
    membership = users.member(session, user.id, actor.clinic.id)
    if membership is None:
        raise NotFound("No such member of this clinic")
    _check_maker(actor, user)
    granted = _granted(actor, membership, scopes)
    ends_at = _end(actor, expires_at, now)
    try:
        called = clean_line("name", name, 100, required=True)
    except BadText as error:
        raise Invalid([(error.field, error.reason)]) from None
    text = TOKEN_PREFIX + secrets.token_urlsafe(32)
    token = ApiToken(
        clinic_id=actor.clinic.id,
        user_id=user.id,
        name=called,
        prefix=text[:KNOWN_BY],
        digest=digest_of(text),
        created_at=now,
        expires_at=ends_at,
        scopes=granted,
        made_by_id=actor.user_id,
        made_via="command" if actor.name == "command" else via,
    )
    session.add(token)
    session.flush()
    audit.record(session, actor, "token.created", token, now, [f"user:{user.id}", f"via:{token.made_via}"])
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


def in_force(session: Session, user: User, now: datetime, clinic: Clinic | None = None) -> list[ApiToken]:
    """Return a person's tokens that have not ended, of one clinic or of all, the latest first."""
    query = select(ApiToken).where(
        ApiToken.user_id == user.id,
        ApiToken.revoked_at.is_(None),
        or_(ApiToken.expires_at.is_(None), ApiToken.expires_at > now),
    )
    if clinic is not None:
        query = query.where(ApiToken.clinic_id == clinic.id)
    return list(session.scalars(query.order_by(ApiToken.created_at.desc(), ApiToken.id.desc())))


def revoke_all(session: Session, actor: Actor, user: User, now: datetime) -> None:
    """End a person's tokens of the actor's clinic."""
    for token in in_force(session, user, now, actor.clinic):
        revoke_token(session, actor, token, now)


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
    if token.user.is_service and membership.role not in SERVICE_ROLES:
        return None
    scopes = None if token.scopes is None else frozenset(token.scopes)
    actor = Actor(
        membership.clinic,
        token.user,
        membership.role,
        "staff",
        address,
        scopes,
        token_id=token.public_id,
        token_ends_at=token.expires_at,
    )
    return actor, token


def _check_maker(actor: Actor, user: User) -> None:
    if actor.name == "command" or actor.user_id == user.id:
        return
    if not user.is_service:
        raise Forbidden("You can create tokens only for yourself. For a program, create a service account")
    require(actor, "users")


def _granted(actor: Actor, membership: Membership, scopes: Collection[str] | None) -> list[str] | None:
    """Return the scopes of a new token: at most what its user's role has and what the actor acts with."""
    if scopes is not None and not scopes:
        raise Invalid([("scopes", "must not be empty")])
    if unknown := sorted(set(scopes or ()) - PERMISSIONS.keys()):
        raise Invalid([("scopes", f"{unknown[0]} is not a permission")])
    most = {name for name, roles in PERMISSIONS.items() if membership.role in roles}
    if actor.scopes is not None:
        most &= actor.scopes
        scopes = most if scopes is None else scopes
    if wider := sorted(set(scopes or ()) - most):
        raise Invalid([("scopes", f"{wider[0]} exceeds your own permissions")])
    if scopes is not None and not scopes:
        raise Invalid([("scopes", "this role has none of your permissions")])
    return None if scopes is None else sorted(set(scopes))


def _end(actor: Actor, wanted: datetime | None, now: datetime) -> datetime | None:
    if wanted is not None and wanted <= now:
        raise Invalid([("expires_at", "is in the past")])
    if actor.name == "command":
        return wanted
    latest = now + LONGEST
    if actor.token_ends_at is not None:
        latest = min(latest, actor.token_ends_at)
    if wanted is None:
        return min(now + USUAL, latest)
    if wanted > latest:
        limit = "the end of the token you use" if latest < now + LONGEST else f"{LONGEST.days} days from now"
        raise Invalid([("expires_at", f"must not be later than {limit}")])
    return wanted


def is_use_worth_noting(token: ApiToken, now: datetime) -> bool:
    """Tell whether the noted last use is old enough for a new note; not every request writes."""
    return token.last_used_at is None or token.last_used_at <= now - USED_EVERY


def digest_of(text: str) -> str:
    """Return what is kept of a token's text."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
