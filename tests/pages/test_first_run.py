"""A new clinic is led from nothing to its first patient, in a browser."""

import pytest
from playwright.sync_api import expect

from scheduler.models.user import StaffRole
from scheduler.services.account.accounts import set_password
from tests.cast import PASSWORD, bare, hire
from tests.pages.accessibility import findings, with_axe
from tests.pages.desk import sign_in, sign_in_by_form


@pytest.fixture
def fresh(session):
    cast = bare(session, "fresh", "Fresh Clinic", "America/New_York")
    set_password(session, hire(session, cast, "ada", StaffRole.ADMIN), PASSWORD)
    session.commit()
    return cast


def current_step(page):
    return page.locator("[aria-current=step] strong")


def test_a_new_clinic_is_led_to_its_first_patient(page, fresh):
    with_axe(page)
    sign_in_by_form(page, "ada@example.org")
    expect(page.get_by_role("heading", level=1)).to_have_text("Setting up Fresh Clinic")
    expect(current_step(page)).to_have_text("Opening hours")
    assert findings(page) == []

    page.get_by_role("link", name="Set the hours").click()
    times = page.locator(".settings-page input[type=time]")
    times.nth(0).fill("08:00")
    times.nth(1).fill("18:00")
    page.locator(".settings-page").get_by_role("button", name="Save").first.click()
    page.get_by_role("link", name="Next: chairs and rooms").click()
    expect(page.get_by_text("1 of 6 done.")).to_be_visible()
    page.goto("/patients/new")
    page.get_by_label("First name").fill("Asha")
    page.get_by_label("Last name").fill("Rao")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("2 of 6 done.")).to_be_visible()
    page.get_by_role("link", name="Setting up").click()
    expect(current_step(page)).to_have_text("Chairs and rooms")
    expect(page.get_by_text("2 of 6 done")).to_be_visible()


def test_the_empty_pages_of_a_new_clinic_say_what_to_do(page, fresh):
    with_axe(page)
    sign_in(page, "ada@example.org")
    found = {}
    said = {
        "/board/2026-11-23": "No chairs or rooms yet.",
        "/patients": "No patients yet.",
        "/patients/duplicates": "No two records share",
        "/care-plans/new": "No patients yet.",
        "/requests": "No open requests.",
        "/reminders": "No messages.",
        "/settings/places": "None yet. Add the first chair below.",
        "/settings/people": "No staff yet.",
        "/settings/protocols": "None yet.",
    }
    for address, words in said.items():
        page.goto(address)
        expect(page.locator(".empty", has_text=words).first).to_be_visible()
        found[address] = findings(page)

    assert [f"{address}: {one}" for address, grave in found.items() for one in grave] == []
