"""What ends the links that a patient was sent, what ends with them, and what an ended link still can do: nothing."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.audit_event import AuditEvent
from scheduler.models.message import Message, MessageKind
from scheduler.models.patient import Patient
from scheduler.services import private_links
from scheduler.services.actors import Actor
from scheduler.services.feed import feeds
from scheduler.services.patient import erasure, merging, patients, self_service
from tests.calendar_cast import DAY, HOUR, NOW, make_patient, make_visit
from tests.engines import SECRET_KEY, both
from tests.patient_pages.conftest import mailed, mark_in

CALENDAR = re.compile(r'value="http://[^"]+(/feeds/[\w-]{43}\.ics)"')


@pytest.fixture
def desk(clinic):
    return Actor(clinic, None, None, "staff")


@pytest.fixture
def feed(client, session, token):
    """The address of a calendar that was made through the link."""
    path = f"/visits/{token}/calendar"
    made = client.post(path, data={"mark": mark_in(client.get(path))})
    session.rollback()
    return CALENDAR.search(made.get_data(as_text=True))[1]


def change_address(session, desk, ana):
    patients.update(session, desk, ana, {"email": "right@patients.example", "phone": "555 0123"}, NOW)
    kept = session.get(Patient, ana.id, populate_existing=True)
    assert (kept.email, kept.phone) == ("right@patients.example", "555 0123")


def add_and_replace_proxy(session, desk, ana):
    patients.update(session, desk, ana, {"proxy_email": "first@patients.example"}, NOW)
    patients.update(session, desk, ana, {"proxy_email": "second@patients.example"}, NOW)


def remove_address(session, desk, ana):
    patients.update(session, desk, ana, {"email": None}, NOW)
    assert session.get(Patient, ana.id, populate_existing=True).email is None


def merge_another_in(session, desk, ana):
    merging.merge(session, desk, ana, make_patient(session, desk.clinic, "Anna"), {}, NOW)


def merge_into_another(session, desk, ana):
    merging.merge(session, desk, make_patient(session, desk.clinic, "Anna"), ana, {}, NOW)


def end_by_hand(session, desk, ana):
    private_links.end_all(session, desk, ana, NOW)


@both
@pytest.mark.parametrize(
    "end",
    [
        change_address,
        add_and_replace_proxy,
        remove_address,
        merge_another_in,
        merge_into_another,
        end_by_hand,
    ],
)
def test_an_ended_link_is_gone_and_cannot_cancel_and_its_calendar_is_gone(
    client, session, desk, ana, visit, token, feed, end
):
    path = f"/visits/{token}/appointments/{visit.public_id}/cancellation"
    mark = mark_in(client.get(path))
    assert client.get(feed).status_code == 200
    session.rollback()
    end(session, desk, ana)
    session.commit()
    refused = [client.get(f"/visits/{token}"), client.post(path, data={"mark": mark}), client.get(feed)]
    session.rollback()

    assert [answer.status_code for answer in refused] == [410, 410, 410]
    assert session.get(Appointment, visit.id, populate_existing=True).status is AppointmentStatus.BOOKED
    page = refused[0].get_data(as_text=True)
    assert 'href="/visits"' in page
    assert "Ana" not in page


def test_other_changes_by_the_desk_end_nothing(client, session, desk, ana, token, feed):
    ana.proxy_email = None
    changed = {"phone": "+1 555 0123", "email": ana.email, "proxy_email": "new@patients.example"}
    patients.update(session, desk, ana, changed, NOW)
    session.commit()

    assert [client.get(path).status_code for path in (f"/visits/{token}", feed)] == [200, 200]


@both
def test_a_link_of_an_erased_record_is_gone_and_writes_nothing(client, session, at, desk, ana, visit, token):
    path = f"/visits/{token}/preferences"
    mark = mark_in(client.get(path))
    session.rollback()
    at.time = visit.end_at + timedelta(hours=1)
    erasure.erase(session, desk, ana, "asked for by letter", at.time)
    session.commit()
    marks = [mark, _mark_of_now(session, token, ana, "preferences")]
    session.rollback()
    data = {"email": "back@example.org", "language": "es", "reminders": "no"}
    answers = [client.post(path, data=data | {"mark": one}) for one in marks]
    answers += [client.post(f"/visits/{token}/unsubscription"), client.get(f"/visits/{token}")]
    session.rollback()

    assert {answer.status_code for answer in answers} == {410}
    after = session.get(Patient, ana.id, populate_existing=True)
    assert (after.email, after.search_key, after.language, after.unsubscribed_at) == (None, "", "en", None)


def _mark_of_now(session, token, ana, answer):
    """Return the mark that a page of the present state would carry: what a forger with the page's code would need."""
    return self_service.mark(
        (SECRET_KEY,), token, session.get(Patient, ana.id, populate_existing=True), answer
    )


def test_a_fresh_link_opens_after_the_old_one_has_ended(client, session, clinic, desk, ana, visit, token):
    private_links.end_all(session, desk, ana, NOW)
    message = session.scalars(select(Message)).one()
    fresh = private_links.page_token((SECRET_KEY,), message, private_links.VISITS, 0, ana.link_epoch)
    again = private_links.page_token((SECRET_KEY,), message, private_links.VISITS, 0, ana.link_epoch)
    session.commit()

    assert client.get(f"/visits/{fresh}").status_code == 200
    assert fresh == again != token


def test_an_epoch_cannot_be_written_into_a_token(client, session, desk, ana, token):
    private_links.end_all(session, desk, ana, NOW)
    session.commit()
    raw = private_links.urlsafe_b64decode(token + "=" * (-len(token) % 4)) + b"|1"
    forged = private_links.urlsafe_b64encode(raw).decode().rstrip("=")

    assert client.get(f"/visits/{forged}").status_code == 404


def test_no_link_is_made_for_a_patient_as_such(client, session, ana, token):
    """Such a link never closed, because it was about no message."""
    about_patient = "|".join(("patient", ana.public_id, private_links.VISITS, "0")).encode()
    mac = private_links.hmac.digest(
        private_links._derived(SECRET_KEY, b"private page"), about_patient, private_links.sha256
    )
    raw = private_links._derived(SECRET_KEY, b"key id")[: private_links.KEY_ID] + mac + about_patient
    session.commit()

    forged = private_links.urlsafe_b64encode(raw).decode().rstrip("=")
    assert client.get(f"/visits/{forged}").status_code == 404


def test_a_fresh_link_closes_with_the_visits_it_was_sent_for(client, session, clinic, at, ana, visit):
    fresh = mailed(session, clinic, ana, [], MessageKind.LINK)
    at.time = visit.end_at - HOUR
    assert client.get(f"/visits/{fresh}").status_code == 200
    session.rollback()
    later = make_visit(session, clinic, ana, "2026-05-04T09:00", uid="v2")
    later.created_at = at.time
    session.commit()
    at.time = visit.end_at + 3 * DAY

    assert client.get(f"/visits/{fresh}").status_code == 410


@both
def test_a_calendar_made_by_staff_ends_too_and_one_made_afterwards_goes_on(client, session, desk, ana, visit):
    old = feeds.create(session, desk, ana.resource_id, "neutral", NOW)[1]
    of_clinic = feeds.create(session, desk, None, "neutral", NOW)[1]
    change_address(session, desk, ana)
    new = feeds.create(session, desk, ana.resource_id, "neutral", NOW)[1]
    session.commit()

    answers = [client.get(f"/feeds/{one}.ics").status_code for one in (old, of_clinic, new)]
    assert answers == [410, 200, 200]


@both
def test_each_opening_is_in_the_trail_once_per_link_and_day(client, session, clinic, ana, visit, token, at):
    other = mailed(session, clinic, ana, [visit])
    for opened in (token, token, f"{token}/sheet", other):
        client.get(f"/visits/{opened}")
    at.time += DAY
    client.get(f"/visits/{token}", environ_base={"REMOTE_ADDR": "192.0.2.7"})
    client.get("/visits/nonsense")
    session.rollback()
    rows = session.scalars(
        select(AuditEvent).where(AuditEvent.event == "private-link.viewed").order_by(AuditEvent.id)
    ).all()

    assert [(row.actor, row.object_type) for row in rows] == [("patient", "Message")] * 3
    assert rows[0].object_id == rows[2].object_id != rows[1].object_id
    assert [row.address for row in rows] == ["127.0.0.1", "127.0.0.1", "192.0.2.7"]


def test_an_answer_without_the_page_before_is_an_opening_too(client, session, token, visit):
    path = f"/visits/{token}/appointments/{visit.public_id}/confirmation"
    client.post(path, data={"mark": "wrong"})
    session.rollback()

    assert session.query(AuditEvent).filter_by(event="private-link.viewed").count() == 1


def test_an_ended_link_is_not_an_opening(client, session, desk, ana, token):
    private_links.end_all(session, desk, ana, NOW)
    session.commit()
    client.get(f"/visits/{token}")
    session.rollback()

    assert session.query(AuditEvent).filter_by(event="private-link.viewed").count() == 0
