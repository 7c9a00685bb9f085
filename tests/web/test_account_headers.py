"""What account pages leave behind in a browser, and how what it keeps is signed."""

from base64 import urlsafe_b64decode
from datetime import timedelta

import pytest

from scheduler.clock import now
from scheduler.services.account import accounts, passwords
from scheduler.services.visit import move_tokens
from tests.cast import PASSWORD
from tests.engines import SECRET_KEY
from tests.web.test_sessions import browser, token_of


@pytest.fixture
def alice(session, harbor):
    accounts.set_password(session, harbor.users["alice"], PASSWORD)
    session.commit()
    return harbor.users["alice"]


def test_signatures_are_hmac_sha_256(app, harbor, alice):
    keys, desk = [SECRET_KEY], browser(app)
    signed = {
        "session": desk.get_cookie("seriate").value,
        "password link": passwords.link_token(alice, timedelta(hours=1), now(), keys),
        "move": move_tokens.sign_shown("x", harbor.actor("alice"), keys, now()),
    }

    assert {name: signature_bytes(text) for name, text in signed.items()} == dict.fromkeys(signed, 32)


@pytest.mark.parametrize("path", ["/login", "/account/forgotten", "/account/sessions", "/account/password"])
def test_account_pages_are_not_kept(app, alice, path):
    client = app.test_client() if path in ("/login", "/account/forgotten") else browser(app)

    assert client.get(path).headers["Cache-Control"] == "no-store"


def test_a_form_token_from_before_the_sign_in_is_worth_nothing_after_it(app, alice):
    desk = app.test_client()
    before = token_in(desk.get("/login").text)
    form = {"email": "alice@example.org", "password": PASSWORD, "csrf_token": before}
    assert desk.post("/login", data=form).status_code == 302

    assert desk.post("/account/lock", data={"csrf_token": before}).status_code == 400
    assert desk.post("/account/lock", data={"csrf_token": token_of(desk)}).status_code == 303


def test_signing_out_clears_what_the_browser_keeps(app, alice):
    desk = browser(app)
    answer = desk.post("/logout", data={"csrf_token": token_of(desk)})

    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'


def signature_bytes(text):
    signature = text.rpartition(".")[2]
    return len(urlsafe_b64decode(signature + "=" * (-len(signature) % 4)))


def token_in(page):
    return page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
