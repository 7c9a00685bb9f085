"""The second factor of an account: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for a lost phone.

The app's secret is kept encrypted with a key derived from the installation's. A recovery code has 120 random bits, so
its SHA-256 is enough to keep; each is good for once. A code of the app is taken once as well: the counter of the last
one is kept. Every change is notified to the person by mail, and stands in the audit trail of each clinic of theirs.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from flask_security.totp import Totp
from passlib.totp import TOTP, AppWallet, TotpMatch
from sqlalchemy.orm import Session

from scheduler.errors import WrongStatus
from scheduler.models.user import User
from scheduler.services.account import memberships
from scheduler.services.actors import Actor
from scheduler.services.mail import account_notices
from scheduler.services.trail import audit

AUTHENTICATOR = "authenticator"  # Flask-Security's name for the method
ISSUER = "Seriate"
PURPOSE = b"seriate second factor"
DRIFT = 30  # seconds that a phone's clock may be off
RECOVERY_CODES = 10
LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 signs that no one takes for one another
CODE_LENGTH = 24  # of 5 bits each
GROUP = 6


class Codes(Totp):
    """Flask-Security's codes: encrypted with the first key, read with any, and each taken only once."""

    def __init__(self, secrets: dict[str, str] | dict[int, str], issuer: str) -> None:
        wallet = AppWallet(secrets, default_tag=next(iter(secrets)))
        self._totp = TOTP.using(issuer=issuer, wallet=wallet)

    def get_last_counter(self, user: User) -> int | None:  # type: ignore[override]
        return user.tf_last_counter

    def set_last_counter(self, user: User, tmatch: TotpMatch) -> None:  # type: ignore[override]
        user.tf_last_counter = tmatch.counter


def wallet_keys(keys: Sequence[str]) -> dict[str, str]:
    """Return the keys that encrypt the apps' secrets, the present one first, each under a name of its own."""
    derived = [hmac.new(key.encode(), PURPOSE, hashlib.sha256).hexdigest() for key in keys]
    return {hashlib.sha256(key.encode()).hexdigest()[:8]: key for key in derived}


def passes(session: Session, codes: Totp, user: User, text: str) -> bool:
    """Tell whether this is a code of the person's app or one of their recovery codes, and use it up."""
    session.refresh(user, with_for_update=True)  # two requests with one code: the second sees that it is used
    if not user.has_second_factor:
        return False
    typed = "".join(text.split()).lower()
    if typed.isascii() and typed.isdigit():
        return codes.verify_totp(typed, user.tf_totp_secret or "", user, window=DRIFT)
    digest = _digest(typed.replace("-", ""))
    kept = list(user.mf_recovery_codes or [])
    if digest not in kept:
        return False
    user.mf_recovery_codes = [one for one in kept if one != digest]
    session.flush()
    return True


def enrol(session: Session, user: User, secret: str, now: datetime, address: str = "") -> list[str]:
    """Ask this person for codes of the app with this secret from now on; return their recovery codes, shown once."""
    user.tf_totp_secret, user.tf_primary_method = secret, AUTHENTICATOR
    words = "Two-step verification is now on for your account."
    _tell(session, user, "user.second-factor-enrolled", words, now, address)
    return _fresh_codes(session, user)


def renew_recovery_codes(session: Session, user: User, now: datetime, address: str = "") -> list[str]:
    """Replace the recovery codes; return the new ones, shown once."""
    _tell(session, user, "user.recovery-codes-renewed", "Your recovery codes were replaced.", now, address)
    return _fresh_codes(session, user)


def remove(session: Session, user: User, now: datetime, address: str = "", *, enforced: bool) -> None:
    """Stop asking for codes. Raises WrongStatus where a clinic or a role asks for them."""
    if user.must_have_second_factor(enforced=enforced):
        raise WrongStatus("Your role or clinic requires two-step verification, so it cannot be turned off")
    _forget(session, user)
    _tell(
        session,
        user,
        "user.second-factor-removed",
        "Two-step verification was turned off for your account.",
        now,
        address,
    )


def reset(session: Session, actor: Actor, user: User, now: datetime) -> None:
    """Forget a lost phone, so that the person sets up another one at the next sign-in.

    Raises WrongStatus unless the actor is an admin in all clinics of this person.
    """
    otherwise = "The administrator of the server can do this with: flask user reset-second-factor"
    memberships.require_admin_of_all(session, actor, user, otherwise)
    _forget(session, user)
    for membership in user.memberships:
        there = replace(actor, clinic=membership.clinic)
        audit.record(session, there, "user.second-factor-reset", there.clinic, now, [f"user:{user.id}"])
    words = "An administrator reset your two-step verification, so that you can set it up again."
    account_notices.tell(session, actor.clinic, user, words, now)


def remaining(user: User) -> int:
    """Return how many recovery codes are left."""
    return len(user.mf_recovery_codes or [])


def _forget(session: Session, user: User) -> None:
    user.tf_totp_secret = user.tf_primary_method = user.tf_last_counter = None
    user.mf_recovery_codes = None
    session.flush()


def _fresh_codes(session: Session, user: User) -> list[str]:
    fresh = ["".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH)) for _ in range(RECOVERY_CODES)]
    user.mf_recovery_codes = [_digest(code) for code in fresh]
    session.flush()
    return [_grouped(code) for code in fresh]


def _tell(session: Session, user: User, event: str, words: str, now: datetime, address: str) -> None:
    for membership in user.memberships:
        actor = Actor(membership.clinic, user, membership.role, "staff", address)
        audit.record(session, actor, event, membership.clinic, now, [f"user:{user.id}"])
    if user.memberships:
        account_notices.tell(session, user.memberships[0].clinic, user, words, now)


def _grouped(code: str) -> str:
    return "-".join(code[at : at + GROUP] for at in range(0, len(code), GROUP))


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
