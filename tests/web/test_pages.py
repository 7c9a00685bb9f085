"""Every page for every kind of caller: who may see it, who is sent away, and that nobody sees another clinic."""

import pytest
from sqlalchemy import event, select

from scheduler.database import db
from scheduler.models.audit_event import AuditEvent
from scheduler.models.message import Message
from scheduler.models.plan_definition import current
from scheduler.services.account import memberships
from scheduler.services.account.permissions import PERMISSIONS
from scheduler.services.feed import feeds
from tests.cast import NOW, add_patient

PAGES = {
    "/": "view",
    "/board/2026-11-30": "view",
    "/board/2026-11-30?view=people": "view",
    "/board/2026-11-30/week": "view",
    "/board/2026-11-30/agenda": "view",
    "/board/2026-11-30/print": "view",
    "/board/2026-11-30/grid": "view",
    "/board/2026-11-30/shift": "move",
    "/patients": "view",
    "/patients/new": "patients",
    "/patients/duplicates": "patients",
    "/calendars": "feeds",
    "/calendars/clinic": "feeds",
    "/care-plans/new": "book",
    "/requests": "move",
    "/reminders": "send-log",
    "/reminders?view=planned": "send-log",
    "/reminders?view=calls": "send-log",
    "/reminders?view=boosters": "send-log",
    "/today/count": "tasks",
    "/start": "settings",
    "/settings": "settings",
    "/settings/hours": "settings",
    "/settings/closures": "settings",
    "/settings/holidays": "settings",
    "/settings/holidays?year=2027": "settings",
    "/settings/placing": "settings",
    "/settings/imports": "settings",
    "/settings/places": "settings",
    "/settings/people": "people",
    "/settings/protocols": "settings",
    "/settings/rules": "settings",
    "/settings/self-service": "settings",
    "/settings/texts": "settings",
    "/settings/texts/reminder/es": "settings",
    "/settings/texts/reminder/es/preview": "settings",
    "/settings/data": "records",
    "/settings/users": "users",
}
OBJECTS = {
    "/patients/{patient}": "view",
    "/patients/{patient}/edit": "patients",
    "/patients/{patient}/record": "records",
    "/patients/{patient}/duplicates": "patients",
    "/appointments/new?patient={patient}": "book",
    "/patients/{patient}/merger/{other}": "patients",
    "/care-plans/new?patient={patient}": "book",
    "/care-plans/{course}": "view",
    "/care-plans/{course}/sheet": "view",
    "/care-plans/{course}/lengths": "move",
    "/care-plans/{course}/protocol": "move",
    "/appointments/{visit}": "view",
    "/appointments/{visit}/time": "move",
    "/appointments/{visit}/starts?date=2026-12-01": "move",
    "/appointments/{booster}/booking": "book",
    "/settings/people/{person}/hours": "people",
    "/patients/{patient}/feeds": "feeds",
    "/calendars/people/{person}": "feeds",
    "/calendars/places/{place}": "feeds",
    "/settings/protocols/{plan}": "settings",
}
POSTS = {
    "/patients/{patient}": {},
    "/patients/{patient}/feeds": {},
    "/patients/{patient}/merger/{other}": {},
    "/patients/{patient}/record/export": {},
    "/reminders/calls/{patient}/settlement": {},
    "/reminders/{mail}/resend": {},
    "/reminders/{mail}/release": {},
    "/reminders/{mail}/discard": {},
    "/patients/{patient}/record/erasure": {},
    "/care-plans/{course}/hold": {},
    "/care-plans/{course}/undo": {},
    "/care-plans/{course}/revocation": {},
    "/care-plans/{course}/requirements/consent": {},
    "/care-plans/{course}/lengths": {},
    "/care-plans/{course}/protocol": {},
    "/care-plans/{course}/protocol/preview": {},
    "/appointments/{visit}/arrival": {},
    "/appointments/{visit}/check-in": {},
    "/appointments/{visit}/cancellation": {},
    "/appointments/{visit}/undo": {},
    "/appointments/{visit}/requirements/driver": {},
    "/appointments/{visit}/time": {"date": "2026-12-01", "time": "10:00"},
    "/appointments/{visit}/time/preview": {"date": "2026-12-01", "time": "10:00"},
    "/appointments/{visit}/times": {},
    "/appointments/{booster}/booking": {},
    "/appointments/{booster}/booking/times": {},
    "/board/2026-11-30/shift": {"resource": "place-{place}", "minutes": "15"},
    "/board/2026-11-30/shift/preview": {"resource": "place-{place}", "minutes": "15"},
    "/settings/places/{place}": {"name": "x"},
    "/settings/people/{person}": {"name": "x"},
    "/settings/people/{person}/hours": {},
    "/calendars/people/{person}": {},
    "/calendars/people/{person}/account": {},
    "/calendars/places/{place}": {},
    "/calendar-feeds/{feed}/rotation": {},
    "/calendar-feeds/{feed}/revocation": {},
    "/zone-rules/{visit}/agreement": {},
}
NAMES = ("ada", "mona", "alice", "nick", "rita")


def ids(session, cast, course):
    if "Nell" not in cast.patients:
        session.rollback()  # what a test has read must not stand between it and writing
        add_patient(session, cast, "Nell", "Lindqvist")
        session.commit()
    return {
        "patient": cast.patients["Nora"].public_id,
        "other": cast.patients["Nell"].public_id,
        "course": course.public_id,
        "visit": next(one.public_id for one in course.appointments if one.action == "infusion-2"),
        "booster": next(one.public_id for one in course.appointments if one.action == "booster-1"),
        "mail": session.scalar(select(Message.public_id).where(Message.clinic_id == cast.clinic.id)),
        "person": cast.people["Nina"].public_id,
        "place": cast.places["Chair 1"].public_id,
        "feed": _feed(session, cast),
        "plan": current(session, cast.clinic.id, "iv-depression-6").public_id,
    }


def _feed(session, cast):
    """Return the id of a feed of the whole clinic, made when there is none."""
    found = feeds.of_resource(session, cast.clinic.id, None)
    feed = found[0] if found else feeds.create(session, cast.actor("ada"), None, "neutral", NOW)[0]
    session.commit()
    return feed.public_id


@pytest.mark.parametrize("name", NAMES)
def test_a_page_opens_for_who_may_and_refuses_who_may_not(session, harbor, course, signed_in, name):
    client = signed_in(harbor, name)
    role = memberships.get(session, harbor.clinic, f"{name}@example.org").role
    pages = PAGES | {page.format(**ids(session, harbor, course)): need for page, need in OBJECTS.items()}

    answers = {page: client.get(page).status_code for page in pages}

    assert answers == {page: 200 if role in PERMISSIONS[need] else 403 for page, need in pages.items()}


def test_who_is_not_signed_in_is_sent_to_sign_in(client, session, harbor, course, at_now):
    pages = [*PAGES, *(page.format(**ids(session, harbor, course)) for page in OBJECTS)]

    answers = {page: client.get(page) for page in pages}

    assert {answer.status_code for answer in answers.values()} == {303}
    assert {answer.location.split("?")[0] for answer in answers.values()} == {"/login"}


def test_another_clinics_things_are_not_there(session, harbor, hill, course, signed_in):
    client, known = signed_in(hill, "oscar"), ids(session, harbor, course)

    seen = [client.get(page.format(**known)) for page in OBJECTS]
    done = [client.post(page.format(**known), data=fields) for page, fields in POSTS.items()]

    assert [answer.status_code for answer in seen] == [404] * len(OBJECTS)
    assert [answer.status_code for answer in done] == [404] * len(POSTS)
    assert not any("Nora" in answer.text or "Lindqvist" in answer.text for answer in seen + done)


def test_a_change_without_the_forms_token_is_refused(app, session, harbor, course, signed_in):
    client = signed_in(harbor, "ada")
    app.config["WTF_CSRF_ENABLED"] = True

    answers = [
        client.post(page.format(**ids(session, harbor, course)), data=fields)
        for page, fields in POSTS.items()
    ]

    assert [answer.status_code for answer in answers] == [400] * len(POSTS)
    assert "This page has expired" in answers[0].text


def test_signed_in_pages_are_not_kept_and_run_nothing_inline(harbor, signed_in):
    answer = signed_in(harbor, "alice").get("/")

    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert " style=" not in answer.text
    assert "<style" not in answer.text
    assert "onclick" not in answer.text


def test_looking_at_a_patient_is_audited(session, harbor, signed_in):
    nora = harbor.patients["Nora"].public_id
    signed_in(harbor, "alice").get(f"/patients/{nora}")

    session.rollback()  # see what the request wrote
    seen = list(session.scalars(select(AuditEvent).where(AuditEvent.event == "patient.viewed")))
    assert [(event.object_id, event.user_id) for event in seen] == [(nora, harbor.users["alice"].id)]


def test_a_file_of_the_pages_is_served_without_a_question_to_the_database(harbor, signed_in):
    client, asked = signed_in(harbor, "alice"), []
    listener = lambda *arguments: asked.append(arguments[2])  # noqa: E731  (removed by its name)
    event.listen(db.engine, "before_cursor_execute", listener)
    with client.get("/static/css/app.css") as file:
        by_file = list(asked)
    client.get("/patients")
    event.remove(db.engine, "before_cursor_execute", listener)

    assert (file.status_code, by_file) == (200, [])
    assert asked != []
