"""A program answers what patients ask for."""

import pytest
from sqlalchemy import select

from scheduler.models.appointment import by_public_id
from scheduler.models.message import Message, MessageKind
from scheduler.services.actors import Actor
from scheduler.services.patient import patient_requests, self_service
from tests.cast import NOW


@pytest.fixture
def asked(session, harbor, course):
    """Return Nora's request for another time of her second infusion, and what it asks for."""
    session.rollback()
    patient = Actor(harbor.clinic, None, None, "patient")
    wanted_id = next(one["id"] for one in course["appointments"] if one["action"] == "infusion-2")
    visit = by_public_id(session, harbor.clinic.id, wanted_id)
    start = next(
        one for one in patient_requests.starts(session, patient, visit, NOW) if one != visit.start_at
    )
    made = self_service.ask(session, patient, visit, NOW, start, "after work, please")
    session.commit()
    return made.public_id, wanted_id, start


def local(harbor, instant):
    return instant.astimezone(harbor.clinic.zone).isoformat()


def test_a_request_is_listed_and_approved_with_the_time_that_was_asked_for(alice, harbor, asked):
    request_id, visit_id, start = asked
    [listed] = alice.get("/requests").json["items"]
    shown = alice.post(f"/requests/{request_id}/approval", {"preview": True}).json
    before = alice.get(f"/appointments/{visit_id}").json
    done = alice.post(f"/requests/{request_id}/approval", {}).json
    after = alice.get(f"/appointments/{visit_id}").json

    assert (listed["id"], listed["kind"], listed["appointment_id"]) == (request_id, "move", visit_id)
    assert (listed["note"], listed["changed"]) == ("after work, please", False)
    assert (shown["written"], done["written"], shown["token"]) == (False, True, done["token"])
    assert before["start"] != after["start"] == done["moves"][0]["after"]["start"]
    assert after["start"] == local(harbor, start)
    assert alice.get("/requests").json["items"] == []
    assert alice.get(f"/requests/{request_id}").json["status"] == "approved"
    again = alice.post(f"/requests/{request_id}/approval", {})
    assert (again.status_code, again.json["code"]) == (409, "wrong-status")


def test_another_time_closes_the_request_too(session, harbor, alice, asked):
    request_id, visit_id, start = asked
    session.rollback()
    visit = by_public_id(session, harbor.clinic.id, visit_id)
    other = next(
        one
        for one in patient_requests.starts(session, harbor.actor("alice"), visit, NOW)
        if one not in (start, visit.start_at)
    )
    session.rollback()
    alice.post(f"/requests/{request_id}/approval", {"start": other.isoformat()})

    assert alice.get(f"/appointments/{visit_id}").json["start"] == local(harbor, other)
    assert alice.get(f"/requests/{request_id}").json["status"] == "approved"


def test_a_call_needs_a_time_to_be_approved(session, harbor, alice, course):
    session.rollback()
    patient = Actor(harbor.clinic, None, None, "patient")
    visit = by_public_id(session, harbor.clinic.id, course["appointments"][-1]["id"])
    visit = next(one for one in visit.care_plan.appointments if one.action == "infusion-3")
    made = self_service.ask(session, patient, visit, NOW, None, "please call")
    session.commit()
    refused = alice.post(f"/requests/{made.public_id}/approval", {})

    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "start")


def test_a_suggestion_and_a_refusal_write_to_the_patient(session, alice, asked):
    request_id, _, start = asked
    suggested = alice.post(
        f"/requests/{request_id}/suggestion", {"start": start.isoformat(), "answer": "Then?"}
    )
    missing = alice.post(f"/requests/{request_id}/refusal", {"answer": ""})
    declined = alice.post(f"/requests/{request_id}/refusal", {"answer": "We are full that week."})

    assert (suggested.status_code, suggested.json["answer"]) == (200, "Then?")
    assert suggested.json["suggested_at"] is not None
    assert missing.status_code == 422
    assert (declined.json["status"], declined.json["answer"]) == ("declined", "We are full that week.")
    session.rollback()
    mails = select(Message).where(Message.kind == MessageKind.REQUEST_ANSWER)
    assert len(session.scalars(mails).all()) == 2


def test_what_was_settled_by_phone_is_closed_without_a_mail(session, alice, asked):
    closed = alice.post(f"/requests/{asked[0]}/closing").json

    assert closed["status"] == "declined"
    session.rollback()
    assert session.scalars(select(Message).where(Message.kind == MessageKind.REQUEST_ANSWER)).all() == []
