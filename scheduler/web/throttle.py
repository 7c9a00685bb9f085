"""Trying passwords and codes is slow: so many wrong ones for an account, and from an address, in a quarter of an hour.

Counted in the database, so it holds across processes and restarts. An account that does not exist counts the same, so
that the answer does not tell.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import current_app, request
from flask_security.forms import LoginForm
from flask_security.utils import get_message
from sqlalchemy.orm.attributes import get_history

from scheduler import clock
from scheduler.clock import Clock
from scheduler.database import db
from scheduler.models.user import by_email
from scheduler.services import limits
from scheduler.services.actors import Actor
from scheduler.services.limits import Limit
from scheduler.services.trail import audit
from scheduler.transactions import write_now

STRETCH = timedelta(minutes=15)
ACCOUNT = Limit("sign-in-account", most=10, per=STRETCH)
ADDRESS = Limit("sign-in-address", most=50, per=STRETCH)
CODE = Limit("second-factor", most=10, per=STRETCH)


class SignInForm(LoginForm):
    """Flask-Security's form, with a limit on wrong passwords and without "remember me".

    The password is hashed in a reading transaction: SQLite has one writer at a time, and nobody is to wait for a hash.
    """

    def validate(self, **kwargs: Any) -> bool:
        self.remember.data = False
        email = (self.email.data or "").strip().lower()
        if words := refusal(email):
            self.form_errors.append(words)
            return False
        with db.session.no_autoflush:  # a hash by newer parameters is written below, not here
            right = super().validate(**kwargs)
        if right and self._write_now():
            return True
        if right:
            self.password.errors = [get_message("INVALID_PASSWORD")[0]]
        count(email)
        return False

    def _write_now(self) -> bool:
        """Go on as a writer; False if the password was changed while it was looked at."""
        known = get_history(self.user, "password")
        verified = next(iter([*known.deleted, *known.unchanged]), None)
        write_now()
        if self.user is None or self.user.password != verified or not self.user.active:
            return False
        if known.added:
            self.user.password = known.added[0]
        return True


def refusal(email: str, account: Limit = ACCOUNT) -> str | None:
    """Return why no password (or code, by its own limit) is looked at now, or None."""
    now = _wall()
    for limit, who in _watched(email, account):
        if limits.count(db.session(), limit, who, now) >= limit.most:
            minutes = limit.ends_in(now) // 60 + 1
            things = "codes" if account is CODE else "passwords"
            return f"Too many wrong {things}. Try again in {minutes} minutes."
    return None


def count(email: str, account: Limit = ACCOUNT) -> None:
    """Count a wrong password or code; it stays counted although the request is refused."""
    write_now()
    for limit, who in _watched(email, account):
        limits.hit(db.session(), limit, who, _wall())
    _note(email, account)
    db.session.commit()


def _note(email: str, account: Limit) -> None:
    """Put it into the audit trail of each clinic of an account that exists."""
    user = by_email(db.session(), email)
    event = "user.code-refused" if account is CODE else "user.password-refused"
    for membership in user.memberships if user else ():
        actor = Actor(membership.clinic, user, membership.role, "staff", request.remote_addr or "")
        audit.record(
            db.session(), actor, event, membership.clinic, clock.now(), [f"user:{membership.user_id}"]
        )


def _watched(email: str, account: Limit) -> list[tuple[Limit, str]]:
    return [(account, email), (ADDRESS, limits.network(request.remote_addr))]


def _wall() -> Any:
    known: Clock = current_app.extensions["clock"]
    return known.wall()
