"""Arrival, check-in and the end of a visit by programs: on its day, and never around what it requires."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from scheduler.models.audit_event import AuditEvent
from scheduler.models.user import StaffRole
from tests.cast import hire

WHY = "the papers were seen by phone"
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
def visit(course):
    return next(one for one in course["appointments"] if one["action"] == "infusion-1")


@pytest.fixture
def consult(course):
    return next(one for one in course["appointments"] if one["action"] == "consult")


@pytest.fixture
def staff(api, session, harbor):
    """Return a program for a role that the cast lacks."""

    def of(name, role):
        session.rollback()
        hire(session, harbor, name, role)
        session.commit()
        return api(harbor, name)

    return of


def starts(visit):
    return datetime.fromisoformat(visit["start"])


def codes(*answers):
    return [(answer.status_code, answer.json.get("code")) for answer in answers]


def audited(session, event):
    session.rollback()
    query = select(AuditEvent).where(AuditEvent.event == event).order_by(AuditEvent.id)
    return [(row.fields, row.reason) for row in session.scalars(query)]


def test_a_visit_with_requirements_is_not_done_around_its_check_in(staff, session, visit, travel):
    tess, path = staff("tess", StaffRole.THERAPIST), f"/appointments/{visit['id']}"
    travel(starts(visit))
    checked_in = tess.post(f"{path}/check-in", {})
    arrived = tess.post(f"{path}/arrival", {})
    done = tess.post(f"{path}/fulfillment", {})
    phase = tess.post(f"{path}/phase", {"stage": "infusing"})
    bold = tess.post(f"{path}/fulfillment", {"override_reason": WHY})

    assert codes(checked_in, done, bold) == [(409, "requirement-open")] * 3
    assert (arrived.json["status"], phase.json["code"]) == ("arrived", "wrong-status")
    assert "Check the patient in first." in done.json["detail"]
    assert {requirement["key"] for requirement in done.json["requirements"]} >= {
        "consent",
        "driver",
        "medical-clearance",
    }
    assert tess.get(path).json["status"] == "arrived"

    paul = staff("paul", StaffRole.PRESCRIBER)
    short = paul.post(f"{path}/fulfillment", {"override_reason": ".........."})
    let_pass = paul.post(f"{path}/fulfillment", {"override_reason": WHY})
    assert codes(short) == [(422, "invalid")]
    assert let_pass.json["status"] == "fulfilled"
    [(keys, reason)] = audited(session, "requirement.overridden")
    assert (set(keys), reason) == ({requirement["key"] for requirement in done.json["requirements"]}, WHY)


def test_a_patient_arrives_and_is_checked_in_on_the_day_of_the_visit(staff, alice, session, consult, travel):
    path = f"/appointments/{consult['id']}"
    travel(starts(consult) - DAY)
    early = [alice.post(f"{path}/{step}", {"override_reason": WHY}) for step in ("arrival", "check-in")]
    paul = staff("paul", StaffRole.PRESCRIBER)
    unreasoned = [paul.post(f"{path}/{step}", {}) for step in ("arrival", "check-in")]

    assert codes(*early, *unreasoned) == [(409, "wrong-day")] * 4
    assert early[0].json["day"] == starts(consult).date().isoformat()
    assert "Move the visit to today" in early[0].json["detail"]

    assert paul.post(f"{path}/arrival", {"override_reason": WHY}).json["status"] == "arrived"
    assert codes(paul.post(f"{path}/fulfillment", {"override_reason": WHY})) == [(409, "wrong-day")]
    assert audited(session, "appointment.overridden") == [(["day"], WHY)]

    travel(starts(consult) + DAY)
    assert alice("DELETE", f"{path}/arrival").json["status"] == consult["status"]
    late = [alice.post(f"{path}/{step}", {}) for step in ("arrival", "check-in")]
    assert codes(*late) == [(409, "wrong-day")] * 2
    assert "Record the visit as done" in late[0].json["detail"]


def test_the_end_of_a_visit_is_entered_later_with_the_time_of_entry(
    staff, alice, course, consult, visit, travel
):
    entered = starts(visit) + DAY
    travel(entered)
    done = alice.post(f"/appointments/{consult['id']}/fulfillment", {})
    guarded = alice.post(f"/appointments/{visit['id']}/fulfillment", {})
    paul = staff("paul", StaffRole.PRESCRIBER)
    by_override = paul.post(f"/appointments/{visit['id']}/fulfillment", {"override_reason": WHY})

    assert (done.json["status"], codes(guarded)) == ("fulfilled", [(409, "requirement-open")])
    assert "never checked in" in guarded.json["detail"]
    assert by_override.json["status"] == "fulfilled"
    back = alice("DELETE", f"/appointments/{consult['id']}/fulfillment")
    assert back.json["status"] == consult["status"]


def test_an_undo_does_not_bring_back_what_the_requirements_no_longer_allow(
    staff, alice, course, visit, travel
):
    path, requirements = f"/appointments/{visit['id']}", f"/care-plans/{course['id']}/requirements"
    paul = staff("paul", StaffRole.PRESCRIBER)
    travel(starts(visit))
    for requirement in visit["open_requirements"]:
        own = {"appointment_id": visit["id"]} if requirement["key"] == "driver" else {}
        assert (
            paul("PUT", f"{requirements}/{requirement['key']}", {"completed": True, **own}).status_code == 200
        )
    assert alice.get(path).json["status"] == "booked"
    alice.post(f"{path}/arrival", {})
    paul("PUT", f"{requirements}/consent", {"completed": False})

    back = alice("DELETE", f"{path}/arrival").json
    assert (back["status"], [requirement["key"] for requirement in back["open_requirements"]]) == (
        "pending",
        ["consent"],
    )

    paul("PUT", f"{requirements}/consent", {"completed": True})
    assert alice.post(f"{path}/cancellation", {}).json["status"] == "cancelled"
    paul("PUT", f"{requirements}/consent", {"completed": False})
    assert alice("DELETE", f"{path}/cancellation").json["status"] == "pending"


def test_a_step_that_is_recorded_as_done_before_the_course_is_over(alice, wishes, consult):
    ahead = [{"action": "consult", "start": consult["start"]}]

    answer = alice.post("/proposals", wishes(done=ahead))

    assert (answer.status_code, answer.json["errors"][0]["field"]) == (422, "done.consult")


def test_an_undo_that_breaks_a_rule_takes_a_role_and_a_reason(api, harbor, session, alice, course):
    third, fourth = (
        next(one for one in course["appointments"] if one["action"] == action)
        for action in ("infusion-3", "infusion-4")
    )
    mona, path = api(harbor, "mona"), f"/appointments/{third['id']}"
    alice.post(f"{path}/cancellation", {})
    closer = {"start": (starts(third) + DAY + 4 * HOUR).isoformat(), "scope": "one", "preview": False}
    assert (
        mona.post(f"/appointments/{fourth['id']}/time", closer | {"override_reason": WHY}).status_code == 200
    )

    refused = [alice("DELETE", f"{path}/cancellation")]
    refused += [alice.post(f"{path}/undo", {"step": "cancel", "override_reason": WHY})]
    refused += [mona.post(f"{path}/undo", {"step": "cancel"})]
    assert codes(*refused) == [(422, "rule-broken")] * 3
    assert mona.post(f"{path}/undo", {"step": "cancel", "override_reason": WHY}).json["status"] == "pending"
    assert (["override:gap"], WHY) in audited(session, "appointment.overridden")
