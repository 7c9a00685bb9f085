"""Trying passwords and codes at the pages: counted first, looked at then (`services.account.throttles`).

An account that does not exist counts the same, so that the answer does not tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

from flask import Response, after_this_request, request
from flask_security.forms import LoginForm
from flask_security.utils import get_message
from sqlalchemy.orm.attributes import get_history

from scheduler import clock
from scheduler.database import begin_write, db
from scheduler.models.user import by_email
from scheduler.models.user_session import UserSession
from scheduler.services.account import throttles
from scheduler.services.account.throttles import CODES, PASSWORDS, Attempt, Rules
from scheduler.services.actors import Actor
from scheduler.services.trail import audit
from scheduler.transactions import write_now
from scheduler.web import known_browser


@dataclass(frozen=True)
class Try:
    """One try that may be looked at: whose account, and what it counts for."""

    email: str
    rules: Rules
    counts: Attempt


class SignInForm(LoginForm):
    """Flask-Security's form, slowed after wrong passwords and without "remember me".

    The password is hashed in a reading transaction: SQLite has one writer at a time, and no one is to wait for a hash.
    """

    def validate(self, **kwargs: Any) -> bool:
        self.remember.data = False
        attempt = begin(self.email.data or "", PASSWORDS)
        if isinstance(attempt, str):
            self.form_errors.append(attempt)
            return False
        with db.session.no_autoflush:  # a hash by newer parameters is written below, not here
            right = super().validate(**kwargs)
        if right and self._write_now(attempt):
            return True
        if right:
            self.password.errors = [get_message("INVALID_PASSWORD")[0]]
        failed(attempt)
        return False

    def _write_now(self, attempt: Try) -> bool:
        """Go on as a writer; False if the password was changed while it was looked at."""
        known = get_history(self.user, "password")
        verified = next(iter([*known.deleted, *known.unchanged]), None)
        write_now()
        if self.user is None or self.user.password != verified or not self.user.active:
            return False
        passed(attempt)
        db.session.commit()  # kept although a code may have to follow
        begin_write(db.session())
        if self.user.password != verified:
            return False
        if known.added:
            self.user.password = known.added[0]
        return True


def begin(email: str, rules: Rules, here: UserSession | None = None) -> Try | str:
    """Count a try before it is looked at, and leave no transaction open; return why it must wait instead.

    `here` is the signed-in session that asks: it is counted by itself.
    """
    wall, account = clock.wall(), email.strip().lower()
    if here is not None:
        counts = throttles.in_session(rules, here)
    else:
        browser, address = known_browser.text(), request.remote_addr or ""
        counts = throttles.at_sign_in(db.session(), rules, account, browser, address, wall)
    wait = throttles.waits_for(db.session(), counts, wall)
    if wait is None:
        write_now()
        wait = throttles.take(db.session(), counts, wall)
        db.session.commit()
    if wait is None:
        return Try(account, rules, counts)
    db.session.rollback()
    return _refusal(wait, rules)


def passed(attempt: Try) -> None:
    """Take a right try off its counts again, in the caller's writing transaction."""
    throttles.passed(db.session(), attempt.counts, clock.wall())


def failed(attempt: Try) -> None:
    """Put a wrong password or code into the audit trail of each clinic of an account that exists."""
    write_now()
    user = by_email(db.session(), attempt.email)
    event = "user.code-refused" if attempt.rules is CODES else "user.password-refused"
    for membership in user.memberships if user else ():
        actor = Actor(membership.clinic, user, membership.role, "staff", request.remote_addr or "")
        audit.record(
            db.session(), actor, event, membership.clinic, clock.now(), [f"user:{membership.user_id}"]
        )
    db.session.commit()


def _refusal(wait: timedelta, rules: Rules) -> str:
    seconds = ceil(wait.total_seconds())

    @after_this_request
    def say_when(response: Response) -> Response:
        response.headers["Retry-After"] = str(seconds)
        return response

    things = "codes" if rules is CODES else "passwords"
    shown = f"{seconds} seconds" if seconds < 120 else f"{(seconds + 59) // 60} minutes"
    return f"Too many wrong {things}. Try again in {shown}."
