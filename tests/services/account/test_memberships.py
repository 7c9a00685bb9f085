import pytest

from scheduler.errors import NotFound, WrongStatus
from scheduler.models.user import StaffRole
from scheduler.services.account import accounts, memberships
from scheduler.services.clinic import places
from scheduler.services.feed import feeds
from tests.cast import NOW
from tests.engines import both


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


@both
def test_what_a_member_made_for_themself_ends_with_the_membership(client, session, harbor):
    nick, nurse = harbor.users["nick"], harbor.actor("nick")
    own, colleague = harbor.people["Nina"], harbor.people["Theo"]
    places.tie_account(session, harbor.command, own, nick, NOW)
    nora = harbor.patients["Nora"].resource_id
    made = {
        "clinic": feeds.create(session, nurse, None, "initials", NOW),
        "colleague": feeds.create(session, nurse, colleague.resource_id, "kind", NOW),
        "patient": feeds.create(session, nurse, nora, "neutral", NOW),
        "own, by the desk": feeds.create(session, harbor.actor("alice"), own.resource_id, "kind", NOW),
        "of the desk": feeds.create(session, harbor.actor("alice"), None, "kind", NOW),
    }
    _, text = accounts.create_token(session, harbor.command, nick, "x", NOW)
    membership = memberships.get(session, harbor.clinic, "nick@example.org")
    session.commit()
    memberships.end(session, harbor.actor("ada"), membership, NOW)
    session.commit()
    answers = {name: client.get(f"/feeds/{token}.ics").status_code for name, (_, token) in made.items()}

    assert answers == {
        "clinic": 410,
        "colleague": 410,
        "patient": 200,
        "own, by the desk": 410,
        "of the desk": 200,
    }
    accounts.create_user(session, harbor.clinic, "nick@example.org", StaffRole.NURSE, NOW)
    assert accounts.caller_of(session, text, NOW, "") is None  # not alive again with a new membership


def test_links_that_a_leaver_made_for_patients_end_when_the_admin_says_so(session, harbor):
    nora = harbor.patients["Nora"].resource_id
    feed, _ = feeds.create(session, harbor.actor("nick"), nora, "neutral", NOW)
    membership = memberships.get(session, harbor.clinic, "nick@example.org")
    ends = memberships.what_ends(session, harbor.clinic, membership.user, NOW)
    memberships.end(session, harbor.actor("ada"), membership, NOW, patients_feeds_too=True)

    assert (ends.tokens, ends.feeds, ends.patient_feeds) == (0, 0, 1)
    assert feed.revoked_at == NOW


def test_an_inactive_practitioners_links_end(session, harbor):
    theo = harbor.people["Theo"]
    feed, _ = feeds.create(session, harbor.actor("alice"), theo.resource_id, "kind", NOW)
    places.update_practitioner(session, harbor.command, theo, {"active": False}, NOW)

    assert feed.revoked_at == NOW


def test_another_clinics_member_is_not_found(session, harbor, hill):
    with pytest.raises(NotFound):
        memberships.get(session, harbor.clinic, "oscar@example.org")
