"""The panel beside the board when answers are slow: nothing that is being used is taken away."""

from datetime import timedelta

import pytest
from playwright.sync_api import expect

from tests.pages.desk import board_of, fresh, settle, sign_in, wall


@pytest.fixture
def block(alice, infusion):
    """The infusion on Alice's board."""
    alice.goto(board_of(infusion))
    return alice.locator(f'[data-visit="{infusion.public_id}"]').first


def hold(page, address):
    """Keep what asks for an address from the server; return the list of it."""
    held = []
    page.route(address, lambda route: held.append(route))  # noqa: PLW0108  (playwright marks the function)
    return held


def let_go(page, held):
    """Let the server answer, and wait until the page has done what follows."""
    while held:
        with page.expect_response(held[0].request.url):
            held.pop(0).continue_()
        settle(page)
    page.unroute_all()


def preview_move(page, infusion):
    """Ask by keys to move the visit in the panel to 9:00."""
    page.keyboard.press("m")
    page.locator(f'button.time[value="{wall(infusion):%Y-%m-%d}T09:00"]').press("Enter")
    expect(page.locator("#moves")).to_be_focused()


def begin_to_cancel(page):
    """Open the form of a cancellation and type the first letters of a reason; return its field."""
    page.locator("#panel summary", has_text="Cancel").press("Enter")
    reason = page.locator("#panel").get_by_label("Reason", exact=True).last
    reason.focus()
    page.keyboard.type("il")
    return reason


def test_a_visit_that_is_opened_before_the_board_is_redrawn_stays(alice, block, session, infusion):
    page, before = alice, infusion.start_at
    block.press("Enter")
    expect(page.locator("#panel-title")).to_be_focused()
    preview_move(page, infusion)
    held = hold(page, "**/grid?*")
    page.locator("#confirm-move").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("moved.")
    block.press("Enter")
    expect(page.locator("#panel-title")).to_be_focused()
    reason = begin_to_cancel(page)
    page.locator("#board").evaluate("board => board.classList.add('old')")
    let_go(page, held)
    expect(page.locator("#board.old")).to_have_count(0)
    settle(page)
    page.keyboard.type("l")

    expect(reason).to_have_value("ill")
    assert fresh(session, infusion).start_at == before + timedelta(hours=1)
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("canceled")


def test_the_focus_is_left_where_the_user_went_while_a_moved_visit_loads(alice, block, infusion):
    page = alice
    block.press("Enter")
    expect(page.locator("#panel-title")).to_be_focused()
    preview_move(page, infusion)
    held = hold(page, "**/grid?*")
    page.locator("#confirm-move").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("moved.")
    today = page.get_by_role("link", name="Today", exact=True)
    today.focus()
    let_go(page, held)

    expect(page.locator("#panel-title")).to_be_visible()
    expect(today).to_be_focused()


def test_a_visit_that_is_opened_twice_is_fetched_once(alice, block, infusion):
    page = alice
    held = hold(page, f"**/appointments/{infusion.public_id}")
    block.press("Enter")
    block.press("Enter")
    held.pop(0).continue_()
    expect(page.locator("#panel-title")).to_be_focused()
    reason = begin_to_cancel(page)
    let_go(page, held)
    page.keyboard.type("l")

    expect(reason).to_have_value("ill")


def test_what_was_asked_for_last_is_shown(alice, block, infusion):
    page = alice
    held = hold(page, f"**/appointments/{infusion.public_id}")
    block.press("Enter")
    page.keyboard.press("l")
    expect(page.get_by_role("heading", name="Running late")).to_be_focused()
    page.get_by_label("Minutes late").fill("20")
    let_go(page, held)

    expect(page.get_by_label("Minutes late")).to_have_value("20")


def test_the_answer_to_a_move_leaves_the_next_visit_alone(alice, block, session, infusion):
    page, before = alice, infusion.start_at
    block.press("Enter")
    expect(page.locator("#panel-title")).to_be_focused()
    preview_move(page, infusion)
    held = hold(page, f"**/appointments/{infusion.public_id}/time")
    page.locator("#confirm-move").press("Enter")
    block.press("Enter")
    expect(page.locator("#panel-title")).to_be_visible()
    reason = begin_to_cancel(page)
    let_go(page, held)
    page.keyboard.type("l")

    expect(page.get_by_role("status")).to_contain_text("moved.")
    expect(reason).to_have_value("ill")
    assert fresh(session, infusion).start_at == before + timedelta(hours=1)


def test_the_focus_stays_on_a_button_that_another_desk_redraws(
    alice, block, infusion, on_its_day, open_page, live_server
):
    page = alice
    block.press("Enter")
    cancel = page.locator("#panel summary", has_text="Cancel")
    cancel.focus()
    other = sign_in(open_page(live_server), "mona@example.org")
    other.goto(f"/appointments/{infusion.public_id}")
    other.get_by_role("button", name="Mark confirmed").click()

    expect(page.locator(".panel-marks")).to_contain_text("confirmed")
    expect(cancel).to_be_focused()
