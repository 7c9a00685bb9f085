"""The books are in order, and a fault in them is found."""

from sqlalchemy import delete

from scheduler.models.allocation import Allocation
from scheduler.services.course import careplans
from scheduler.services.visit import books
from scheduler.services.visit.books import Faults
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
