"""The books are in order, and a fault in them is found."""

from datetime import timedelta

from sqlalchemy import delete

from scheduler.models.allocation import Allocation, of_appointment
from scheduler.models.opening import OpeningOutcome
from scheduler.services.course import careplans
from scheduler.services.visit import allocation, books, visits
from scheduler.services.visit.books import Faults
from scheduler.services.waitlist import openings
from tests.cast import NOW
from tests.engines import both
from tests.services.courses import book, visit


@both
def test_a_booked_course_leaves_the_books_in_order(session, harbor, nora_course):

    assert books.faults(session, harbor.clinic.id, NOW) == Faults(0, 0, 0)


@both
def test_a_reservation_leaves_the_books_in_order(session, harbor):
    book(session, harbor, reserve_minutes=30)

    assert books.faults(session, harbor.clinic.id, NOW) == Faults(0, 0, 0)


@both
def test_a_visit_that_lost_its_time_is_found(session, harbor, nora_course):
    therapy = visit(nora_course, "therapy-1")
    session.execute(delete(Allocation).where(Allocation.appointment_id == therapy.id))

    assert books.faults(session, harbor.clinic.id, NOW) == Faults(0, 1, 0)


@both
def test_time_kept_by_a_cancelled_visit_is_found(session, harbor, nora_course):
    care_plan = nora_course
    careplans.revoke(session, harbor.actor("alice"), care_plan, NOW)
    row = session.query(Allocation).filter_by(appointment_id=visit(care_plan, "therapy-1").id).first()
    row.released_at = None
    session.flush()

    assert books.faults(session, harbor.clinic.id, NOW) == Faults(0, 0, 1)


@both
def test_time_that_openings_hold_without_reason_is_found(session, harbor, nora_course):
    alice, infusion = harbor.actor("alice"), visit(nora_course, "infusion-6")
    visits.cancel(session, alice, [infusion], NOW)
    opening = openings.of_visit(session, infusion, NOW)
    chair = next(one for one in of_appointment(session, infusion.id, NOW) if one.role == "chair")
    held = allocation.copied(chair, chair.unit)
    held.appointment_id, held.opening_id = None, opening.id
    opening.held_until = NOW
    session.add(held)
    session.flush()
    later = NOW + timedelta(minutes=5)

    assert books.faults(session, harbor.clinic.id, later) == Faults(0, 0, 0)
    late = books.faults(session, harbor.clinic.id, later + timedelta(seconds=1))
    assert late == Faults(0, 0, 0, held_too_long=1) and late.any

    opening.held_until = None
    assert books.faults(session, harbor.clinic.id, later) == Faults(0, 0, 0, held_for_nothing=1)
    openings.close(session, alice, opening, OpeningOutcome.PAST, NOW)
    assert books.faults(session, harbor.clinic.id, later) == Faults(0, 0, 0, held_for_nothing=1)
    assert books.faults(session, harbor.clinic.id, opening.end_at) == Faults(0, 0, 0), (
        "what is over harms no one"
    )

    held.released_at = later
    session.flush()
    assert not books.faults(session, harbor.clinic.id, later).any
