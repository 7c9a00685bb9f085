import pytest

from scheduler.models.patient_request import PatientRequest, RequestKind
from tests.cast import NOW as HARBOR_NOW
from tests.patient_pages.conftest import mailed, mark_in
from tests.services.courses import book, visit


@pytest.fixture
def path(session, harbor, at):
    at.time = HARBOR_NOW
    third = visit(book(session, harbor, "therapy-6"), "therapy-3")
    token = mailed(session, harbor.clinic, third.patient, [third])
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


@pytest.mark.parametrize("start", ["2026-12-14T03:00:00+00:00", "tomorrow", "\x00"])
def test_a_time_that_is_not_offered_cannot_be_asked_for(client, session, path, start):
    assert client.post(path, data={"mark": mark_in(client.get(path)), "start": start}).status_code == 409
    session.rollback()
    assert session.query(PatientRequest).count() == 0
