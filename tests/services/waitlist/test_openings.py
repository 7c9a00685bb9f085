"""What stays open: a reopened day until it is past, closed again or dismissed; the time of a place while free."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.domain.localtime import day_bounds, local_on
from scheduler.models.opening import Opening, OpeningCause, OpeningOutcome
from scheduler.models.waitlist import WaitlistOutcome
from scheduler.services.clinic import schedules
from scheduler.services.waitlist import answering, offering, openings, running, who_fits
from tests.cast import NOW
from tests.engines import both
from tests.services.courses import visit
from tests.services.waitlist.conftest import DAY, MINUTE


@pytest.fixture
def soon(courses):
    """The instant three days before the last infusions."""
    return visit(courses["Olga"], "infusion-6").start_at - 3 * DAY


@pytest.fixture
def day(session, harbor, courses, do, soon):
    """The day before the last infusions, of which the clinic was closed and is open again."""
    zone, mona = harbor.clinic.zone, harbor.actor("mona")
    bounds = day_bounds(local_on(soon + 2 * DAY, zone), zone)
    closure, _ = do(schedules.close, mona, *bounds, soon)
    do(schedules.reopen, mona, closure, soon)
    return session.scalars(select(Opening).where(Opening.cause == OpeningCause.REOPENED)).one()


@both
def test_a_day_that_opens_again_is_offered_and_taken(session, harbor, do, courses, waiting, day, soon):
    alice = harbor.actor("alice")
    assert (day.resource_ids, day.appointment_id) == ([], None)
    assert day in openings.listed(session, harbor.clinic, soon)
    found = who_fits.candidates(session, alice, day, soon)
    assert [one.entry for one in found] == waiting
    assert all(day.start_at <= one.start < day.end_at for one in found)

    first, second = do(offering.offer, alice, day, found, soon)
    do(running.run, harbor.clinic, soon + MINUTE)
    assert day.closed_at is None
    do(answering.accept, alice, first, soon + MINUTE)

    assert visit(courses["Olga"], "infusion-6").start_at == first.start_at
    assert waiting[0].outcome is WaitlistOutcome.ACCEPTED
    assert second.state.value == "taken"


def test_a_day_that_names_no_place_is_never_taken(session, harbor, do, courses, day, soon):
    do(running.run, harbor.clinic, soon)
    assert day.closed_at is None

    do(running.run, harbor.clinic, day.end_at - timedelta(minutes=14))
    assert day.outcome is OpeningOutcome.PAST


@both
def test_a_day_that_is_closed_again_is_not_offered(session, harbor, do, courses, day, soon):
    do(schedules.close, harbor.actor("mona"), day.start_at, day.end_at - timedelta(minutes=10), soon)
    assert day not in openings.listed(session, harbor.clinic, soon)
    do(running.run, harbor.clinic, soon)

    assert day.outcome is OpeningOutcome.CLOSED


def test_a_day_that_is_closed_in_part_stays_open(session, harbor, do, courses, day, soon):
    do(schedules.close, harbor.actor("mona"), day.start_at, day.end_at - timedelta(minutes=20), soon)

    assert day in openings.listed(session, harbor.clinic, soon)


def test_the_time_of_a_chair_that_breaks_helps_no_one(session, harbor, do, opening):
    mona, chair = harbor.actor("mona"), opening.appointment.location.resource
    window = (opening.start_at - MINUTE, opening.end_at)
    assert opening in openings.listed(session, harbor.clinic, NOW)
    closure, _ = do(schedules.close, mona, *window, NOW, chair)
    assert opening not in openings.listed(session, harbor.clinic, NOW)
    do(schedules.reopen, mona, closure, NOW, is_offered=False)
    assert opening in openings.listed(session, harbor.clinic, NOW)

    opening.appointment.location.active = False
    session.commit()
    do(running.run, harbor.clinic, NOW)
    assert opening.outcome is OpeningOutcome.CLOSED
