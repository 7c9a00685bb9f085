"""A private page about several visits: confirmed together, the zone said once, and what each is where allowed."""

from re import findall

import pytest

from scheduler.domain.status import Response
from scheduler.models.appointment import Appointment
from tests.calendar_cast import make_patient, make_visit


@pytest.fixture
def others(session, clinic, ana, visit):
    """Two more visits of Ana, within the same weeks of summer time."""
    days = (12, 16)
    found = [make_visit(session, clinic, ana, f"2026-03-{day}T09:00", uid=f"v{day}") for day in days]
    session.commit()
    return found


def named(page):
    """Return the fields of the form that confirms all."""
    form = page.text.split('/confirmation"')[1].split("</form>")[0]
    return {
        "visit": findall('name="visit" value="([^"]+)"', form),
        "mark": findall('name="mark" value="([^"]+)"', form),
    }


def responses(session):
    session.rollback()
    return {one.response for one in session.query(Appointment)}


def test_all_visits_are_confirmed_at_once(client, session, token, others):
    page = client.get(f"/visits/{token}")
    assert "Confirm all 3 appointments" in page.text
    done = client.post(f"/visits/{token}/confirmation", data=named(page))

    assert (done.status_code, done.location) == (303, f"/visits/{token}/done/confirmed")
    assert responses(session) == {Response.ACCEPTED}
    assert "Confirm all" not in client.get(f"/visits/{token}").text


def test_none_is_confirmed_where_one_has_changed_since(client, session, token, visit, others):
    fields = named(client.get(f"/visits/{token}"))
    session.get(Appointment, others[0].id).schedule_version += 1
    session.commit()
    refused = client.post(f"/visits/{token}/confirmation", data=fields)

    assert "This appointment has changed since you opened the page" in refused.text
    assert responses(session) == {Response.NEEDS_ACTION}


def test_a_form_confirms_no_visit_of_another_patient(client, session, clinic, token, others):
    fields = named(client.get(f"/visits/{token}"))
    stranger = make_patient(session, clinic, family_name="Other")
    fields["visit"][0] = make_visit(session, clinic, stranger, "2026-03-17T09:00", uid="other").public_id
    session.commit()

    assert client.post(f"/visits/{token}/confirmation", data=fields).status_code == 404
    assert responses(session) == {Response.NEEDS_ACTION}


def test_the_zone_is_said_once_unless_the_clocks_change_between_the_visits(
    client, session, clinic, ana, token, others
):
    assert client.get(f"/visits/{token}").text.count("New York time, EDT") == 1
    make_visit(session, clinic, ana, "2026-11-12T09:00", uid="winter")
    session.commit()

    text = client.get(f"/visits/{token}").text
    assert (text.count("New York time, EDT"), text.count("New York time, EST")) == (3, 1)


@pytest.mark.parametrize(("types", "count"), [("nowhere", 0), ("page", 1), ("email", 1)])
def test_what_a_visit_is_stands_where_the_clinic_allows(client, session, clinic, visit, token, types, count):
    clinic.settings_document = {"visit_types": types}
    visit.title, visit.position, visit.series_length = "Infusion", 3, 6
    session.commit()

    assert client.get(f"/visits/{token}").text.count("Infusion 3 of 6") == count
