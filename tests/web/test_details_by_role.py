"""Which role sees which details of patients: a canary in each, and every interface read by every role."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from scheduler.database import begin_write
from scheduler.models.message import Message
from scheduler.models.user import StaffRole
from scheduler.services.account import accounts
from scheduler.services.actors import Actor
from scheduler.services.course import careplans
from scheduler.services.feed import feeds
from scheduler.services.patient import notes, patient_answers, self_service
from scheduler.services.visit import requirements, visits
from tests.cast import NOW, add_patient, hire
from tests.services.courses import book, visit

EVERYONE = {"admin", "manager", "front-desk", "nurse", "prescriber", "therapist", "read-only"}
AT_WORK = EVERYONE - {"read-only"}
CLINICAL = AT_WORK - {"front-desk"}
DESK = {"admin", "manager", "front-desk"}
ROLES = {
    "ada": "admin", "mona": "manager", "alice": "front-desk", "nick": "nurse", "paul": "prescriber",
    "tess": "therapist", "rita": "read-only",
}  # fmt: skip
DETAILS = {  # who sees a detail, and what stands for it
    "answers": (CLINICAL, ["answer-canary", "PHQ-2 5 of 6", "mood 1 of 10"]),
    "override-reasons": (CLINICAL, ["override-canary", "course-override-canary"]),
    "reasons": (AT_WORK, ["cancel-canary", "stop-canary"]),
    "alert-note": (AT_WORK, ["alert-canary"]),
    "driver": (AT_WORK, ["Drusilla Drivercanary", "+1 555 0177"]),
    "requirement-notes": (AT_WORK, ["note-canary", "document-canary"]),
    "contact": (
        AT_WORK,
        [
            "+1 555 0188",
            "contact-canary@example.org",
            "Proxina Canary",
            "1931-07-19",
            "12 Canary Wharf",
            "Erma Canary",
            "+1 555 0144",
            "MRN-canary-77",
            "Payer Canary",
            "MEMBER-canary-9",
        ],
    ),
    "needs": (AT_WORK, ["Interpreter-canary", "preference-canary", "pronoun-canary"]),
    "notes": (AT_WORK, ["note-of-staff-canary"]),
    "messages": (AT_WORK, ["message-canary"]),
    "request-notes": (DESK, ["request-canary"]),
}


@pytest.fixture
def planted(session, harbor, at_now):
    """Plant every canary; return the addresses of the pages, of the API and of FHIR, and a feed's text key."""
    for name, role in (("paul", StaffRole.PRESCRIBER), ("tess", StaffRole.THERAPIST)):
        hire(session, harbor, name, role)
    nora = add_patient(
        session, harbor, "Canaria", "Plantedkin", email="contact-canary@example.org", email_ok=True,
        phone="+1 555 0188", birth_date=date(1931, 7, 19), proxy_name="Proxina Canary", alert_note="alert-canary",
        interpreter="Interpreter-canary", preferences={"note": "preference-canary"}, pronouns="pronoun-canary",
        address_line="12 Canary Wharf", emergency_name="Erma Canary", emergency_phone="+1 555 0144",
        mrn="MRN-canary-77", insurance_payer="Payer Canary", insurance_member_id="MEMBER-canary-9",
    )  # fmt: skip
    harbor.patients["Nora"] = nora
    desk, paul = (
        harbor.actor("alice"),
        Actor(harbor.clinic, harbor.users["paul"], StaffRole.PRESCRIBER, "staff"),
    )
    patient = Actor(harbor.clinic, None, None, "patient")
    stopped = book(session, harbor, "therapy-6")
    careplans.revoke(session, desk, stopped, NOW, "stop-canary, as agreed")
    course = book(session, harbor)
    course.override_reason = "course-override-canary"
    one, two, three = (visit(course, f"infusion-{number}") for number in (1, 2, 3))
    requirements.complete(
        session, paul, course, "consent", NOW, document="document-canary", note="note-canary"
    )
    patient_answers.tell_driver(session, patient, one, NOW, True, "Drusilla Drivercanary", "+1 555 0177")
    visits.check_in(session, paul, one, one.start_at, override_reason="override-canary, seen by phone")
    answers = {"little_interest": "3", "feeling_down": "2", "mood": "1", "note": "answer-canary"}
    patient_answers.check_in(session, patient, one, one.end_at + timedelta(hours=14), answers)
    visits.cancel(session, desk, [two], NOW, "cancel-canary")
    self_service.ask(session, patient, three, NOW, None, "request-canary")
    for message in session.scalars(select(Message)):
        message.reason = "message-canary"
    notes.add(session, desk, nora, "note-of-staff-canary", NOW, three)
    feed = feeds.create(session, harbor.command, None, "kind", NOW)[1]
    on = one.local_start.date()
    ids = [row.public_id for row in (one, two, three)]
    known, care_plan, care_plan_2 = nora.public_id, course.public_id, stopped.public_id
    pages = [
        "/", f"/board/{on}", f"/board/{on}?view=people", f"/board/{on}/week", f"/board/{on}/agenda",
        f"/board/{on}/print", f"/board/{on}/print?names=names", f"/board/{on}/grid", "/patients",
        "/today", "/reminders?view=make-ups", f"/patients/{known}",
        f"/patients/{known}/edit", f"/patients/{known}/duplicates", f"/care-plans/{care_plan}",
        f"/care-plans/{care_plan_2}", f"/care-plans/{care_plan}/sheet", f"/care-plans/new?patient={known}",
        f"/patients/{known}/visits/new", "/requests", "/reminders", "/reminders?view=calls",
        "/reminders?view=planned", "/reminders?view=boosters", "/zone-rules", "/calendars",
        *(f"/appointments/{one}" for one in ids), *(f"/appointments/{one}/time" for one in ids),
    ]  # fmt: skip
    api = [
        "/patients", "/patients?search=plantedkin", f"/patients/{known}", "/appointments?limit=200",
        f"/care-plans/{care_plan}", f"/care-plans/{care_plan_2}", f"/care-plans/{care_plan}/requirements",
        f"/care-plans/{care_plan}/requirements/consent", f"/patients/{known}/notes", "/tasks", "/displaced",
        "/reminders",
        *(f"/appointments/{one}" for one in ids),
    ]  # fmt: skip
    fhir = ["/Patient", f"/Patient/{known}", "/Appointment?_count=100", "/CarePlan", f"/Appointment/{ids[1]}"]
    session.commit()
    return pages, api, fhir, feed


def read(app, session, harbor, signed_in, planted, name):
    """Return what each interface gives somebody, by its address."""
    pages, api, fhir, _ = planted
    client = signed_in(harbor, name)
    found = {page: client.get(page).text for page in pages}
    for place, word in (("patients", "canaria"), ("patients", "plantedkin"), ("reminders", "canaria")):
        found[f"POST {place}/found {word}"] = client.post(f"/{place}/found", data={"search": word}).text
    found["POST finds"] = client.post("/patients/finds", data={"search": "canaria"}).text
    exported = {"table": "appointments", "first": "2026-11-01", "last": "2027-01-30"}
    found["POST export"] = client.post("/settings/data/export", data=exported, buffered=True).text
    begin_write(session)
    token = accounts.create_token(session, harbor.command, harbor.users[name], "x", NOW)[1]
    session.commit()
    headers = {"Authorization": f"Bearer {token}"}
    program = app.test_client()
    found |= {f"api{path}": program.get(f"/api/v1{path}", headers=headers).text for path in api}
    found |= {f"fhir{path}": program.get(f"/fhir{path}", headers=headers).text for path in fhir}
    lines = {**headers, "Accept": "application/x-ndjson"}
    found |= {
        f"ndjson{path}": program.get(f"/api/v1{path}", headers=lines, buffered=True).text
        for path in ("/patients", "/appointments")
    }
    for word in (
        "contact-canary",
        "mrn-canary-77",
        "15550188",
        "1931-07-19",
    ):  # what is not shown is not told by a search either
        answers = [
            client.post("/patients/finds", data={"search": word}).text,
            program.get(f"/api/v1/patients?search={word}", headers=headers).text,
            program.get(f"/fhir/Patient?name={word}", headers=headers).text,
        ]
        found[f"search {word}"] = " ".join(
            f"{word} 1931-07-19" for one in answers if one and "Canaria" in one
        )
    found["fhir by birth date"] = program.get("/fhir/Patient?birthdate=1931-07-19", headers=headers).text
    return found


def test_each_role_sees_the_details_that_are_for_it_on_every_interface(
    app, session, harbor, signed_in, planted
):
    leaks, unseen = [], []
    for name, role in ROLES.items():
        found = read(app, session, harbor, signed_in, planted, name)
        assert "Canaria" in found["/patients"] + found["api/patients"]
        for detail, (roles, canaries) in DETAILS.items():
            for canary in canaries:
                where = [place for place, text in found.items() if canary in text]
                if role not in roles and where:
                    leaks.append((role, detail, canary, where))
                if role in roles and not where:
                    unseen.append((role, detail, canary))

    assert leaks == []
    assert unseen == []


def test_calendar_feeds_hold_no_detail_and_a_withheld_field_is_named(
    app, session, harbor, signed_in, planted
):
    _, api, _, feed = planted
    text = app.test_client().get(f"/feeds/{feed}.ics").text
    begin_write(session)
    token = accounts.create_token(session, harbor.command, harbor.users["rita"], "x", NOW)[1]
    session.commit()
    shown = app.test_client().get(f"/api/v1{api[2]}", headers={"Authorization": f"Bearer {token}"}).json

    assert "BEGIN:VEVENT" in text
    assert [canary for _, canaries in DETAILS.values() for canary in canaries if canary in text] == []
    assert (shown["phone"], shown["birth_date"], shown["family_name"]) == ("", None, "Plantedkin")
    assert {"phone", "birth_date", "alert_note", "wheelchair"} <= set(shown["withheld"])
