"""The private page says of each visit at which address it is."""

from datetime import timedelta

from tests.cast import NOW
from tests.engines import both
from tests.patient_pages.conftest import mailed
from tests.sites import ADDRESS, PHONE, add_north
from tests.visits import add_visit

DAY = timedelta(days=1)
HERE, THERE = "12 Harbor Street, New York", f"North, {ADDRESS}"


def page_of(app, session, harbor, places, about=()):
    harbor.clinic.address = HERE
    visits = [add_visit(session, harbor, place, NOW + day * DAY) for day, place in enumerate(places, 3)]
    token = mailed(session, harbor.clinic, visits[0].patient, [visits[n] for n in about] or visits[:1])
    session.commit()
    client = app.test_client()
    return client.get(f"/visits/{token}").text, client.get(f"/visits/{token}/sheet").text


@both
def test_a_visit_shows_its_own_address_map_and_number(app, session, harbor):
    add_north(session, harbor)
    page, sheet = page_of(app, session, harbor, ["North 1"])

    assert (HERE in page, page.count(THERE), PHONE in page) == (False, 2, True)
    assert "query=North%2C%209%20North%20Road%2C%20Queens" in page
    assert (HERE in sheet, THERE in sheet) == (False, True)


def test_visits_at_two_sites_say_it_one_by_one(app, session, harbor):
    add_north(session, harbor)
    page, sheet = page_of(app, session, harbor, ["Chair 1", "North 1"], (0, 1))

    assert (HERE in page, THERE in page, ">North<" in page) == (True, True, True)
    assert (sheet.count(f"Harbor Clinic, {HERE}"), sheet.count(f"Harbor Clinic, {THERE}")) == (1, 1)


def test_with_one_site_it_is_as_it_was(app, session, harbor):
    page, sheet = page_of(app, session, harbor, ["Chair 1"])

    assert ("Main" in page, "Main" in sheet, page.count(HERE), sheet.count(HERE)) == (False, False, 2, 2)
