"""A course that is not proven to be the best, on the booking page: the worker's answer comes by itself."""

import pytest
from playwright.sync_api import expect

from scheduler.models.care_plan import CarePlan
from scheduler.processes import worker
from tests.clocks import StandingClock
from tests.pages.accessibility import findings, with_axe
from tests.services.planning.tangled import KEY, show_worker, tangle


@pytest.fixture
def crowded(app, session, staffed):
    """Return the address at which Nora's crowded course is proposed."""
    app.extensions["clock"] = StandingClock()
    wishes = tangle(session, staffed)
    show_worker(session)
    nora = wishes.patient.public_id
    return f"/care-plans/new?patient={nora}&plan_definition={KEY}&not_before=2026-11-30&earliest=09:00&latest=10:25"


def test_the_better_course_is_announced_shown_by_key_and_booked(app, session, alice, crowded):
    page = with_axe(alice)
    page.goto(crowded)
    expect(page.locator("#proof")).to_have_text("A better option may exist.")
    expect(page.locator("#improvement")).to_contain_text(
        "Still looking for a better option for up to 60 seconds"
    )
    worker.work_once(app, "one")

    expect(page.locator("#improvement")).to_contain_text("A better option was found")
    assert findings(page) == []
    page.get_by_role("button", name="Show it").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#proof")).to_contain_text("Option 1 is the better option that was found")
    expect(page.locator("#improvement")).to_have_count(0)
    page.get_by_role("button", name="Book these 10 visits").first.click()
    expect(page.get_by_role("status")).to_contain_text("Booked: 10 visits for Nora Lindqvist.")
    session.rollback()
    assert session.query(CarePlan).count() == 1
