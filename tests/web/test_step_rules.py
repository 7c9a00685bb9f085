"""The steps of a visit on its page: offered when they work, else said why not and what to do next."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.models.appointment import by_public_id
from scheduler.models.audit_event import AuditEvent
from scheduler.models.user import StaffRole
from scheduler.services.visit import moves, visits
from tests.cast import NOW, hire
from tests.clocks import ShiftedClock
from tests.services.courses import visit

WHY = "the papers were seen by phone"


@pytest.fixture
def paul(session, harbor, course):
    """A prescriber, who may override."""
    hire(session, harbor, "paul", StaffRole.PRESCRIBER)
    session.commit()
    return "paul"


@pytest.fixture
def infusion(course):
    one = visit(course, "infusion-1")
    return one.public_id, one.start_at


def status(session, harbor, public_id):
    session.rollback()
    session.expire_all()
    return by_public_id(session, harbor.clinic.id, public_id).status.value


def buttons(page):
    """Return the steps that the page offers, and whether each works."""
    found = re.findall(r'<button[^>]*id="step-([a-z-]+)"([^>]*)>', page)
    return {what: "disabled" not in rest for what, rest in found}


def test_three_weeks_ahead_nothing_is_offered_that_would_be_refused(signed_in, session, harbor, infusion):
    public_id, start = infusion
    client, path = signed_in(harbor, "alice"), f"/appointments/{public_id}"
    page = client.get(path).text
    answers = [client.post(f"{path}/{step}") for step in ("arrival", "check-in")]

    assert buttons(page) == {"confirmation": True}
    assert f"Arrival and check-in open on {start:%a}, {start:%b} {start.day}." in page
    assert 'name="override_reason"' not in page
    assert [answer.status_code for answer in answers] == [409, 409]
    assert "Move the visit to today" in answers[0].text
    assert status(session, harbor, public_id) == "pending"


def test_an_earlier_day_takes_a_role_and_a_reason(signed_in, session, harbor, infusion, paul):
    public_id, _ = infusion
    client, path = signed_in(harbor, paul), f"/appointments/{public_id}"
    assert "Arrived early" in client.get(path).text
    refused = client.post(f"{path}/arrival", data={"override_reason": "!!!!!!!!!!!!"})
    assert (refused.status_code, status(session, harbor, public_id)) == (422, "pending")
    assert "at least 10 characters" in refused.text

    assert client.post(f"{path}/arrival", data={"override_reason": WHY}).status_code == 303

    assert status(session, harbor, public_id) == "arrived"
    query = select(AuditEvent.fields, AuditEvent.reason).where(AuditEvent.event == "appointment.overridden")
    assert [tuple(row) for row in session.execute(query)] == [(["day"], WHY)]
    assert "arrived, with an override" in client.get(path).text


def test_done_is_not_offered_before_check_in(app, signed_in, session, harbor, infusion):
    public_id, start = infusion
    client, path = signed_in(harbor, "alice"), f"/appointments/{public_id}"
    app.extensions["clock"] = ShiftedClock(start - timedelta(minutes=5))
    assert buttons(client.get(path).text) == {"confirmation": True, "arrival": True, "check-in": True}
    assert client.post(f"{path}/arrival").status_code == 303
    page = client.get(path).text
    refused = client.post(f"{path}/fulfillment")

    assert buttons(page) == {"check-in": True, "fulfillment": False}
    assert "Check the patient in first." in page
    assert refused.status_code == 409
    assert "Check the patient in first." in refused.text
    assert status(session, harbor, public_id) == "arrived"


def test_the_day_after_only_what_is_entered_later_is_offered(
    app, signed_in, session, harbor, course, infusion
):
    therapy = visit(course, "therapy-1")
    public_id, start = therapy.public_id, therapy.start_at
    client, path = signed_in(harbor, "alice"), f"/appointments/{public_id}"
    app.extensions["clock"] = ShiftedClock(start + timedelta(days=1))
    page = client.get(path).text
    assert buttons(page) == {"arrival": False, "check-in": False, "fulfillment": True}

    assert client.post(f"{path}/fulfillment").status_code == 303

    assert status(session, harbor, public_id) == "fulfilled"
    assert "done, entered after the day" in client.get(path).text


def test_an_undo_that_breaks_a_rule_asks_for_a_reason(signed_in, session, harbor, course):
    third, fourth = visit(course, "infusion-3"), visit(course, "infusion-4")
    desk, path = signed_in(harbor, "alice"), f"/appointments/{third.public_id}"
    visits.cancel(session, harbor.actor("alice"), [third], NOW, "not well")
    start = third.start_at + timedelta(days=1, hours=4)
    planned = moves.plan_move(session, harbor.prescriber, fourth, start, NOW, override_reason=WHY)
    moves.apply_moves(session, harbor.prescriber, planned, NOW, override_reason=WHY)
    public_id = third.public_id
    session.commit()

    refused = desk.post(f"{path}/undo", data={"step": "cancel", "override_reason": WHY})
    assert (refused.status_code, 'name="override_reason"' in refused.text) == (422, False)
    assert "ask a prescriber or manager to undo it with a reason" in refused.text

    boss = signed_in(harbor, "mona")
    asked = boss.post(f"{path}/undo", data={"step": "cancel"})
    assert (asked.status_code, 'name="override_reason"' in asked.text) == (422, True)
    assert boss.post(f"{path}/undo", data={"step": "cancel", "override_reason": "short"}).status_code == 422
    assert status(session, harbor, public_id) == "cancelled"
    assert boss.post(f"{path}/undo", data={"step": "cancel", "override_reason": WHY}).status_code == 303
    assert status(session, harbor, public_id) in ("booked", "pending")
