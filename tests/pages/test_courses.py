"""Courses in a browser: booked by keys alone, pinned, kept while the patient decides, stopped."""

from playwright.sync_api import expect
from sqlalchemy import select

from scheduler.domain.status import AppointmentStatus, CarePlanStatus
from scheduler.models.care_plan import CarePlan
from scheduler.models.occupation import Occupation


def test_a_course_is_booked_by_keys_alone(alice, session, staffed):
    page = alice
    page.keyboard.press("n")
    expect(page.locator("#who")).to_be_focused()
    page.keyboard.type("lindqvist")
    page.locator("#found a", has_text="Nora Lindqvist").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Protocol").focus()
    page.keyboard.type("Therapy")
    expect(page.get_by_label("Protocol")).to_have_value("therapy-6")
    page.get_by_role("button", name="Book these 6 visits").first.focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_contain_text("Booked: 6 visits for Nora Lindqvist.")
    session.rollback()
    assert [course.status for course in session.scalars(select(CarePlan))] == [CarePlanStatus.ACTIVE]


def test_a_pinned_visit_stays_while_the_rest_is_solved_again(alice, staffed):
    page = alice
    nora = staffed.patients["Nora"].public_id
    page.goto(f"/care-plans/new?patient={nora}&plan_definition=iv-depression-6")
    chip = page.locator(".offer[open] .chip[data-action='infusion-3']")
    chip.wait_for()
    kept = (chip.get_attribute("data-on"), chip.get_attribute("data-at"))
    chip.click()

    pinned = page.locator(".offer[open] .chip.pinned")
    expect(pinned).to_have_count(1)
    assert (pinned.get_attribute("data-on"), pinned.get_attribute("data-at")) == kept
    assert pinned.get_attribute("data-action") == "infusion-3"


def test_the_best_offer_stays_open_when_the_same_offers_come_again(alice, staffed):
    page = alice
    nora = staffed.patients["Nora"].public_id
    page.goto(f"/care-plans/new?patient={nora}&plan_definition=iv-depression-6")
    page.locator(".offer[open]").wait_for()
    for _ in range(3):
        with page.expect_response("**/care-plans/proposals"):
            page.get_by_role("button", name="Find times").click()
        page.wait_for_function(
            "() => !document.querySelector('.htmx-request, .htmx-swapping, .htmx-settling')"
        )

        expect(page.locator(".offer").first).to_have_attribute("open", "")
        expect(page.locator(".offer[open]")).to_have_count(1)


def test_the_rest_of_a_course_is_stopped_at_once(alice, session, course):
    page = alice
    page.goto(f"/care-plans/{course.public_id}")
    page.locator("summary", has_text="Stop the rest").click()
    page.get_by_label("Reason").last.fill("moves away")
    page.get_by_role("button", name="Stop the rest").click()

    expect(page.get_by_role("status")).to_contain_text(
        "The course is stopped; every visit ahead is free again."
    )
    session.rollback()
    session.expire_all()
    assert {one.status for one in course.appointments} == {AppointmentStatus.CANCELLED}
    assert session.scalars(select(Occupation).where(Occupation.released_at.is_(None))).all() == []
