"""The board in a browser: steps in the panel, dragging with what moves along, two desks, keys."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from playwright.sync_api import expect

from scheduler.domain.formats import USUAL
from scheduler.domain.localtime import local_on
from scheduler.domain.status import AppointmentStatus
from scheduler.models.user import StaffRole
from scheduler.services.account.accounts import set_password
from tests.cast import NOW, PASSWORD, add_patient, hire
from tests.pages.desk import board_of, fresh, sign_in, wall
from tests.visits import single


@pytest.fixture
def paul(open_page, live_server, staffed, session):
    """Paul's desk: a prescriber, who may override every requirement."""
    set_password(session, hire(session, staffed, "paul", StaffRole.PRESCRIBER), PASSWORD)
    session.commit()
    return sign_in(open_page(live_server), "paul@example.org")


def test_a_visit_is_drawn_at_its_time_with_its_phases(alice, infusion):
    page = alice
    page.goto(board_of(infusion))
    block = page.locator(f'[data-visit="{infusion.public_id}"]').first
    row = (wall(infusion).hour * 60 + wall(infusion).minute - 8 * 60) // 5 + 1

    expect(block).to_contain_text("Nora Lindqvist")
    expect(block).to_contain_class(f"r{row} s25")  # 15 + 40 + 60 + 10 minutes
    assert [phase.get_attribute("data-phase") for phase in block.locator(".ph").all()] == [
        "set-up",
        "infusion",
        "observation",
        "turnover",
    ]
    tick = page.locator(".col-body").first.bounding_box()["height"] / 120
    assert block.bounding_box()["height"] == pytest.approx(25 * tick, abs=2)


def test_steps_are_taken_in_the_panel_and_the_last_is_undone(alice, session, infusion, on_its_day):
    page = alice
    page.goto(board_of(infusion))
    page.locator(f'[data-visit="{infusion.public_id}"]').first.click()
    page.get_by_role("button", name="Mark confirmed").click()
    expect(page.get_by_role("status")).to_contain_text("Nora Lindqvist is confirmed.")
    page.get_by_role("button", name="Arrived").click()
    expect(page.locator("#panel .panel-marks")).to_contain_text("Arrived")
    assert fresh(session, infusion).status is AppointmentStatus.ARRIVED

    page.get_by_role("button", name="Undo “arrived”").click()

    expect(page.get_by_role("status")).to_contain_text("Last step undone")
    assert fresh(session, infusion).status is AppointmentStatus.PENDING


def test_an_open_requirement_stops_check_in_until_a_prescriber_gives_a_reason(
    paul, session, infusion, on_its_day, faults
):
    faults.expect("status of 409")
    page = paul
    page.goto(board_of(infusion))
    page.locator(f'[data-visit="{infusion.public_id}"]').first.click()
    page.get_by_role("button", name="Check in").click()

    refused = page.get_by_role("alert")
    expect(refused).to_contain_text("Can't check in yet")
    expect(refused).to_contain_text("Driver confirmed")
    expect(refused).to_be_focused()
    refused.get_by_label("Reason for override").fill("the prescriber knows")
    refused.get_by_role("button", name="Check in anyway").click()

    expect(page.locator("#panel .panel-marks")).to_contain_text("Checked in")
    assert fresh(session, infusion).status is AppointmentStatus.CHECKED_IN


def test_a_front_desk_person_cannot_pass_an_open_requirement(alice, infusion, on_its_day, faults):
    faults.expect("status of 409")
    page = alice
    page.goto(board_of(infusion))
    page.locator(f'[data-visit="{infusion.public_id}"]').first.click()
    page.get_by_role("button", name="Check in").click()

    expect(page.get_by_role("alert")).to_contain_text("ask a prescriber to override it with a reason")
    expect(page.get_by_role("button", name="Check in anyway")).to_have_count(0)


def test_a_dragged_visit_shades_what_fits_and_shows_what_moves_along(alice, session, infusion):
    page = alice
    before = infusion.start_at
    page.goto(board_of(infusion))
    layout = [box.bounding_box() for box in page.locator(".col").all()]
    block = page.locator(f'[data-visit="{infusion.public_id}"]').first
    box = block.bounding_box()
    tick = page.locator(".col-body").first.bounding_box()["height"] / 120
    page.mouse.move(box["x"] + 30, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + 8 + 12 * tick, steps=5)
    page.locator(".fits").first.wait_for()
    assert [one.bounding_box() for one in page.locator(".col").all()] == layout
    page.mouse.move(box["x"] + 30, box["y"] + 8 + 24 * tick, steps=5)
    expect(page.locator(".ghost.fits-here")).to_be_visible()
    expect(page.locator(".ghost-time")).to_have_text(USUAL.time(wall(infusion) + timedelta(hours=2)))
    page.mouse.up()

    preview = page.locator("#moves")
    expect(preview).to_contain_text("Infusion 2")
    expect(preview).to_contain_text("Therapy session 2")
    expect(preview).to_contain_text("Spacing doesn't change.")
    assert fresh(session, infusion).start_at == before
    page.locator("#confirm-move").click()

    expect(page.get_by_role("status")).to_contain_text("moved.")
    assert fresh(session, infusion).start_at == before + timedelta(hours=2)
    assert fresh(session, infusion).sequence > 0


def test_nothing_of_the_layout_shifts_while_a_visit_is_dragged(alice, infusion):
    page = alice
    page.goto(board_of(infusion))
    block = page.locator(f'[data-visit="{infusion.public_id}"]').first
    box = block.bounding_box()
    watch_shifts(page)
    page.mouse.move(box["x"] + 30, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 60, box["y"] + 60, steps=10)
    page.locator(".fits").first.wait_for()
    page.mouse.move(box["x"] + 160, box["y"] + 150, steps=20)
    expect(page.locator(".ghost")).to_be_visible()
    page.keyboard.press("Escape")
    page.mouse.up()

    assert shifts(page) == []


def test_a_planted_shift_is_measured(alice, infusion):
    page = alice
    page.goto(board_of(infusion))
    watch_shifts(page)
    page.locator(".board-head").evaluate("head => { head.style.marginBottom = '90px' }")

    assert shifts(page) != []


def watch_shifts(page):
    """Keep what Chromium counts as a shift of the layout from now on, when the page and its fonts have come."""
    page.wait_for_load_state("networkidle")
    page.evaluate(
        """async () => {
            await document.fonts.ready;
            window.shifts = [];
            const told = one => `${one.value.toFixed(5)}: ${one.sources.map(source => source.node?.outerHTML)}`;
            const seen = one => one.value > 0.00005;  // less is how a figure of the time is rounded to pixels
            const note = list => window.shifts.push(...list.getEntries().filter(seen).map(told));
            new PerformanceObserver(note).observe({type: "layout-shift"});
        }"""
    )


def shifts(page) -> list[str]:
    """Return them once two more pictures have been drawn."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.evaluate("() => new Promise(done => setTimeout(done))")
    return page.evaluate("() => window.shifts")


def test_a_conflict_on_drop_is_explained_and_nothing_moves(alice, session, infusion, faults):
    faults.expect("status of 409")
    page = alice
    before = infusion.start_at
    page.goto(board_of(infusion))
    block = page.locator(f'[data-visit="{infusion.public_id}"]').first
    box, body = block.bounding_box(), page.locator(".col-body").nth(1).bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, body["y"] + body["height"] - 60, steps=8)
    page.wait_for_timeout(100)
    page.locator("#board").evaluate("board => { board.scrollTop = board.scrollHeight }")
    body = page.locator(".col-body").nth(1).bounding_box()
    page.mouse.move(box["x"] + 30, body["y"] + body["height"] - 30, steps=3)
    expect(page.locator(".ghost.fits-not")).to_be_visible()
    page.mouse.up()

    expect(page.locator("#panel").get_by_role("alert")).to_be_visible()
    assert fresh(session, infusion).start_at == before


@pytest.fixture
def two_in_a_chair(session, staffed, tmp_path):
    """Ann at 9:00 and Bo at 11:05 on Chair 1; it is Monday, 9:17."""
    morning = NOW + timedelta(hours=1)
    visits = [
        single(
            session, staffed, add_patient(session, staffed, name, "Muster"), "infusion-1", start, "Chair 1"
        )
        for name, start in (("Ann", morning), ("Bo", morning + timedelta(minutes=125)))
    ]
    session.commit()
    (tmp_path / "clock").write_text(
        str((morning + timedelta(minutes=17) - datetime.now(UTC)).total_seconds())
    )
    return visits


def test_a_drop_on_a_taken_chair_says_whose_it_is_and_offers_what_fits(
    alice, session, two_in_a_chair, faults
):
    faults.expect("status of 409")
    _, bo = two_in_a_chair
    page = alice
    page.goto("/")
    block = page.locator(f'[data-visit="{bo.public_id}"]').first
    box = block.bounding_box()
    tick = page.locator(".col-body").first.bounding_box()["height"] / 120
    page.mouse.move(box["x"] + 30, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 30, box["y"] + 8 - 6 * tick, steps=8)
    page.locator(".fits").first.wait_for(state="attached")
    expect(page.locator(".ghost.fits-not")).to_be_visible()
    page.mouse.up()

    way = page.locator("#panel").get_by_role("alert")
    expect(way).to_contain_text("That time isn't available")
    expect(way).to_contain_text("Chair 1: Ann Muster, infusion")
    expect(way).to_contain_text("9:00–11:05 AM")
    times = page.get_by_role("region", name="Available times")
    times.get_by_role("button", name="10:30 AM Chair").first.click()
    expect(page.locator("#moves")).to_contain_text("10:30 AM")
    page.locator("#confirm-move").click()

    expect(page.get_by_role("status")).to_contain_text("Bo Muster: moved.")
    moved = fresh(session, bo)
    assert moved.start_at == NOW + timedelta(hours=2, minutes=30)
    assert moved.location.name in ("Chair 2", "Chair 3")

    at = moved.start_at
    page.goto("/board/2026-11-23/week")
    page.locator(f'a[data-visit="{bo.public_id}"]').drag_to(page.locator('[data-on="2026-11-24"]'))
    page.locator("#confirm-move").click()
    expect(page.locator("#toasts")).to_contain_text("Bo Muster: moved.")
    assert fresh(session, bo).start_at == at + timedelta(days=1)

    page.goto("/board/2026-11-24")
    room = page.get_by_role("region", name="Room A").locator(".col-body").bounding_box()
    page.mouse.click(room["x"] + 20, room["y"] + room["height"] / 120 * 24 + 2)
    expect(page.locator("#times input:checked")).to_have_value("2026-11-24T10:00")
    expect(page.locator("#name")).to_be_focused()
    page.keyboard.type("Zoe Newman")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.locator("#toasts")).to_contain_text("for Zoe Newman: booked.")
    expect(page.locator("#panel-title")).to_contain_text("Zoe Newman")


def test_the_form_explains_a_conflict_by_keys_as_the_drop_does(alice, two_in_a_chair, faults):
    faults.expect("status of 409")
    _, bo = two_in_a_chair
    page = alice
    page.goto(f"/appointments/{bo.public_id}/time")
    page.get_by_text("Enter a time").click()
    page.locator("#location").select_option(label="Chair 1")
    page.get_by_label("Start").fill("10:30")
    page.get_by_label("Start").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Chair 1: Ann Muster")
    times = page.locator("#times button.time")
    times.first.focus()
    page.keyboard.press("ArrowDown")
    expect(times.nth(1)).to_be_focused()
    page.keyboard.press("Enter")

    expect(page.locator("#confirm-move")).to_be_visible()
    page.wait_for_load_state()


def test_a_late_arrival_shifts_the_rest_of_the_chairs_day_and_back(alice, session, two_in_a_chair):
    ann, bo = two_in_a_chair
    before = bo.start_at
    page = alice
    page.goto("/")
    page.locator(f'[data-visit="{ann.public_id}"]').first.click()
    expect(page.locator("#lateness")).to_contain_text("20 minutes late.")
    expect(page.locator("#lateness")).to_contain_text("Chair 1: Bo Muster")
    page.get_by_role("button", name="Arrived").click()
    expect(page.get_by_role("status")).to_contain_text("20 min late: not enough time left")
    expect(page.locator(f'[data-visit="{bo.public_id}"]').first).to_contain_text("behind Ann Muster")

    page.get_by_role("link", name="Push back the rest of the day: Chair 1").click()
    expect(page.get_by_label("Minutes late")).to_have_value("20")
    page.get_by_role("button", name="Preview changes").click()
    shift = page.locator("#shift")
    expect(shift).to_be_focused()
    expect(shift).to_contain_text("1 visit starts later")
    expect(shift).to_contain_text("Bo Muster: call")
    assert fresh(session, bo).start_at == before
    page.locator("#confirm-shift").click()
    expect(page.get_by_role("status")).to_contain_text("1 visit pushed back.")
    assert fresh(session, bo).start_at == before + timedelta(minutes=20)

    page.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(page.get_by_role("status")).to_contain_text("Last step undone")
    assert fresh(session, bo).start_at == before


def test_the_head_of_a_column_leads_to_running_late(alice, two_in_a_chair):
    page = alice
    page.goto("/")
    page.get_by_role("link", name="Chair 1 is running late").click()

    expect(page.get_by_role("heading", name="Running late")).to_be_focused()
    expect(page.get_by_label("Provider or chair").locator("option:checked")).to_have_text("Chair 1")
    page.keyboard.press("Escape")
    expect(page.locator("#panel")).to_be_empty()
    page.keyboard.press("l")
    expect(page.get_by_role("heading", name="Running late")).to_be_focused()
    expect(page.get_by_label("Provider or chair").locator("option:checked")).to_have_text("Choose")


def test_a_panel_that_arrives_late_leaves_the_search_field_its_focus(alice, infusion):
    page = alice
    page.goto(board_of(infusion))
    held = []
    page.route(f"**/appointments/{infusion.public_id}", lambda route: held.append(route))  # noqa: PLW0108  (playwright marks the function)
    page.locator(f'[data-visit="{infusion.public_id}"]').first.click()
    page.keyboard.press("/")
    page.keyboard.type("Nor")
    held[0].continue_()
    title = page.locator("#panel-title")
    expect(title).to_be_visible()
    expect(title).not_to_have_class(re.compile("htmx-"))  # settled: the focus would have moved by now
    page.keyboard.type("a")

    expect(page.get_by_role("combobox", name="Find a patient")).to_have_value("Nora")


def test_another_desk_sees_a_change_within_seconds(alice, open_page, live_server, infusion, on_its_day):
    address = board_of(infusion)
    other = sign_in(open_page(live_server), "mona@example.org")
    other.goto(address)
    alice.goto(address)
    block = other.locator(f'[data-visit="{infusion.public_id}"]').first
    block.click()
    expect(other.get_by_role("button", name="Arrived", exact=True)).to_be_visible()
    search = other.get_by_role("combobox", name="Find a patient")
    search.focus()
    alice.locator(f'[data-visit="{infusion.public_id}"]').first.click()
    alice.get_by_role("button", name="Arrived", exact=True).click()

    expect(block).to_contain_text("Arrived", timeout=5_500)
    expect(other.get_by_role("button", name="Arrived", exact=True)).to_have_count(
        0
    )  # the visit that is open follows
    expect(search).to_be_focused()


def test_a_stale_step_says_that_somebody_was_faster(
    alice, staffed, open_page, live_server, session, infusion, on_its_day, faults
):
    faults.expect("status of 412")
    address = f"/appointments/{infusion.public_id}"
    other = sign_in(open_page(live_server), "mona@example.org")
    other.goto(address)
    alice.goto(address)
    other.get_by_role("button", name="Mark confirmed").click()
    expect(other.get_by_role("status")).to_contain_text("confirmed")
    who = staffed.users["mona"].name or "mona@example.org"

    alice.get_by_role("button", name="Arrived").click()

    expect(alice.get_by_role("alert")).to_contain_text("This was just changed by another user")
    expect(alice.get_by_role("alert")).to_contain_text(who)
    assert fresh(session, infusion).status is AppointmentStatus.PENDING
    alice.get_by_role("link", name="Reload").click()
    expect(alice.locator(".panel-marks")).to_contain_text("confirmed")


def test_visits_are_moved_canceled_rescheduled_and_booked_by_keys_alone(alice, session, infusion):
    page = alice
    before = infusion.start_at
    page.goto(board_of(infusion))
    page.locator(f'[data-visit="{infusion.public_id}"]').first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#panel-title")).to_be_focused()
    page.keyboard.press("m")
    expect(page.get_by_role("heading", name="Move infusion")).to_be_focused()
    on = f"{wall(infusion):%Y-%m-%d}"
    page.locator(f'button.time[value="{on}T08:15"]').focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator(f'button.time[value="{on}T09:00"]')).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#moves")).to_be_focused()
    page.locator("#confirm-move").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_contain_text("moved.")
    assert fresh(session, infusion).start_at == before + timedelta(hours=1)

    page.locator(f'[data-visit="{infusion.public_id}"]').first.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#panel-title")).to_be_focused()
    page.locator("#panel summary", has_text="Cancel").focus()
    page.keyboard.press("Enter")
    page.locator("#panel").get_by_label("Reason", exact=True).last.focus()
    page.keyboard.type("ill")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("canceled")
    page.locator("#panel").get_by_role("link", name="Reschedule").focus()
    page.keyboard.press("Enter")
    page.locator("button.time").first.focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name=re.compile("^Book")).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("rescheduled")

    page.goto("/")
    page.keyboard.press("v")
    page.get_by_label("Patient", exact=True).focus()
    page.keyboard.type("Zora Keys")
    page.keyboard.press("Tab")
    page.keyboard.type("212 555 0100")
    page.locator("#panel").get_by_role("button", name="Book", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("Consultation for Zora Keys: booked.")


def test_keys_lead_to_days_search_booking_and_help(alice):
    page = alice
    page.goto("/board/2026-11-30")
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**/board/2026-12-01*")
    page.wait_for_load_state()
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keyboard")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    expect(page.get_by_role("heading", name="Monday, November 23")).to_be_visible()
    page.wait_for_load_state()  # the keys' script comes after the heading
    page.keyboard.press("/")
    expect(page.get_by_role("combobox", name="Find a patient")).to_be_focused()
    page.keyboard.type("lindq")
    page.locator("#finds a").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Nora Lindqvist")).to_be_visible()


def test_the_board_is_in_the_clinics_time_wherever_the_browser_is(open_page, live_server, staffed, infusion):
    page = sign_in(open_page(live_server, timezone_id="Asia/Kolkata"), "alice@example.org")
    page.goto(board_of(infusion))

    block = page.locator(f'[data-visit="{infusion.public_id}"]').first
    expect(block).to_contain_text(USUAL.time(wall(infusion)))


def test_the_week_opens_visits_and_takes_new_ones_in_free_time(alice, infusion):
    page = alice
    page.goto(f"{board_of(infusion)}/week")
    day = page.locator(f'[data-on="{wall(infusion):%Y-%m-%d}"]')
    page.locator(f'.slot[data-visit="{infusion.public_id}"]').click()
    expect(page.locator("#panel-title")).to_contain_text("Nora Lindqvist")
    page.locator("#more-steps").click()
    expect(page.get_by_role("link", name="Print")).to_have_attribute("href", re.compile("/sheet$"))
    page.keyboard.press("Escape")

    free = day.get_by_role("group", name=re.compile("^Room A")).locator(".track")
    box = free.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.31, box["y"] + 10)
    expect(free.locator(".new-here")).to_be_visible()
    page.mouse.click(box["x"] + box["width"] * 0.31, box["y"] + 10)

    expect(page.get_by_role("heading", name="New visit")).to_be_visible()
    expect(page.locator("#times label", has=page.locator("input:checked"))).to_contain_text("Room A")
    expect(page.locator("#times input:checked")).to_have_value(f"{wall(infusion):%Y-%m-%d}T11:00")


def test_a_count_narrows_the_board_and_the_title_opens_the_date(alice, infusion):
    page = alice
    page.goto(board_of(infusion))
    page.locator("#board-chips a", has_text="incomplete").click()
    expect(page.locator(".count-chip[aria-current=true]")).to_contain_text("incomplete")
    page.get_by_label("Go to a date").fill("2026-12-01")
    expect(page.get_by_role("heading", name="Tuesday, December 1")).to_be_visible()


def test_a_day_is_printed_with_initials_unless_names_are_asked_for(alice, infusion):
    page = alice
    on: date = local_on(infusion.start_at, infusion.zone)
    page.emulate_media(media="print")
    page.goto(f"/board/{on}/print")
    expect(page.locator(".sheet")).to_contain_text("N. L.")
    expect(page.locator(".sheet")).not_to_contain_text("Nora")
    expect(page.locator(".no-print")).to_be_hidden()

    page.goto(f"/board/{on}/print?names=names")
    expect(page.locator(".sheet")).to_contain_text("Nora Lindqvist")
    assert _pages(page) == 1
    _copy_rows(page, 50)
    assert _pages(page) <= 2  # a full day, with phone, nurse and driver
    _copy_rows(page, 190)  # 240: it goes on, under headings that are drawn again
    assert 2 < _pages(page) <= 9
    expect(page.locator(".sheet-day thead th").first).to_be_visible()


def _copy_rows(page, times: int) -> None:
    """Draw the first visit of the sheet so many times more."""
    page.evaluate(
        """times => {
          const row = document.querySelector(".sheet-day tbody tr:not(.sheet-place)");
          for (let n = 0; n < times; n++) row.after(row.cloneNode(true));
        }""",
        times,
    )


def _pages(page) -> int:
    return len(re.findall(rb"/Type\s*/Page[^s]", page.pdf(format="Letter", prefer_css_page_size=True)))
