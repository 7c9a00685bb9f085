"""Sites on the pages: a clinic with one sees none of it, with two each page says which."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.models.care_plan import CarePlan
from scheduler.models.schedule import Closure
from scheduler.models.site import Site, every
from scheduler.services.clinic import sites
from tests.cast import NOW, add_patient
from tests.services.courses import book, visit
from tests.sites import ADDRESS, add_north, sites_of_visits
from tests.visits import add_visit, single

DAY = timedelta(days=1)
AT = NOW + 7 * DAY + timedelta(hours=3)  # 11 AM on the Monday after
PAGES = (
    "/board/2026-11-30",
    "/board/2026-11-30?view=people",
    "/board/2026-11-30/week",
    "/board/2026-11-30/agenda",
    "/board/2026-11-30/print",
    "/board/2026-11-30/closing",
    "/settings",
    "/settings/places",
    "/settings/closures",
)


@pytest.fixture
def north(session, harbor):
    north = add_north(session, harbor)
    session.commit()
    return north


@pytest.fixture
def two_visits(session, harbor, north):
    here = add_visit(session, harbor, "Chair 1", AT)
    there = add_visit(session, harbor, "North 1", AT, add_patient(session, harbor, "Olga", "Oak"))
    session.commit()
    return here, there


def words_of(page):
    return re.sub(r"<[^>]*>", " ", page)


def test_a_clinic_with_one_site_meets_no_word_of_sites(session, harbor, signed_in):
    mona = signed_in(harbor, "mona")
    mine = single(session, harbor, harbor.patients["Nora"], "infusion-1", AT, "Chair 1")
    session.commit()
    more = [
        f"/appointments/{mine.public_id}/time",
        f"/appointments/new?patient={mine.patient.public_id}",
        f"/care-plans/new?patient={mine.patient.public_id}",
    ]
    for address in (*PAGES, *more):
        page = mona.get(address)
        assert page.status_code == 200, address
        assert re.findall(r"\b[Ss]ites?\b|\bMain\b", words_of(page.text)) == [], address


def test_a_second_site_is_added_from_the_clinics_details(session, harbor, signed_in):
    mona = signed_in(harbor, "mona")
    assert 'href="/settings/sites">Add another site' in mona.get("/settings/clinic").text
    fields = {"name": "North", "address": ADDRESS, "phone": "", "rank": "1"}
    assert mona.post("/settings/sites", data=fields).status_code == 303
    session.rollback()
    north = session.scalars(select(Site).where(Site.name == "North")).one()
    moved = {"name": "Chair 3", "rank": "2", "active": "yes", "site": north.public_id}
    assert mona.post(f"/settings/places/{harbor.places['Chair 3'].public_id}", data=moved).status_code == 303

    session.rollback()
    assert harbor.places["Chair 3"].site is north
    assert ADDRESS in mona.get("/settings/sites").text
    assert 'href="/settings/sites"' in mona.get("/settings").text


def test_what_cannot_be_is_said_beside_the_form(session, harbor, north, signed_in):
    mona = signed_in(harbor, "mona")
    same = mona.post("/settings/sites", data={"name": "North", "rank": "1"})
    used = mona.post(f"/settings/sites/{north.public_id}", data={"name": "North", "rank": "1"})

    assert (same.status_code, used.status_code) == (422, 409)
    assert "is already used by another site" in same.text
    assert "North still has North 1, North 2, North room" in used.text
    session.rollback()
    assert [one.active for one in every(session, harbor.clinic.id)] == [True, True]


def test_a_sites_hours_have_a_page(session, harbor, north, signed_in):
    mona = signed_in(harbor, "mona")
    address = f"/settings/sites/{north.public_id}/hours"
    assert "Hours: North" in mona.get(address).text
    saved = mona.post(address, data={"starts-1-0": "12:00", "ends-1-0": "18:00"})

    assert (saved.status_code, saved.location) == (303, "/settings/sites")
    assert 'value="12:00"' in mona.get(address).text
    assert 'value="12:00"' not in mona.get("/settings/hours").text


def test_the_board_shows_one_site_until_it_is_switched_back(harbor, two_visits, north, signed_in):
    here, there = two_visits
    alice = signed_in(harbor, "alice")

    def shown(address):
        page = alice.get(address).text
        return [one.public_id in page for one in (here, there)]

    on = "/board/2026-11-30"
    addresses = [on, f"{on}/week", f"{on}/agenda"]
    assert [shown(one) for one in addresses] == [[True, True]] * 3
    assert alice.post("/board/site", data={"site": north.public_id}).status_code == 303
    assert [shown(one) for one in addresses] == [[False, True]] * 3
    assert "Olga" in alice.get(f"{on}/print?names=names").text
    assert "Nora" not in alice.get(f"{on}/print?names=names").text
    columns = re.findall(r'data-place="(\w+)"', alice.get(on).text)
    assert set(columns) == {harbor.places[name].public_id for name in ("North 1", "North 2", "North room")}
    alice.post("/board/site", data={"site": ""})
    assert shown(on) == [True, True]


def test_a_course_is_booked_at_the_site_of_the_form(session, harbor, north, signed_in):
    alice = signed_in(harbor, "alice")
    patient = harbor.patients["Nora"].public_id
    page = alice.get(f"/care-plans/new?patient={patient}").text
    main = sites.first(session, harbor.clinic)
    assert re.search(rf'<option value="{main.public_id}" selected>Main</option>', page)
    form = {"patient": patient, "plan_definition": "iv-depression-6", "not_before": "2026-11-30"}
    found = alice.post("/care-plans/proposals", data=form | {"site": north.public_id}).text
    token = re.search(r'name="token" value="([^"]+)"', found)[1]
    assert alice.post("/care-plans", data=form | {"token": token}).status_code == 303

    session.rollback()
    course = session.scalars(select(CarePlan)).one()
    assert sites_of_visits(course.appointments) == {"North"}
    again = alice.get(f"/care-plans/new?patient={patient}").text
    assert re.search(rf'<option value="{north.public_id}" selected>North</option>', again)


def test_a_move_to_another_site_is_a_choice_of_the_page(session, harbor, north, signed_in):
    alice = signed_in(harbor, "alice")
    infusion = visit(book(session, harbor), "infusion-2")
    session.commit()
    address = f"/appointments/{infusion.public_id}/time"
    page = alice.get(address).text
    assert "Any at Main" in page
    assert f'<option value="{north.public_id}" >Any at North</option>' in page
    start = infusion.start_at.astimezone(harbor.clinic.zone).strftime("%Y-%m-%dT%H:%M")
    form = {"start": start, "location": north.public_id, "scope": "one"}
    preview = alice.post(f"{address}/preview", data=form).text
    assert "<strong>North</strong>" in preview
    token = re.search(r'name="token" value="([^"]+)"', preview)[1]
    assert alice.post(address, data=form | {"token": token}).status_code == 303

    session.rollback()
    assert infusion.location.site is north


def test_a_single_visit_is_booked_at_a_site(session, harbor, north, signed_in):
    alice = signed_in(harbor, "alice")
    patient = harbor.patients["Nora"].public_id
    asked = f"/appointments/new?patient={patient}&kind=iv-depression-6/therapy-1&location={north.public_id}"
    page = alice.get(asked)
    start = re.search(r'name="start" value="([^"]+)"', page.text)[1]
    form = {
        "patient": patient,
        "kind": "iv-depression-6/therapy-1",
        "location": north.public_id,
        "start": start,
    }
    assert alice.post("/appointments", data=form).status_code == 303

    session.rollback()
    assert "North room" in alice.get(f"/board/{start[:10]}/agenda").text


def test_a_site_closes_alone_from_the_board(session, harbor, two_visits, north, signed_in):
    mona = signed_in(harbor, "mona")
    form = {"resource": f"site-{north.public_id}", "part": "day", "reason": "a flood"}
    assert '<optgroup label="Sites">' in mona.get("/board/2026-11-30/closing").text
    assert mona.post("/board/2026-11-30/closing", data=form).status_code == 303

    session.rollback()
    assert session.scalars(select(Closure)).one().resource_id == north.resource_id
    assert "a flood" in mona.get("/board/2026-11-30").text
    assert "North" in mona.get("/settings/closures").text


def test_a_site_closes_from_the_settings(session, harbor, north, signed_in):
    mona = signed_in(harbor, "mona")
    form = {"what": north.public_id, "kind": "closure", "first_on": "2026-11-30"}
    assert mona.post("/settings/closures", data=form).status_code == 303

    session.rollback()
    assert session.scalars(select(Closure)).one().resource_id == north.resource_id


def test_sheets_and_proposals_on_paper_say_the_address(session, harbor, north, signed_in):
    alice = signed_in(harbor, "alice")
    harbor.clinic.address = "12 Harbor Street"
    course = book(session, harbor, site=north)
    session.commit()
    sheet = alice.get(f"/care-plans/{course.public_id}/sheet").text

    assert ("12 Harbor Street" in sheet, f"North, {ADDRESS}" in sheet) == (False, True)
