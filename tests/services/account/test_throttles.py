from datetime import timedelta

import pytest
from sqlalchemy import func, select

from scheduler.models.known_browser import KnownBrowser
from scheduler.models.sign_in_try import SignInTry
from scheduler.models.user_session import UserSession
from scheduler.services.account import sessions, throttles
from scheduler.services.account.throttles import PASSWORDS
from tests.cast import NOW
from tests.engines import both

EMAIL, HERE = "alice@example.org", "192.0.2.1"


@both
def test_waits_double_up_to_their_cap_and_are_forgotten_after_a_quiet_day(session, harbor):
    attempt = (throttles.at_sign_in(session, PASSWORDS, EMAIL, None, HERE, NOW))[:1]
    at, waits = NOW, []
    for _ in range(14):
        while (wait := throttles.take(session, attempt, at)) is not None:
            waits.append(int(wait.total_seconds()))
            at += wait
    quiet = throttles.take(session, attempt, at + timedelta(days=1, seconds=1))
    fresh = session.scalars(select(SignInTry)).one()

    assert waits == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert (quiet, fresh.failures) == (None, 1)


def test_a_right_password_clears_its_own_count_and_not_the_shared_ones(session, harbor):
    attempt = throttles.at_sign_in(session, PASSWORDS, EMAIL, None, HERE, NOW)
    for _ in range(3):
        throttles.take(session, attempt, NOW)
    throttles.passed(session, attempt, NOW)
    left = dict(session.execute(select(SignInTry.rule, SignInTry.failures)).all())

    assert left == {"password-place": 0, "password-strangers": 2, "password-network": 2}


def test_a_clock_that_was_set_back_keeps_nobody_out(session, harbor):
    attempt = throttles.at_sign_in(session, PASSWORDS, EMAIL, None, HERE, NOW)
    for _ in range(6):
        throttles.take(session, attempt, NOW)

    assert throttles.take(session, attempt, NOW - timedelta(days=2)) is None


@pytest.mark.parametrize("whose", ["nick", "nobody"])
def test_a_browser_is_known_for_its_own_account_only(session, harbor, whose):
    text = throttles.remember(session, harbor.users["alice"], None, NOW)
    theirs = throttles.at_sign_in(session, PASSWORDS, f"{whose}@example.org", text, HERE, NOW)
    known = throttles.at_sign_in(session, PASSWORDS, EMAIL, text, HERE, NOW)
    long_after = throttles.at_sign_in(session, PASSWORDS, EMAIL, text, HERE, NOW + timedelta(days=180))

    assert [len(one) for one in (theirs, known, long_after)] == [3, 1, 3]


@both
def test_what_is_kept_of_sign_ins_is_deleted_in_time(session, harbor):
    alice = harbor.users["alice"]
    sessions.begin(session, alice, NOW, HERE, "Desk/1", NOW)
    throttles.remember(session, alice, None, NOW)
    throttles.take(session, throttles.at_sign_in(session, PASSWORDS, EMAIL, None, HERE, NOW), NOW)
    soon, later = NOW + timedelta(days=180), NOW + timedelta(days=180, seconds=1)
    kept = [sessions.prune(session, soon), count(session, UserSession), count(session, KnownBrowser)]
    gone = [sessions.prune(session, later), throttles.prune(session, later)]

    assert kept == [0, 1, 1]
    assert gone == [1, 2]
    assert [count(session, one) for one in (UserSession, KnownBrowser, SignInTry)] == [0, 0, 0]


def count(session, table):
    return session.scalar(select(func.count()).select_from(table))
