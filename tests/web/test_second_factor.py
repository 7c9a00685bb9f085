"""A code after the password: set up when it is asked for, taken once, limited, replaced, and taken away by an admin."""

import re

import pytest
from passlib.totp import TOTP
from sqlalchemy import select

from scheduler.app import create_app
from scheduler.database import db
from scheduler.models.audit_event import AuditEvent
from scheduler.models.message import Message
from scheduler.models.user import Membership, StaffRole, User, by_email
from scheduler.services.account import accounts, second_factors
from tests.cast import PASSWORD
from tests.engines import SECRET_KEY, Visitor, both, test_settings
from tests.web.test_accounts import sign_in
from tests.web.test_sessions import token_of

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
FORMER_KEY = "0d3b7b3a5e5f4c1f9a2e6c8d7b1f0a4e5c6d7e8f9a0b1c2d"


@pytest.fixture
def strict(database_url, tmp_path, harbor):
    """An app on the same database that asks admins and managers for a code."""
    yield from another_app(test_settings(tmp_path, database_url, SECOND_FACTOR="required"))


@pytest.fixture
def people(session, harbor):
    for user in harbor.users.values():
        accounts.set_password(session, user, PASSWORD)
    session.commit()
    return harbor.users


@pytest.fixture
def phone(app, session, people):
    """Let somebody have the app with a known secret; return their recovery codes."""

    def phone(name):
        codes = app.extensions["security"].totp_factory
        kept = codes._totp(key=SECRET).to_json(encrypt=True)
        fresh = second_factors.enrol(session, people[name], kept, people[name].create_datetime)
        session.commit()
        return fresh

    return phone


def code(steps=0):
    """Return the code of now, or of some steps of half a minute later."""
    now = TOTP(key=SECRET).generate()
    return TOTP(key=SECRET).generate((now.counter + steps) * 30).token


@both
def test_an_admin_sets_it_up_before_anything_opens(strict, people, session):
    client = strict.test_client()
    first = sign_in(client, "ada@example.org", PASSWORD)
    outside = client.get("/patients")
    page = client.get(first.location).text
    shown = re.search(r'class="key">([A-Z0-9 -]+)<', page).group(1).replace("-", "").replace(" ", "")
    done = post(client, "/account/second-factor/enrollment", page, code=TOTP(key=shown).generate().token)

    assert first.location.startswith("/account/second-factor/enrollment")
    assert (outside.status_code, outside.location.split("?")[0]) == (303, "/login")
    assert len(re.findall(r"<li><code>", done.text)) == 10
    assert client.get("/patients").status_code == 200
    assert events(session, "user.second-factor-enrolled") == 1


@pytest.mark.parametrize(
    ("name", "asked"), [("ada", True), ("mona", True), ("alice", False), ("rita", False)]
)
def test_who_is_asked(strict, people, name, asked):
    answer = sign_in(strict.test_client(), f"{name}@example.org", PASSWORD)

    assert ("second-factor" in answer.location) is asked


def test_a_clinic_may_ask_everybody(app, session, harbor, people):
    harbor.clinic.settings_document = {"second_factor_for_all": True}
    session.commit()

    assert "second-factor" in sign_in(app.test_client(), "rita@example.org", PASSWORD).location


@both
def test_a_code_lets_in_and_is_taken_once(app, phone):
    phone("alice")
    used = code()
    client, thief = app.test_client(), app.test_client()
    second = second_step(client, "alice", used)
    again = second_step(thief, "alice", used)

    assert (second.status_code, second.location) == (303, "/")
    assert client.get("/patients").status_code == 200
    assert (again.status_code, thief.get("/patients").status_code) == (403, 303)


def test_between_the_steps_nothing_opens(app, phone):
    phone("alice")
    client = app.test_client()
    sign_in(client, "alice@example.org", PASSWORD)

    assert client.get("/patients").location.startswith("/login")
    assert client.get("/account/second-factor").location.startswith("/login")
    assert (
        client.get("/account/second-factor/enrollment").location == "/login"
    )  # a new phone needs the old one


def test_the_second_step_alone_is_nothing(app, phone):
    phone("alice")
    client = app.test_client()

    assert client.get("/account/second-factor/code").location == "/login"


def test_ten_minutes_after_the_password_it_starts_again(app, phone):
    phone("alice")
    client = app.test_client()
    sign_in(client, "alice@example.org", PASSWORD)
    with client.session_transaction() as kept:
        kept["tf_begun"] -= 601

    assert client.get("/account/second-factor/code").location == "/login"


@both
def test_a_recovery_code_works_once(app, session, phone):
    kept = phone("alice")
    first = second_step(app.test_client(), "alice", kept[3].upper())
    again = second_step(app.test_client(), "alice", kept[3])

    assert (first.status_code, again.status_code) == (303, 403)
    session.rollback()
    assert second_factors.remaining(by_email(session, "alice@example.org")) == 9


def test_wrong_codes_are_slowed_and_in_the_trail(app, session, phone, later):
    phone("alice")
    client = app.test_client()
    answers = [second_step(client, "alice", "000 000") for _ in range(5)]
    blocked = second_step(client, "alice", code())

    assert {answer.status_code for answer in answers} == {403}
    assert (blocked.status_code, "Too many wrong codes." in blocked.text) == (403, True)
    session.rollback()
    assert events(session, "user.code-refused") == 5
    later(seconds=5)
    assert second_step(client, "alice", code()).status_code == 303


def test_who_guesses_codes_elsewhere_does_not_keep_a_known_browser_out(app, phone, later):
    desk, stranger = app.test_client(), app.test_client()
    stranger.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    kept = phone("alice")
    assert second_step(desk, "alice", kept[0]).status_code == 303
    desk.post("/logout", data={"csrf_token": token_of(desk)})
    answers = [second_step(stranger, "alice", "000 000") for _ in range(7)]

    assert "Too many wrong codes." in answers[-1].text
    assert second_step(desk, "alice", kept[1]).status_code == 303


def test_the_secrets_are_not_in_the_database_as_they_are(session, phone, people):
    kept = phone("alice")
    row = repr(session.execute(select(User.__table__).where(User.email == "alice@example.org")).all())

    assert [one for one in (SECRET, *kept, *(one.replace("-", "") for one in kept)) if one in row] == []


def test_after_a_change_of_the_installations_key_codes_still_work(app, database_url, tmp_path, phone):
    phone("alice")
    keys = {"SECRET_KEY": FORMER_KEY, "SECRET_KEY_FALLBACKS": SECRET_KEY}
    for later in another_app(test_settings(tmp_path, database_url, **keys)):
        assert second_step(later.test_client(), "alice", code()).status_code == 303
    assert list(second_factors.wallet_keys([FORMER_KEY, SECRET_KEY]))[1] in second_factors.wallet_keys(
        [SECRET_KEY]
    )


def test_a_person_switches_it_on_renews_the_codes_and_switches_it_off(app, session, phone, people):
    client, elsewhere = app.test_client(), app.test_client()
    sign_in(client, "alice@example.org", PASSWORD)
    sign_in(elsewhere, "alice@example.org", PASSWORD)
    page = client.get("/account/second-factor/enrollment").text
    shown = re.search(r'class="key">([A-Z0-9 -]+)<', page).group(1).replace("-", "").replace(" ", "")
    app_on_phone = TOTP(key=shown)
    at = app_on_phone.generate()
    unproven = post(client, "/account/second-factor/enrollment", page, code=at.token, present="wrong")
    on = post(client, "/account/second-factor/enrollment", page, code=at.token, present=PASSWORD)
    next_code = app_on_phone.generate((at.counter + 1) * 30).token
    kept = re.findall(r"<li><code>([a-z0-9-]+)<", on.text)
    unproven_renewal = post(client, "/account/second-factor/codes", page, present=PASSWORD, present_code="1")
    renewed = post(client, "/account/second-factor/codes", page, present=PASSWORD, present_code=next_code)
    fresh = re.findall(r"<li><code>([a-z0-9-]+)<", renewed.text)
    off = post(client, "/account/second-factor/removal", page, present=PASSWORD, present_code=fresh[0])

    assert (unproven.status_code, on.status_code, unproven_renewal.status_code) == (422, 200, 422)
    assert (len(kept), len(fresh), set(kept) & set(fresh)) == (10, 10, set())
    assert off.status_code == 303
    assert elsewhere.get("/patients").location.startswith(
        "/login"
    )  # what they knew of signing in has changed
    session.rollback()
    assert not by_email(session, "alice@example.org").has_second_factor
    told = [row.values["lines"] for row in session.scalars(select(Message).order_by(Message.id))]
    assert [line.split()[0] for line in told] == ["Two-step", "Your", "Two-step"]


def test_whose_role_needs_it_cannot_switch_it_off(app, strict, phone):
    kept = phone("ada")
    client = strict.test_client()
    second_step(client, "ada", code())
    token = token_of(client)
    form = {"present": PASSWORD, "present_code": kept[0], "csrf_token": token}

    assert client.post("/account/second-factor/removal", data=form).status_code == 409


@both
def test_an_admin_helps_who_lost_the_phone(app, session, phone, harbor, people):
    phone("alice")
    ada = app.test_client()
    sign_in(ada, "ada@example.org", PASSWORD)
    done = ada.post(
        "/settings/users/second-factor/reset",
        data={"email": "alice@example.org", "csrf_token": token_of(ada)},
    )

    assert done.status_code == 303
    assert sign_in(app.test_client(), "alice@example.org", PASSWORD).location == "/"
    session.rollback()
    assert events(session, "user.second-factor-reset") == 1


def test_an_admin_of_one_clinic_does_not_weaken_another(app, session, phone, harbor, hill, people):
    phone("alice")
    session.add(Membership(clinic_id=hill.clinic.id, user_id=people["alice"].id, role=StaffRole.NURSE))
    session.commit()
    ada = app.test_client()
    sign_in(ada, "ada@example.org", PASSWORD)
    form = {"email": "alice@example.org", "csrf_token": token_of(ada)}

    assert ada.post("/settings/users/second-factor/reset", data=form).status_code == 409
    session.rollback()
    assert by_email(session, "alice@example.org").has_second_factor


def test_the_libraries_own_pages_are_shut(app, phone):
    phone("alice")
    client = app.test_client()
    second_step(client, "alice", code())
    paths = (
        "/tf-setup",
        "/tf-setup/x",
        "/tf-validate",
        "/tf-rescue",
        "/tf-select",
        "/verify",
        "/mf-recovery-codes",
    )
    token = token_of(client)

    assert {client.get(path).status_code for path in paths} <= {404, 405}
    assert {client.post(path, data={"csrf_token": token}).status_code for path in paths} == {404}


def test_it_goes_on_to_where_the_person_wanted_and_nowhere_else(app, phone):
    phone("alice")
    client = app.test_client()
    page = client.get("/login").text
    form = {"email": "alice@example.org", "password": PASSWORD, "csrf_token": csrf(page)}
    asked = client.post("/login?next=/patients", data=form)
    page = client.get(asked.location).text

    assert 'name="next" value="/patients"' in page
    done = post(client, "/account/second-factor/code", page, code=code(), next="//evil.example")
    assert done.location == "/"


def another_app(settings):
    made = create_app(settings)
    made.testing, made.test_client_class = True, Visitor
    yield made
    with made.app_context():
        db.engine.dispose()


def second_step(client, name, text):
    asked = sign_in(client, f"{name}@example.org", PASSWORD)
    assert asked.location.startswith("/account/second-factor/code")
    return post(client, "/account/second-factor/code", client.get(asked.location).text, code=text)


def post(client, path, page, **fields):
    return client.post(path, data={**fields, "csrf_token": csrf(page)})


def csrf(page):
    return re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page).group(1)


def events(session, name):
    return len(session.scalars(select(AuditEvent).where(AuditEvent.event == name)).all())
