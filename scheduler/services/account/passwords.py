"""Choosing a password by the link of a mail, after asking for one.

The link is signed, good for a while, and for once: it names what changes with every password. It goes through the same
outbox as all mail, encrypted, and is wiped from there once it is sent. Asking for a reset answers everybody the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from itsdangerous import BadSignature
from sqlalchemy.orm import Session

from scheduler.errors import LinkOver
from scheduler.models import invitation as invitations
from scheduler.models import known_browser as known_browsers
from scheduler.models import user as users
from scheduler.models.clinic import Clinic
from scheduler.models.message import MessageKind
from scheduler.models.user import User
from scheduler.services import limits, signing
from scheduler.services.account import accounts, sessions, throttles
from scheduler.services.actors import Actor
from scheduler.services.encryption import encrypt_values
from scheduler.services.limits import HOUR, Limit
from scheduler.services.mail import outbox
from scheduler.services.trail import audit

RESET_FOR = timedelta(hours=1)
RESETS = Limit("password-resets", most=3, per=HOUR)  # to one mail address
SOURCES = Limit("password-reset-sources", most=20, per=HOUR)  # asked for from one network
SALT = "password"


def ask_for_reset(
    session: Session,
    email: str,
    now: datetime,
    public_url: str,
    keys: Sequence[str],
    address: str = "",
    browser: str | None = None,
) -> None:
    """Mail a link to choose a new password if there is such an account. The caller answers the same in any case.

    Limited for each mail address, and for each network unless the person has signed in in this `browser`.
    """
    user = users.by_email(session, email)
    known = browser is not None and throttles.is_known(session, user.id if user else 0, browser, now)
    if not known and limits.hit(session, SOURCES, limits.network(address), now) > SOURCES.most:
        return
    if limits.hit(session, RESETS, email.strip().lower(), now) > RESETS.most:
        return
    if user is None or not user.active or user.is_service:
        return
    clinic = _writes_to(session, user, now)
    if clinic is None:
        return
    _mail_link(session, clinic, user, now, RESET_FOR, public_url, keys)
    if user.memberships:
        audit.record(session, _self(clinic, user), "user.reset-asked", clinic, now, [f"user:{user.id}"])


def read_link(session: Session, token: str, now: datetime, keys: Sequence[str]) -> User:
    """Return whose password the link lets choose. Raises LinkOver when it is old, used, or not ours."""
    try:
        held = signing.serializer(keys, SALT).loads(token)
    except BadSignature as refused:
        raise LinkOver from refused
    user = session.get(User, held["u"])
    if user is None or not user.active or held["f"] != _fingerprint(user) or held["x"] < now.timestamp():
        raise LinkOver
    return user


def choose(
    session: Session, user: User, password: str, now: datetime, wall: datetime, *, keep_tokens: bool = False
) -> None:
    """Set the password; end the sessions, the known browsers and, unless kept, the API tokens. Raises Invalid.

    A reset by link never keeps tokens: the former password may have been stolen, and tokens made with it.
    """
    accounts.set_password(session, user, password)
    sessions.end_others(session, user, wall)
    known_browsers.forget_all(session, user.id)
    for membership in user.memberships:
        actor = _self(membership.clinic, user)
        audit.record(session, actor, "user.password-chosen", membership.clinic, now, [f"user:{user.id}"])
        if not keep_tokens:
            accounts.revoke_all(session, actor, user, now)


def link_token(user: User, good_for: timedelta, now: datetime, keys: Sequence[str]) -> str:
    """Return the token of a link to choose a password."""
    ends = int((now + good_for).timestamp())
    token = signing.serializer(keys, SALT).dumps({"u": user.id, "f": _fingerprint(user), "x": ends})
    return str(token)


def _mail_link(
    session: Session,
    clinic: Clinic,
    user: User,
    now: datetime,
    good_for: timedelta,
    public_url: str,
    keys: Sequence[str],
) -> None:
    link = f"{public_url}/account/password/{link_token(user, good_for, now, keys)}"
    secret = encrypt_values(keys, {"action_link": link})
    values = {"words": MessageKind.ACCOUNT.value, "secret": secret}
    outbox.enqueue(
        session, clinic, MessageKind.ACCOUNT, now, user=user, values=values, expires_at=now + good_for
    )


def _writes_to(session: Session, user: User, now: datetime) -> Clinic | None:
    """Return the clinic that mails a person: their first, or one that has invited them."""
    if user.memberships:
        return user.memberships[0].clinic
    return next((one.clinic for one in invitations.open_of_user(session, user.id, now)), None)


def _self(clinic: Clinic, user: User) -> Actor:
    return Actor(clinic, user, None, "staff")


def _fingerprint(user: User) -> str:
    """Return what changes with every new password, without telling it."""
    return hashlib.sha256(user.fs_uniquifier.encode()).hexdigest()[:16]
