"""An account belongs to its person: no clinic decides about it, or learns anything of it, before they accept."""

import re

import pytest
from sqlalchemy import select

from scheduler.models.audit_event import AuditEvent
from scheduler.models.message import Message
from scheduler.models.user import Membership, StaffRole, by_email
from scheduler.services.account import accounts
from scheduler.services.encryption import decrypt_values
from tests.cast import PASSWORD, hire
from tests.engines import SECRET_KEY, both
from tests.web.test_passwords import choose

ALICE = {"email": "alice@example.org"}


@pytest.fixture
def oscar(hill, signed_in):
    """The admin of another clinic, who has just invited Alice of Harbor."""
    client = signed_in(hill, "oscar")
    assert client.post("/settings/users", data=ALICE | {"role": "read-only"}).status_code == 200
    return client


@both
def test_an_admin_of_another_clinic_does_not_end_a_session(harbor, signed_in, hill):
    alice, oscar = signed_in(harbor, "alice"), signed_in(hill, "oscar")
    oscar.post("/settings/users", data=ALICE | {"role": "read-only"})
    ended = oscar.post("/settings/users/sessions/end", data=ALICE)

    assert alice.get("/patients").status_code == 200
    assert ended.status_code == 404


def test_an_admin_of_another_clinic_does_not_ask_for_a_second_factor(app, session, harbor, signed_in, oscar):
    signed_in(harbor, "alice")
    oscar.post("/settings/users/second-factor", data={"second_factor_for_all": "yes"})
    answer = app.test_client().post("/login", data=ALICE | {"password": PASSWORD})

    assert answer.location == "/"


def test_a_sign_in_is_noted_only_where_the_person_is_a_member(session, harbor, hill, signed_in, oscar):
    alice = harbor.users["alice"].id
    signed_in(harbor, "alice")
    session.rollback()
    noted = select(AuditEvent.clinic_id).where(AuditEvent.user_id == alice)

    assert set(session.scalars(noted)) == {harbor.clinic.id}


def test_an_invitation_says_the_same_of_an_account_and_of_none(session, harbor, hill, signed_in):
    accounts.set_password(session, harbor.users["alice"], PASSWORD)
    harbor.users["alice"].tf_totp_secret, harbor.users["alice"].tf_primary_method = "x", "authenticator"
    session.commit()
    oscar = signed_in(hill, "oscar")
    pages = []
    for email in ("alice@example.org", "nobody@example.org"):
        made = oscar.post("/settings/users", data={"email": email, "role": "nurse"})
        listed = oscar.get("/settings/people").text
        trail = oscar.get("/audit?operation=").text
        assert "Alice" not in made.text + listed + trail
        shown = re.sub(r"invitations/\w+|option=\w+", "", made.text.replace(email, "EMAIL"))
        pages.append((made.status_code, _about(shown)))

    assert pages[0] == pages[1]
    assert "invited" in pages[0][1]


@both
def test_a_person_with_an_account_accepts_after_signing_in(session, harbor, hill, signed_in):
    oscar, alice = signed_in(hill, "oscar"), signed_in(harbor, "alice")
    oscar.post("/settings/users", data=ALICE | {"role": "nurse"})
    link = mailed(session)
    sent_on = alice.get(link)
    page = alice.get("/account/invitations").text
    before = roles(session, harbor.users["alice"])
    accepted = alice.post(re.search(r"/account/invitations/\w+/acceptance", page).group())

    assert (sent_on.status_code, sent_on.location) == (303, "/account/invitations")
    assert "Hill Clinic" in page
    assert before == {harbor.clinic.id: StaffRole.FRONT_DESK}
    assert accepted.status_code == 303
    assert roles(session, harbor.users["alice"])[hill.clinic.id] is StaffRole.NURSE
    assert "Alice" in oscar.get("/settings/people").text
    assert events(session, hill, "membership.accepted") == 1


def test_a_person_who_declines_is_no_member_and_is_not_named(session, harbor, hill, signed_in, oscar):
    alice = signed_in(harbor, "alice")
    page = alice.get("/account/invitations").text
    declined = alice.post(re.search(r"/account/invitations/\w+/refusal", page).group())
    session.rollback()
    row = session.scalars(select(AuditEvent).where(AuditEvent.event == "membership.declined")).one()

    assert declined.status_code == 303
    assert roles(session, harbor.users["alice"]) == {harbor.clinic.id: StaffRole.FRONT_DESK}
    assert (row.clinic_id, row.user_id, row.address) == (hill.clinic.id, None, "")
    assert "You have no open invitations" in alice.get("/account/invitations").text


def test_nobody_answers_the_invitation_of_another(session, harbor, signed_in, oscar):
    alice, nick = signed_in(harbor, "alice"), signed_in(harbor, "nick")
    path = re.search(r"/account/invitations/\w+/acceptance", alice.get("/account/invitations").text).group()

    assert nick.post(path).status_code == 404
    assert path not in nick.get("/account/invitations").text


def test_a_withdrawn_invitation_cannot_be_accepted(session, harbor, hill, signed_in, oscar):
    alice = signed_in(harbor, "alice")
    path = re.search(r"/account/invitations/\w+/acceptance", alice.get("/account/invitations").text).group()
    listed = oscar.get("/settings/people").text
    withdrawn = oscar.post(re.search(r"/settings/users/invitations/\w+/withdrawal", listed).group())

    assert withdrawn.status_code == 303
    assert alice.post(path).status_code == 404
    assert "Invited" not in oscar.get("/settings/people").text


def test_a_new_person_accepts_by_choosing_a_password(app, session, hill, signed_in):
    oscar = signed_in(hill, "oscar")
    oscar.post("/settings/users", data={"email": "eve@example.org", "role": "nurse", "name": "Eve"})
    link, eve = mailed(session), app.test_client()
    app.config["WTF_CSRF_ENABLED"] = True
    page = eve.get(link).text
    weak = choose(eve, link, "short")
    chosen = choose(eve, link, "another quiet cup of tea")

    assert "Hill Clinic invites you" in page
    assert (weak.status_code, chosen.status_code, chosen.location) == (422, 303, "/login")
    session.rollback()
    assert roles(session, by_email(session, "eve@example.org")) == {hill.clinic.id: StaffRole.NURSE}
    assert eve.get(link).status_code == 410


def test_an_invitation_is_mailed_three_times_a_day_at_most(session, hill, oscar):
    path = re.search(r"/settings/users/invitations/\w+/mail", oscar.get("/settings/people").text).group()
    answers = [oscar.post(path).status_code for _ in range(3)]
    session.rollback()

    assert answers == [303, 303, 409]
    assert len(session.scalars(select(Message)).all()) == 3


def test_an_admin_of_all_clinics_of_a_person_signs_them_out_and_they_are_notified(
    session, harbor, hill, signed_in
):
    ada, alice = signed_in(harbor, "ada"), signed_in(harbor, "alice")
    session.add(Membership(clinic_id=hill.clinic.id, user_id=harbor.users["alice"].id, role=StaffRole.NURSE))
    session.commit()
    refused = ada.post("/settings/users/sessions/end", data=ALICE)
    still = alice.get("/patients").status_code
    session.add(Membership(clinic_id=hill.clinic.id, user_id=harbor.users["ada"].id, role=StaffRole.ADMIN))
    session.commit()
    done = ada.post("/settings/users/sessions/end", data=ALICE)
    session.rollback()
    told = session.scalars(select(Message).where(Message.user_id == harbor.users["alice"].id)).all()

    assert (refused.status_code, still) == (409, 200)
    assert "another clinic" in refused.text
    assert done.status_code == 303
    assert alice.get("/patients").location.startswith("/login")
    assert ["signed you out everywhere" in one.values["lines"] for one in told] == [True]
    assert events(session, hill, "user.sessions-ended") == 1


def test_a_person_without_a_clinic_is_led_to_their_invitation(app, session, harbor, hill, signed_in):
    eve = hire(session, harbor, "eve", StaffRole.NURSE)
    client = signed_in(harbor, "eve")
    oscar = signed_in(hill, "oscar")
    oscar.post("/settings/users", data={"email": "eve@example.org", "role": "nurse"})
    session.rollback()
    session.delete(session.scalars(select(Membership).where(Membership.user_id == eve.id)).one())
    session.commit()

    assert client.get("/patients").location == "/account/invitations"
    page = client.get("/account/invitations").text
    path = re.search(r"/account/invitations/\w+/acceptance", page).group()
    assert client.post(path).status_code == 303
    assert client.get("/patients").status_code == 200


def _about(page):
    """Return what the page of accounts says, without its forms' tokens and the list of former invitations."""
    return re.sub(r"\s+", " ", re.search(r'role="status">(.*?)</div>', page, re.DOTALL).group(1))


def mailed(session):
    """Return the path of the newest link in the outbox."""
    session.rollback()
    message = session.scalars(select(Message).order_by(Message.id.desc())).first()
    link = re.sub(
        r"^https?://[^/]+", "", decrypt_values([SECRET_KEY], message.values["secret"])["action_link"]
    )
    session.rollback()
    return link


def roles(session, user):
    session.rollback()
    return {row.clinic_id: row.role for row in session.scalars(select(Membership).filter_by(user_id=user.id))}


def events(session, cast, event):
    query = select(AuditEvent).where(AuditEvent.clinic_id == cast.clinic.id, AuditEvent.event == event)
    return len(session.scalars(query).all())
