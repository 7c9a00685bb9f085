"""The steps of a whole course."""

from datetime import time, timedelta

import pytest
from sqlalchemy import func, select

from scheduler.domain.localtime import local_on
from scheduler.domain.status import AppointmentStatus, CarePlanStatus
from scheduler.errors import ProposalExpired, WrongStatus
from scheduler.models.allocation import Allocation
from scheduler.models.message import Message, MessageKind
from scheduler.services.clinic import schedules
from scheduler.services.course import booking, careplans
from scheduler.services.planning import proposals
from scheduler.services.planning.possible_starts import possible_starts
from scheduler.services.visit import visits
from tests.cast import NOW
from tests.engines import both
from tests.services.course.test_booking import overlaps
from tests.services.courses import book, visit, wishes

SUNDAYS = [schedules.Hours(7, time(8), time(9))]  # when the clinic is closed


@pytest.fixture
def alice(harbor):
    return harbor.actor("alice")


def live_allocations(session) -> int:
    return session.scalar(
        select(func.count()).select_from(Allocation).where(Allocation.released_at.is_(None))
    )


def mark_sent(session) -> None:
    """Let every mail count as sent, as if the clock had ticked."""
    for message in session.scalars(select(Message)):
        message.state = "sent"
    session.flush()


@both
def test_stopping_the_rest_frees_every_visit_with_one_mail(session, harbor, alice, nora_course):
    care_plan = nora_course
    mark_sent(session)
    careplans.revoke(session, alice, care_plan, NOW, "the patient stops", side="patient")

    told = session.scalars(select(Message).where(Message.kind == MessageKind.CANCELLATION)).all()
    assert care_plan.status is CarePlanStatus.REVOKED
    assert {one.status for one in care_plan.appointments} == {AppointmentStatus.CANCELLED}
    assert live_allocations(session) == 0
    assert len(told) == 1


def test_stopping_leaves_what_was_done(session, harbor, alice, nora_course):
    care_plan = nora_course
    consult = visit(care_plan, "consult")
    visits.check_in(session, alice, consult, consult.start_at)
    visits.fulfill(session, alice, consult, consult.end_at)
    careplans.revoke(session, alice, care_plan, consult.end_at)

    assert consult.status is AppointmentStatus.FULFILLED


@both
def test_a_held_course_lets_go_and_resumes_in_the_same_rows(session, harbor, alice, nora_course):
    care_plan = nora_course
    uids = {one.action: one.uid for one in care_plan.appointments}
    careplans.hold(session, alice, care_plan, NOW, "ill")
    assert live_allocations(session) == 0
    later = NOW + timedelta(days=14)
    careplans.resume(session, alice, care_plan, later)

    assert care_plan.status is CarePlanStatus.ACTIVE
    assert {one.action: one.uid for one in care_plan.appointments} == uids
    assert visit(care_plan, "consult").start_at >= later
    assert overlaps(session) == 0


def test_a_held_course_resumes_without_the_steps_that_were_left_out(session, harbor):
    """Not even where they would have no place."""
    care_plan = _booked_without(session, harbor, lambda action: action == "consult" or "therapy" in action)
    careplans.hold(session, harbor.actor("mona"), care_plan, NOW, "ill")
    schedules.set_hours(session, harbor.command, harbor.people["Theo"].resource, SUNDAYS, NOW)
    booked = {one.action for one in care_plan.appointments if one.status is not AppointmentStatus.PROPOSED}
    careplans.resume(session, harbor.actor("mona"), care_plan, NOW + timedelta(days=14))

    assert care_plan.status is CarePlanStatus.ACTIVE
    assert {one.action for one in care_plan.appointments if one.status.is_live} == booked
    assert overlaps(session) == 0


def test_a_visit_moves_as_if_the_step_that_was_left_out_were_no_part_of_the_course(session, harbor):
    care_plan = _booked_without(session, harbor, lambda action: action == "consult")
    alice, assessment = harbor.actor("alice"), visit(care_plan, "assessment")
    today = local_on(NOW, harbor.clinic.zone)

    found = possible_starts(session, alice, assessment, today, NOW)

    assert any(found.values())


def _booked_without(session, harbor, left_out):
    mona, wanted = harbor.actor("mona"), wishes(session, harbor)
    best = proposals.propose(session, mona, wanted, NOW)[0]
    without = [one for one in best.visits if not left_out(one.action)]
    reason = "seen at another clinic"
    return booking.book_course(session, mona, wanted, without, best.projections, NOW, reason)


def test_a_course_with_visits_ahead_is_not_complete(session, harbor, alice, nora_course):
    with pytest.raises(WrongStatus, match="Still upcoming: 15 visits and 6 calls"):
        careplans.complete(session, alice, nora_course, NOW)


def test_a_reservation_becomes_a_course(session, harbor, alice):
    care_plan = book(session, harbor, reserve_minutes=30)
    careplans.activate(session, alice, care_plan, NOW + timedelta(minutes=29))

    firm = [one for one in care_plan.appointments if one.status.is_live]
    assert care_plan.status is CarePlanStatus.ACTIVE
    assert len(firm) == 21
    assert [message.kind for message in session.scalars(select(Message))] == [MessageKind.CONFIRMATION]


def test_a_reservation_that_ran_out_is_no_more(session, harbor, alice):
    care_plan = book(session, harbor, reserve_minutes=30)

    with pytest.raises(ProposalExpired, match="The hold has expired"):
        careplans.activate(session, alice, care_plan, NOW + timedelta(minutes=31))


def test_a_course_on_hold_cannot_be_held_again(session, harbor, alice, nora_course):
    care_plan = nora_course
    careplans.hold(session, alice, care_plan, NOW)

    with pytest.raises(WrongStatus, match="is on hold: it cannot be put on hold"):
        careplans.hold(session, alice, care_plan, NOW)
