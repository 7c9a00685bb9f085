"""Booking a whole course, or nothing."""

from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from scheduler.domain.status import AppointmentStatus, CarePlanStatus
from scheduler.errors import RuleBroken, SlotTaken
from scheduler.models.allocation import Allocation, of_appointments
from scheduler.models.appointment import Appointment
from scheduler.models.audit_event import AuditEvent
from scheduler.models.care_plan import CarePlan
from scheduler.models.message import Message
from scheduler.models.reminder import Reminder
from scheduler.services.course import booking
from scheduler.services.planning import proposals
from scheduler.services.visit.changes import release_expired
from tests.cast import NOW, add_patient
from tests.engines import both
from tests.services.courses import book, visit, wishes


def count(session, table) -> int:
    return session.scalar(select(func.count()).select_from(table))


def overlaps(session) -> int:
    """Return how many pairs of live allocations overlap on one unit."""
    first, second = Allocation.__table__.alias(), Allocation.__table__.alias()
    query = select(func.count()).where(
        first.c.resource_id == second.c.resource_id,
        first.c.unit == second.c.unit,
        first.c.id < second.c.id,
        first.c.released_at.is_(None),
        second.c.released_at.is_(None),
        first.c.start_at < second.c.end_at,
        second.c.start_at < first.c.end_at,
    )
    return session.scalar(query)


@both
def test_a_course_is_booked_whole(session, harbor, nora_course):
    care_plan = nora_course

    kinds = Counter(
        one.kind for one in care_plan.appointments if one.status is not AppointmentStatus.PROPOSED
    )
    assert care_plan.status is CarePlanStatus.ACTIVE
    assert sum(kinds.values()) == 21
    assert overlaps(session) == 0


@both
def test_every_gap_of_a_booked_course_is_kept(session, harbor, nora_course):
    care_plan = nora_course

    for n in range(2, 7):
        earlier, later = visit(care_plan, f"infusion-{n - 1}"), visit(care_plan, f"infusion-{n}")
        therapy = visit(care_plan, f"therapy-{n - 1}")
        assert 2 <= (later.local_start.date() - earlier.local_start.date()).days <= 4
        assert timedelta(hours=24) <= therapy.start_at - earlier.end_at <= timedelta(hours=72)
        assert therapy.end_at <= later.start_at


def test_visits_behind_an_open_requirement_are_pending_and_others_booked(session, harbor, nora_course):
    care_plan = nora_course

    assert visit(care_plan, "infusion-1").status is AppointmentStatus.PENDING
    assert visit(care_plan, "therapy-1").status is AppointmentStatus.BOOKED


def test_visits_months_ahead_take_up_nothing(session, harbor, nora_course):
    care_plan = nora_course
    proposed = [one for one in care_plan.appointments if one.status is AppointmentStatus.PROPOSED]

    assert len(proposed) == 3
    assert all(one.book_by_on for one in proposed)
    assert of_appointments(session, [one.id for one in proposed]) == {}


def test_a_booking_writes_reminders_one_confirmation_and_the_trail(session, harbor, nora_course):
    care_plan = nora_course

    kinds = [message.kind.value for message in session.scalars(select(Message))]
    events = session.scalars(select(AuditEvent.event).where(AuditEvent.event == "care-plan.booked")).all()
    told = [one for one in care_plan.appointments if one.visible and one.status.is_live]
    assert kinds == ["confirmation"]
    guarded = [one for one in told if one.kind == "infusion"]
    waiting = [one for one in care_plan.appointments if one.book_by_on]
    assert count(session, Reminder) == 2 * len(told) + 2 * len(guarded) + len(waiting)
    assert len(events) == 1


@both
def test_a_proposal_that_was_overtaken_names_what_is_taken_and_writes_nothing(session, harbor):
    add_patient(session, harbor, "Olga", "Nowak")
    late = wishes(session, harbor, patient="Olga")
    best = proposals.propose(session, harbor.actor("alice"), late, NOW)[0]
    book(session, harbor)
    session.commit()

    with pytest.raises(SlotTaken) as refused:
        booking.book_course(session, harbor.actor("alice"), late, best.visits, best.projections, NOW)
    session.rollback()

    named = {conflict["resource"] for conflict in refused.value.details["conflicts"]}
    assert "Chair 1" in named
    assert count(session, CarePlan) == 1


def test_a_course_with_a_broken_gap_is_refused_with_the_rule(session, harbor):
    wanted = wishes(session, harbor)
    best = proposals.propose(session, harbor.actor("alice"), wanted, NOW)[0]
    without = [one for one in best.visits if one.action != "infusion-2"]
    late = next(one for one in best.visits if one.action == "infusion-3")
    shifted = [one for one in without if one.start <= late.start] + [moved(late, "infusion-2")]

    with pytest.raises(RuleBroken) as refused:
        booking.book_course(session, harbor.actor("alice"), wanted, shifted, (), NOW)

    assert "gap" in {violation["rule"] for violation in refused.value.details["violations"]}


def moved(visit, action):
    """Return the visit as if it were another action's."""
    return type(visit)(action, visit.start, visit.end, visit.attended_end, visit.segments)


def test_a_reservation_takes_its_time_until_it_runs_out(session, harbor):
    care_plan = book(session, harbor, reserve_minutes=30)
    held = count(session, Allocation)

    assert care_plan.status is CarePlanStatus.DRAFT
    assert held > 0
    assert count(session, Message) == 0
    assert release_expired(session, harbor.clinic, NOW + timedelta(minutes=29)) == 0
    assert release_expired(session, harbor.clinic, NOW + timedelta(minutes=30)) == 1
    live = select(func.count()).select_from(Allocation).where(Allocation.released_at.is_(None))
    assert session.scalar(live) == 0


def test_a_reservation_that_ran_out_makes_way_for_the_next_booking(session, harbor):
    book(session, harbor, reserve_minutes=30)
    add_patient(session, harbor, "Olga", "Nowak")
    later = NOW + timedelta(minutes=31)
    taken = wishes(session, harbor, patient="Olga")
    best = proposals.propose(session, harbor.actor("alice"), taken, later)[0]

    booking.book_course(session, harbor.actor("alice"), taken, best.visits, best.projections, later)

    assert overlaps(session) == 0


@both
def test_a_single_visit_finds_its_place_and_people(session, harbor):
    action = wishes(session, harbor, "therapy-6").plan_definition.plan.actions[0]
    start = NOW + timedelta(days=1, hours=1)
    one = booking.book_visit(session, harbor.actor("alice"), harbor.patients["Nora"], action, start, NOW)

    assert one.location.name == "Room A"
    assert [person.name for person in one.practitioners] == ["Theo"]
    assert count(session, Appointment) == 1
