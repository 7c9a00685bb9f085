import re
from datetime import timedelta

import pytest
from flask_security import verify_password
from sqlalchemy import select

from scheduler.clock import now
from scheduler.models.message import Message
from scheduler.models.request_count import RequestCount
from scheduler.models.user import by_email
from scheduler.services.account import accounts, passwords
from scheduler.services.encryption import decrypt_values
from tests.cast import PASSWORD
from tests.engines import SECRET_KEY, both
from tests.web.test_accounts import sign_in
from tests.web.test_sessions import browser, token_of

NEW = "another quiet cup of tea"


@pytest.fixture
def alice(session, harbor):
    accounts.set_password(session, harbor.users["alice"], PASSWORD)
    session.commit()
    return harbor.users["alice"]


@both
def test_a_forgotten_password_is_replaced_and_its_sessions_end(app, client, session, alice):
    desk = browser(app)
    asked = ask(client, "Alice@example.org")
    session.rollback()
    choose(client, mailed(session), NEW)
    session.rollback()

    assert (asked.status_code, asked.location) == (303, "/login")
    assert verify_password(NEW, by_email(session, "alice@example.org").password)
    assert desk.get("/patients").location.startswith("/login")


@both
def test_an_api_token_ends_with_a_reset(app, client, session, harbor, alice):
    _, text = accounts.create_token(session, harbor.command, alice, "phone", now())
    session.commit()
    phone = {"Authorization": f"Bearer {text}"}
    before = app.test_client().get("/api/v1/patients", headers=phone).status_code
    ask(client, "alice@example.org")
    choose(client, mailed(session), NEW)

    assert before == 200
    assert app.test_client().get("/api/v1/patients", headers=phone).status_code == 401


@pytest.mark.parametrize(("keep", "status"), [({}, 401), ({"keep_tokens": "yes"}, 200)])
def test_an_api_token_ends_with_a_new_password_unless_it_is_kept(app, session, harbor, alice, keep, status):
    _, text = accounts.create_token(session, harbor.command, alice, "phone", now())
    session.commit()
    desk = browser(app)
    page = desk.get("/account/password").text
    form = {"present": PASSWORD, "password": NEW, "again": NEW, "csrf_token": token_of(desk)}
    desk.post("/account/password", data=form | keep)
    phone = {"Authorization": f"Bearer {text}"}

    assert "Keep my 1 API token" in page
    assert app.test_client().get("/api/v1/patients", headers=phone).status_code == status


def test_a_new_password_by_link_makes_the_browser_known(client, session, alice, later):
    """Whoever can read the mail has a way in, however long a stranger guesses."""
    ask(client, "alice@example.org")
    session.rollback()
    choose(client, mailed(session), NEW)
    stranger = client.application.test_client()
    for _ in range(8):
        sign_in(stranger, "alice@example.org", "wrong")

    assert sign_in(client, "alice@example.org", NEW).status_code == 302


def test_asking_is_limited_by_source_and_answers_the_same(client, session, alice, later):
    answers = [ask(client, f"nobody{number}@example.org") for number in range(60)]
    known = ask(client, "alice@example.org")
    session.rollback()
    counted = session.scalars(select(RequestCount)).all()

    assert {(one.status_code, one.location) for one in (*answers, known)} == {(303, "/login")}
    assert len(counted) == 21  # twenty addresses, and the source itself
    assert session.scalars(select(Message)).all() == []


def test_a_known_browser_asks_although_others_behind_its_address_did(app, client, session, alice, later):
    desk = browser(app)
    for number in range(25):
        ask(client, f"nobody{number}@example.org")
    desk.post("/logout", data={"csrf_token": token_of(desk)})
    ask(desk, "alice@example.org")
    session.rollback()

    assert len(session.scalars(select(Message)).all()) == 1


def test_asking_tells_nobody_whether_there_is_an_account(client, session, alice):
    known, unknown = ask(client, "alice@example.org"), ask(client, "nobody@example.org")

    assert (known.status_code, known.location) == (unknown.status_code, unknown.location)
    session.rollback()
    assert len(session.scalars(select(Message)).all()) == 1


def test_asking_is_limited(client, session, alice, later):
    for _ in range(5):
        ask(client, "alice@example.org")
    session.rollback()

    assert len(session.scalars(select(Message)).all()) == 3


def test_a_link_that_is_old_or_changed_or_for_somebody_gone_is_over(client, session, alice):
    at = now()
    old = passwords.link_token(alice, timedelta(seconds=-1), at, [SECRET_KEY])
    good = passwords.link_token(alice, timedelta(hours=1), at, [SECRET_KEY])
    foreign = passwords.link_token(alice, timedelta(hours=1), at, ["x" * 40])
    paths = [f"/account/password/{token}" for token in (old, good + "x", foreign, "nonsense")]

    assert [client.get(path).status_code for path in paths] == [410] * 4
    alice.active = False
    session.commit()
    assert client.get(f"/account/password/{good}").status_code == 410


@pytest.mark.parametrize(
    ("new", "again"), [("short", "short"), (NEW, NEW + "x"), ("alice in wonderland", "alice in wonderland")]
)
def test_a_password_that_is_weak_or_mistyped_is_refused(client, session, alice, new, again):
    link = f"/account/password/{passwords.link_token(alice, timedelta(hours=1), now(), [SECRET_KEY])}"
    answer = choose(client, link, new, again)

    assert answer.status_code == 422
    assert sign_in(client, "alice@example.org", PASSWORD).status_code == 302


def test_who_knows_the_present_password_changes_it(app, alice):
    desk = browser(app)
    form = {"password": NEW, "again": NEW, "csrf_token": token_of(desk)}
    wrong = desk.post("/account/password", data=form | {"present": "nonsense"})
    right = desk.post("/account/password", data=form | {"present": PASSWORD})

    assert (wrong.status_code, right.status_code) == (422, 303)
    assert desk.get("/patients").location.startswith("/login")
    assert sign_in(desk, "alice@example.org", NEW).status_code == 302


def ask(client, email):
    page = client.get("/account/forgotten").text
    return client.post("/account/forgotten", data={"email": email, "csrf_token": token_in(page)})


def choose(client, link, new, again=None):
    page = client.get(link)
    if page.status_code != 200:
        return None
    form = {"password": new, "again": again or new, "csrf_token": token_in(page.text)}
    return client.post(link, data=form)


def mailed(session):
    """Return the path of the newest link in the outbox."""
    message = session.scalars(select(Message).order_by(Message.id.desc())).first()
    link = decrypt_values([SECRET_KEY], message.values["secret"])["action_link"]
    return re.sub(r"^https?://[^/]+", "", link)


def token_in(page):
    return re.search(r'name="csrf_token" value="([^"]+)"', page).group(1)
