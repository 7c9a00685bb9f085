"""The desk's list of what patients ask for."""

from datetime import timedelta

import pytest

from scheduler.models.appointment import Appointment
from scheduler.models.incoming_mail import IncomingMail, MailKind, open_in
from scheduler.models.message import Message, MessageKind
from scheduler.models.patient_request import PatientRequest, RequestState
from scheduler.services.actors import Actor
from scheduler.services.patient import patient_requests, self_service
from scheduler.services.patient.incoming_mail import receive
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


def form_of(request_id, at, zone):
    local = at.astimezone(zone)
    return {
        "request": request_id,
        "date": f"{local:%Y-%m-%d}",
        "time": f"{local:%H:%M}",
        "scope": "following",
    }


@pytest.fixture
def wanted(session, harbor, third):
    wanted = patient_requests.starts(session, Actor(harbor.clinic, None, None, "patient"), third, NOW)[0]
    session.rollback()
    return wanted


def test_a_request_is_approved_through_the_preview_of_a_move(session, harbor, third, wanted, ask, signed_in):
    request_id, client = ask(wanted), signed_in(harbor, "alice")
    listed = client.get("/requests").text
    assert "Nora Lindqvist" in listed
    assert "mornings &lt;b&gt;please&lt;/b&gt;" in listed
    form, address = form_of(request_id, wanted, harbor.clinic.zone), f"/appointments/{third.public_id}/time"

    preview = client.post(f"{address}/preview", data=form).text
    assert "Nora Lindqvist asks for" in preview
    token = preview.split('name="token" value="')[1].split('"')[0]
    assert session.query(PatientRequest).one().state is RequestState.OPEN
    session.rollback()
    assert client.post(address, data={**form, "token": token}).location == "/requests"
    session.rollback()
    assert session.get(Appointment, third.id, populate_existing=True).start_at == wanted
    assert session.query(PatientRequest).one().state is RequestState.APPROVED
    listed = client.get("/requests").text
    assert "moved" in listed
    assert "No open requests." in listed


def test_an_email_that_proposed_a_time_is_done_once_the_visit_is_there(
    session, harbor, third, wanted, signed_in
):
    add_mail(session, third, wanted, 1)
    add_mail(session, third, wanted + timedelta(days=1), 2)
    client = signed_in(harbor, "alice")
    zone, address = harbor.clinic.zone, f"/appointments/{third.public_id}/time"
    local = wanted.astimezone(zone)
    form = {"date": local.date().isoformat(), "time": f"{local:%H:%M}", "scope": "following"}
    token = client.post(f"{address}/preview", data=form).text.split('name="token" value="')[1].split('"')[0]
    assert client.post(address, data={**form, "token": token}).status_code == 303
    session.rollback()

    assert [mail.message_key for mail in open_in(session, harbor.clinic.id)] == ["2"]


def add_mail(session, visit, wanted_at, number):
    session.add(
        IncomingMail(
            clinic_id=visit.clinic_id, kind=MailKind.ANSWER, message_key=str(number), received_at=NOW,
            appointment_id=visit.id, wanted_at=wanted_at, reason="Another time proposed.",
        )
    )  # fmt: skip
    session.commit()


def test_a_time_that_is_gone_says_why_and_leaves_the_request_open(session, harbor, third, ask, signed_in):
    night = third.start_at.replace(hour=8)
    request_id, client = ask(night), signed_in(harbor, "alice")

    answer = client.post(
        f"/appointments/{third.public_id}/time/preview",
        data=form_of(request_id, night, harbor.clinic.zone),
    )
    assert answer.status_code == 409
    assert "Nora Lindqvist asks for" in answer.text
    assert 'aria-label="Available times"' in answer.text
    session.rollback()
    assert session.query(PatientRequest).one().state is RequestState.OPEN


def test_another_time_is_suggested(session, harbor, third, wanted, ask, signed_in):
    request_id, client = ask(), signed_in(harbor, "alice")
    assert "Asks for a call" in client.get("/requests").text

    form = {**form_of(request_id, wanted, harbor.clinic.zone), "answer": "Chair 2 is free then."}
    client.post(f"/requests/{request_id}/suggestion", data=form)
    session.rollback()
    asked = session.query(PatientRequest).one()
    assert (asked.state, asked.suggested_at) == (RequestState.OPEN, wanted)
    assert "Waiting for the patient." in client.get("/requests").text


def test_a_refusal_asks_for_a_reason(session, harbor, ask, signed_in):
    request_id, client = ask(), signed_in(harbor, "alice")

    assert client.post(f"/requests/{request_id}/refusal", data={"answer": ""}).status_code == 422
    assert client.post(f"/requests/{request_id}/refusal", data={"answer": "We are full."}).status_code == 303
    session.rollback()
    assert session.query(PatientRequest).one().answer == "We are full."


def test_a_request_that_was_answered_by_phone_is_closed(session, harbor, ask, signed_in):
    request_id, client = ask(), signed_in(harbor, "alice")

    client.post(f"/requests/{request_id}/closing")
    session.rollback()
    assert session.query(PatientRequest).one().state is RequestState.DECLINED
    assert session.query(Message).filter_by(kind=MessageKind.REQUEST_ANSWER).count() == 0


def test_another_clinics_requests_are_not_there(session, harbor, hill, ask, signed_in):
    request_id, client = ask(), signed_in(hill, "oscar")

    assert "Nora" not in client.get("/requests").text
    for what in ("suggestion", "refusal", "closing"):
        assert client.post(f"/requests/{request_id}/{what}").status_code == 404


def test_who_may_not_move_visits_sees_no_requests(harbor, ask, signed_in):
    request_id, client = ask(), signed_in(harbor, "nick")

    assert client.get("/requests").status_code == 403
    assert client.post(f"/requests/{request_id}/closing").status_code == 403


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
    assert "Canceled since the request" in canceled or "Cancelled since the request" in canceled
    assert "/preview" not in canceled


def test_an_email_waits_at_the_desk_until_it_is_done(session, harbor, third, signed_in):
    receive(session, b"From: Nora <nora@example.org>\nSubject: Tuesday\n\nI <b>cannot</b> come.\n", NOW)
    [mail] = open_in(session, harbor.clinic.id)
    mail.appointment_id, mail.wanted_at, mail.doubtful = third.id, NOW + timedelta(days=9), True
    session.commit()
    client = signed_in(harbor, "alice")

    listed = client.get("/requests").text
    assert "I &lt;b&gt;cannot&lt;/b&gt; come." in listed
    assert "Sender not verified" in listed
    assert f"/appointments/{third.public_id}/time/preview" in listed

    assert client.post(f"/requests/mail/{mail.public_id}/done").status_code == 303
    assert "cannot" not in client.get("/requests").text
