"""Two records of one person become one, in a browser."""

import re

import pytest
from playwright.sync_api import expect

from tests.cast import add_patient
from tests.services.courses import book


@pytest.fixture
def twin(session, staffed):
    made = add_patient(session, staffed, "Noora", "Lindqvist", email="NORA@example.org", phone="555 0177")
    book(session, staffed, key="therapy-6", patient="Noora")
    session.commit()
    return made


def test_the_desk_finds_compares_and_merges_two_records(mona, session, staffed, twin):
    page = mona
    page.goto("/patients")
    page.get_by_role("link", name="Duplicates").click()
    page.get_by_role("link", name="Compare Nora Lindqvist and Noora Lindqvist").click()
    expect(page.get_by_text("visits: 6 upcoming, 0 past")).to_be_visible()
    page.get_by_role("row", name="Phone").get_by_label("555 0177").check()
    page.get_by_role("button", name="Merge records").click()

    expect(page.get_by_role("status")).to_contain_text("Nora Lindqvist: records merged.")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Nora Lindqvist")
    expect(page.get_by_role("link", name="555 0177")).to_be_visible()
    session.rollback()
    session.refresh(twin)
    assert twin.merged_into_id == staffed.patients["Nora"].id

    page.goto(f"/patients/{twin.public_id}")
    expect(page).to_have_url(re.compile(f"/patients/{staffed.patients['Nora'].public_id}$"))


def test_the_other_record_can_be_the_one_that_is_kept(mona, staffed, twin):
    page = mona
    nora = staffed.patients["Nora"].public_id
    page.goto(f"/patients/{nora}/merger/{twin.public_id}")
    page.get_by_role("link", name="Keep the other record").click()

    expect(page).to_have_url(re.compile(f"/patients/{twin.public_id}/merger/{nora}$"))
    expect(page.get_by_role("columnheader", name="Kept: Noora Lindqvist")).to_be_visible()


def test_anybody_can_be_searched_for_as_the_other_record(mona, session, staffed):
    other = add_patient(session, staffed, "Eleonora", "Berg")
    session.commit()
    page = mona
    page.goto(f"/patients/{staffed.patients['Nora'].public_id}")
    page.get_by_role("link", name="Merge").click()
    page.wait_for_url("**/duplicates")
    page.wait_for_load_state()  # what is typed before the page's scripts have come is not searched for
    page.get_by_label("Name, phone or date of birth of the other record").press_sequentially("berg")
    page.locator("#found").get_by_role("link", name="Eleonora Berg").click()

    page.wait_for_url(f"**/merger/{other.public_id}")
