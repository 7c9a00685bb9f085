"""No call of a program of the front desk breaks a protocol: each way is refused, and writes nothing.

The reason for an override is always given: it counts for nothing without the permission.
"""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select

from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WHY = "the patient would like it so"
OVERRIDABLE = (
    "appointments",
    "care-plans",
    "time",
    "cancellation",
    "arrival",
    "check-in",
    "fulfillment",
    "undo",
)
SCOPES = ("view", "book", "move", "cancel", "progress", "requirements")


def at(visit, **later):
    return {"start": (datetime.fromisoformat(visit["start"]) + timedelta(**later)).isoformat()}


def ways(course, patient):
    """Yield each way with the path, the body and the answer."""
    of = {one["action"]: one for one in course["appointments"]}
    of_course = {"care_plan_id": course["id"]}
    protocol = {"patient_id": patient, "plan_definition": "iv-depression-6"}
    second, fourth, sixth = (of[f"infusion-{number}"] for number in (2, 4, 6))
    yield "alone", "/appointments", {**protocol, "action": "infusion-1", **at(second, days=1, hours=4)}, 422
    yield "once more", "/appointments", {**of_course, "action": "infusion-4", **at(fourth, hours=4)}, 422
    yield "later once more", "/appointments", {**of_course, "action": "infusion-4", **at(sixth, days=14)}, 422
    yield "booster", "/appointments", {**of_course, "action": "booster-1", **at(sixth, days=1, hours=4)}, 422
    one, other = (
        {"action": "infusion-1", **at(sixth, days=21)},
        {"action": "infusion-3", **at(sixth, days=22)},
    )
    yield "second course", "/care-plans", {**protocol, "appointments": [one, other]}, 422
    for scope, status in (("one", 422), ("following", 409)):  # rule-broken, no-fit
        body = {**at(fourth, days=-2, hours=4), "scope": scope, "preview": False}
        yield f"move {scope}", f"/appointments/{fourth['id']}/time", body, status
    for action in ("consent", "infusion-3"):
        body = {"course_effect": "skip"}
        yield f"skip {action}", f"/appointments/{of[action]['id']}/cancellation", body, 422
    for step in ("arrival", "check-in", "fulfillment", "no-show"):
        yield f"early {step}", f"/appointments/{second['id']}/{step}", {}, 409
    yield "stage", f"/appointments/{second['id']}/phase", {"stage": "infusing"}, 409
    yield "undo", f"/appointments/{second['id']}/undo", {"step": "check-in"}, 409


@pytest.mark.parametrize(("who", "scopes"), [("alice", None), ("mona", SCOPES)])
def test_no_call_of_the_front_desk_breaks_a_protocol(api, harbor, session, course, who, scopes):
    program, patient = api(harbor, who, scopes=scopes), course["patient_id"]
    found, expected = {}, {}
    for name, path, body, status in ways(course, patient):
        reason = {"override_reason": WHY} if path.split("/")[-1] in OVERRIDABLE else {}
        found[name], expected[name] = program.post(path, body | reason).status_code, status
    for requirement in ("medical-clearance", "consent", "psychiatric-evaluation"):
        path = f"/care-plans/{course['id']}/requirements/{requirement}"
        for body in ({"completed": True}, {"waived": True, "note": WHY}):
            answer = program("PUT", path, {"completed": True} | body)
            found[requirement, *body] = answer.status_code
            expected[requirement, *body] = 403

    session.rollback()
    kinds = set(session.scalars(select(AppointmentEvent.kind)))
    assert found == expected
    assert session.scalar(select(func.count(Appointment.id))) == len(course["appointments"])
    assert kinds == {"book", "propose"}
