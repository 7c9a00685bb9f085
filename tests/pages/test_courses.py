"""Courses in a browser: booked by keys alone, pinned, kept while the patient decides, stopped."""

import re

from playwright.sync_api import expect
from sqlalchemy import select

from scheduler.domain.status import AppointmentStatus, CarePlanStatus
from scheduler.models.allocation import Allocation
from scheduler.models.care_plan import CarePlan
from scheduler.services.visit.visits import cancel
from tests.cast import NOW


def test_a_course_is_booked_by_keys_alone(alice, session, staffed):
    page = alice
    page.goto("/")
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
    expect(pinned).to_have_attribute("data-action", "infusion-3")
    assert (pinned.get_attribute("data-on"), pinned.get_attribute("data-at")) == kept


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
    page.locator("summary", has_text="More").click()
    page.locator("summary", has_text="End course").click()
    page.get_by_label("Reason").last.fill("moves away")
    page.get_by_role("button", name="End course").click()

    expect(page.get_by_role("status")).to_contain_text("Course ended. Upcoming visits are canceled.")
    session.rollback()
    session.expire_all()
    assert {one.status for one in course.appointments} == {AppointmentStatus.CANCELLED}
    assert session.scalars(select(Allocation).where(Allocation.released_at.is_(None))).all() == []


def booking_page(page, staffed, key="iv-depression-6"):
    page.goto(f"/care-plans/new?patient={staffed.patients['Nora'].public_id}&plan_definition={key}")
    page.locator(".offer[open] .chip").first.wait_for()
    return page


def solved_again(page):
    return page.expect_response("**/care-plans/proposals")


def test_a_visit_is_dragged_to_another_day_and_the_rest_follows(alice, staffed):
    page = booking_page(alice, staffed)
    chip = page.locator(".offer[open] .chip[data-action='infusion-3']")
    was_on = chip.get_attribute("data-on")
    chip.scroll_into_view_if_needed()
    chip.hover()
    page.mouse.down()
    box = chip.bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 20, steps=3)
    page.locator(".offer[open] .cal td.fits-day").first.wait_for()
    target = page.locator(f".offer[open] .cal td.fits-day:not([data-on='{was_on}'])").first
    on = target.get_attribute("data-on")
    to = target.bounding_box()
    page.mouse.move(to["x"] + to["width"] / 2, to["y"] + to["height"] / 2, steps=6)
    page.locator(".chip-ghost.fits-here").wait_for()
    expect(page.locator(".chip-ghost time")).to_have_text(re.compile(r"^1?\d:\d\d [AP]M$"))
    with solved_again(page):
        page.mouse.up()

    pinned = page.locator(".offer[open] .chip.pinned")
    expect(pinned).to_have_count(1)
    expect(pinned).to_have_attribute("data-on", on)
    expect(pinned).to_have_attribute("data-action", "infusion-3")
    expect(pinned).to_be_focused()
    expect(page.locator(".chip-ghost")).to_have_count(0)


def test_escape_puts_a_dragged_visit_back_and_a_click_still_pins(alice, staffed):
    page = booking_page(alice, staffed)
    chip = page.locator(".offer[open] .chip[data-action='infusion-2']")
    chip.hover()
    page.mouse.down()
    box = chip.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 40, steps=3)
    page.locator(".chip-ghost").wait_for()
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator(".chip-ghost")).to_have_count(0)
    expect(page.locator(".chip.pinned")).to_have_count(0)
    with solved_again(page):
        chip.click()

    expect(page.locator(".offer[open] .chip.pinned")).to_have_attribute("data-action", "infusion-2")


def test_the_arrow_keys_move_a_visit_to_another_day_and_start(alice, staffed):
    page = booking_page(alice, staffed)
    chip = page.locator(".offer[open] .chip[data-action='infusion-1']")
    on = chip.get_attribute("data-on")
    chip.focus()
    with solved_again(page):
        page.keyboard.press("ArrowRight")
    pinned = page.locator(".offer[open] .chip.pinned")
    expect(pinned).to_be_focused()
    expect(pinned).to_have_attribute("data-action", "infusion-1")
    expect(pinned).not_to_have_attribute("data-on", on)
    later = pinned.get_attribute("data-on")
    assert later > on
    said = page.locator("#proposals-said")
    expect(said).to_have_text(re.compile(r"^Infusion 1 is on \w+, \w+ \d+; .+ too\. The course .*ends "))
    page.locator(".offer[open] > summary").focus()
    tabs = 0
    while "Book these" not in page.evaluate("document.activeElement.textContent"):
        page.keyboard.press("Tab")
        tabs += 1
    assert tabs <= 10
    pinned.focus()
    at = pinned.get_attribute("data-at")
    with solved_again(page):
        page.keyboard.press("ArrowDown")
    expect(pinned).not_to_have_attribute("data-at", at)
    expect(pinned).to_be_focused()

    assert (pinned.get_attribute("data-on"), pinned.get_attribute("data-at") > at) == (later, True)


def test_a_course_is_booked_from_its_middle(alice, staffed, faults):
    faults.expect("status of 422")  # while the day of the last visit is missing
    page = booking_page(alice, staffed)
    with solved_again(page):
        page.get_by_label("Already completed elsewhere").select_option(label="Infusion 3 of 6")
    expect(page.get_by_text("Enter the date of the last visit")).to_be_visible()
    with solved_again(page):
        page.get_by_label("Date of that visit").fill("2026-11-20")
    expect(page.locator("#recorded summary")).to_contain_text("the last on Fri, Nov 20")
    page.get_by_role("button", name="Book these").first.click()

    expect(page.get_by_role("status")).to_contain_text("for Nora Lindqvist.")
    infusions = page.locator(".course > li", has=page.locator("strong", has_text="Infusion"))
    expect(infusions.nth(2)).to_contain_text("Fri, Nov 20")
    expect(infusions.nth(2)).to_contain_text("Done")
    expect(infusions.nth(3)).to_contain_text("after infusion 3")


def test_a_suggestion_is_taken_with_one_click(alice, staffed, faults):
    faults.expect("status of 409")
    page = booking_page(alice, staffed)
    with solved_again(page):
        page.locator("label[for=weekdays-7]").click()
    page.locator("#helps a", has_text="Any day of the week").click()

    page.locator(".offer[open] .chip").first.wait_for()
    expect(page.locator("#weekdays-7")).not_to_be_checked()


def test_time_is_kept_while_the_patient_decides_and_then_booked(alice, session, staffed):
    page = booking_page(alice, staffed, "therapy-6")
    page.get_by_role("button", name=re.compile("^Hold for")).first.click()
    expect(page.get_by_role("status")).to_contain_text("Held: 6 visits for Nora Lindqvist.")
    expect(page.get_by_text("Held until Mon, Nov 23")).to_be_visible()
    page.get_by_role("button", name="Book").click()

    expect(page.get_by_role("status")).to_contain_text("Course booked.")
    session.rollback()
    assert [course.status for course in session.scalars(select(CarePlan))] == [CarePlanStatus.ACTIVE]


def test_a_reservation_that_ran_out_says_so(alice, staffed, tmp_path, faults):
    faults.expect("status of 409")
    page = booking_page(alice, staffed, "therapy-6")
    page.get_by_role("button", name=re.compile("^Hold for")).first.click()
    page.get_by_text("Held until").wait_for()
    kept = tmp_path / "clock"
    kept.write_text(str(float(kept.read_text()) + 3 * 3600))  # three hours on
    page.get_by_role("button", name="Book").click()

    expect(page.get_by_role("alert")).to_contain_text("The hold has expired; search for times again")


def test_a_booking_is_taken_back_from_its_toast(alice, session, staffed):
    page = booking_page(alice, staffed, "therapy-6")
    page.get_by_role("button", name="Book these 6 visits").first.click()
    page.get_by_role("status").get_by_role("button", name="Undo").click()

    expect(page.locator("#toasts")).to_contain_text("Booking undone")
    session.rollback()
    assert [course.status for course in session.scalars(select(CarePlan))] == [
        CarePlanStatus.ENTERED_IN_ERROR
    ]


def test_a_course_goes_on_with_another_protocol(alice, session, course):
    page = alice
    page.goto(f"/care-plans/{course.public_id}")
    page.locator("summary", has_text="More").click()
    page.get_by_role("link", name="Change protocol").click()
    page.get_by_label("New protocol").select_option(value="esketamine-nasal")
    page.get_by_role("button", name="Preview changes").click()
    expect(page.get_by_label("Last visit already completed")).to_have_value("")
    expect(page.get_by_role("row", name="Infusion 1")).to_contain_text("canceled")
    page.get_by_label("New protocol").select_option(value="iv-depression-6-fast")
    page.get_by_role("button", name="Preview again").click()
    expect(page.get_by_role("row", name="Infusion 3")).to_contain_text("of 1–3")
    expect(page.get_by_role("row", name="Infusion 3")).to_contain_text("moves")
    page.get_by_label("Reason for the change").fill("responds well")
    page.get_by_role("button", name="Change protocol").click()

    expect(page.get_by_role("status")).to_contain_text("Protocol changed to")
    expect(page.locator(".course > li", has_text="of 1–3 after infusion 2").first).to_be_visible()
    session.rollback()
    session.refresh(course)
    assert course.plan_definition.key == "iv-depression-6-fast"


def test_a_preview_that_no_longer_holds_is_shown_again(alice, session, course, faults):
    faults.expect("status of 412")
    page = alice
    page.goto(f"/care-plans/{course.public_id}/protocol")
    page.get_by_label("New protocol").select_option(value="iv-depression-6-fast")
    page.get_by_role("button", name="Preview changes").click()
    page.get_by_label("Reason for the change").fill("responds well")
    session.rollback()
    course.row_version += 1
    session.commit()
    page.get_by_role("button", name="Change protocol").click()

    expect(page.get_by_role("alert")).to_contain_text("This was just changed by another user")
    session.rollback()
    session.refresh(course)
    assert course.plan_definition.key == "iv-depression-6"


def test_a_phase_gets_another_length_for_the_rest(alice, session, course):
    page = alice
    page.goto(f"/care-plans/{course.public_id}")
    page.locator("summary", has_text="More").click()
    page.get_by_role("link", name="Change visit length").click()
    page.get_by_label("Part of the visit").select_option(label="Infusion: infusion, now 40 min")
    page.get_by_label("New length in minutes").fill("60")
    page.get_by_role("button", name="Preview changes").click()
    expect(page.get_by_label("Part of the visit")).to_contain_text("Infusion: infusion, now 40 min")
    page.get_by_role("button", name="Save for the rest of the course").click()

    expect(page.get_by_role("status")).to_contain_text("Visit length changed for the rest of the course.")
    session.rollback()
    session.expire_all()
    infusions = [one for one in course.appointments if one.action.startswith("infusion")]
    assert {phase["minutes"] for one in infusions for phase in one.phases if phase["name"] == "infusion"} == {
        60
    }


def test_a_cancelled_visit_is_made_up_for_and_a_booster_gets_its_time(alice, session, course, staffed):
    gone = next(one for one in course.appointments if one.action == "infusion-2")
    cancel(session, staffed.actor("alice"), [gone], NOW, "ill")
    session.commit()
    page = alice
    page.goto(f"/care-plans/{course.public_id}")
    page.get_by_role("link", name="Reschedule Infusion 2").click()
    page.locator("button.time").first.click()
    page.get_by_role("button", name="Book").click()
    expect(page.get_by_role("status")).to_contain_text("Infusion 2: rescheduled.")
    page.get_by_role("link", name="Book Booster 1").click()
    page.locator("button.time").first.click()
    page.get_by_role("button", name="Book", exact=True).click()

    expect(page.get_by_role("status")).to_contain_text("Booster 1: booked.")
    session.rollback()
    session.expire_all()
    [made_up] = [one for one in course.appointments if one.replaces_id == gone.id]
    assert (made_up.action, made_up.position) == ("infusion-2", 2)


def test_a_day_that_cannot_be_asked_for_says_so_and_nothing_found_before_is_booked(alice, staffed):
    page = booking_page(alice, staffed)
    page.get_by_label("Earliest start date").fill("2020-01-01")
    page.get_by_label("Preferred time").focus()

    expect(page.locator("#proposals")).to_have_attribute("inert", "")
    with solved_again(page):
        page.get_by_label("Earliest start date").fill("2026-12-01")
        page.get_by_label("Preferred time").focus()
    expect(page.locator("#proposals")).not_to_have_attribute("inert", "")
    expect(page.locator(".offer[open] .chip").first).to_be_visible()


def test_a_form_is_sent_once_however_often_its_button_is_pressed(alice, staffed):
    page = alice
    page.goto("/patients/new")
    page.get_by_label("First name").fill("Dora")
    page.get_by_label("Last name").fill("Twice")
    sent = page.get_by_role("button", name="Save", exact=True).evaluate(
        """button => {
            let sent = 0;
            window.addEventListener("submit", (event) => {
                if (!event.defaultPrevented) sent += 1;
                event.preventDefault();
            });
            button.click();
            button.click();
            return sent;
        }"""
    )

    assert sent == 1
