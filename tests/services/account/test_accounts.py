from datetime import timedelta

import pytest
from flask_security import verify_password
from sqlalchemy import select

from scheduler.errors import Invalid, NotFound
from scheduler.models.api_token import ApiToken
from scheduler.models.audit_event import AuditEvent
from scheduler.models.user import Membership, StaffRole
from scheduler.services.account import accounts
from tests.cast import NOW, PASSWORD
from tests.engines import both


@both
def test_whoever_has_an_account_keeps_it_in_another_clinic(session, harbor, hill):
    again = accounts.create_user(session, hill.clinic, "ALICE@example.org", StaffRole.NURSE, NOW)

    roles = {
        row.clinic_id: row.role for row in session.scalars(select(Membership).filter_by(user_id=again.id))
    }
    assert again is harbor.users["alice"]
    assert roles == {harbor.clinic.id: StaffRole.FRONT_DESK, hill.clinic.id: StaffRole.NURSE}


@pytest.mark.parametrize("email", ["alice@example.org", "not an address", "a@b\nc", ""])
def test_an_account_needs_a_new_mail_address(session, harbor, email):
    with pytest.raises(Invalid) as caught:
        accounts.create_user(session, harbor.clinic, email, StaffRole.NURSE, NOW)

    assert caught.value.details["errors"][0]["field"] == "email"


def test_a_password_is_kept_as_a_hash_and_ends_sessions(session, harbor):
    alice = harbor.users["alice"]
    before = alice.fs_uniquifier
    accounts.set_password(session, alice, PASSWORD)

    assert PASSWORD not in alice.password
    assert verify_password(PASSWORD, alice.password)
    assert alice.fs_uniquifier != before


@pytest.mark.parametrize("password", ["short", "x" * 129, "my name is alice"])
def test_a_weak_password_is_refused(session, harbor, password):
    with pytest.raises(Invalid):
        accounts.set_password(session, harbor.users["alice"], password)

    assert harbor.users["alice"].password is None


@both
def test_a_token_acts_as_its_user_in_its_clinic(session, harbor):
    _, text = accounts.create_token(session, harbor.command, harbor.users["alice"], "phone", NOW)

    actor, _ = accounts.caller_of(session, text, NOW, "192.0.2.1")

    assert (actor.clinic, actor.user, actor.role) == (
        harbor.clinic,
        harbor.users["alice"],
        StaffRole.FRONT_DESK,
    )
    assert (actor.name, actor.address) == ("staff", "192.0.2.1")


def test_a_tokens_text_is_nowhere_in_the_database(session, harbor):
    token, text = accounts.create_token(session, harbor.command, harbor.users["alice"], "phone", NOW)

    assert text.startswith(token.prefix)
    assert text not in repr(session.execute(select(ApiToken.__table__)).all())
    assert text not in repr(session.execute(select(AuditEvent.__table__)).all())


@pytest.mark.parametrize("how", ["unknown", "revoked", "expired", "inactive user", "no member any more"])
def test_a_token_not_in_force_is_nobody(session, harbor, how):
    actor, alice = harbor.command, harbor.users["alice"]
    token, text = accounts.create_token(session, actor, alice, "phone", NOW, NOW + timedelta(days=1))
    assert accounts.caller_of(session, text, NOW, "") is not None
    later = NOW
    if how == "unknown":
        text += "x"
    elif how == "revoked":
        accounts.revoke_token(session, actor, token, NOW)
    elif how == "expired":
        later = NOW + timedelta(days=1)
    elif how == "inactive user":
        alice.active = False
    else:
        alice.memberships.clear()
    session.flush()

    assert accounts.caller_of(session, text, later, "") is None


def test_a_token_is_for_members_only(session, harbor, hill):
    with pytest.raises(NotFound):
        accounts.create_token(session, harbor.actor("ada"), hill.users["oscar"], "phone", NOW)
