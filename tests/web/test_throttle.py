"""Guessing slows strangers; it keeps neither the right person nor their colleagues out."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.models.audit_event import AuditEvent
from scheduler.services.account import accounts
from tests.cast import PASSWORD
from tests.engines import both
from tests.web.test_accounts import sign_in
from tests.web.test_sessions import browser, token_of, unlock

STRANGER = "203.0.113.9"


@pytest.fixture
def alice(session, harbor):
    accounts.set_password(session, harbor.users["alice"], PASSWORD)
    session.commit()
    return harbor.users["alice"]


@both
def test_a_stranger_does_not_keep_a_known_browser_out(app, alice, later):
    desk = browser(app)
    desk.post("/logout", data={"csrf_token": token_of(desk)})
    guess(app, times=10)
    desk.environ_base["REMOTE_ADDR"] = "198.51.100.20"  # elsewhere too: the browser itself is known

    assert sign_in(desk, "alice@example.org", PASSWORD).status_code == 302


def test_a_person_signs_in_from_a_known_network_while_a_stranger_guesses(app, alice, later):
    browser(app)
    guess(app, times=10)

    assert sign_in(app.test_client(), "alice@example.org", PASSWORD).status_code == 302


@both
def test_a_signed_in_person_unlocks_while_a_stranger_guesses(app, alice, later):
    desk = browser(app)
    later(minutes=16)
    guess(app, times=10)

    assert unlock(desk, PASSWORD).status_code == 303


def test_made_up_accounts_do_not_keep_out_those_behind_the_same_address(app, alice, later):
    browser(app)
    stranger = app.test_client()
    for number in range(60):
        sign_in(stranger, f"nobody{number}@example.org", "wrong")
    fresh = app.test_client()  # no cookie: only the network is known

    assert sign_in(fresh, "alice@example.org", PASSWORD).status_code == 302
    assert "Too many wrong passwords." in sign_in(stranger, "nobody@example.org", "wrong").text


def test_a_stranger_waits_ever_longer_and_never_for_good(app, alice, later):
    stranger, waits = app.test_client(), []
    stranger.environ_base["REMOTE_ADDR"] = STRANGER
    for _ in range(20):
        answer = sign_in(stranger, "alice@example.org", "wrong")
        if "Retry-After" in answer.headers:
            waits.append(int(answer.headers["Retry-After"]))
            later(seconds=waits[-1])

    assert waits[:4] == [5, 10, 20, 40]
    assert max(waits) == 300
    later(seconds=max(waits))
    assert sign_in(stranger, "alice@example.org", PASSWORD).status_code == 302


def test_a_locked_session_can_be_guessed_at_slowly_only(app, alice, later):
    desk = browser(app)
    later(minutes=16)
    tried = [unlock(desk, "wrong") for _ in range(6)]

    assert ["Retry-After" in answer.headers for answer in tried] == [False] * 5 + [True]
    assert unlock(desk, PASSWORD).status_code == 403
    later(seconds=int(tried[-1].headers["Retry-After"]))
    assert unlock(desk, PASSWORD).status_code == 303


@both
def test_guesses_at_the_same_moment_get_no_more_looks(app, session, alice, later):
    clients = [app.test_client() for _ in range(30)]
    tokens = [form_token(client) for client in clients]

    def guess_once(pair):
        client, token = pair
        form = {"email": "alice@example.org", "password": "wrong", "csrf_token": token}
        return client.post("/login", data=form).status_code

    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(guess_once, zip(clients, tokens, strict=True)))

    session.rollback()
    looked_at = select(AuditEvent).where(AuditEvent.event == "user.password-refused")
    assert set(answers) == {200}
    assert len(session.scalars(looked_at).all()) == 5


def test_strangers_together_are_bounded_over_a_day(app, session, alice, later):
    """Each guess comes from a network of its own, as soon as the former wait allows."""
    tries = 0
    spent = timedelta(0)
    while spent < timedelta(days=1) and tries < 200:
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"10.{tries // 200}.{tries % 200}.1"
        answer = sign_in(client, "alice@example.org", "wrong")
        if "Retry-After" in answer.headers:
            wait = timedelta(seconds=int(answer.headers["Retry-After"]))
            spent += wait
            later(seconds=wait.total_seconds())
        else:
            tries += 1

    assert 100 < tries <= 125


def guess(app, times):
    """Try wrong passwords for Alice's account from elsewhere."""
    stranger = app.test_client()
    stranger.environ_base["REMOTE_ADDR"] = STRANGER
    for _ in range(times):
        sign_in(stranger, "alice@example.org", "wrong")


def form_token(client):
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/login").text).group(1)
