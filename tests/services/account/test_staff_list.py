"""Each person who works at a clinic, once: record and sign-in together, from the invitation to the day they leave."""

import pytest
from sqlalchemy import select

from scheduler.errors import Forbidden, Invalid, WrongStatus
from scheduler.models.audit_event import AuditEvent
from scheduler.models.user import StaffRole, member
from scheduler.services.account import invitations, memberships, staff_list
from scheduler.services.clinic import places
from tests.cast import NOW, add_person, hire
from tests.engines import SECRET_KEY, both

URL = "https://clinic.example"


def invited(session, cast, who, email, role=StaffRole.NURSE, person=None):
    return invitations.invite(
        session, cast.actor(who), email, role, NOW, URL, [SECRET_KEY], "Typed", practitioner=person
    )


def found(session, cast):
    return [
        (one.name, one.membership.role.value if one.membership else "", bool(one.invitation))
        for one in staff_list.everyone(session, cast.clinic)
    ]


@both
def test_everyone_is_listed_once(session, harbor):
    places.tie_account(session, harbor.command, harbor.people["Nina"], harbor.users["nick"], NOW)
    invited(session, harbor, "mona", "noah@example.org", person=harbor.people["Noah"])
    invited(session, harbor, "mona", "zoe@example.org", StaffRole.FRONT_DESK)
    places.update_practitioner(session, harbor.command, harbor.people["Theo"], {"active": False}, NOW)

    assert found(session, harbor) == [
        ("Nina", "nurse", False),
        ("Noah", "", True),
        ("Pia", "", False),
        ("Ada", "admin", False),
        ("Alice", "front-desk", False),
        ("Mona", "manager", False),
        ("Rita", "read-only", False),
        ("Typed", "", True),
        ("Theo", "", False),
    ]


@both
def test_an_accepted_invitation_becomes_the_sign_in_of_its_person(session, harbor):
    nina = harbor.people["Nina"]
    invitation = invited(session, harbor, "mona", "nina@example.org", person=nina)
    with pytest.raises(Invalid, match="has a sign-in or an invitation already"):
        invited(session, harbor, "mona", "nina2@example.org", person=nina)
    invitations.accept(session, invitation, NOW)

    assert nina.user_id == invitation.user_id
    with pytest.raises(Invalid, match="has a sign-in or an invitation already"):
        invited(session, harbor, "mona", "nina2@example.org", person=nina)
    fields = session.scalars(
        select(AuditEvent.fields).where(AuditEvent.event == "practitioner.changed")
    ).all()
    assert fields == [["user"]]


def test_an_account_is_one_person_of_the_schedule(session, harbor):
    invitation = invited(session, harbor, "mona", "nina@example.org", person=harbor.people["Nina"])
    places.tie_account(session, harbor.command, harbor.people["Noah"], invitation.user, NOW)
    invitations.accept(session, invitation, NOW)
    assert harbor.people["Nina"].user_id is None

    with pytest.raises(Invalid, match="is the sign-in of Noah"):
        places.tie_account(session, harbor.command, harbor.people["Nina"], invitation.user, NOW)


def test_a_manager_invites_and_removes_everyone_but_admins(session, harbor):
    mona = harbor.actor("mona")
    for role in StaffRole:
        if role is not StaffRole.ADMIN:
            invited(session, harbor, "mona", f"{role.value}@example.org", role)
    with pytest.raises(Forbidden, match="Only an admin"):
        invited(session, harbor, "mona", "boss@example.org", StaffRole.ADMIN)
    of_admin = invited(session, harbor, "ada", "boss@example.org", StaffRole.ADMIN)
    with pytest.raises(Forbidden):
        invitations.withdraw(session, mona, of_admin, NOW)
    with pytest.raises(Forbidden):
        invitations.send_again(session, mona, of_admin, NOW, URL, [SECRET_KEY])
    hire(session, harbor, "bob", StaffRole.ADMIN)
    with pytest.raises(Forbidden):
        memberships.end(session, mona, member(session, harbor.users["bob"].id, harbor.clinic.id), NOW)

    memberships.end(session, mona, member(session, harbor.users["nick"].id, harbor.clinic.id), NOW)
    assert member(session, harbor.users["nick"].id, harbor.clinic.id) is None


@both
def test_a_member_who_leaves_is_unlinked_and_off_the_schedule_if_asked(session, harbor, nora_course):
    ada, nurse = harbor.actor("ada"), member(session, harbor.users["nick"].id, harbor.clinic.id)
    idle = add_person(session, harbor, "Ned", "nurse")
    places.tie_account(session, harbor.command, idle, nurse.user, NOW)
    memberships.end(session, ada, nurse, NOW, off_schedule=True)
    assert (idle.active, idle.user_id) == (False, None)

    pia = harbor.people["Pia"]
    user = hire(session, harbor, "paul", StaffRole.PRESCRIBER)
    places.tie_account(session, harbor.command, pia, user, NOW)
    with pytest.raises(WrongStatus, match="move them first"):
        memberships.end(session, ada, member(session, user.id, harbor.clinic.id), NOW, off_schedule=True)
    memberships.end(session, ada, member(session, user.id, harbor.clinic.id), NOW)
    assert (pia.active, pia.user_id) == (True, None)


def test_the_proposed_role_is_what_a_person_does_or_the_least(session, harbor):
    both_roles = add_person(session, harbor, "Petra", "nurse", "prescriber")

    assert [staff_list.usual_role(one) for one in (harbor.people["Theo"], both_roles, None)] == [
        StaffRole.THERAPIST,
        StaffRole.PRESCRIBER,
        StaffRole.READ_ONLY,
    ]
