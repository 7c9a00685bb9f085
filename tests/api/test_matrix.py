"""Every call x every kind of caller: 100 % as the table says, and a call without a row fails.

The table says which permission a call needs and what a sensible request is. Objects in it are Harbor's, so for Hill's
admin, whose role may do everything, each of them is a 404 without a byte of the object.
"""

from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.api.operations import CALLS
from scheduler.models.api_token import ApiToken
from scheduler.models.appointment import by_public_id
from scheduler.models.message import MessageKind
from scheduler.models.user import StaffRole
from scheduler.services.account import accounts
from scheduler.services.account.permissions import PERMISSIONS
from scheduler.services.actors import Actor
from scheduler.services.mail import outbox
from scheduler.services.patient import notes, self_service
from tests.answering import needing
from tests.api.conftest import Program
from tests.cast import NOW, add_patient, hire
from tests.offers import offered

WINDOW = {"start": "2026-12-28T00:00:00-05:00", "end": "2026-12-29T00:00:00-05:00"}
BETWEEN = "from=2026-11-25T08:00:00-05:00&to=2026-11-25T18:00:00-05:00"
START = "2026-12-02T10:00:00-05:00"
WISHES = {"patient_id": "{patient}", "plan_definition": "therapy-6", "not_before": "2026-11-24"}
COURSE = {
    "patient_id": "{patient}",
    "plan_definition": "therapy-6",
    "appointments": [{"action": "therapy-1", "start": START}],
}
VISIT = {"patient_id": "{patient}", "plan_definition": "therapy-6", "action": "therapy-1", "start": START}
DELAY = {"location_id": "{place}", "date": "2026-12-02", "minutes": 15, "preview": True}
PROTOCOL = {"title": "x", "source": "x", "actions": [{"key": "x"}]}
# call: (permission, address, body, whether the address or the body names an object of Harbor)
TABLE = {
    "list_plan_definitions": ("view", "/plan-definitions", None, False),
    "get_plan_definition": ("view", "/plan-definitions/therapy-6", None, False),
    "save_plan_definition": ("settings", "/plan-definitions/therapy-6", PROTOCOL, False),
    "check_plan_definition": ("settings", "/plan-definitions/therapy-6/check", PROTOCOL, False),
    "list_patients": ("view", "/patients?search=nora", None, False),
    "create_patient": ("patients", "/patients", {"given_name": "Zoe", "family_name": "Li"}, False),
    "get_patient": ("view", "/patients/{patient}", None, True),
    "change_patient": ("patients", "/patients/{patient}", {"phone": "555 0100"}, True),
    "cancel_patient_visits": ("cancel", "/patients/{patient}/cancellation", {"reason": "moved away"}, True),
    "end_patient_links": ("patients", "/patients/{patient}/links", None, True),
    "import_patients": ("settings", "/imports/patients", {"format": "csv", "content": "x"}, False),
    "get_job": ("patients", "/jobs/{job}", None, True),
    "propose": ("book", "/proposals", WISHES, True),
    "book_care_plan": ("book", "/care-plans", COURSE, True),
    "get_care_plan": ("view", "/care-plans/{course}", None, True),
    "activate_care_plan": ("book", "/care-plans/{course}/activation", {}, True),
    "hold_care_plan": ("cancel", "/care-plans/{course}/hold", {}, True),
    "resume_care_plan": ("book", "/care-plans/{course}/resumption", {}, True),
    "complete_care_plan": ("cancel", "/care-plans/{course}/completion", {}, True),
    "revoke_care_plan": ("cancel", "/care-plans/{course}/revocation", {}, True),
    "list_requirements": ("view", "/care-plans/{course}/requirements", None, True),
    "get_requirement": ("view", "/care-plans/{course}/requirements/consent", None, True),
    "put_requirement": (
        "requirements",
        "/care-plans/{course}/requirements/driver",
        {"completed": True},
        True,
    ),
    "list_reports": ("reports", "/reports", None, False),
    "get_report": ("reports", "/reports/visits?group_by=kind", None, False),
    "create_report_file": ("reports", "/reports/visits/files", {"part": "held"}, False),
    "get_report_file": ("reports", "/report-files/{report_file}", None, True),
    "list_bring_back": ("book", "/bring-back", None, False),
    "list_appointments": ("view", "/appointments?patient_id={patient}", None, True),
    "book_appointment": ("book", "/appointments", VISIT, True),
    "get_appointment": ("view", "/appointments/{visit}", None, True),
    "move_appointment": ("move", "/appointments/{visit}/time", {"start": START, "preview": True}, True),
    "confirm_appointment": ("progress", "/appointments/{visit}/confirmation", {}, True),
    "arrive_appointment": ("progress", "/appointments/{visit}/arrival", {}, True),
    "check_in_appointment": ("progress", "/appointments/{visit}/check-in", {}, True),
    "set_appointment_phase": ("progress", "/appointments/{visit}/phase", {"stage": "roomed"}, True),
    "fulfill_appointment": ("progress", "/appointments/{visit}/fulfillment", {}, True),
    "miss_appointment": ("progress", "/appointments/{visit}/no-show", {}, True),
    "cancel_appointment": ("cancel", "/appointments/{visit}/cancellation", {}, True),
    "undo_step": ("progress", "/appointments/{visit}/undo", {"step": "confirm"}, True),
    "undo_confirmation": ("progress", "/appointments/{visit}/confirmation", None, True),
    "undo_arrival": ("progress", "/appointments/{visit}/arrival", None, True),
    "undo_check_in": ("progress", "/appointments/{visit}/check-in", None, True),
    "undo_fulfillment": ("progress", "/appointments/{visit}/fulfillment", None, True),
    "undo_no_show": ("progress", "/appointments/{visit}/no-show", None, True),
    "undo_cancellation": ("cancel", "/appointments/{visit}/cancellation", None, True),
    "list_free_starts": ("view", f"/availability?kind=therapy&patient_id={{patient}}&{BETWEEN}", None, True),
    "create_closure": ("close", "/closures", WINDOW, False),
    "list_closures": ("view", "/closures", None, False),
    "get_closure": ("view", "/closures/{closure}", None, True),
    "list_displaced": ("view", "/displaced", None, False),
    "create_replan": ("move", "/replans", {}, False),
    "get_replan": ("move", "/replans/{replan}", None, True),
    "search_replan_again": ("move", "/replans/{replan}/search", {}, True),
    "stop_replan": ("move", "/replans/{replan}/stop", None, True),
    "accept_replan": ("move", "/replans/{replan}/acceptance", {}, True),
    "use_replan_suggestion": (
        "move",
        "/replans/{replan}/suggestions",
        {"course_id": "0fcegar6vwq1fzjh", "number": 0},
        True,
    ),
    "undo_replan": ("move", "/replans/{replan}", None, True),
    "delete_closure": ("close", "/closures/{closure}", None, True),
    "list_reminders": ("send-log", "/reminders?appointment_id={visit}", None, True),
    "create_patient_feed": ("feeds", "/patients/{patient}/feeds", {}, True),
    "list_patient_feeds": ("feeds", "/patients/{patient}/feeds", None, True),
    "create_practitioner_feed": ("feeds", "/practitioners/{person}/feeds", {}, True),
    "list_practitioner_feeds": ("feeds", "/practitioners/{person}/feeds", None, True),
    "create_location_feed": ("feeds", "/locations/{place}/feeds", {}, True),
    "list_location_feeds": ("feeds", "/locations/{place}/feeds", None, True),
    "create_clinic_feed": ("feeds", "/feeds", {}, False),
    "list_clinic_feeds": ("feeds", "/feeds", None, False),
    "revoke_feed": ("feeds", "/feeds/{feed}", None, True),
    "list_locations": ("view", "/locations", None, False),
    "create_location": ("settings", "/locations", {"name": "Chair 9", "kind": "chair"}, False),
    "get_location": ("view", "/locations/{place}", None, True),
    "change_location": ("settings", "/locations/{place}", {"rank": 5}, True),
    "list_sites": ("view", "/sites", None, False),
    "create_site": ("settings", "/sites", {"name": "North"}, False),
    "get_site": ("view", "/sites/{site}", None, True),
    "change_site": ("settings", "/sites/{site}", {"rank": 5}, True),
    "list_practitioners": ("view", "/practitioners", None, False),
    "create_practitioner": ("people", "/practitioners", {"name": "Kim", "roles": ["nurse"]}, False),
    "get_practitioner": ("view", "/practitioners/{person}", None, True),
    "change_practitioner": ("people", "/practitioners/{person}", {"rank": 5}, True),
    "get_schedule": ("view", "/schedules?scope=practitioner&scope_id={person}", None, True),
    "put_schedule": ("settings", "/schedules", {"scope": "practitioner", "scope_id": "{person}"}, True),
    "list_leave": ("view", "/practitioners/{person}/leave", None, True),
    "create_leave": ("people", "/practitioners/{person}/leave", WINDOW, True),
    "delete_leave": ("people", "/practitioners/{person}/leave/{leave}", None, True),
    "list_tasks": ("tasks", "/tasks", None, False),
    "get_task": ("tasks", "/tasks/{task}", None, True),
    "take_task": ("answers", "/tasks/{task}/assignment", None, True),
    "give_back_task": ("answers", "/tasks/{task}/assignment", None, True),
    "complete_task": ("answers", "/tasks/{task}/completion", {"outcome": "called"}, True),
    "change_protocol": (
        "move",
        "/care-plans/{course}/protocol",
        {"plan_definition": "iv-depression-6-fast", "preview": True},
        True,
    ),
    "list_care_plans": ("view", "/care-plans?patient_id={patient}", None, True),
    "list_requests": ("move", "/requests", None, False),
    "get_request": ("move", "/requests/{request}", None, True),
    "approve_request": ("move", "/requests/{request}/approval", {"start": START, "preview": True}, True),
    "suggest_time": ("move", "/requests/{request}/suggestion", {"start": START}, True),
    "decline_request": ("move", "/requests/{request}/refusal", {"answer": "no time"}, True),
    "close_request": ("move", "/requests/{request}/closing", None, True),
    "list_waitlist": ("view", "/waitlist?patient_id={patient}", None, True),
    "get_waitlist_entry": ("view", "/waitlist/{entry}", None, True),
    "add_to_waitlist": ("book", "/waitlist", {"appointment_id": "{visit}"}, True),
    "remove_from_waitlist": ("book", "/waitlist/{entry}", None, True),
    "list_openings": ("view", "/openings", None, False),
    "get_opening": ("view", "/openings/{opening}", None, True),
    "offer_opening": ("move", "/openings/{opening}/offers", {"entry_ids": ["{entry}"]}, True),
    "withdraw_offers": ("move", "/openings/{opening}/offers", None, True),
    "accept_offer": ("move", "/offers/{offer}/acceptance", None, True),
    "decline_offer": ("move", "/offers/{offer}/refusal", None, True),
    "dismiss_opening": ("move", "/openings/{opening}", None, True),
    "list_messages": ("send-log", "/messages?patient_id={patient}", None, True),
    "get_message": ("send-log", "/messages/{message}", None, True),
    "resend_message": ("send-log", "/messages/{message}/resend", None, True),
    "release_message": ("send-log", "/messages/{message}/release", None, True),
    "discard_message": ("send-log", "/messages/{message}/discard", None, True),
    "list_calls": ("send-log", "/calls", None, False),
    "log_call": ("send-log", "/patients/{patient}/call", {}, True),
    "list_notes": ("notes", "/patients/{patient}/notes", None, True),
    "add_note": ("notes", "/patients/{patient}/notes", {"text": "prefers mornings"}, True),
    "strike_note": ("notes", "/notes/{note}/mistake", None, True),
    "list_make_ups": ("view", "/make-ups", None, False),
    "make_up_appointment": ("book", "/appointments/{visit}/make-up", {"preview": True}, True),
    "list_boosters": ("view", "/boosters", None, False),
    "book_booster": ("book", "/appointments/{booster}/booking", {"start": START}, True),
    "delay_day": ("move", "/delays", DELAY, True),
    "list_duplicates": ("patients", "/patients/{patient}/duplicates", None, True),
    "merge_patient": (
        "patients",
        "/patients/{patient}/merger",
        {"other_id": "{twin}", "preview": True},
        True,
    ),
    "get_settings": ("settings", "/settings", None, False),
    "change_settings": ("settings", "/settings", {"booster_days": 14}, False),
    "list_audit_events": ("audit", "/audit", None, False),
    "create_token": ("tokens", "/tokens", {"user": "ada@example.org", "name": "x"}, True),
    "list_tokens": ("tokens", "/tokens", None, False),
    "revoke_token": ("tokens", "/tokens/{token}", None, True),
}
ROLES = {
    "ada": "admin", "mona": "manager", "alice": "front-desk", "nick": "nurse", "paul": "prescriber",
    "tess": "therapist", "rita": "read-only",
}  # fmt: skip
SECRETS = ("Nora", "Lindqvist", "nora@example.org", "Nina", "Chair 1", "Harbor")


@pytest.fixture
def objects(api, harbor, wishes, session):
    """Harbor's objects by the names that the table uses."""
    for name, role in (("paul", StaffRole.PRESCRIBER), ("tess", StaffRole.THERAPIST)):
        hire(session, harbor, name, role)
    session.commit()
    ada = api(harbor, "ada")
    twin = add_patient(session, harbor, "Norah", "Lindqvist", email="nora.l@example.org")
    session.commit()
    token = ada.post("/proposals", wishes()).json["items"][0]["token"]
    course = ada.post("/care-plans", {"token": token}).json
    nina = harbor.people["Nina"].public_id
    session.rollback()
    first = by_public_id(session, harbor.clinic.id, course["appointments"][0]["id"])
    patient = Actor(harbor.clinic, None, None, "patient")
    task = needing(session, patient, first).public_id
    infusion = next(one for one in first.care_plan.appointments if one.action == "infusion-3")
    asked = self_service.ask(session, patient, infusion, NOW, None, "after work, please")
    note = notes.add(session, harbor.actor("alice"), first.patient, "rings before she comes", NOW)
    mail = outbox.enqueue(session, harbor.clinic, MessageKind.LINK, NOW, patient=first.patient)
    waits = offered(session, harbor, infusion)
    session.commit()
    return {
        "twin": twin.public_id,
        "request": asked.public_id,
        **waits,
        "message": mail.public_id,
        "note": note.public_id,
        "booster": next(one["id"] for one in course["appointments"] if one["action"] == "booster-1"),
        "task": task,
        "patient": course["patient_id"],
        "course": course["id"],
        "visit": course["appointments"][0]["id"],
        "person": nina,
        "place": harbor.places["Chair 1"].public_id,
        "site": harbor.places["Chair 1"].site.public_id,
        "closure": ada.post("/closures", WINDOW).json["id"],
        "replan": ada.post("/replans", {}).json["id"],
        "leave": ada.post(f"/practitioners/{nina}/leave", WINDOW).json["id"],
        "feed": ada.post("/feeds", {}).json["id"],
        "job": ada.post("/imports/patients", {"format": "csv", "content": "x"}).json["id"],
        "report_file": ada.post("/reports/visits/files", {"part": "held"}).json["id"],
        "token": session.scalar(select(ApiToken.public_id)),
    }


def test_every_call_has_a_row_with_its_permission():
    assert {name: call.may for name, call in CALLS.items()} == {name: row[0] for name, row in TABLE.items()}


@pytest.mark.parametrize("name", ROLES)
def test_each_role_may_what_the_permission_table_says(api, harbor, objects, app, name):
    program = api(harbor, name)
    role = StaffRole(ROLES[name])
    answers = {call: ask(app, program, call, objects) for call in TABLE}

    allowed = {call: role in PERMISSIONS[row[0]] for call, row in TABLE.items()}
    assert {call: answer.status_code not in (401, 403) for call, answer in answers.items()} == allowed
    refused = [answers[call] for call, may in allowed.items() if not may]
    assert {answer.status_code for answer in refused} <= {403}
    assert {answer.status_code for answer in answers.values()} <= {200, 201, 202, 204, 403, 404, 409, 422}


def test_an_admins_token_may_no_more_than_its_scopes(api, harbor, objects, app):
    program = api(harbor, "ada", scopes=["feeds"])
    answers = {call: ask(app, program, call, objects) for call in TABLE}

    assert {call for call, answer in answers.items() if answer.status_code != 403} == {
        call for call, row in TABLE.items() if row[0] == "feeds"
    }
    refused = [answer for call, answer in answers.items() if TABLE[call][0] != "feeds"]
    assert [word for answer in refused for word in SECRETS if word in answer.text] == []


def test_the_admin_of_another_clinic_finds_nothing(api, harbor, hill, objects, app):
    oscar = api(hill, "oscar")
    for call in TABLE:
        if not TABLE[call][3]:
            continue
        answer = ask(app, oscar, call, objects)
        assert (call, answer.status_code, answer.json["code"]) == (call, 404, "not-found")
        assert [word for word in SECRETS if word in answer.text] == []


@pytest.mark.parametrize(
    "kind", ["anonymous", "expired", "revoked", "inactive", "no member any more", "a patient's link"]
)
def test_whoever_has_no_token_in_force_gets_nothing(api, harbor, objects, app, session, travel, kind):
    program = nobody(api, harbor, app, session, travel, kind)
    for call in TABLE:
        answer = ask(app, program, call, objects)
        assert (call, answer.status_code, answer.json["code"]) == (call, 401, "unauthenticated")
        assert [word for word in SECRETS if word in answer.text] == []


def nobody(api, harbor, app, session, travel, kind):
    if kind in ("anonymous", "a patient's link"):
        return Program(app.test_client(), None if kind == "anonymous" else "AbCd" * 16)
    program = api(harbor, "ada", expires_at=NOW + timedelta(hours=1))
    session.rollback()
    token = session.scalars(select(ApiToken).order_by(ApiToken.id.desc())).first()
    if kind == "expired":
        travel(NOW + timedelta(hours=1))
    elif kind == "revoked":
        accounts.revoke_token(session, harbor.command, token, NOW)
    elif kind == "inactive":
        harbor.users["ada"].active = False
    else:
        harbor.users["ada"].memberships.clear()
    session.commit()
    return program


def ask(app, program, call, objects):
    _, address, body, _ = TABLE[call]
    rule = next(rule for rule in app.url_map.iter_rules() if rule.endpoint == f"api.{call}")
    method = next(iter(rule.methods - {"HEAD", "OPTIONS"}))
    return program(method, filled(address, objects), filled(body, objects))


def filled(thing, objects):
    """Put the objects' ids where they are named."""
    if isinstance(thing, dict):
        return {name: filled(value, objects) for name, value in thing.items()}
    if isinstance(thing, list):
        return [filled(value, objects) for value in thing]
    return thing.format(**objects) if isinstance(thing, str) else thing
