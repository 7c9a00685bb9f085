"""The access audit: declared for every route, decided by the route, written before anything is shown."""

import json
from datetime import timedelta

from flask import Flask, Response, render_template_string
from sqlalchemy import event, select, text
from sqlalchemy.exc import OperationalError

from scheduler.database import db
from scheduler.http import access
from scheduler.models.audit_event import AuditEvent
from scheduler.models.patient import Patient
from scheduler.models.user import StaffRole
from scheduler.services.account import accounts
from scheduler.services.actors import Actor
from scheduler.services.trail import audit
from scheduler.services.transfer import exports
from tests.cast import NOW, add_patient
from tests.clocks import ShiftedClock
from tests.services.courses import book
from tests.web.test_matrix import ask


def test_every_route_declares_what_it_shows(app):
    declared = app.extensions["access"]
    routes = {rule.endpoint for rule in app.url_map.iter_rules()}

    assert sorted(routes - declared.keys()) == []
    assert sorted(declared.keys() - routes) == []
    assert [one for one, shows in declared.items() if shows.what == "nothing" and not shows.reason] == []
    assert [one for one, shows in declared.items() if shows.what == "list" and not shows.name] == []


def test_only_routes_that_a_page_asks_by_itself_are_noted_once_an_hour(app):
    background = {one for one, shows in app.extensions["access"].items() if shows.background}

    assert background == {"board.grid", "booking.improvement", "tasks.refresh", "visits.panel"}


def test_a_page_is_not_shown_when_its_note_cannot_be_written(session, harbor, objects, signed_in):
    client = signed_in(harbor, "rita")
    session.execute(
        text("CREATE TRIGGER full BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'full'); END")
    )
    session.commit()
    client.application.testing = False  # answer as a server does
    answers = {route: ask(client, route, objects) for route in ("GET patients.show", "POST patients.finds")}

    assert {answer.status_code for answer in answers.values()} == {500}
    assert [
        word for answer in answers.values() for word in ("Nora", "Lindqvist") if word in answer.text
    ] == []


def test_a_call_is_answered_503_when_the_note_does_not_get_its_turn(app, session, harbor, api):
    rita, nora = api(harbor, "rita"), harbor.patients["Nora"].public_id
    session.rollback()

    def away(*_):
        raise OperationalError("BEGIN IMMEDIATE", {}, Exception("database is locked"))

    def writes(connection):
        if connection.get_execution_options().get("writes"):
            away()

    assert rita.get(f"/patients/{nora}").status_code == 200
    event.listen(db.engine, "begin", writes)
    answer = rita.get(f"/patients/{nora}")
    event.remove(db.engine, "begin", writes)

    assert (answer.status_code, answer.json["code"]) == (503, "busy")
    assert answer.headers["Retry-After"] == "1"


def test_a_list_is_one_event_with_the_patients_that_it_showed(session, harbor, objects, signed_in):
    client = signed_in(harbor, "rita")
    answers = new_events(session, lambda: client.post("/patients/found", data={"search": "lindqvist"}))
    [row] = answers

    assert (row.event, row.object_type, row.object_id) == ("patients.listed", "List", "search")
    assert row.fields == sorted([objects["patient"], objects["twin"]])


def test_a_list_of_more_than_500_patients_is_noted_in_parts(harbor):
    ids = [f"p{number:04}" for number in range(1201)]
    rows = list(audit.lists(harbor.command, "search", ids, NOW))

    assert [len(row.fields) for row in rows] == [500, 500, 201]
    assert [one for row in rows for one in row.fields] == ids


def test_a_search_that_finds_nobody_notes_nothing(session, harbor, signed_in):
    client = signed_in(harbor, "rita")

    assert (
        new_events(session, lambda: client.post("/patients/found", data={"search": "nobodylikethat"})) == []
    )


def test_the_board_refreshes_itself_with_one_note_an_hour(app, session, harbor, signed_in, objects):
    client, board = signed_in(harbor, "rita"), "/board/2026-12-02"
    other = signed_in(harbor, "nick")
    seen = [len(new_events(session, lambda: client.get(f"{board}/grid"))) for _ in range(3)]
    theirs = len(new_events(session, lambda: other.get(f"{board}/grid")))
    opened = len(new_events(session, lambda: client.get(board)))
    app.extensions["clock"] = ShiftedClock(NOW + timedelta(minutes=61))
    later = len(new_events(session, lambda: client.get(f"{board}/grid")))

    assert (seen, theirs, opened, later) == ([1, 0, 0], 1, 1, 1)


def test_a_patient_who_comes_onto_the_board_within_the_hour_is_noted(session, harbor, signed_in, objects):
    client, address = signed_in(harbor, "rita"), "/board/2026-12-02/grid"
    client.get(address)
    paula = add_patient(session, harbor, "Paula", "Later")
    session.execute(text("UPDATE appointment SET patient_id = :paula"), {"paula": paula.id})
    public_id = paula.public_id
    session.commit()
    [row] = new_events(session, lambda: client.get(address))

    assert row.fields == [public_id]


def test_the_panel_is_noted_once_an_hour_and_the_page_each_time(session, harbor, signed_in, objects):
    client, address = signed_in(harbor, "rita"), f"/appointments/{objects['visit']}"
    panels = [names(new_events(session, lambda: client.get(f"{address}/panel"))) for _ in range(2)]
    pages = [names(new_events(session, lambda: client.get(address))) for _ in range(2)]

    assert panels == [["appointment.viewed"], []]
    assert pages == [["appointment.viewed"]] * 2


def test_what_a_request_has_changed_is_not_noted_a_second_time(session, harbor, api):
    alice, nora = api(harbor, "alice"), harbor.patients["Nora"].public_id
    session.rollback()
    rows = new_events(session, lambda: alice("PATCH", f"/patients/{nora}", {"phone": "+1 212 555 0100"}))

    assert names(rows) == ["patient.changed"]


def test_an_answer_that_is_given_again_is_noted(session, harbor, api):
    alice, body = api(harbor, "alice"), {"given_name": "Zoe", "family_name": "Repeated"}
    first = alice.post("/patients", body, Idempotency_Key="one")
    session.rollback()
    rows = new_events(session, lambda: alice.post("/patients", body, Idempotency_Key="one"))

    assert first.status_code == 201
    assert [(row.event, row.object_id) for row in rows] == [("patient.viewed", first.json["id"])]


def test_a_step_that_is_refused_notes_what_the_page_shows(session, harbor, signed_in, objects):
    client = signed_in(harbor, "nick")
    address = f"/appointments/{objects['visit']}/check-in"
    answers = []
    rows = new_events(session, lambda: answers.append(client.post(address)))

    assert (answers[0].status_code, names(rows)) == (409, ["appointment.viewed"])


def test_a_stream_is_noted_before_its_rows_are_sent(app, session, harbor, api):
    """520 patients: what has been read of the stream is in the trail at each moment."""
    for number in range(520):
        add_patient(session, harbor, f"P{number:04}", "Many")
    session.commit()
    rita = api(harbor, "rita")
    session.rollback()
    answer = rita.client.get(
        "/api/v1/patients", headers={**rita.headers, "Accept": "application/x-ndjson"}, buffered=False
    )
    lines = (json.loads(line) for chunk in answer.response for line in chunk.decode().splitlines())
    missing = []
    for line in lines:
        listed = session.scalars(select(AuditEvent.fields).where(AuditEvent.event == "patients.listed")).all()
        session.rollback()
        if line["id"] not in {one for fields in listed for one in fields}:
            missing.append(line["id"])
    rows = session.scalars(select(AuditEvent).where(AuditEvent.event == "patients.listed")).all()

    assert missing == []
    assert [len(row.fields) for row in rows] == [500, 21]


def test_a_csv_export_names_its_patients_before_their_rows(session, harbor, signed_in):
    book(session, harbor)
    session.commit()
    told = []
    lines = exports.appointments(session, harbor.clinic, NOW, NOW + timedelta(90), told.append)
    header, first = next(lines), next(lines)

    assert header.startswith("\ufeffid,")
    assert "Lindqvist" in first
    assert {one.patient_id for one in told[0]} == {harbor.patients["Nora"].id}


def test_an_event_says_which_token_and_which_browser_was_used(session, harbor, api, signed_in):
    rita, nora = api(harbor, "rita"), harbor.patients["Nora"].public_id
    client = signed_in(harbor, "rita")
    session.rollback()
    [by_token] = new_events(session, lambda: rita.get(f"/patients/{nora}"))
    [by_page] = new_events(session, lambda: client.get(f"/patients/{nora}"))

    assert (bool(by_token.token_id), by_token.session_id) == (True, "")
    assert (by_page.token_id, bool(by_page.session_id)) == ("", True)


def test_the_trail_names_who_made_a_token(session, harbor, api, signed_in):
    """An admin makes a token for a service account and acts with it: the trail says both."""
    ada, nora = harbor.actor("ada"), harbor.patients["Nora"].public_id
    service = accounts.create_service(session, ada, "Lab", StaffRole.NURSE, NOW)
    _, token = accounts.create_token(session, ada, service, "Lab sync", NOW)
    session.commit()
    answer = api(harbor, "ada").client.get(
        f"/api/v1/patients/{nora}", headers={"Authorization": f"Bearer {token}"}
    )
    shown = api(harbor, "ada").get("/audit?event=patient.viewed").json["items"][-1]
    page = signed_in(harbor, "ada").post("/audit/found", data={"what": "patient.viewed"}).text

    assert answer.status_code == 200
    assert (shown["user"], shown["token_made_by"]) == (service.email, "ada@example.org")
    assert "API token “Lab sync”, made by ada@example.org" in page


def test_who_saw_a_record_names_lists_but_not_the_others_on_them(session, harbor, signed_in, objects):
    signed_in(harbor, "rita").post("/patients/found", data={"search": "lindqvist"})
    client = signed_in(harbor, "ada")
    report = client.get(f"/patients/{objects['patient']}/access").text
    record = client.post(f"/patients/{objects['patient']}/record/export").json

    assert "2 patients: search" in report
    [listed] = [row for row in record["audit_trail"] if row["event"] == "patients.listed"]
    assert listed["fields"] == [objects["patient"]]
    assert objects["twin"] not in json.dumps(record["audit_trail"])


def test_a_template_that_nobody_declared_is_noted_too(app: Flask, session, harbor, signed_in):
    """The hook is in the templates, so a view cannot forget it."""

    def forgetful():
        access.g.actor = harbor_actor()
        patient = db.session.scalar(select(Patient).where(Patient.given_name == "Nora"))
        return Response(
            render_template_string("{{ [patient]|map(attribute='family_name')|join }}", patient=patient)
        )

    def harbor_actor():
        row = db.session.scalar(select(Patient).where(Patient.given_name == "Nora"))
        return Actor(db.session.get_one(type(harbor.clinic), row.clinic_id), None, None, "staff")

    app.add_url_rule("/forgetful", view_func=forgetful)
    public_id = harbor.patients["Nora"].public_id
    session.commit()
    [row] = new_events(session, lambda: app.test_client().get("/forgetful"))

    assert (row.event, row.object_id) == ("patient.viewed", public_id)


def new_events(session, act):
    """Return the events that an act adds to the trail."""
    session.rollback()
    last = session.scalar(select(AuditEvent.id).order_by(AuditEvent.id.desc()).limit(1)) or 0
    session.rollback()
    act()
    rows = session.scalars(select(AuditEvent).where(AuditEvent.id > last).order_by(AuditEvent.id)).all()
    session.expunge_all()
    session.rollback()
    return rows


def names(rows):
    return [row.event for row in rows]
