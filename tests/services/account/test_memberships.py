import pytest

from scheduler.errors import NotFound, WrongStatus
from scheduler.models.user import StaffRole
from scheduler.services.account import memberships
from tests.cast import NOW


def test_a_member_gets_another_role(session, harbor):
    nick = memberships.get(session, harbor.clinic, "nick@example.org")

    memberships.set_role(session, harbor.actor("ada"), nick, StaffRole.MANAGER, NOW)

    assert harbor.actor("nick").role is StaffRole.MANAGER


def test_the_last_admin_stays_one(session, harbor):
    ada = memberships.get(session, harbor.clinic, "ada@example.org")

    with pytest.raises(WrongStatus, match="only admin"):
        memberships.set_role(session, harbor.actor("ada"), ada, StaffRole.NURSE, NOW)
    with pytest.raises(WrongStatus, match="only admin"):
        memberships.end(session, harbor.actor("ada"), ada, NOW)


def test_a_member_leaves_and_is_no_member(session, harbor):
    nick = memberships.get(session, harbor.clinic, "nick@example.org")

    memberships.end(session, harbor.actor("ada"), nick, NOW)

    names = [one.user.email for one in memberships.every(session, harbor.clinic)]
    assert names == [f"{name}@example.org" for name in ("ada", "alice", "mona", "rita")]


def test_another_clinics_member_is_not_found(session, harbor, hill):
    with pytest.raises(NotFound):
        memberships.get(session, harbor.clinic, "oscar@example.org")
