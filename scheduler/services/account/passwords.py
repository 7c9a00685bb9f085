"""Choosing a password by a link that comes by mail: an invitation, or a reset.

The link is signed, good for a while, and for once: it names what changes with every password. It goes through the same
outbox as all mail, encrypted, and is wiped from there once it is sent. Asking for a reset answers everybody the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy.orm import Session

from scheduler.errors import LinkOver
from scheduler.models import user as users
from scheduler.models.clinic import Clinic
from scheduler.models.message import MessageKind
from scheduler.models.user import StaffRole, User
from scheduler.services import limits
from scheduler.services.account import accounts, sessions
from scheduler.services.actors import Actor
from scheduler.services.encryption import encrypt_values
from scheduler.services.limits import HOUR, Limit
from scheduler.services.mail import outbox
from scheduler.services.trail import audit

INVITED_FOR = timedelta(days=7)
RESET_FOR = timedelta(hours=1)
RESETS = Limit("password-resets", most=3, per=HOUR)
INVITATION = "invitation"  # the mail's text
SALT = "password"


def invite(
    session: Session,
    actor: Actor,
    email: str,
    role: StaffRole,
    now: datetime,
    public_url: str,
    keys: Sequence[str],
    name: str = "",
) -> User:
    """Make a person a member of the actor's clinic; a new account is mailed a link to choose its password.

    Raises Invalid.
    """
    user = accounts.create_user(session, actor.clinic, email, role, now, name)
    audit.record(session, actor, "user.invited", actor.clinic, now, [f"user:{user.id}", f"role:{role.value}"])
    if user.password is None:
        _mail_link(session, actor.clinic, user, now, INVITED_FOR, public_url, keys, INVITATION)
    return user


def ask_for_reset(session: Session, email: str, now: datetime, public_url: str, keys: Sequence[str]) -> None:
    """Mail a link to choose a new password, if there is such an account; tell nobody whether there is."""
    if limits.hit(session, RESETS, email.strip().lower(), now) > RESETS.most:
        return
    user = users.by_email(session, email)
    if user is None or not user.active or not user.memberships:
        return
    clinic = user.memberships[0].clinic
    _mail_link(session, clinic, user, now, RESET_FOR, public_url, keys)
    audit.record(session, _self(clinic, user), "user.reset-asked", clinic, now, [f"user:{user.id}"])


def read_link(session: Session, token: str, now: datetime, keys: Sequence[str]) -> User:
    """Return whose password the link lets choose. Raises LinkOver when it is old, used, or not ours."""
    try:
        held = _serializer(keys).loads(token)
    except BadSignature as refused:
        raise LinkOver from refused
    user = session.get(User, held["u"])
    if user is None or not user.active or held["f"] != _fingerprint(user) or held["x"] < now.timestamp():
        raise LinkOver
    return user


def choose(session: Session, user: User, password: str, now: datetime, wall: datetime) -> None:
    """Set the password and end every session of the former one. Raises Invalid."""
    accounts.set_password(session, user, password)
    sessions.end_others(session, user, wall)
    for membership in user.memberships:
        actor = _self(membership.clinic, user)
        audit.record(session, actor, "user.password-chosen", membership.clinic, now, [f"user:{user.id}"])


def link_token(user: User, good_for: timedelta, now: datetime, keys: Sequence[str]) -> str:
    """Return the token of a link to choose a password."""
    ends = int((now + good_for).timestamp())
    token = _serializer(keys).dumps({"u": user.id, "f": _fingerprint(user), "x": ends})
    return str(token)


def _mail_link(
    session: Session,
    clinic: Clinic,
    user: User,
    now: datetime,
    good_for: timedelta,
    public_url: str,
    keys: Sequence[str],
    words: str = MessageKind.ACCOUNT.value,
) -> None:
    link = f"{public_url}/account/password/{link_token(user, good_for, now, keys)}"
    values = {"words": words, "secret": encrypt_values(keys, {"action_link": link})}
    outbox.enqueue(
        session, clinic, MessageKind.ACCOUNT, now, user=user, values=values, expires_at=now + good_for
    )


def _self(clinic: Clinic, user: User) -> Actor:
    return Actor(clinic, user, None, "staff")


def _serializer(keys: Sequence[str]) -> URLSafeSerializer:
    return URLSafeSerializer(list(reversed(keys)), salt=SALT)  # itsdangerous signs with the last


def _fingerprint(user: User) -> str:
    """Return what changes with every new password, without telling it."""
    return hashlib.sha256(user.fs_uniquifier.encode()).hexdigest()[:16]
