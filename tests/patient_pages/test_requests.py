import pytest
from sqlalchemy import update

from scheduler.models.message import Message, MessageState
from scheduler.models.patient_request import PatientRequest, RequestKind, RequestState
from scheduler.services.actors import Actor
from scheduler.services.patient import patient_requests
from tests.cast import NOW as HARBOR_NOW
from tests.patient_pages.conftest import mailed, mark_in
from tests.services.courses import book, visit


@pytest.fixture
def path(session, harbor, at):
    at.time = HARBOR_NOW
    third = visit(book(session, harbor, "therapy-6"), "therapy-3")
    token = mailed(session, harbor.clinic, third.patient, [third])
    session.execute(update(Message).values(state=MessageState.SENT))
    session.commit()
    return f"/visits/{token}/appointments/{third.public_id}/request"


def offered(page):
    return [part.split('"')[0] for part in page.get_data(as_text=True).split('name="start" value="')[1:-1]]


def test_a_free_time_is_chosen_and_not_shown_again(client, session, path):
    page = client.get(path)
    wanted = offered(page)[1]
    assert client.post(path, data={"mark": mark_in(page), "start": wanted}).status_code == 303

    session.rollback()
    request = session.query(PatientRequest).one()
    assert (request.kind, request.wanted_at.isoformat()) == (RequestKind.MOVE, wanted)
    again = client.get(path).get_data(as_text=True)
    assert "You have already answered." in again
    assert "checked" not in again.split(f'value="{wanted}"')[1].split("/>")[0]
    at = request.wanted_at.astimezone(request.appointment.zone)
    assert f"You asked for {at:%A, %B} {at.day}, {at.year}, " in client.get(home_of(path)).text


@pytest.mark.parametrize("start", ["2026-12-14T03:00:00+00:00", "tomorrow", "\x00"])
def test_a_time_that_is_not_offered_cannot_be_asked_for(client, session, path, start):
    assert client.post(path, data={"mark": mark_in(client.get(path)), "start": start}).status_code == 409
    session.rollback()
    assert session.query(PatientRequest).count() == 0


@pytest.fixture
def suggested(session, harbor, client, path):
    """Another time that the desk suggested to Nora, who had asked for a call."""
    client.post(path, data={"mark": mark_in(client.get(path))})
    session.rollback()
    asked = session.query(PatientRequest).one()
    nora = Actor(harbor.clinic, None, None, "patient")
    at = patient_requests.starts(session, nora, asked.appointment, HARBOR_NOW)[0]
    patient_requests.suggest(session, harbor.actor("alice"), asked, at, "Chair <2> is free then.", HARBOR_NOW)
    session.commit()
    return at


def home_of(path):
    return path.split("/appointments/")[0]


def mark_of(page, action):
    return page.get_data(as_text=True).split(f'{action}"')[1].split('name="mark" value="')[1].split('"')[0]


def test_a_suggested_time_is_accepted_with_one_press(client, session, path, suggested):
    page = client.get(home_of(path))
    assert "We suggest" in page.text
    assert "Chair &lt;2&gt; is free then." in page.text

    sent = {"mark": mark_of(page, "/request/acceptance")}
    assert client.post(f"{path}/acceptance", data=sent).location.endswith("/done/accepted")
    session.rollback()
    asked = session.query(PatientRequest).one()
    assert (asked.state, asked.appointment.start_at) == (RequestState.APPROVED, suggested)
    assert client.post(f"{path}/acceptance", data=sent).status_code == 409


def test_an_old_page_cannot_accept_another_suggestion(client, session, harbor, path, suggested):
    mark = mark_of(client.get(home_of(path)), "/request/acceptance")
    session.rollback()
    asked = session.query(PatientRequest).one()
    before = asked.appointment.start_at
    nora = Actor(harbor.clinic, None, None, "patient")
    other = patient_requests.starts(session, nora, asked.appointment, HARBOR_NOW)[1]
    patient_requests.suggest(session, harbor.actor("alice"), asked, other, "", HARBOR_NOW)
    session.commit()

    assert client.post(f"{path}/acceptance", data={"mark": mark}).status_code == 409
    session.rollback()
    assert session.query(PatientRequest).one().appointment.start_at == before


def test_a_request_is_withdrawn(client, session, path, suggested):
    page = client.get(home_of(path))

    sent = {"mark": mark_of(page, "/request/withdrawal")}
    assert client.post(f"{path}/withdrawal", data=sent).location.endswith("/done/withdrawn")
    session.rollback()
    assert session.query(PatientRequest).one().state is RequestState.WITHDRAWN
    assert "You asked for another time" not in client.get(home_of(path)).text


def test_a_refusal_is_read_with_its_reason_on_the_page(client, session, harbor, path, suggested):
    session.rollback()
    asked = session.query(PatientRequest).one()
    patient_requests.decline(session, harbor.actor("alice"), asked, "We are full.", HARBOR_NOW)
    session.commit()

    page = client.get(home_of(path)).text
    assert "We could not change this appointment." in page
    assert "We are full." in page
