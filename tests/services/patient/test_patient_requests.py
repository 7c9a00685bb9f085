from datetime import timedelta

import pytest

from scheduler.errors import WrongStatus
from scheduler.models.patient_request import RequestState
from scheduler.services.actors import Actor
from scheduler.services.patient import patient_requests, self_service
from scheduler.services.visit import moves, visits
from tests.cast import NOW
from tests.services.course.test_booking import overlaps
from tests.services.courses import book, visit


@pytest.fixture
def third(session, harbor):
    """The third of Nora's six weekly sessions."""
    return visit(book(session, harbor, "therapy-6"), "therapy-3")


@pytest.fixture
def nora(harbor):
    return Actor(harbor.clinic, None, None, "patient")


def test_offered_starts_keep_the_course_possible(session, harbor, nora, third):
    offered = patient_requests.starts(session, nora, third, NOW)

    assert offered == sorted(set(offered))
    assert 0 < len(offered) <= 12
    assert third.start_at not in offered
    days = [at.astimezone(harbor.clinic.zone).date() for at in offered]
    assert max(days.count(day) for day in days) <= 3
    for at in offered[:2]:
        assert patient_requests.moves.plan_move(session, nora, third, at, NOW, scope="following")


def test_a_request_is_approved_with_one_step_and_moves_the_visit(session, harbor, nora, third):
    alice = harbor.actor("alice")
    wanted = patient_requests.starts(session, nora, third, NOW)[0]
    request = self_service.ask(session, nora, third, NOW, wanted, "please")
    assert patient_requests.waiting(session, alice) == [request]

    moved = patient_requests.approve(session, alice, request, NOW)
    assert moved[0].appointment is third
    assert (third.start_at, third.sequence) == (wanted, 1)
    assert (request.state, request.decided_by_id) == (RequestState.APPROVED, alice.user_id)
    assert patient_requests.waiting(session, alice) == []
    assert overlaps(session) == 0
    with pytest.raises(WrongStatus, match="already handled"):
        patient_requests.approve(session, alice, request, NOW)


def test_a_wish_for_a_call_is_settled_by_hand(session, harbor, nora, third):
    alice = harbor.actor("alice")
    request = self_service.ask(session, nora, third, NOW, note="after work")

    with pytest.raises(WrongStatus, match="asks for a call"):
        patient_requests.approve(session, alice, request, NOW)
    patient_requests.decline(session, alice, request, NOW)
    assert request.state is RequestState.DECLINED


def test_a_request_stays_until_a_person_settles_it_whatever_happens_to_the_visit(
    session, harbor, nora, third
):
    alice = harbor.actor("alice")
    wanted = patient_requests.starts(session, nora, third, NOW)[0]
    request = self_service.ask(session, nora, third, NOW, wanted, "Friday please")
    assert not patient_requests.has_changed(request)

    later = third.start_at + timedelta(minutes=5)
    moves.apply_moves(session, alice, moves.plan_move(session, alice, third, later, NOW), NOW)
    assert patient_requests.waiting(session, alice) == [request]
    assert patient_requests.has_changed(request)

    visits.cancel(session, alice, [third], NOW)
    assert patient_requests.waiting(session, alice) == [request]
    with pytest.raises(WrongStatus):
        patient_requests.approve(session, alice, request, NOW)
    patient_requests.decline(session, alice, request, NOW)
    assert patient_requests.waiting(session, alice) == []


def test_nobody_asks_too_often_or_too_late(session, harbor, nora, third):
    alice = harbor.actor("alice")
    for _ in range(2):
        patient_requests.decline(session, alice, self_service.ask(session, nora, third, NOW), NOW)

    with pytest.raises(self_service.TooLate):
        self_service.ask(session, nora, third, NOW)
    fourth = next(one for one in third.care_plan.appointments if one.start_at > third.start_at)
    with pytest.raises(self_service.TooLate):
        self_service.ask(session, nora, fourth, fourth.start_at - timedelta(hours=47))


def test_another_clinic_sees_none_of_it(session, harbor, hill, nora, third):
    self_service.ask(session, nora, third, NOW)

    assert patient_requests.waiting(session, hill.actor("oscar")) == []
