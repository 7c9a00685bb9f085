"""Settings pages about access: API tokens, the table of roles; and working in another clinic."""

import re
from datetime import timedelta

from sqlalchemy import select

from scheduler.models.api_token import ApiToken
from scheduler.models.audit_event import AuditEvent
from scheduler.models.user import Membership, StaffRole
from scheduler.services.account import accounts
from scheduler.services.account.permissions import FIELDS, PERMISSIONS, WORDS
from tests.cast import NOW
from tests.engines import both


@both
def test_a_token_is_made_shown_once_used_and_revoked(app, session, harbor, signed_in):
    ada = signed_in(harbor, "ada")
    form = {
        "name": "phone system",
        "user": "",
        "ends": "90",
        "share": "some",
        "scopes": ["view"],
    }
    made = ada.post("/settings/tokens", data=form)
    text = re.search(r'id="made">(seriate_[^<]+)<', made.text).group(1)
    program = {"Authorization": f"Bearer {text}"}
    first = app.test_client().get("/api/v1/patients", headers=program)
    beyond = app.test_client().post("/api/v1/patients", json={}, headers=program)
    session.rollback()
    token = session.scalars(select(ApiToken)).one()
    listed = ada.get("/settings/tokens").text
    revoked = ada.post(f"/settings/tokens/{token.public_id}/revocation")
    after = app.test_client().get("/api/v1/patients", headers=program)

    assert (token.user.email, token.scopes, token.made_via) == ("ada@example.org", ["view"], "page")
    assert token.expires_at == NOW + timedelta(days=90)
    assert (first.status_code, beyond.status_code, revoked.status_code, after.status_code) == (
        200,
        403,
        303,
        401,
    )
    assert (text in listed, token.prefix in listed, "phone system" in listed) == (False, True, True)


def test_a_token_that_cannot_be_is_refused_and_the_form_keeps_what_was_typed(session, harbor, signed_in):
    ada = signed_in(harbor, "ada")
    form = {"name": "", "ends": "90", "share": "some"}
    nameless = ada.post("/settings/tokens", data=form | {"scopes": ["view"]})
    empty = ada.post("/settings/tokens", data=form | {"name": "x"})
    unknown = ada.post("/settings/tokens", data=form | {"name": "x", "scopes": ["everything"]})
    odd = ada.post("/settings/tokens", data=form | {"name": "x", "share": "all", "ends": "9999"})

    assert [one.status_code for one in (nameless, empty, unknown, odd)] == [422] * 4
    assert re.search(r'id="scope-view" value="view" checked', nameless.text)
    session.rollback()
    assert session.scalars(select(ApiToken)).all() == []


def test_a_token_of_another_clinic_or_for_a_stranger_is_not_there(session, harbor, hill, signed_in):
    token, _ = accounts.create_token(session, hill.command, hill.users["oscar"], "x", NOW)
    session.commit()
    ada = signed_in(harbor, "ada")

    assert ada.post(f"/settings/tokens/{token.public_id}/revocation").status_code == 404
    assert ada.post("/settings/tokens", data={"name": "x", "user": "oscar@example.org"}).status_code == 404
    assert "oscar" not in ada.get("/settings/tokens").text


def test_an_admin_makes_no_token_that_acts_as_another_person(session, harbor, signed_in):
    ada = signed_in(harbor, "ada")
    form = {"name": "x", "user": "alice@example.org", "ends": "90"}

    assert ada.post("/settings/tokens", data=form).status_code == 403
    session.rollback()
    assert session.scalars(select(ApiToken)).all() == []


def test_a_person_ends_their_own_tokens_and_no_others(app, session, harbor, signed_in):
    tokens = [
        accounts.create_token(session, harbor.command, harbor.users[name], "x", NOW)
        for name in ("nick", "rita")
    ]
    (mine, text), (other, _) = tokens
    session.commit()
    nick = signed_in(harbor, "nick")
    page = nick.get("/account/sessions").text
    answers = [
        nick.post(f"/account/sessions/tokens/{one.public_id}/end").status_code for one in (mine, other)
    ]
    program = {"Authorization": f"Bearer {text}"}

    assert answers == [303, 404]
    assert (mine.prefix in page, other.prefix in page) == (True, False)
    assert app.test_client().get("/api/v1/patients", headers=program).status_code == 401


def test_a_service_account_is_made_and_gets_a_token(session, harbor, signed_in):
    ada = signed_in(harbor, "ada")
    refused = ada.post("/settings/tokens/service-accounts", data={"service_name": "x", "role": "admin"})
    done = ada.post("/settings/tokens/service-accounts", data={"service_name": "Records", "role": "nurse"})
    page = ada.get("/settings/tokens").text
    address = re.search(r'value="([0-9a-f]+@harbor\.service\.invalid)"', page).group(1)
    made = ada.post("/settings/tokens", data={"name": "x", "user": address, "ends": "365", "share": "all"})

    assert (refused.status_code, done.status_code, made.status_code) == (422, 303, 200)
    assert "Records (service account, nurse)" in page
    assert "can't sign in" in ada.get("/settings/people").text


def test_the_table_of_roles_is_the_one_that_interfaces_ask(harbor, signed_in):
    page = signed_in(harbor, "rita").get("/settings/roles").text
    rows = re.findall(r'<th scope="row">(.*?)</tr>', page, re.DOTALL)
    said = {
        re.search(r"<code[^>]*>([a-z-]+)<", row).group(1): [
            mark == "yes" for mark in re.findall(r">(yes|no|if allowed)<", row)
        ]
        for row in rows
    }

    assert said == {
        name: [role in have for role in StaffRole] for name, have in {**PERMISSIONS, **FIELDS}.items()
    }
    assert WORDS.keys() == PERMISSIONS.keys()


@both
def test_who_belongs_to_two_clinics_works_in_one_at_a_time(session, harbor, hill, signed_in):
    alice = harbor.users["alice"]
    session.add(Membership(clinic_id=hill.clinic.id, user_id=alice.id, role=StaffRole.NURSE))
    session.commit()
    desk = signed_in(harbor, "alice")
    nora, otto = harbor.patients["Nora"].public_id, hill.patients["Otto"].public_id
    before = desk.get(f"/patients/{nora}"), desk.get(f"/patients/{otto}")
    listed = desk.get("/account/clinics").text
    switched = desk.post("/account/clinics", data={"clinic": hill.clinic.public_id})
    after = desk.get(f"/patients/{nora}"), desk.get(f"/patients/{otto}")
    session.rollback()
    noted = session.scalars(select(AuditEvent).where(AuditEvent.event == "user.switched-here")).one()

    assert [answer.status_code for answer in before] == [200, 404]
    assert ("Harbor Clinic" in listed, "Hill Clinic" in listed) == (True, True)
    assert switched.status_code == 303
    assert [answer.status_code for answer in after] == [404, 200]
    assert desk.get("/care-plans/new").status_code == 403  # a nurse there
    assert (noted.clinic_id, noted.user_id) == (hill.clinic.id, alice.id)


def test_nobody_works_in_a_clinic_they_do_not_belong_to(harbor, hill, signed_in):
    desk = signed_in(harbor, "alice")

    assert desk.post("/account/clinics", data={"clinic": hill.clinic.public_id}).status_code == 404
    assert "Hill" not in desk.get("/account/clinics").text


@both
def test_an_admin_signs_a_member_out_everywhere(session, harbor, signed_in):
    desk, ada = signed_in(harbor, "alice"), signed_in(harbor, "ada")
    done = ada.post("/settings/users/sessions/end", data={"email": "alice@example.org"})

    assert done.status_code == 303
    assert desk.get("/patients").location.startswith("/login")
    assert ada.get("/patients").status_code == 200


@both
def test_what_is_refused_stands_in_the_trail(app, session, harbor, signed_in):
    rita = signed_in(harbor, "rita")
    _, text = accounts.create_token(session, harbor.command, harbor.users["rita"], "x", NOW)
    session.commit()
    assert rita.get("/patients/new").status_code == 403
    assert rita.post("/patients", data={"given_name": "Zoe", "family_name": "Li"}).status_code == 403
    program = {"Authorization": f"Bearer {text}"}
    assert app.test_client().get("/api/v1/tokens", headers=program).status_code == 403
    session.rollback()
    refused = select(AuditEvent.user_id, AuditEvent.fields).where(AuditEvent.event == "access.refused")

    rita_id = harbor.users["rita"].id
    rows = [tuple(row) for row in session.execute(refused.order_by(AuditEvent.id))]
    assert rows == [(rita_id, ["patients"]), (rita_id, ["patients"]), (rita_id, ["tokens"])]


def test_the_front_desk_closes_a_day_only_where_the_clinic_allows_it(session, harbor, signed_in):
    alice, ada = signed_in(harbor, "alice"), signed_in(harbor, "ada")
    day = {"first_on": "2026-12-24", "reason": "Storm"}
    assert alice.get("/settings/closures").status_code == 403
    assert "/settings/closures" not in alice.get("/today").text
    assert alice.post("/settings/closures", data=day).status_code == 403

    ada.post("/settings/users/closing", data={"front_desk_closes": "yes"})
    assert alice.post("/settings/closures", data=day).status_code == 303
    page = alice.get("/settings/closures").text
    assert ("Storm" in page, "/settings/hours" in page) == (True, False)
    assert "/settings/closures" in alice.get("/today").text
    assert signed_in(harbor, "nick").get("/settings/closures").status_code == 403

    ada.post("/settings/users/closing", data={})
    assert alice.get("/settings/closures").status_code == 403


def test_hours_that_leave_visits_outside_say_how_many(session, harbor, course, signed_in):
    mona = signed_in(harbor, "mona")
    page = mona.post(
        "/settings/hours", data={"starts-1-0": "08:00", "ends-1-0": "09:00"}, follow_redirects=True
    )

    assert re.search(r"Saved\. \d+ visits are affected: they are listed under To do\.", page.text)
