"""A broken day in a browser: closed, previewed, accepted, taken back; a sick nurse with five clicks."""

import pytest
from playwright.sync_api import expect

from scheduler.processes import worker
from tests.pages.test_board import board_of
from tests.services.courses import visit


@pytest.fixture
def infusion(nora_course):
    return visit(nora_course, "infusion-1")


def work(app, session):
    session.rollback()
    while worker.work_once(app, "one"):
        pass
    session.rollback()


def test_a_stormy_day_is_closed_accepted_and_opened_again(app, session, mona, infusion):
    before = infusion.start_at
    mona.goto(board_of(infusion))
    mona.keyboard.press("x")
    expect(mona.get_by_role("heading", name="Close or mark as out")).to_be_focused()
    mona.get_by_label("Reason", exact=True).fill("storm")
    mona.get_by_role("button", name="Close and find new times").click()
    expect(mona.get_by_text("Waiting for the worker")).to_be_visible()
    work(app, session)
    expect(mona.get_by_text("1 patient keeps the protocol")).to_be_visible(timeout=20_000)
    expect(mona.get_by_role("link", name="Nora Lindqvist")).to_be_visible()
    session.refresh(infusion)
    assert infusion.start_at == before

    mona.get_by_role("button", name="Accept 1 patient").click()
    expect(mona.get_by_text("Moving visits")).to_be_visible()
    work(app, session)
    expect(mona.get_by_text("1 patient moved")).to_be_visible(timeout=20_000)
    session.refresh(infusion)
    assert infusion.start_at != before

    mona.get_by_role("button", name="Undo all and reopen").click()
    work(app, session)
    expect(mona.get_by_text("Every visit is back where it was")).to_be_visible(timeout=20_000)
    session.refresh(infusion)
    assert infusion.start_at == before


def test_a_visit_that_is_kept_and_a_patient_who_is_left_out_are_searched_without(
    app, session, mona, infusion
):
    mona.goto(f"/board/{infusion.local_start:%Y-%m-%d}/closing")
    mona.get_by_role("button", name="Close and find new times").click()
    work(app, session)
    leave_out = mona.get_by_role("checkbox", name="Leave out")
    expect(leave_out).to_be_visible(timeout=20_000)
    leave_out.check()
    mona.get_by_role("button", name="Search again").click()
    work(app, session)

    expect(mona.get_by_text("No other visits are affected.")).to_be_visible(timeout=20_000)


def test_who_is_out_is_chosen_in_the_column_of_the_staff_view(app, session, mona, infusion):
    nurse = next(one.practitioner for one in infusion.participants if one.practitioner.name == "Nina")
    mona.goto(f"{board_of(infusion)}?view=people")
    mona.get_by_role("link", name=f"Out today: {nurse.name}").click()
    expect(mona.get_by_label("What is closed, or who is out")).to_have_value(f"person-{nurse.public_id}")
    mona.get_by_role("button", name="Close and find new times").click()
    work(app, session)

    expect(mona.get_by_role("heading", name="New times: Nina is out")).to_be_visible()
    expect(mona.get_by_text("same time, other staff").first).to_be_visible(timeout=20_000)


def test_a_time_that_is_none_is_named_and_nothing_is_closed(mona, infusion, faults):
    faults.expect("status of 422")
    mona.goto(f"/board/{infusion.local_start:%Y-%m-%d}/closing")
    mona.get_by_label("From–to").check()
    mona.get_by_role("button", name="Close and find new times").click()

    expect(mona.get_by_role("alert")).to_contain_text("must be a time such as 1:30 PM")
