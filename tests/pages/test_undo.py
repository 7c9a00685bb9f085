"""Undo from the toast: a booked course, a move."""

import re
from datetime import timedelta

from playwright.sync_api import expect
from sqlalchemy import select

from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.message import Message, MessageState
from tests.pages.test_board import board_of, fresh
from tests.services.courses import visit


def test_a_booked_course_is_taken_back_from_its_toast(alice, session, staffed):
    page = alice
    page.goto(f"/care-plans/new?patient={staffed.patients['Nora'].public_id}&plan_definition=therapy-6")
    page.get_by_label("Earliest start date").fill("2026-11-30")
    page.get_by_role("button", name="Book these").first.click()
    toast = page.locator("#toasts")
    expect(toast).to_contain_text("Booked:")
    toast.get_by_role("button", name="Undo").click()

    expect(page.locator("#toasts")).to_contain_text("Booking undone for Nora Lindqvist.")
    page.wait_for_load_state()
    session.rollback()
    assert set(session.scalars(select(Appointment.status))) == {AppointmentStatus.ENTERED_IN_ERROR}
    assert set(session.scalars(select(Message.state))) == {MessageState.VOID}
    page.goto(f"/patients/{staffed.patients['Nora'].public_id}")
    expect(page.get_by_text("No upcoming visits.")).to_be_visible()


def test_a_move_is_taken_back_from_its_toast_with_all_that_moved(alice, session, course):
    page = alice
    infusion = visit(course, "infusion-2")
    before = {one.id: one.start_at for one in course.appointments}
    later = infusion.start_at.astimezone(infusion.zone) + timedelta(hours=2)
    page.goto(f"/appointments/{infusion.public_id}/time")
    page.locator(f'button.time[value="{later:%Y-%m-%dT%H:%M}"]').click()
    page.locator("#confirm-move").click()
    expect(page.locator("#toasts")).to_contain_text("moved.")
    assert fresh(session, infusion).start_at == later
    page.locator("#toasts").get_by_role("button", name="Undo").click()

    expect(page.locator("#toasts")).to_contain_text("Last step undone")
    page.wait_for_load_state()
    assert {one.id: one.start_at for one in fresh(session, infusion).care_plan.appointments} == before


def test_a_link_to_the_board_opens_the_visit_that_it_names(alice, course):
    page = alice
    infusion = visit(course, "infusion-2")
    page.goto(f"/appointments/{infusion.public_id}")
    page.get_by_role("link", name="On the board").click()

    expect(page.locator("#panel-title")).to_contain_text("Nora Lindqvist")
    expect(page).to_have_url(re.compile(re.escape(board_of(infusion)) + r"(\?|$)"))
    page.get_by_role("link", name="Open this visit on its own page").click()
    page.wait_for_url(f"**/appointments/{infusion.public_id}")
