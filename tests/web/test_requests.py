"""The desk's list of what patients ask for."""

from datetime import timedelta

import pytest

from scheduler.models.appointment import Appointment
from scheduler.models.patient_request import PatientRequest, RequestState
from scheduler.services.actors import Actor
from scheduler.services.patient import patient_requests, self_service
from scheduler.services.visit import moves, visits
from tests.cast import NOW
from tests.services.courses import book, visit


@pytest.fixture
def third(session, harbor):
    third = visit(book(session, harbor, "therapy-6"), "therapy-3")
    session.commit()
    return third


@pytest.fixture
def ask(session, harbor, third):
    def ask(wanted=None, note="mornings <b>please</b>"):
        nora = Actor(harbor.clinic, None, None, "patient")
        request = self_service.ask(session, nora, third, NOW, wanted, note)
        session.commit()
        return request.public_id

    return ask


def test_one_click_moves_the_visit(session, harbor, third, ask, signed_in):
    nora = Actor(harbor.clinic, None, None, "patient")
    wanted = patient_requests.starts(session, nora, third, NOW)[0]
    session.rollback()
    request_id, client = ask(wanted), signed_in(harbor, "alice")
    listed = client.get("/requests").text
    assert "Nora Lindqvist" in listed
    assert "mornings &lt;b&gt;please&lt;/b&gt;" in listed

    assert client.post(f"/requests/{request_id}/approval").status_code == 303
    session.rollback()
    assert session.get(Appointment, third.id, populate_existing=True).start_at == wanted
    listed = client.get("/requests").text
    assert "Nora Lindqvist: moved" in listed
    assert "No open requests." in listed


def test_what_can_no_longer_be_is_said_and_nothing_moves(session, harbor, third, ask, signed_in):
    before = third.start_at
    request_id, client = ask(before.replace(hour=3)), signed_in(harbor, "alice")

    client.post(f"/requests/{request_id}/approval")
    session.rollback()
    assert session.get(Appointment, third.id, populate_existing=True).start_at == before
    assert session.query(PatientRequest).one().state is RequestState.OPEN
    assert "Nora Lindqvist: not moved." in client.get("/requests").text


def test_a_wish_for_a_call_is_settled_by_hand(session, harbor, ask, signed_in):
    request_id, client = ask(), signed_in(harbor, "alice")
    assert "Asks for a call" in client.get("/requests").text

    client.post(f"/requests/{request_id}/settlement")
    session.rollback()
    assert session.query(PatientRequest).one().state is RequestState.DECLINED


def test_another_clinics_requests_are_not_there(session, harbor, hill, ask, signed_in):
    request_id, client = ask(), signed_in(hill, "oscar")

    assert "Nora" not in client.get("/requests").text
    for what in ("approval", "settlement"):
        assert client.post(f"/requests/{request_id}/{what}").status_code == 404


def test_who_may_not_move_visits_sees_no_requests(harbor, ask, signed_in):
    request_id, client = ask(), signed_in(harbor, "nick")

    assert client.get("/requests").status_code == 403
    assert client.post(f"/requests/{request_id}/approval").status_code == 403


def test_a_request_whose_visit_changed_says_so(session, harbor, third, ask, signed_in):
    ask()
    client = signed_in(harbor, "alice")
    alice = harbor.actor("alice")
    later = third.start_at + timedelta(minutes=5)
    moves.apply_moves(session, alice, moves.plan_move(session, alice, third, later, NOW), NOW)
    session.commit()
    moved = client.get("/requests").text
    visits.cancel(session, alice, [third], NOW)
    session.commit()
    canceled = client.get("/requests").text

    assert "mornings &lt;b&gt;please&lt;/b&gt;" in moved
    assert "Moved to this time since the request" in moved
    assert "Canceled since the request" in canceled
    assert "/approval" not in canceled
