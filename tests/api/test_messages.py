"""A program reads the send log and acts on a mail."""

import pytest
from sqlalchemy import select

from scheduler.domain.message_reasons import MessageReason
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.services.mail import outbox
from tests.cast import NOW


@pytest.fixture
def failed(session, harbor, course):
    """Return the confirmation of Nora's course, which did not arrive."""
    session.rollback()
    mail = session.scalars(select(Message).where(Message.kind == MessageKind.CONFIRMATION)).one()
    mail.state, mail.ended_at = MessageState.FAILED, NOW
    mail.explain(MessageReason.NOT_COMPOSED)
    session.commit()
    return mail.public_id


def test_mails_are_listed_by_status_patient_and_time(alice, course, failed):
    by_status = alice.get("/messages?status=failed").json["items"]
    by_patient = alice.get(f"/messages?patient_id={course['patient_id']}").json["items"]
    later = alice.get("/messages?from=2030-01-01T00:00:00Z").json["items"]

    assert [one["id"] for one in by_status] == [failed]
    assert failed in [one["id"] for one in by_patient]
    assert set(by_status[0]["appointment_ids"]) <= {one["id"] for one in course["appointments"]}
    assert (by_status[0]["kind"], by_status[0]["status"]) == ("confirmation", "failed")
    assert by_status[0]["reason"] != ""
    assert later == []


def test_a_failed_mail_is_sent_again_as_a_new_one(alice, failed):
    again = alice.post(f"/messages/{failed}/resend").json

    assert (again["status"], again["kind"]) == ("pending", "confirmation")
    assert again["id"] != failed
    assert alice.get(f"/messages/{failed}").json["settled_at"] is not None


def test_only_an_uncertain_mail_is_released_or_discarded(session, alice, failed):
    refused = alice.post(f"/messages/{failed}/release")
    session.rollback()
    session.scalars(select(Message).where(Message.public_id == failed)).one().state = MessageState.UNCERTAIN
    session.commit()
    released = alice.post(f"/messages/{failed}/release").json

    assert (refused.status_code, refused.json["code"]) == (409, "wrong-status")
    assert released["status"] == "pending"
    assert alice.post(f"/messages/{failed}/discard").status_code == 409


def test_who_must_be_called_is_listed_until_the_call_is_logged(alice, course, failed):
    [call] = alice.get("/calls").json["items"]
    tried = alice.post(f"/patients/{course['patient_id']}/call", {"outcome": "no-answer"}).json
    still = alice.get("/calls").json["items"]
    reached = alice.post(f"/patients/{course['patient_id']}/call", {"note": "will come"}).json

    assert call["patient_id"] == course["patient_id"]
    assert call["reasons"] != []
    assert (tried["call_outcome"], still) == ("no-answer", [call])
    assert (reached["call_outcome"], reached["text"]) == ("reached", "will come")
    assert alice.get("/calls").json["items"] == []


def test_a_mail_of_another_clinic_is_not_there(session, api, hill, harbor, failed):
    answer = api(hill, "oscar").get(f"/messages/{failed}")

    assert answer.status_code == 404


def test_a_mail_without_a_patient_is_shown(session, harbor, api):
    outbox.enqueue(session, harbor.clinic, MessageKind.DIGEST, NOW, user=harbor.users["ada"])
    session.commit()
    [shown] = api(harbor, "ada").get("/messages").json["items"]

    assert (shown["patient_id"], shown["appointment_ids"]) == (None, [])
