import re

import pysqlite3.dbapi2 as sqlite
import pytest
from flask_security.utils import _pwd_context
from passlib.hash import argon2
from sqlalchemy import select

from scheduler.models.audit_event import AuditEvent
from scheduler.models.message import Message, MessageKind
from scheduler.models.patient import Patient
from scheduler.models.user_session import UserSession
from scheduler.services.account import accounts
from tests.cast import PASSWORD
from tests.engines import both
from tests.web.test_accounts import sign_in

PHONE = "Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0"


@pytest.fixture
def alice(session, harbor):
    accounts.set_password(session, harbor.users["alice"], PASSWORD)
    session.commit()
    return harbor.users["alice"]


@pytest.fixture
def desk(app, alice, later):
    """Alice's browser, signed in."""
    return browser(app)


@both
def test_a_session_locks_after_a_quarter_of_an_hour_and_opens_with_the_password(desk, later):
    assert desk.get("/patients").status_code == 200
    later(minutes=15, seconds=1)
    locked = desk.get("/patients?page=x")
    wrong = unlock(desk, "not the password")
    right = unlock(desk, PASSWORD)

    assert (locked.status_code, locked.location) == (303, "/account/locked?next=/patients?page%3Dx")
    assert (wrong.status_code, right.status_code, right.location) == (403, 303, "/patients?page=x")
    assert desk.get("/patients").status_code == 200


def test_a_locked_session_does_and_shows_nothing(desk, session, later):
    later(minutes=16)
    form = {"csrf_token": token_of(desk), "given_name": "Odile", "family_name": "Marchetti"}
    posted = desk.post("/patients", data=form, headers={"Referer": "http://localhost/patients/new"})
    piece = desk.get("/patients", headers={"HX-Request": "true"})

    assert (posted.status_code, posted.location) == (303, "/account/locked?next=/patients/new")
    assert session.scalar(select(Patient.id).where(Patient.given_name == "Odile")) is None
    assert piece.status_code == 423
    assert "Lindqvist" not in piece.text
    assert piece.headers["HX-Reswap"] == "none"


def test_somebody_who_is_there_is_not_locked_out(desk, later):
    for _ in range(4):
        later(minutes=10)
        assert desk.get("/account/awake").status_code == 204


def test_what_a_page_asks_for_by_itself_keeps_nothing_awake(desk, later):
    later(minutes=10)
    assert desk.get("/patients", headers={"X-Background": "1"}).status_code == 200
    later(minutes=6)

    assert desk.get("/patients", headers={"X-Background": "1"}).status_code == 303


def test_after_twelve_hours_it_is_over_however_busy(desk, later):
    for _ in range(12 * 6 - 1):
        later(minutes=10)
        desk.get("/account/awake")
    assert desk.get("/patients").status_code == 200
    later(minutes=10)

    assert desk.get("/patients").location.startswith("/login")


@both
def test_sessions_are_listed_and_ended(app, desk, session):
    phone = browser(app, PHONE)
    page = desk.get("/account/sessions").text
    other = session.scalar(select(UserSession.public_id).where(UserSession.agent == PHONE))
    session.rollback()
    ended = desk.post(f"/account/sessions/{other}/end", data={"csrf_token": token_of(desk)})

    assert "Firefox Mobile on Android" in page
    assert ended.status_code == 303
    assert phone.get("/patients").location.startswith("/login")
    assert desk.get("/patients").status_code == 200


def test_nobody_ends_the_session_of_another(app, session, harbor, desk):
    accounts.set_password(session, harbor.users["ada"], PASSWORD)
    session.commit()
    ada = browser(app, email="ada@example.org")
    row = session.scalar(select(UserSession.public_id).where(UserSession.user_id == harbor.users["alice"].id))
    session.rollback()
    answer = ada.post(f"/account/sessions/{row}/end", data={"csrf_token": token_of(ada)})

    assert answer.status_code == 404
    assert desk.get("/patients").status_code == 200


def test_signing_out_ends_it_for_a_copied_cookie_too(app, desk):
    copied = desk.get_cookie("seriate").value
    desk.post("/logout", data={"csrf_token": token_of(desk)})
    thief = app.test_client()
    thief.set_cookie("seriate", copied)

    assert thief.get("/patients").location.startswith("/login")


def test_the_session_is_locked_by_hand(desk):
    page = {"Referer": "http://localhost/patients/new"}
    locked = desk.post("/account/lock", data={"csrf_token": token_of(desk)}, headers=page)

    assert locked.location == "/account/locked?next=/patients/new"
    assert desk.get("/patients").location.startswith("/account/locked")


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"Referer": "http://localhost/patients/new?x=1"}, "?next=/patients/new?x%3D1"),
        ({"HX-Request": "true", "HX-Current-URL": "http://localhost/patients/new"}, "?next=/patients/new"),
        ({"Referer": "http://evil.example/patients/new"}, ""),
        ({"Referer": "http://localhost//evil.example"}, ""),
        ({}, ""),
    ],
)
def test_a_form_that_was_sent_after_its_session_ended_leads_back_to_itself(desk, headers, after):
    token = token_of(desk)
    desk.delete_cookie("seriate")
    answer = desk.post("/patients", data={"csrf_token": token}, headers=headers)

    assert (answer.headers.get("HX-Redirect") or answer.location) == f"/login{after}"


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_unlocking_goes_nowhere_else(desk, later, wanted):
    later(minutes=16)
    answer = desk.post(
        "/account/unlock", data={"password": PASSWORD, "next": wanted, "csrf_token": token_of(desk)}
    )

    assert answer.location == "/"


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
def test_nobody_waits_for_the_database_while_a_password_is_hashed(app, session, alice, later, monkeypatch):
    free = []
    known = _pwd_context.verify

    def verify(*given, **more):
        free.append(is_free(session))
        return known(*given, **more)

    monkeypatch.setattr(_pwd_context, "verify", verify)
    client = browser(app)
    later(minutes=16)
    opened = unlock(client, PASSWORD)

    assert (opened.status_code, len(free), all(free)) == (303, 2, True)


def test_a_password_hashed_by_older_parameters_is_hashed_anew_at_sign_in(app, session, alice, later):
    alice.password = old = argon2.using(memory_cost=32, rounds=1, parallelism=1).hash(PASSWORD)
    session.commit()
    browser(app)
    session.rollback()

    assert alice.password != old
    assert argon2.verify(PASSWORD, alice.password)


def test_a_password_changed_while_it_is_looked_at_opens_nothing(app, session, alice, later, monkeypatch):
    known = _pwd_context.verify

    def verify(*given, **more):
        accounts.set_password(session, alice, "another cup of tea")
        session.commit()
        return known(*given, **more)

    monkeypatch.setattr(_pwd_context, "verify", verify)
    answer = sign_in(app.test_client(), "alice@example.org", PASSWORD)

    assert answer.status_code == 200
    assert "Incorrect email or password." in answer.text


@both
def test_a_new_browser_or_place_is_told_by_mail(app, alice, session):
    browser(app)
    browser(app, "Desk/1.1")  # the same, updated
    assert notices(session) == []
    browser(app, "Phone/1.0")
    browser(app, "Desk/1.1", address="198.51.100.7")
    browser(app, "Phone/1.0")

    told = notices(session)
    assert [(row.user_id, row.values["words"]) for row in told] == [(alice.id, "account-notice")] * 2
    assert not any("Phone" in row.values["lines"] for row in told)


def test_signing_in_and_wrong_passwords_stand_in_the_trail(app, alice, session):
    browser(app, address="198.51.100.7")
    sign_in(app.test_client(), "alice@example.org", "wrong")
    sign_in(app.test_client(), "nobody@example.org", "wrong")

    rows = session.execute(select(AuditEvent.event, AuditEvent.user_id, AuditEvent.address)).all()
    assert [row for row in rows if row.event.startswith("user.")] == [
        ("user.signed-in", alice.id, "198.51.100.7"),
        ("user.password-refused", alice.id, "127.0.0.1"),
    ]


def notices(session):
    session.rollback()
    return session.scalars(select(Message).where(Message.kind == MessageKind.NOTICE)).all()


def browser(app, agent="Desk/1.0", email="alice@example.org", address="127.0.0.1"):
    made = app.test_client()
    made.environ_base["HTTP_USER_AGENT"] = agent
    made.environ_base["REMOTE_ADDR"] = address
    assert sign_in(made, email, PASSWORD).status_code == 302
    return made


def unlock(client, password):
    return client.post(
        "/account/unlock",
        data={"password": password, "next": "/patients?page=x", "csrf_token": token_of(client)},
    )


def token_of(client):
    for path in ("/patients", "/account/locked"):
        found = re.search(r'name="csrf-?_?token"[^>]*(?:content|value)="([^"]+)"', client.get(path).text)
        if found:
            return found.group(1)
    raise AssertionError("no token on any page")


def is_free(session):
    """Tell whether another connection gets the write lock at once."""
    other = sqlite.connect(session.get_bind().engine.url.database, timeout=0, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
    except sqlite.OperationalError:
        return False
    finally:
        other.close()
    return True
