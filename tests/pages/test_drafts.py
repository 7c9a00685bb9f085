"""Nothing typed is lost: not by a session that ended, nor by a lock, a refused save, back or reload.

And nothing typed is left to others: what stays in the browser is encrypted, and is deleted at sign-out.
"""

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from scheduler.database import begin_write
from scheduler.models.patient import Patient
from scheduler.services.patient import patients
from tests.cast import NOW, PASSWORD
from tests.pages.desk import settle, sign_in

STORED = "() => Object.entries(sessionStorage).map(pair => pair.join('='))"


def drafts(page, number):
    """Wait until so many drafts are kept: they are encrypted behind the page's back."""
    page.wait_for_function(
        "number => Object.keys(sessionStorage).filter(name => name.startsWith('draft ')).length === number",
        arg=number,
    )


def second_tab(page):
    """Open another tab of the same browser, which is watched as the first one is."""
    with page.context.expect_page() as opened:
        page.evaluate("() => window.open('about:blank')")
    return opened.value


@pytest.fixture
def typed(alice):
    """The form of a new patient with a name and a choice, not saved."""
    alice.goto("/patients/new")
    settle(alice)
    alice.get_by_label("First name").fill("Odile")
    alice.get_by_label("Last name").fill("Marchetti")
    alice.get_by_label("Wheelchair").check()
    drafts(alice, 1)
    return alice


def is_filled(page):
    expect(page.get_by_text("Your unsaved entries are back in this form.")).to_be_visible()
    expect(page.get_by_label("First name")).to_have_value("Odile")
    expect(page.get_by_label("Last name")).to_have_value("Marchetti")
    expect(page.get_by_label("Wheelchair")).to_be_checked()


def test_a_form_outlives_its_session(typed, session):
    typed.context.clear_cookies()
    typed.get_by_role("button", name="Save", exact=True).click()
    typed.get_by_label("Email").fill("alice@example.org")
    typed.get_by_label("Password").fill(PASSWORD)
    typed.get_by_role("button", name="Sign in").click()
    expect(typed).to_have_url("/patients/new")
    is_filled(typed)
    typed.get_by_role("button", name="Save", exact=True).click()
    expect(typed.get_by_role("heading", name="Odile Marchetti")).to_be_visible()
    drafts(typed, 0)

    assert session.scalars(select(Patient.family_name).where(Patient.given_name == "Odile")).all() == [
        "Marchetti"
    ]


def test_a_lock_keeps_the_form_in_every_tab(typed):
    other = second_tab(typed)
    other.goto("/patients")
    other.locator("details.menu summary").click()
    other.get_by_role("button", name="Lock").click()
    for page in (other, typed):
        expect(page.get_by_role("heading", name="Locked")).to_be_visible()
    typed.reload()
    expect(typed.get_by_role("heading", name="Screen locked")).to_be_visible()
    typed.get_by_label("Password").fill(PASSWORD)
    typed.get_by_role("button", name="Unlock").click()
    is_filled(typed)
    typed.goto("/patients")
    typed.go_back()
    is_filled(typed)


def test_a_form_that_is_opened_again_asks_before_it_is_filled(typed):
    """What was typed for one patient must not get into the record of another."""
    typed.goto("/patients")
    typed.goto("/patients/new")
    expect(typed.get_by_text("You have unsaved entries for this form.")).to_be_visible()
    expect(typed.get_by_label("First name")).to_have_value("")
    typed.get_by_role("button", name="Restore").click()
    is_filled(typed)
    typed.get_by_role("button", name="Discard").click()
    expect(typed.get_by_label("First name")).to_have_value("")
    drafts(typed, 0)


def test_a_refused_save_shows_both_versions(alice, staffed, session, faults):
    faults.expect("status of 412")
    nora = staffed.patients["Nora"]
    address, mona = f"/patients/{nora.public_id}/edit", staffed.actor("mona")
    session.rollback()  # a reader that began before may not write on SQLite
    alice.goto(address)
    settle(alice)
    alice.get_by_label("Preferred name").fill("Nonna")
    alice.get_by_label("Pronunciation").fill("NOH-rah")
    drafts(alice, 1)
    begin_write(session)
    patients.update(session, mona, nora, {"preferred_name": "Norrie"}, NOW)
    session.commit()
    alice.get_by_role("button", name="Save", exact=True).click()
    alice.get_by_role("button", name="Back").click()
    expect(alice.get_by_label("Preferred name")).to_have_value("Nonna")
    expect(alice.get_by_text("Changed meanwhile. Saved now: Norrie")).to_be_visible()
    expect(alice.get_by_text("Changed meanwhile")).to_have_count(1)
    alice.get_by_role("button", name="Use this").click()
    alice.get_by_role("button", name="Save", exact=True).click()
    expect(alice.get_by_text("Saved.", exact=True)).to_be_visible()

    session.rollback()
    assert (nora.preferred_name, nora.pronunciation) == ("Norrie", "NOH-rah")


def test_nothing_typed_is_left_to_others(typed):
    kept = typed.evaluate(STORED)
    assert kept != []
    assert not any(word in one for one in kept for word in ("Odile", "Marchetti"))
    other = second_tab(typed)
    other.goto("/patients")
    typed.context.clear_cookies()
    sign_in(typed, "mona@example.org")  # another user, in the tab that Alice left
    typed.reload()
    settle(typed)
    drafts(typed, 0)
    expect(typed.get_by_label("First name")).to_have_value("")
    typed.get_by_label("First name").fill("Odile")
    drafts(typed, 1)
    typed.locator("details.menu summary").click()
    typed.get_by_role("button", name="Sign out").click()
    expect(typed.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(other.get_by_role("heading", name="Signed out")).to_be_visible()

    assert typed.evaluate(STORED) == []
    expect(other.locator("body")).not_to_contain_text("Lindqvist")
