"""Guessing passwords and codes is slow, and no one can keep the right person out by guessing.

A try is counted before it is looked at, in one short transaction that locks what it counts, so parallel tries get no
more looks than single ones; a right one is taken off again. After some free tries each further one must wait, twice
as long each time, up to a cap. Nothing is ever refused for good.

What is counted depends on where a try comes from:
- a signed-in session counts by itself;
- a browser in which the person has signed in (its cookie) counts by itself;
- a network from which they signed in within 180 days counts by itself, for this account;
- everything else also counts for the account and for its network, over all strangers together.

So a stranger slows strangers only. Bounds for one account: about 120 tries a day by all strangers together, and about
300 a day from each session, known browser and known network.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from scheduler.models import known_browser as known_browsers
from scheduler.models.known_browser import KnownBrowser
from scheduler.models.sign_in_try import SignInTry
from scheduler.models.user import User
from scheduler.models.user_session import UserSession
from scheduler.services import limits

DAY = timedelta(days=1)
REMEMBERED = timedelta(days=180)  # how long a browser or a network is known after its last sign-in
BROWSER_TEXT = 43  # characters of 256 random bits


@dataclass(frozen=True, slots=True)
class ThrottleRule:
    """`free` tries without a wait, then `first` doubled each time up to `cap`; forgotten after `quiet` without a try.

    A right try clears what only its person can have counted, and takes only itself off a `shared` count: otherwise a
    stranger with an account of their own could clear it.
    """

    name: str
    free: int
    first: timedelta
    cap: timedelta
    quiet: timedelta = DAY
    shared: bool = False

    def wait_after(self, failures: int) -> timedelta:
        """Return how long the next try must wait."""
        if failures < self.free:
            return timedelta(0)
        return min(self.cap, self.first * (1 << min(failures - self.free, 20)))


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one kind of secret."""

    own: ThrottleRule
    place: ThrottleRule
    strangers: ThrottleRule
    network: ThrottleRule


def _rules(kind: str) -> Rules:
    return Rules(
        own=ThrottleRule(f"{kind}-own", 5, timedelta(seconds=5), timedelta(minutes=5)),
        place=ThrottleRule(f"{kind}-place", 5, timedelta(seconds=5), timedelta(minutes=5)),
        strangers=ThrottleRule(
            f"{kind}-strangers", 20, timedelta(seconds=30), timedelta(minutes=15), shared=True
        ),
        network=ThrottleRule(
            f"{kind}-network",
            50,
            timedelta(seconds=1),
            timedelta(seconds=30),
            timedelta(hours=1),
            shared=True,
        ),
    )


PASSWORDS = _rules("password")
CODES = _rules("code")
LONGEST_QUIET = DAY


@dataclass(frozen=True, slots=True)
class Count:
    """A rule and what it counts."""

    rule: ThrottleRule
    digest: str


Attempt = tuple[Count, ...]


def in_session(rules: Rules, row: UserSession) -> Attempt:
    """Return what a try in a signed-in session counts for: no one else can slow it down."""
    return (_count(rules.own, "session", row.digest),)


def at_sign_in(
    session: Session, rules: Rules, email: str, browser: str | None, address: str, wall: datetime
) -> Attempt:
    """Return what a try at the sign-in page counts for; an unknown account is counted like a known one."""
    account = email.strip().lower()
    user_id = session.scalar(select(User.id).where(User.email == account)) or 0
    if browser and is_known(session, user_id, browser, wall):
        return (_count(rules.own, "browser", account, digest_of(browser)),)
    network = limits.network(address)
    place = _count(rules.place, account, network)
    if network in _networks(session, user_id, wall):
        return (place,)
    return (place, _count(rules.strangers, account), _count(rules.network, network))


def take(session: Session, attempt: Attempt, now: datetime) -> timedelta | None:
    """Count a try and return None, or count nothing and return how long it must wait.

    The session must be a writer, and is to be committed before the secret is looked at.
    """
    rows = [(count.rule, _locked(session, count, now)) for count in _in_lock_order(attempt)]
    waits = [row.next_at - now for rule, row in rows if timedelta(0) < row.next_at - now <= rule.cap]
    if waits:
        return max(waits)
    for rule, row in rows:
        row.failures = 1 if now - row.last_at > rule.quiet else row.failures + 1
        row.last_at, row.next_at = now, now + rule.wait_after(row.failures)
    session.flush()
    return None


def waits_for(session: Session, attempt: Attempt, now: datetime) -> timedelta | None:
    """Return how long a try would have to wait, without writing; None when it may be taken."""
    rows = [(count.rule, session.get(SignInTry, (count.rule.name, count.digest))) for count in attempt]
    waits = [row.next_at - now for rule, row in rows if row and timedelta(0) < row.next_at - now <= rule.cap]
    return max(waits, default=None)


def passed(session: Session, attempt: Attempt, now: datetime) -> None:
    """Take a right try off the counts again."""
    for count in _in_lock_order(attempt):
        row = _locked(session, count, now)
        if count.rule.shared:
            row.failures = max(0, row.failures - 1)
        else:
            row.failures, row.next_at = 0, now
    session.flush()


def remember(session: Session, user: User, browser: str | None, wall: datetime) -> str:
    """Know a browser again in which the person has proven who they are; return the text of its cookie."""
    text = browser if browser and len(browser) == BROWSER_TEXT else secrets.token_urlsafe(32)
    row = known_browsers.of_user(session, user.id, digest_of(text))
    if row is None:
        row = KnownBrowser(user_id=user.id, digest=digest_of(text), seen_at=wall)
        session.add(row)
    row.seen_at = wall
    session.flush()
    return text


def is_known(session: Session, user_id: int, browser: str, wall: datetime) -> bool:
    """Tell whether the person has signed in in this browser within 180 days."""
    row = known_browsers.of_user(session, user_id, digest_of(browser))
    return row is not None and row.seen_at > wall - REMEMBERED


def prune(session: Session, wall: datetime) -> int:
    """Delete counts that no longer matter and browsers that are no longer known; return how many."""
    old = (
        delete(SignInTry).where(SignInTry.last_at < wall - LONGEST_QUIET),
        delete(KnownBrowser).where(KnownBrowser.seen_at < wall - REMEMBERED),
    )
    gone = [session.execute(one, execution_options={"synchronize_session": False}) for one in old]
    return sum(one.rowcount for one in gone)  # type: ignore[attr-defined]  # a delete has it


def digest_of(text: str) -> str:
    """Return what is kept of a browser's text."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _networks(session: Session, user_id: int, wall: datetime) -> set[str]:
    query = select(UserSession.address).where(
        UserSession.user_id == user_id, UserSession.created_at >= wall - REMEMBERED
    )
    return {limits.network(address) for address in session.scalars(query.distinct())} - {"unknown"}


def _locked(session: Session, count: Count, now: datetime) -> SignInTry:
    """Return the row of a count, locked until the transaction ends; a new one if there is none."""
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    fresh = {"rule": count.rule.name, "digest": count.digest, "failures": 0, "last_at": now, "next_at": now}
    query = select(SignInTry).where(SignInTry.rule == count.rule.name, SignInTry.digest == count.digest)
    query = query.with_for_update().execution_options(populate_existing=True)
    while True:
        session.execute(insert(SignInTry).values(fresh).on_conflict_do_nothing())
        row = session.scalars(query).one_or_none()
        if row is not None:  # it may have been pruned between the two statements
            return row


def _in_lock_order(attempt: Sequence[Count]) -> list[Count]:
    """Return the counts in the order in which every transaction locks them, so that no two wait for each other."""
    return sorted(attempt, key=lambda count: (count.rule.name, count.digest))


def _count(rule: ThrottleRule, *what: str) -> Count:
    return Count(rule, sha256("\n".join(what).encode("utf-8", "surrogatepass")).hexdigest())
