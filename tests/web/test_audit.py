"""The audit trail as a page: whole operations, filters, paging, CSV; who saw a record; and reading it is noted."""

import csv
import io
from datetime import timedelta

import pytest
from sqlalchemy import event, select

from scheduler.database import db
from scheduler.models.audit_event import AuditEvent
from scheduler.services.actors import Actor
from scheduler.services.course import careplans
from scheduler.services.patient import patients
from scheduler.services.trail import audit, audit_trail, audit_words
from scheduler.services.trail.audit_trail import Wanted
from tests.cast import NOW
from tests.engines import both


def note(
    session, cast, name, event, thing=None, at=NOW, fields=(), reason="", operation=None, address="192.0.2.7"
):
    user = cast.users[name]
    actor = Actor(
        cast.clinic, user, None, "staff", address, **({"operation": operation} if operation else {})
    )
    audit.record(session, actor, event, thing, at, fields, reason)
    session.flush()


@both
def test_one_act_is_one_operation_and_the_latest_comes_first(session, harbor, course):
    careplans.revoke(session, harbor.actor("alice"), course, NOW, "moved away")
    session.commit()

    page = audit_trail.page(session, harbor.clinic, Wanted(patient=harbor.patients["Nora"]))

    revoked = page.operations[0]
    assert revoked.lines[-1].event.event == "care-plan.revoked"
    assert {line.patient.name for line in revoked.lines} == {"Nora Lindqvist"}
    assert [operation.first.event.event for operation in page.operations][-1] == "patient.created"


def test_what_changed_is_told_in_names_that_one_reads(session, harbor):
    nick = f"user:{harbor.users['nick'].id}"
    note(session, harbor, "ada", "clinic.changed", fields=["reminder_lead_hours", nick])

    page = audit_trail.page(session, harbor.clinic, Wanted(what="clinic.changed"))

    told = f"reminder lead hours, {harbor.users['nick'].email}"
    assert page.operations[0].lines[0].fields == told


@both
def test_the_filters_narrow(session, harbor, hill):
    nora = harbor.patients["Nora"]
    note(session, harbor, "alice", "patient.viewed", nora)
    note(session, harbor, "nick", "patient.viewed", nora, at=NOW + timedelta(days=2), address="198.51.100.1")
    note(session, hill, "oscar", "patient.viewed", hill.patients["Otto"])
    session.commit()

    def found(**wanted):
        return [
            line.who
            for operation in audit_trail.page(
                session, harbor.clinic, Wanted(what="viewed", **wanted)
            ).operations
            for line in operation.lines
        ]

    assert found() == ["Nick", "Alice"]
    assert found(who="alice@") == ["Alice"]
    assert found(who="NICK") == ["Nick"]
    assert found(who="clock") == []
    assert found(where="198.51") == ["Nick"]
    assert found(since=NOW + timedelta(days=1)) == ["Nick"]
    assert found(until=NOW + timedelta(days=1)) == ["Alice"]
    assert found(patient=nora) == ["Nick", "Alice"]
    assert found(who="100%") == []


@both
def test_pages_hold_every_event_once_and_cut_no_operation(session, harbor, monkeypatch):
    monkeypatch.setattr(audit_trail, "PAGE", 10)
    for number in range(7):
        operation = f"00000000-0000-0000-0000-{number:012d}"
        for _ in range(4):
            note(session, harbor, "alice", "patient.viewed", harbor.patients["Nora"], operation=operation)
    session.commit()
    seen, before, sizes = [], None, []
    while True:
        page = audit_trail.page(session, harbor.clinic, Wanted(what="viewed", before=before))
        sizes += [len(operation.lines) for operation in page.operations]
        seen += [line.event.id for operation in page.operations for line in operation.lines]
        before = page.before
        if before is None:
            break

    assert sizes == [4] * 7
    assert len(set(seen)) == len(seen) == 28


def test_an_operation_longer_than_a_page_goes_on_the_next(session, harbor, monkeypatch):
    monkeypatch.setattr(audit_trail, "PAGE", 5)
    for _ in range(12):
        note(session, harbor, "alice", "patient.viewed", operation="00000000-0000-0000-0000-000000000001")
    session.commit()
    sizes, before = [], None
    while True:
        page = audit_trail.page(session, harbor.clinic, Wanted(what="viewed", before=before))
        sizes += [len(operation.lines) for operation in page.operations]
        before = page.before
        if before is None:
            break

    assert sizes == [5, 5, 2]


@pytest.mark.parametrize("rows", [1, 30])
def test_a_page_takes_a_fixed_number_of_queries(session, harbor, rows):
    for number in range(rows):
        made = patients.create(session, harbor.command, {"given_name": f"P{number}", "family_name": "Q"}, NOW)
        note(session, harbor, "alice", "patient.viewed", made)
    session.commit()
    seen = []
    listener = lambda *arguments: seen.append(arguments[2])  # noqa: E731  (removed by its name)
    event.listen(db.engine, "before_cursor_execute", listener)
    page = audit_trail.page(session, harbor.clinic, Wanted())
    event.remove(db.engine, "before_cursor_execute", listener)

    assert len(page.operations) >= rows
    assert len(seen) == 10  # BEGIN, the clinic, events, users, and whose each kind of thing is


@both
def test_the_page_shows_it_and_is_itself_noted(session, harbor, course, signed_in):
    ada = signed_in(harbor, "ada")
    nora = harbor.patients["Nora"].public_id
    page = ada.post("/audit/found", data={"patient": nora, "since": "2026-11-01", "what": "care-plan"})
    session.rollback()
    read = session.scalars(select(AuditEvent).where(AuditEvent.event == "audit.read")).one()

    assert page.status_code == 200
    assert "Course: booked" in page.text
    assert "Nora Lindqvist" in page.text
    assert (read.user_id, read.fields) == (harbor.users["ada"].id, ["patient", "since", "what"])


def test_a_filter_that_makes_no_sense_says_so(harbor, signed_in):
    ada = signed_in(harbor, "ada")

    assert ada.post("/audit/found", data={"since": "yesterday"}).status_code == 422
    assert ada.get("/audit?operation=x").status_code == 422
    assert ada.get("/audit?patient=nobody").status_code == 404


@both
def test_the_csv_holds_what_the_filters_leave_in_safe_cells(session, harbor, signed_in):
    note(
        session,
        harbor,
        "alice",
        "requirement.overridden",
        harbor.patients["Nora"],
        reason='=HYPERLINK("http://x")',
    )
    note(session, harbor, "alice", "patient.viewed", harbor.patients["Nora"])
    session.commit()
    ada = signed_in(harbor, "ada")
    answer = ada.post("/audit/export", data={"what": "requirement.overridden"}, buffered=True)
    rows = list(csv.DictReader(io.StringIO(answer.data.decode("utf-8-sig"))))
    session.rollback()

    assert [(row["event"], row["reason"], row["user"]) for row in rows] == [
        ("requirement.overridden", '\'=HYPERLINK("http://x")', "Alice")
    ]
    assert session.scalar(select(AuditEvent.fields).where(AuditEvent.event == "audit.exported")) == ["what"]


@both
def test_a_patients_report_says_who_looked_and_who_changed(session, harbor, course, signed_in):
    nora = harbor.patients["Nora"]
    alice, nick, ada = (signed_in(harbor, name) for name in ("alice", "nick", "ada"))
    alice.get(f"/patients/{nora.public_id}")
    nick.get(f"/care-plans/{course.public_id}")
    nick.get(f"/appointments/{course.appointments[0].public_id}")
    nick.get(f"/care-plans/{course.public_id}", headers={"X-Background": "1"})
    page = ada.get(f"/patients/{nora.public_id}/access").text
    session.rollback()
    people, lines = audit_trail.of_patient(session, harbor.clinic, nora)
    by_name = {one.who: one for one in people}

    assert (by_name["Alice"].views, by_name["Nick"].views) == (1, 3)
    assert "Patient&#39;s record: viewed" in page
    assert ("Alice" in page, "Nick" in page) == (True, True)
    assert lines[-1].event.event == "patient.access-reported"


def test_another_clinics_events_are_not_there(session, harbor, hill, signed_in):
    note(session, harbor, "alice", "patient.viewed", harbor.patients["Nora"])
    session.commit()
    oscar = signed_in(hill, "oscar")
    page = oscar.get("/audit").text

    assert not any(word in page for word in ("Nora", "Alice", "alice@example.org", "192.0.2.7"))
    assert oscar.get(f"/patients/{harbor.patients['Nora'].public_id}/access").status_code == 404
    assert oscar.get(f"/audit?patient={harbor.patients['Nora'].public_id}").status_code == 404


def test_events_have_words():
    assert audit_words.words("appointment.made-up") == "Visit: made up"
    assert audit_words.words("new-thing.done") == "New thing: done"
