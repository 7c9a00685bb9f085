"""Staff and sign-ins on their page: a person is one row, and leaving asks about the other half."""

import re
from datetime import date, timedelta

import pytest

from scheduler.models import schedule
from scheduler.models.invitation import open_of_clinic
from scheduler.models.practitioner import every
from scheduler.models.user import StaffRole, member
from scheduler.services.account import memberships
from scheduler.services.clinic import places
from scheduler.services.mail import settings_changes
from tests.cast import NOW

PEOPLE = "/settings/people"


@pytest.fixture
def tied(session, harbor):
    """Nina is Nick's staff record."""
    places.tie_account(session, harbor.command, harbor.people["Nina"], harbor.users["nick"], NOW)
    session.commit()
    return f"{PEOPLE}/{harbor.people['Nina'].public_id}"


def rows(page):
    """Return what each row of the page says, without its forms' words."""
    return [re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", one)) for one in page.split("<li")]


def test_a_person_with_a_sign_in_is_one_row(harbor, signed_in, tied):
    page = signed_in(harbor, "mona").get(PEOPLE).text

    [row] = [
        one for one in rows(page) if "nick@example.org" in one and "Treats" not in one and "Unlink" in one
    ]
    assert "nick@example.org, nurse, two-step verification off" in row.replace(" ,", ",")
    assert page.count("Nick</strong>") == 0  # not among those who only sign in
    assert "Mona</strong>" in page


def test_a_manager_invites_from_the_staff_row(session, harbor, signed_in):
    mona, nina = signed_in(harbor, "mona"), harbor.people["Nina"].public_id
    made = mona.post(f"{PEOPLE}/{nina}/invitation", data={"email": "nina@example.org"})
    twice = mona.post(f"{PEOPLE}/{nina}/invitation", data={"email": "other@example.org"})
    page = mona.get(PEOPLE).text

    session.rollback()
    [invitation] = open_of_clinic(session, harbor.clinic.id)
    assert (made.status_code, twice.status_code) == (303, 422)
    assert "has a sign-in or an invitation already" in twice.text
    assert (invitation.role, invitation.name) == (StaffRole.NURSE, "Nina")
    assert invitation.practitioner_id == harbor.people["Nina"].id
    assert "nina@example.org, nurse, invited" in re.sub(r"<[^>]+>|\s+", " ", page).replace("  ", " ")


def test_the_role_that_is_proposed_may_do_least(harbor, signed_in):
    page = signed_in(harbor, "mona").get(PEOPLE).text
    invite = page[page.index('id="invite-role"') :]

    assert re.findall(r'<option value="([\w-]+)" selected', invite[: invite.index("</select>")]) == [
        "read-only"
    ]
    assert '<option value="admin"' not in page


def test_a_manager_cannot_make_an_admin_or_remove_one(harbor, signed_in):
    mona = signed_in(harbor, "mona")
    form = {"email": "boss@example.org", "role": "admin"}
    nina = harbor.people["Nina"].public_id

    assert mona.post("/settings/users", data=form).status_code == 403
    assert mona.post(f"{PEOPLE}/{nina}/invitation", data=form).status_code == 403
    assert mona.post("/settings/users/removal", data={"email": "ada@example.org"}).status_code == 403
    assert (
        mona.post("/settings/users/role", data={"email": "mona@example.org", "role": "admin"}).status_code
        == 403
    )


def test_staff_are_added_with_an_invitation_or_as_a_member(session, harbor, signed_in):
    mona = signed_in(harbor, "mona")
    mona.post(PEOPLE, data={"name": "Paula Ray", "roles": "prescriber", "email": "Paula@example.org"})
    mona.post(PEOPLE, data={"name": "Alice", "roles": "nurse", "member": "alice@example.org"})
    wrong = mona.post(PEOPLE, data={"name": "Eve", "roles": "nurse", "email": "mona@example.org"})

    session.rollback()
    people = {one.name: one for one in every(session, harbor.clinic.id)}
    [invitation] = open_of_clinic(session, harbor.clinic.id)
    assert (invitation.role, invitation.practitioner_id) == (StaffRole.PRESCRIBER, people["Paula Ray"].id)
    assert invitation.user.email == "paula@example.org"
    assert people["Alice"].user_id == harbor.users["alice"].id
    assert wrong.status_code == 422 and "Eve" not in people


def test_leaving_the_schedule_asks_about_the_sign_in(session, harbor, signed_in, tied):
    mona, form = signed_in(harbor, "mona"), {"name": "Nina", "roles": "nurse", "rank": "3"}
    asked = mona.post(tied, data=form)
    session.rollback()
    assert asked.status_code == 200 and "Take Nina off the schedule" in asked.text
    assert 'name="rank" value="3"' in asked.text
    assert harbor.people["Nina"].active

    mona.post(tied, data=form | {"sign_in": "keep"})
    session.rollback()
    assert not harbor.people["Nina"].active
    assert member(session, harbor.users["nick"].id, harbor.clinic.id)

    mona.post(tied, data=form | {"active": "yes"})
    mona.post(tied, data=form | {"sign_in": "remove"})
    session.rollback()
    assert not harbor.people["Nina"].active
    assert member(session, harbor.users["nick"].id, harbor.clinic.id) is None


def test_who_has_visits_ahead_stays_on_the_schedule(harbor, signed_in, tied, course):
    asked = signed_in(harbor, "mona").post(tied, data={"name": "Nina", "roles": "nurse"})

    assert "upcoming visit" in asked.text and 'name="sign_in"' not in asked.text


def test_removing_a_sign_in_asks_about_the_staff_record(session, harbor, signed_in, tied):
    mona, email = signed_in(harbor, "mona"), {"email": "nick@example.org"}
    asked = mona.get("/settings/users/removal?email=nick@example.org").text
    assert "Also take Nina off the schedule" in asked

    mona.post("/settings/users/removal", data=email | {"off_schedule": "yes"})
    session.rollback()
    assert not harbor.people["Nina"].active
    assert harbor.people["Nina"].user_id is None


def test_the_sign_in_of_an_admin_is_kept_by_a_manager(session, harbor, signed_in):
    places.tie_account(session, harbor.command, harbor.people["Pia"], harbor.users["ada"], NOW)
    session.commit()
    path = f"{PEOPLE}/{harbor.people['Pia'].public_id}"
    mona, form = signed_in(harbor, "mona"), {"name": "Pia", "roles": "prescriber"}
    asked = mona.post(path, data=form)

    assert "Only an admin can remove" in asked.text and 'value="remove"' not in asked.text
    assert mona.post(path, data=form | {"sign_in": "remove"}).status_code == 403
    session.rollback()
    assert harbor.people["Pia"].active


def test_an_existing_sign_in_is_linked_and_unlinked(session, harbor, signed_in):
    mona, path = signed_in(harbor, "mona"), f"{PEOPLE}/{harbor.people['Nina'].public_id}/account"
    other = f"{PEOPLE}/{harbor.people['Noah'].public_id}/account"
    assert mona.post(path, data={"email": "nick@example.org"}).status_code == 303
    taken = mona.post(other, data={"email": "nick@example.org"})
    assert taken.status_code == 422 and "is the sign-in of Nina" in taken.text
    mona.post(path, data={})

    session.rollback()
    assert harbor.people["Nina"].user_id is None
    assert memberships.get(session, harbor.clinic, "nick@example.org")


def test_hours_alternate_and_hold_between_dates(session, harbor, signed_in):
    mona, nina = signed_in(harbor, "mona"), harbor.people["Nina"]
    path = f"{PEOPLE}/{nina.public_id}/hours"
    turns = {"alternating": "yes", "starts-2-0": "09:00", "ends-2-0": "17:00"}
    mona.post(path, data=turns | {"b-starts-4-0": "12:00", "b-ends-4-0": "20:00"})
    until = {"starts-1-0": "08:00", "ends-1-0": "12:00", "first": "2027-01-04", "last": "2027-02-12"}
    wrong = mona.post(path, data=until | {"last": "2027-01-01"})
    mona.post(path, data=until)
    page = mona.get(path).text

    assert "Weeks of Nov 22, Dec 6" in page and "Weeks of Nov 29, Dec 13" in page
    assert re.search(r'name="alternating" value="yes" checked', page)
    assert re.search(r'name="starts-2-0" value="09:00"', page)
    assert re.search(r'name="b-starts-4-0" value="12:00"', page)
    assert re.search(r'name="b-starts-2-0" value=""', page)
    assert "From Mon, Jan 4</strong> until Fri, Feb 12" in page
    assert wrong.status_code == 422 and "must not be before the first day" in wrong.text


@pytest.mark.parametrize(("locale", "sunday"), [("en-US", date(2026, 11, 22)), ("en-GB", date(2026, 11, 29))])
def test_a_sunday_belongs_to_the_week_that_the_clinic_begins(session, harbor, signed_in, locale, sunday):
    settings_changes.change(session, harbor.actor("mona"), {"locale": locale}, NOW)
    session.commit()
    mona, nina = signed_in(harbor, "mona"), harbor.people["Nina"]
    path = f"{PEOPLE}/{nina.public_id}/hours"
    mona.post(path, data={"alternating": "yes", "starts-7-0": "09:00", "ends-7-0": "12:00"})
    shown = mona.get(path).text

    session.rollback()
    [row] = schedule.hours(session, harbor.clinic.id, nina.resource_id)
    assert row.holds_on(sunday) and not row.holds_on(sunday + timedelta(weeks=1))
    assert re.search(r'name="starts-7-0" value="09:00"', shown)
    assert re.search(r'name="b-starts-7-0" value=""', shown)
