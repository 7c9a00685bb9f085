"""Waiting for an earlier time on the private page, and what it says of offers that have ended."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from scheduler.models.opening import Offer, OfferState, Opening
from scheduler.models.plan_definition import current
from scheduler.models.waitlist import Priority, WaitlistEntry
from scheduler.services.waitlist import entries, offering
from scheduler.services.waitlist.entries import WaitWishes
from tests.cast import NOW as HARBOR_NOW
from tests.offers import offered
from tests.patient_pages.conftest import mailed, mark_in
from tests.services.courses import book, visit

HOUR = timedelta(hours=1)


@pytest.fixture
def third(session, harbor, at):
    at.time = HARBOR_NOW
    return visit(book(session, harbor, "therapy-6"), "therapy-3")


@pytest.fixture
def home(session, harbor, third):
    return f"/visits/{mailed(session, harbor.clinic, third.patient, [third])}"


@pytest.fixture
def path(home, third):
    return f"{home}/appointments/{third.public_id}/earlier"


@pytest.fixture
def offer(session, harbor, third, home):
    offered(session, harbor, third)
    session.commit()
    return session.scalars(select(Offer)).one()


def test_asking_again_keeps_what_the_desk_decided(client, session, harbor, third, path):
    decided = WaitWishes(until_on=date(2026, 12, 2), priority=Priority.URGENT, reason="travels")
    entries.wait_for_earlier(session, harbor.actor("alice"), third, decided, HARBOR_NOW)
    session.commit()

    form = {"mark": mark_in(client.get(path)), "weekdays": "2", "notice": "48"}
    assert client.post(path, data=form).status_code == 303
    session.rollback()

    entry = session.scalars(select(WaitlistEntry)).one()
    assert (entry.weekdays, entry.notice_hours) == ([2], 48)
    assert (entry.until_on, entry.priority, entry.reason) == (decided.until_on, Priority.URGENT, "travels")


def test_a_time_with_a_zone_of_its_own_is_none(client, path):
    form = {"mark": mark_in(client.get(path)), "earliest": "09:00+02:00", "latest": "12:00"}

    assert client.post(path, data=form).status_code == 422


def test_an_offer_that_waits_can_be_answered_until_its_end(client, at, home, offer):
    text = client.get(home).text
    assert "An earlier time is open" in text and "other appointments of yours" in text
    at.time = offer.expires_at

    text = client.get(home).text
    assert "has ended" in text and 'name="answer"' not in text


def test_who_follows_the_mail_of_a_withdrawn_offer_reads_that_it_has_ended(
    client, session, harbor, home, offer
):
    offering.withdraw(session, harbor.actor("alice"), offer.opening, HARBOR_NOW)
    session.commit()

    assert "has ended" in client.get(home).text


def test_who_said_yes_to_a_later_offer_reads_nothing_of_the_former(client, session, home, offer):
    offer.state = OfferState.TAKEN
    former = offer.opening
    opening = Opening(
        clinic_id=former.clinic_id,
        cause=former.cause,
        start_at=former.start_at,
        end_at=former.end_at,
        created_at=HARBOR_NOW,
    )
    session.add(opening)
    session.flush()
    session.add(
        Offer(
            clinic_id=former.clinic_id,
            opening_id=opening.id,
            entry_id=offer.entry_id,
            state=OfferState.ACCEPTED,
            start_at=offer.start_at,
            created_at=HARBOR_NOW,
            expires_at=offer.expires_at,
        )
    )
    session.commit()

    assert "has been taken" not in client.get(home).text


def test_who_waits_for_a_first_visit_reads_of_no_appointment(client, session, harbor, third, home, offer):
    definition = current(session, harbor.clinic.id, "iv-depression-6")
    entry = entries.wait_for_booking(
        session, harbor.actor("alice"), third.patient, definition, "", WaitWishes(), HARBOR_NOW
    )
    offer.entry, offer.state = entry, OfferState.TAKEN
    session.commit()

    text = client.get(home).text
    assert "has been taken. You are still on the waitlist." in text
