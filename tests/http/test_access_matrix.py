"""Every route x what it shows: a patient whose name, birth date or number is in an answer is in the trail after it.

The addresses are those of the matrices of permissions, so a new route is asked here as soon as it has a row there. Two
patients carry words that nothing else holds. Each request that may change something finds the same database.
"""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import func, select

from scheduler.database import db
from scheduler.models.audit_event import AuditEvent
from scheduler.models.patient import Patient
from scheduler.services.patient import patients
from scheduler.services.trail.audit_trail import ids_of
from tests.api import test_matrix as api_matrix
from tests.cast import NOW
from tests.services.courses import book, visit
from tests.web import test_matrix as web_matrix

NORA = {"family_name": "Qzbergson", "birth_date": "1971-03-17", "phone": "+1 212 555 0187"}
TWIN = {"family_name": "Wqlindholm", "birth_date": "1963-08-29", "phone": "+1 212 555 0199"}
WORDS = {
    "nora": ("Qzbergson", "1971-03-17", "555 0187", "Mar 17, 1971", "17 Mar 1971"),
    "twin": ("Wqlindholm", "1963-08-29", "555 0199", "Aug 29, 1963", "29 Aug 1963"),
}
# beside the matrices: the same address asked in another way
MORE_PAGES = {
    "GET board.day, people": "/board/2026-12-02?view=people",
    "GET board.grid, of a day with visits": "/board/2026-12-02/grid",
    "GET board.agenda, of a day with visits": "/board/2026-12-02/agenda",
    "GET prints.day, with names": "/board/2026-12-02/print?names=names",
    "GET audit.index, whole": "/audit",
    "GET reminders.index, calls": "/reminders?view=calls",
    "GET reminders.index, planned": "/reminders?view=planned",
}
SEARCHES = {
    "POST patients.found, of the twin": ("/patients/found", "wql"),
    "POST patients.finds, of a name": ("/patients/finds", "qzb"),
    "POST booking.new, who": ("/care-plans/new", "qzb"),
    "POST merging.candidates, searched": ("/patients/{patient}/duplicates", "wql"),
    "POST reminders.found, of a name": ("/reminders/found", "qzb"),
}
# what the review found open on 2026-11-29; if one of these shows nothing here, the walk has lost its sense
MUST_SHOW = {
    "GET audit.access", "GET audit.index", "GET board.agenda, of a day with visits", "GET board.day, people",
    "GET board.grid, of a day with visits", "GET care_plans.show", "GET courses_ahead.length",
    "GET feed_pages.of_patient",
    "GET merging.candidates", "GET moves.form", "GET patients.edit",
    "GET patients.index", "GET patients.show", "GET prints.course", "GET prints.day, with names",
    "GET protocol_change.form", "GET records.show", "GET requests.index", "GET single_visits.form", "GET visits.panel",
    "GET visits.show",
}  # fmt: skip
AGAIN = (
    "board.grid",
    "visits.panel",
    "booking.improvement",
    "tasks.refresh",
)  # noted once an hour; tests/http/test_access.py
STREAM = {"Accept": "application/x-ndjson"}


@pytest.fixture
def canaries(session, harbor):
    """Give Nora words of her own, before anything else is made of her; return them by name when asked."""
    nora = harbor.patients["Nora"]
    patients.update(session, harbor.command, nora, {"given_name": "Nora", **NORA}, NOW)
    session.commit()
    return {"nora": nora.id}


@pytest.fixture
def twin(session, harbor, canaries, objects):
    """Give the twin of the pages' matrix words too."""
    row = session.scalar(select(Patient).where(Patient.public_id == objects["twin"]))
    patients.update(session, harbor.command, row, TWIN, NOW)
    session.commit()
    canaries["twin"] = row.id
    return row


class Walk:
    """Asks one address after the other, and compares what is shown with what is noted."""

    def __init__(self, url, known):
        self.path = Path(url.removeprefix("sqlite:///"))
        self.copy = self.path.with_suffix(".copy")
        self.known = known
        self.shown, self.faults = {}, []
        self._close()
        shutil.copyfile(self.path, self.copy)

    def ask(self, name, request, ids=False):
        """Ask; with `ids` the ids of a patient's things count as showing them."""
        last = db.session.scalar(select(func.max(AuditEvent.id)))
        own = {who: self._ids(patient_id) for who, patient_id in self.known.items()}
        db.session.rollback()
        text = request().get_data(as_text=True)
        words = {who: (*WORDS[who], *(own[who] if ids else ())) for who in self.known}
        self.shown[name] = {who for who in self.known if any(word in text for word in words[who])}
        since = 0 if any(one in name for one in AGAIN) else last
        query = select(AuditEvent.object_id, AuditEvent.fields).where(AuditEvent.id > since)
        noted = {one for row in db.session.execute(query) for one in (row.object_id, *row.fields)}
        own = {who: ids | self._ids(self.known[who]) for who, ids in own.items()}
        self.faults += [(name, who) for who in sorted(self.shown[name]) if not noted & own[who]]
        db.session.rollback()

    def undeclared(self, app):
        """Return the routes that show a patient although they declare to show none."""
        nothing = {one for one, shows in app.extensions["access"].items() if shows.what == "nothing"}
        named = {name: name.partition(" ")[2].partition(",")[0] for name in self.shown}
        return [name for name, who in self.shown.items() if who and named[name] in nothing]

    def back(self):
        """Put the database back as it was."""
        self._close()
        for ending in ("-wal", "-shm"):
            self.path.with_name(self.path.name + ending).unlink(missing_ok=True)
        shutil.copyfile(self.copy, self.path)

    def _ids(self, patient_id):
        return ids_of(db.session(), db.session.get_one(Patient, patient_id))

    def _close(self):
        db.session.remove()
        db.engine.dispose()


def test_no_page_shows_a_patient_without_a_note(
    app, database_url, harbor, canaries, twin, objects, signed_in
):
    client = signed_in(harbor, "ada")
    walk = Walk(database_url, canaries)
    for route in web_matrix.STAFF:
        if route.startswith("GET"):
            walk.ask(route, lambda route=route: web_matrix.ask(client, route, objects))
    for name, address in MORE_PAGES.items():
        walk.ask(name, lambda address=address: client.get(address.format(**objects)))

    assert walk.faults == []
    assert walk.undeclared(app) == []
    assert {name for name in MUST_SHOW if not walk.shown[name]} == set()


def test_a_header_of_the_client_switches_no_note_off(
    database_url,
    harbor,
    canaries,
    twin,
    objects,
    signed_in,
):
    client = signed_in(harbor, "ada")
    walk = Walk(database_url, canaries)
    for name in ("visits.show", "care_plans.show", "patients.show", "audit.access"):
        address = web_matrix.TABLE[f"GET {name}"][1].format(**objects)
        headers = {"X-Background": "1", "HX-Request": "true"}
        walk.ask(name, lambda address=address, headers=headers: client.get(address, headers=headers))

    assert walk.faults == []
    assert all(walk.shown.values())


def test_no_form_shows_a_patient_without_a_note(
    app, database_url, harbor, canaries, twin, objects, signed_in
):
    client = signed_in(harbor, "ada")
    walk = Walk(database_url, canaries)
    for route in web_matrix.STAFF:
        if route.startswith("POST"):
            with client.session_transaction() as kept:
                kept.pop("_flashes", None)  # the next page would show the words of the step before
            walk.ask(route, lambda route=route: web_matrix.ask(client, route, objects))
            walk.back()

    for name, (address, typed) in SEARCHES.items():
        walk.ask(
            name,
            lambda address=address, typed=typed: client.post(
                address.format(**objects), data={"search": typed}
            ),
        )

    assert walk.faults == []
    assert walk.undeclared(app) == []
    assert {"POST moves.preview", "POST settings.export_data", *SEARCHES} <= {
        route for route, who in walk.shown.items() if who
    }


def test_no_call_shows_a_patient_without_a_note(app, database_url, harbor, canaries, api_objects, api):
    ada = api(harbor, "ada")
    walk = Walk(database_url, canaries)
    for name in api_matrix.TABLE:
        walk.ask(
            name,
            lambda name=name: api_matrix.ask(app, ada, name, api_objects),
            ids=name != "list_audit_events",
        )
        walk.back()
    for name, address in (
        ("patients", "/patients"),
        ("appointments", "/appointments"),
        ("reminders", "/reminders"),
    ):
        walk.ask(f"{name}, whole", lambda address=address: ada.get(address), ids=True)
        walk.ask(f"{name}, lines", lambda address=address: ada.get(address, **STREAM), ids=True)

    assert walk.faults == []
    wanted = {
        "get_appointment",
        "list_appointments",
        "patients, lines",
        "appointments, lines",
        "reminders, lines",
    }
    assert {name for name in wanted if not walk.shown[name]} == set()


def test_no_fhir_resource_shows_a_patient_without_a_note(app, database_url, session, harbor, canaries, api):
    nora, rita = harbor.patients["Nora"], api(harbor, "rita")
    course = book(session, harbor)
    ids = {
        "patient": nora.public_id,
        "course": course.public_id,
        "visit": visit(course, "infusion-2").public_id,
    }
    session.commit()
    walk = Walk(database_url, canaries)
    for kind, one in (("Patient", "patient"), ("CarePlan", "course"), ("Appointment", "visit")):
        for address in (f"/fhir/{kind}", f"/fhir/{kind}/{ids[one]}"):
            walk.ask(
                address, lambda address=address: rita.client.get(address, headers=rita.headers), ids=True
            )

    assert walk.faults == []
    assert all(walk.shown.values())


def test_a_refusal_is_noted_whatever_the_interface(session, harbor, canaries, api, objects, signed_in):
    narrow, nick = api(harbor, "mona", scopes=["requirements"]), signed_in(harbor, "nick")
    asked = {
        "/fhir/Patient": lambda: narrow.client.get("/fhir/Patient", headers=narrow.headers),
        "/api/v1/patients": lambda: narrow.get("/patients"),
        "waive": lambda: narrow(
            "PUT",
            f"/care-plans/{objects['course']}/requirements/consent",
            {"completed": True, "waived": True},
        ),
        "page": lambda: nick.get("/patients/new"),
        "undo": lambda: nick.post(f"/appointments/{objects['visit']}/undo", data={"step": "cancel"}),
    }
    refused = {}
    for name, ask in asked.items():
        last = session.scalar(select(func.max(AuditEvent.id)))
        session.rollback()
        status = ask().status_code
        found = session.scalars(select(AuditEvent.event).where(AuditEvent.id > last)).all()
        session.rollback()
        refused[name] = (status, found)

    assert refused == dict.fromkeys(asked, (403, ["access.refused"]))
