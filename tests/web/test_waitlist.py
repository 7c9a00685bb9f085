"""The waitlist's pages: who waits, an open time from its offer to its yes, and what a form refuses."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.models.opening import Offer, OfferState, Opening, OpeningOutcome
from scheduler.models.waitlist import Priority, WaitlistEntry, WaitlistOutcome
from scheduler.services.visit import moves, visits
from tests.cast import NOW, add_patient
from tests.services.courses import book, visit

pytestmark = pytest.mark.usefixtures("at_now")
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


@pytest.fixture
def olga(session, harbor, nora_course):
    """Olga's last infusion, a day after the time that Nora's canceled one left open."""
    alice = harbor.actor("alice")
    add_patient(session, harbor, "Olga", "Ortiz", email="olga@example.com", email_ok=True)
    last = visit(book(session, harbor, patient="Olga"), "infusion-6")
    gone = visit(nora_course, "infusion-6")
    moved = moves.plan_move(session, alice, gone, gone.start_at - DAY, NOW - MINUTE, scope="following")
    moves.apply_moves(session, alice, moved, NOW - MINUTE)
    visits.cancel(session, alice, [gone], NOW)
    session.commit()
    return last


@pytest.fixture
def alice(signed_in, harbor, olga):
    return signed_in(harbor, "alice")


@pytest.fixture
def entry(alice, session, olga):
    """Olga is put on the waitlist from her visit."""
    form = {"visit": olga.public_id, "notice_hours": "24", "priority": "soon", "reason": "travels in January"}
    assert alice.post("/waitlist/new", data=form).status_code == 303
    session.rollback()
    return session.scalars(select(WaitlistEntry)).one()


@pytest.fixture
def opening(session, nora_course, entry):
    gone = visit(nora_course, "infusion-6")
    return session.scalars(
        select(Opening).where(Opening.appointment_id == gone.id).order_by(Opening.id)
    ).all()[-1]


def test_who_waits_and_what_is_open_is_on_one_page(alice, entry, olga):
    text = alice.get("/waitlist").text

    assert entry.priority is Priority.SOON
    for shown in (
        "Olga Ortiz",
        "Infusion 6",
        "travels in January",
        "1 day notice",
        "Open times",
        "Canceled: Nora",
    ):
        assert shown in text, shown
    assert "Waits for an earlier time" in alice.get(f"/appointments/{olga.public_id}").text


def test_a_nurse_reads_the_list_without_the_reasons_and_changes_nothing(signed_in, harbor, entry):
    nick = signed_in(harbor, "nick")
    text = nick.get("/waitlist").text

    assert "Olga Ortiz" in text and "travels in January" not in text
    assert nick.post(f"/waitlist/{entry.public_id}/removal").status_code == 403


def test_a_canceled_visit_leads_to_the_offer_and_a_yes_by_phone_moves_the_other(
    alice, session, nora_course, entry, opening, olga
):
    panel = alice.get(f"/appointments/{visit(nora_course, 'infusion-6').public_id}").text
    assert f"/openings/{opening.public_id}" in panel and "Offer this time" in panel
    page = alice.get(f"/openings/{opening.public_id}").text
    assert "Olga Ortiz" in page and "1 day earlier" in page and f'value="{entry.public_id}" checked' in page

    offered = alice.post(f"/openings/{opening.public_id}/offers", data={"entry": entry.public_id})
    assert offered.status_code == 303
    session.rollback()
    one = session.scalars(select(Offer)).one()
    page = alice.get(f"/openings/{opening.public_id}").text
    assert "Emailed" in page and "Said yes" in page and "Withdraw the offers" in page

    address = f"/openings/{opening.public_id}/offers/{one.public_id}"
    assert alice.post(address, data={"answer": "yes"}).status_code == 303
    session.rollback()
    assert (olga.start_at, one.state, one.answered_by.email) == (
        opening.start_at,
        OfferState.ACCEPTED,
        "alice@example.org",
    )
    assert "Filled by an offer." in alice.get(f"/openings/{opening.public_id}").text


def test_a_time_that_is_kept_free_is_no_longer_offered(alice, session, opening):
    assert alice.post(f"/openings/{opening.public_id}/dismissal").status_code == 303
    session.rollback()

    assert opening.outcome is OpeningOutcome.DISMISSED
    assert "kept free" in alice.get(f"/openings/{opening.public_id}").text


def test_who_is_not_on_the_list_any_more_is_not_offered_the_time(alice, session, entry, opening):
    alice.post(f"/waitlist/{entry.public_id}/removal")
    session.rollback()
    assert entry.outcome is WaitlistOutcome.REMOVED

    refused = alice.post(f"/openings/{opening.public_id}/offers", data={"entry": entry.public_id})

    assert refused.status_code == 422 and "is not on the waitlist" in refused.text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"until_on": "2026-11-20"}, "is in the past"),
        ({"earliest": "14:00", "latest": "09:00"}, "must be after the earliest time"),
        ({"notice_hours": "a day"}, "must be a number of hours"),
        ({"priority": "highest"}, "must be one of"),
    ],
)
def test_a_form_that_cannot_be_meant_says_why_and_keeps_what_was_typed(alice, olga, given, shown):
    answer = alice.post("/waitlist/new", data={"visit": olga.public_id, "reason": "travels", **given})

    assert answer.status_code == 422 and shown in answer.text and 'value="travels"' in answer.text


def test_a_new_patient_waits_for_a_first_visit(alice, session, harbor):
    iris = add_patient(session, harbor, "Iris", "Ito")
    session.commit()
    form = alice.get(f"/waitlist/new?patient={iris.public_id}").text
    assert "Whole course: IV ketamine for depression" in form

    wanted = {"patient": iris.public_id, "wanted": "iv-depression-6 ", "notice_hours": "0"}
    assert alice.post("/waitlist/new", data=wanted).status_code == 303
    assert "Iris Ito" in alice.get("/waitlist").text


def test_the_board_marks_an_open_time_while_someone_waits(alice, session, entry, opening):
    day = opening.start_at.astimezone(opening.appointment.zone).date()
    assert f"/openings/{opening.public_id}" in alice.get(f"/board/{day}").text

    alice.post(f"/waitlist/{entry.public_id}/removal")
    assert f"/openings/{opening.public_id}" not in alice.get(f"/board/{day}").text


def test_an_entry_with_a_notice_of_its_own_keeps_it_when_it_is_edited(alice, session, entry, olga):
    entry.notice_hours = 100
    session.commit()

    assert 'value="100" selected' in alice.get(f"/waitlist/new?visit={olga.public_id}").text
