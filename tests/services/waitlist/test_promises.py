"""What a promise of an earlier time is worth when things change between the offer and the answer."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.errors import WrongStatus
from scheduler.models import plan_definition as definitions
from scheduler.models.opening import Opening, OpeningCause
from scheduler.services import freed_time
from scheduler.services.actors import Actor
from scheduler.services.course.booking import book_visit
from scheduler.services.visit import moves
from scheduler.services.waitlist import answering, entries, offering, openings, who_fits
from scheduler.services.waitlist.entries import WaitWishes
from tests.cast import NOW, add_patient
from tests.services.courses import visit

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)


@pytest.fixture
def of_patient(harbor):
    return Actor(harbor.clinic, None, None, "patient")


def test_a_visit_that_leaves_a_time_is_not_asked_back(session, harbor, do, courses, waiting):
    alice, infusion = harbor.actor("alice"), visit(courses["Omar"], "infusion-6")
    later = moves.plan_move(session, alice, infusion, infusion.start_at + DAY, NOW, scope="following")
    do(moves.apply_moves, alice, later, NOW)
    left = openings.of_visit(session, infusion, NOW)

    found = who_fits.candidates(session, alice, left, NOW)

    assert waiting[1].ended_at is None and [one.entry for one in found] == [waiting[0]]


def test_what_was_booked_otherwise_is_not_booked_again_by_a_yes(session, harbor, do, of_patient):
    alice, iris = harbor.actor("alice"), add_patient(session, harbor, "Iris", "Ito", email="i@example.com")
    session.commit()
    plan = definitions.current(session, harbor.clinic.id, "iv-depression-6")
    action = next(one for one in plan.plan.firm if one.key == "consult")
    do(entries.wait_for_booking, alice, iris, plan, action.key, WaitWishes(), NOW)
    start = NOW + DAY
    freed_time.opened(
        session, harbor.clinic.id, freed_time.Window(start, start + 4 * HOUR), OpeningCause.HOURS, NOW
    )
    session.commit()
    opening = session.scalars(select(Opening)).one()
    (one,) = do(offering.offer, alice, opening, who_fits.candidates(session, alice, opening, NOW), NOW)
    do(book_visit, alice, iris, action, start + 2 * DAY, NOW + MINUTE)

    with pytest.raises(WrongStatus):
        do(answering.accept, of_patient, one, NOW + MINUTE)


def test_a_hold_that_is_over_is_free_for_who_books_though_no_clock_runs(
    session, harbor, do, courses, opening, fitting
):
    alice = harbor.actor("alice")
    do(offering.offer, alice, opening, fitting, NOW)
    infusion = visit(courses["Olga"], "infusion-6")

    found = moves.plan_move(session, alice, infusion, opening.start_at, NOW + 2 * HOUR, scope="following")
    do(moves.apply_moves, alice, found, NOW + 2 * HOUR)

    assert infusion.start_at == opening.start_at
