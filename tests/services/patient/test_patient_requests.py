from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.errors import Invalid, Refusal, WrongStatus
from scheduler.models.message import Message, MessageKind
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


def answers(session):
    sent = select(Message).where(Message.kind == MessageKind.REQUEST_ANSWER).order_by(Message.id)
    return [one.values["words"] for one in session.scalars(sent)]


def test_a_suggested_time_moves_the_visit_only_when_the_patient_accepts_it(session, harbor, nora, third):
    alice, before = harbor.actor("alice"), third.start_at
    first, second = patient_requests.starts(session, nora, third, NOW)[:2]
    request = self_service.ask(session, nora, third, NOW, first, "please")

    patient_requests.suggest(session, alice, request, second, "Chair 2 is free then.", NOW)
    assert (third.start_at, request.state) == (before, RequestState.OPEN)
    assert patient_requests.waiting(session, alice) == [request]
    assert answers(session) == ["request-suggested"]

    moved = patient_requests.accept(session, nora, request, NOW)
    assert moved[0].appointment is third
    assert (third.start_at, third.sequence) == (second, 1)
    assert request.state is RequestState.APPROVED
    assert patient_requests.waiting(session, alice) == []
    assert overlaps(session) == 0
    with pytest.raises(WrongStatus, match="answered already"):
        patient_requests.accept(session, nora, request, NOW)


def test_a_time_that_does_not_fit_is_never_suggested(session, harbor, nora, third):
    request = self_service.ask(session, nora, third, NOW)

    with pytest.raises(Refusal):
        patient_requests.suggest(
            session, harbor.actor("alice"), request, third.start_at.replace(hour=3), "", NOW
        )
    assert (request.suggested_at, answers(session)) == (None, [])


def test_who_asks_again_replaces_what_was_suggested(session, harbor, nora, third):
    first, second = patient_requests.starts(session, nora, third, NOW)[:2]
    request = self_service.ask(session, nora, third, NOW, first)
    patient_requests.suggest(session, harbor.actor("alice"), request, second, "", NOW)

    assert self_service.ask(session, nora, third, NOW, note="please call") is request
    with pytest.raises(WrongStatus, match="suggested no time"):
        patient_requests.accept(session, nora, request, NOW)


def test_a_refusal_has_a_reason_and_reaches_the_patient(session, harbor, nora, third):
    alice = harbor.actor("alice")
    request = self_service.ask(session, nora, third, NOW, note="after work")

    with pytest.raises(Invalid):
        patient_requests.decline(session, alice, request, " ", NOW)
    patient_requests.decline(session, alice, request, "We close at 5 PM.", NOW)
    assert (request.state, request.answer) == (RequestState.DECLINED, "We close at 5 PM.")
    assert answers(session) == ["request-declined"]


def test_a_patient_takes_a_request_back(session, harbor, nora, third):
    request = self_service.ask(session, nora, third, NOW)

    patient_requests.withdraw(session, nora, request, NOW)
    patient_requests.withdraw(session, nora, request, NOW)
    assert request.state is RequestState.WITHDRAWN
    assert patient_requests.waiting(session, harbor.actor("alice")) == []


def test_a_request_stays_until_a_person_answers_it_whatever_happens_to_the_visit(
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
        patient_requests.suggest(session, alice, request, wanted, "", NOW)
    patient_requests.decline(session, alice, request, "The visit was canceled.", NOW)
    assert patient_requests.waiting(session, alice) == []


def test_nobody_asks_too_often_or_too_late(session, harbor, nora, third):
    alice = harbor.actor("alice")
    for _ in range(2):
        patient_requests.close(session, alice, self_service.ask(session, nora, third, NOW), NOW)

    with pytest.raises(self_service.TooLate):
        self_service.ask(session, nora, third, NOW)
    fourth = next(one for one in third.care_plan.appointments if one.start_at > third.start_at)
    with pytest.raises(self_service.TooLate):
        self_service.ask(session, nora, fourth, fourth.start_at - timedelta(hours=47))


def test_another_clinic_sees_none_of_it(session, harbor, hill, nora, third):
    self_service.ask(session, nora, third, NOW)

    assert patient_requests.waiting(session, hill.actor("oscar")) == []
