"""A canceled infusion is offered to those who wait with three clicks, and taken on a phone; the board follows."""

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from scheduler.database import begin_write
from scheduler.models.appointment import Appointment
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.opening import Offer
from scheduler.models.patient import Patient
from scheduler.models.waitlist import WaitlistEntry
from scheduler.services import private_links
from scheduler.services.waitlist import entries
from scheduler.services.waitlist.entries import WaitWishes
from tests.cast import NOW, add_patient
from tests.engines import SECRET_KEY
from tests.pages.desk import board_of
from tests.services.courses import book, visit

NAMES = ("Olga", "Omar", "Otis")


@pytest.fixture
def waiting(session, staffed, course):
    """Three patients with courses beside Nora's, later on the same days, who wait for an earlier time."""
    session.rollback()
    begin_write(session)
    rows = []
    for name in NAMES:
        add_patient(session, staffed, name, "Ortiz", email=f"{name.lower()}@example.com", email_ok=True)
        row = visit(book(session, staffed, patient=name), "infusion-2")
        entries.wait_for_earlier(session, staffed.actor("alice"), row, WaitWishes(), NOW)
        rows.append(row)
    session.commit()
    return rows


def test_a_canceled_time_is_offered_with_three_clicks_and_taken_on_a_phone(
    alice, open_page, live_server, session, infusion, waiting
):
    start = infusion.start_at
    assert all(one.start_at > start for one in waiting)
    alice.goto(board_of(infusion))
    alice.locator(f'[data-visit="{infusion.public_id}"]').first.click()
    alice.locator("#step-cancel").click()
    alice.get_by_role("button", name="Cancel visit").click()

    alice.get_by_role("link", name="Offer this time").click()  # the first click of the offer
    for name in NAMES:
        expect(alice.get_by_role("checkbox", name=f"{name} Ortiz")).to_be_checked(timeout=20_000)
    alice.get_by_role("button", name="Offer this time").click()
    expect(alice.get_by_text("The first yes gets the time.")).to_be_visible(timeout=20_000)

    phone = open_page(live_server, viewport={"width": 390, "height": 844})
    phone.goto(page_of(session, waiting[1].patient_id))
    expect(phone.get_by_role("heading", name="An earlier time is open")).to_be_visible()
    phone.get_by_role("button", name="Yes, I take this time").click()
    expect(phone.get_by_text("The time is yours.")).to_be_visible()

    block = alice.locator(f'[data-visit="{waiting[1].public_id}"]').first
    expect(block).to_contain_class(f"r{row_of(infusion, start)}", timeout=5_500)
    late = open_page(live_server, viewport={"width": 390, "height": 844})
    late.goto(page_of(session, waiting[0].patient_id))
    expect(late.get_by_text("has been taken")).to_be_visible()
    session.rollback()
    assert session.get_one(Appointment, waiting[1].id).start_at == start
    assert {one.state.value for one in session.scalars(select(Offer))} == {"accepted", "taken"}


def test_a_patient_asks_for_an_earlier_time_and_leaves_the_list_again(
    open_page, live_server, session, infusion
):
    phone = open_page(live_server, viewport={"width": 390, "height": 844})
    session.rollback()
    begin_write(session)
    link = Message(
        clinic_id=infusion.clinic_id,
        kind=MessageKind.LINK,
        patient_id=infusion.patient_id,
        state=MessageState.SENT,
        created_at=NOW,
        due_at=NOW,
    )
    session.add(link)
    session.commit()
    phone.goto(f"/visits/{token(session, link)}")
    phone.get_by_role("link", name="I would like an earlier time").first.click()
    phone.get_by_role("radio", name="2 hours").check()
    phone.get_by_role("button", name="Put me on the waitlist").click()
    expect(phone.get_by_text("We will email you if an earlier time opens up.")).to_be_visible()
    session.rollback()
    entry = session.scalars(select(WaitlistEntry)).one()
    assert (entry.side, entry.notice_hours, entry.ended_at) == ("patient", 2, None)

    phone.get_by_role("link", name="Change or leave the waitlist").first.click()
    phone.get_by_role("button", name="Take me off the waitlist").click()
    expect(phone.get_by_text("You are no longer on the waitlist.")).to_be_visible()


def page_of(session, patient_id):
    session.rollback()
    query = select(Message).where(Message.kind == MessageKind.OFFER, Message.patient_id == patient_id)
    return f"/visits/{token(session, session.scalars(query).one())}"


def token(session, message):
    epoch = session.get_one(Patient, message.patient_id).link_epoch
    return private_links.page_token((SECRET_KEY,), message, private_links.VISITS, epoch=epoch)


def row_of(one, start):
    """Return the row of the board, whose day begins at eight, at which a visit that starts then is drawn."""
    local = start.astimezone(one.zone)
    return (local.hour * 60 + local.minute - 8 * 60) // 5 + 1
