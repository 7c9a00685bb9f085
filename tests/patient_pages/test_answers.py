from datetime import timedelta

import pytest

from scheduler.domain.status import AppointmentStatus, Response
from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.patient_request import PatientRequest, RequestKind
from tests.calendar_cast import DAY, NOW
from tests.engines import both
from tests.patient_pages.conftest import mark_in

S = AppointmentStatus


@pytest.fixture
def answer(client, session, token, visit):
    """Post an answer as its form does, with the mark of the page that shows it (or another)."""

    def post(what, mark=None, **fields):
        base = f"/visits/{token}/appointments/{visit.public_id}"
        shown = f"/visits/{token}" if what == "confirmation" else f"{base}/{what}"
        mark = mark_in(client.get(shown)) if mark is None else mark
        answered = client.post(f"{base}/{what}", data={"mark": mark, **fields})
        session.rollback()  # the test's session must see what the request wrote
        return answered

    return post


@pytest.fixture
def now_is(session, visit):
    """Return the visit as the database has it."""

    def read():
        session.rollback()
        return session.get(Appointment, visit.id)

    return read


@both
def test_a_visit_is_confirmed(client, session, answer, now_is, token):
    done = answer("confirmation")

    assert (done.status_code, done.location) == (303, f"/visits/{token}/done/confirmed")
    assert now_is().response is Response.ACCEPTED
    text = client.get(done.location).get_data(as_text=True)
    assert "Thank you. We look forward to seeing you." in text
    assert "Confirmed" in text
    assert ">Confirm<" not in text
    (event,) = session.query(AppointmentEvent)
    assert (event.kind, event.by, event.user_id) == ("confirm", "patient", None)


def test_confirming_twice_is_confirming_once(client, session, answer, token):
    mark = mark_in(client.get(f"/visits/{token}"))

    assert [answer("confirmation", mark).status_code for _ in range(2)] == [303, 303]
    assert session.query(AppointmentEvent).count() == 1


@both
def test_a_visit_is_cancelled_in_two_steps(client, session, answer, now_is, token, visit):
    base = f"/visits/{token}/appointments/{visit.public_id}"
    assert "Cancel this appointment?" in client.get(f"{base}/cancellation").get_data(as_text=True)
    assert now_is().status is S.BOOKED

    done = answer("cancellation", reason="a cold\r\n\u2028\x00")
    assert (done.status_code, done.location) == (303, f"/visits/{token}/done/cancelled")
    row = now_is()
    assert (row.status, row.cancel_side, row.status_reason) == (S.CANCELLED, "patient", "a cold")
    assert "Your appointment is canceled." in client.get(done.location).get_data(as_text=True)


def test_cancelling_twice_is_cancelling_once(client, session, answer, now_is, token, visit):
    mark = mark_in(client.get(f"/visits/{token}/appointments/{visit.public_id}/cancellation"))

    assert [answer("cancellation", mark).status_code for _ in range(2)] == [303, 303]
    assert [event.kind for event in session.query(AppointmentEvent)] == ["cancel"]
    assert now_is().sequence == 1


def test_the_notice_period_is_kept(client, answer, at, now_is, token, visit):
    mark = mark_in(client.get(f"/visits/{token}/appointments/{visit.public_id}/cancellation"))
    at.time = visit.start_at - timedelta(hours=4) + timedelta(seconds=1)
    late = answer("cancellation", mark)

    assert late.status_code == 409
    assert "It is too late to change this here. Please call us." in late.get_data(as_text=True)
    assert now_is().status is S.BOOKED
    text = client.get(f"/visits/{token}").get_data(as_text=True)
    assert "Cancel" not in text
    assert "To change this appointment, please call us." in text
    at.time = visit.start_at - timedelta(hours=4)
    assert answer("cancellation", mark).status_code == 303


@both
def test_another_time_is_asked_for(client, session, answer, token, visit):
    done = answer("request", note="mornings\n<b>only</b>")

    assert done.status_code == 303
    request = session.query(PatientRequest).one()
    assert (request.kind, request.note, request.wanted_at) == (RequestKind.CALL, "mornings <b>only</b>", None)
    assert (request.appointment_id, request.schedule_version) == (visit.id, 1)
    assert "You asked to reschedule" in client.get(f"/visits/{token}").get_data(as_text=True)


def test_asking_again_changes_what_was_asked(session, answer):
    answer("request", note="mornings")
    answer("request", note="evenings")

    assert [request.note for request in session.query(PatientRequest)] == ["evenings"]


def test_a_visit_that_stays_where_it_is_cannot_be_asked_to_move(client, session, clinic, token, visit):
    base = f"/visits/{token}/appointments/{visit.public_id}/request"
    mark = mark_in(client.get(base))
    session.rollback()  # what was read before the page wrote may not be changed on SQLite
    clinic.settings_document = {"patient_fixed_kinds": ["infusion"]}
    session.commit()

    assert "Reschedule" not in client.get(f"/visits/{token}").get_data(as_text=True)
    assert client.post(base, data={"mark": mark, "note": "x"}).status_code == 409
    assert session.query(PatientRequest).count() == 0


@pytest.mark.parametrize("what", ["confirmation", "cancellation", "request"])
@pytest.mark.parametrize("mark", ["", "0" * 64, "é", "x" * 10_000])
def test_a_form_without_its_mark_changes_nothing(session, answer, now_is, what, mark):
    before = (now_is().row_version, now_is().status)
    refused = answer(what, mark)

    assert refused.status_code == 409
    assert "This appointment has changed since you opened the page." in refused.get_data(as_text=True)
    assert (now_is().row_version, now_is().status) == before
    assert session.query(AppointmentEvent).count() == session.query(PatientRequest).count() == 0


@pytest.mark.parametrize("what", ["confirmation", "cancellation", "request"])
def test_an_old_page_cannot_answer_for_a_new_time(client, session, answer, now_is, what, token, visit):
    base = f"/visits/{token}/appointments/{visit.public_id}"
    mark = mark_in(client.get(f"/visits/{token}" if what == "confirmation" else f"{base}/{what}"))
    row = now_is()
    row.start_at, row.end_at, row.schedule_version = row.start_at + DAY, row.end_at + DAY, 2
    session.commit()
    refused = answer(what, mark)

    assert refused.status_code == 409
    assert "Tuesday, March 10, 2026" in refused.get_data(as_text=True)
    assert (now_is().response, now_is().status) == (Response.NEEDS_ACTION, S.BOOKED)
    assert answer(what).status_code == 303


def test_a_mark_is_for_one_answer_only(client, answer, now_is, token):
    assert answer("cancellation", mark_in(client.get(f"/visits/{token}"))).status_code == 409
    assert now_is().status is S.BOOKED


def test_opening_every_link_changes_nothing(client, session, now_is, token, visit):
    base = f"/visits/{token}/appointments/{visit.public_id}"
    before = {column.name: getattr(now_is(), column.name) for column in Appointment.__table__.columns}
    messages = session.query(Message).count()
    for path in ("cancellation", "request", "visit.ics"):
        assert client.get(f"{base}/{path}").status_code == 200
        assert client.head(f"{base}/{path}").status_code == 200
    for path in (f"/visits/{token}", f"/visits/{token}/done/cancelled", "/visits"):
        assert client.get(path).status_code == 200
    assert client.get(f"{base}/confirmation").status_code == 405

    assert {column.name: getattr(now_is(), column.name) for column in Appointment.__table__.columns} == before
    assert session.query(AppointmentEvent).count() == session.query(PatientRequest).count() == 0
    assert session.query(Message).count() == messages


def test_a_cancellation_is_told_to_the_patient_once(session, answer, visit):
    visit_told(session, visit)
    answer("cancellation")

    kinds = [message.kind for message in session.query(Message).order_by(Message.id)]
    assert kinds.count(MessageKind.CANCELLATION) == 1


def visit_told(session, visit):
    """Let the confirmation have left."""
    message = session.query(Message).one()
    message.state, message.data_at = MessageState.SENT, NOW
    times = [visit.start_at.isoformat(), visit.end_at.isoformat()]
    message.values = {**message.values, "times": {str(visit.id): times}}
    session.commit()
