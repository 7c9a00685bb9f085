"""What an answer contains may be sent back: read-only fields are ignored, and equal values change nothing.

The tests take the resources from the OpenAPI document, so a new one with PATCH or PUT is tested without a line here.
"""

from copy import deepcopy
from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.api.openapi import openapi
from scheduler.api.operations import CALLS
from scheduler.database import Model
from scheduler.models.user import StaffRole
from scheduler.services.account.permissions import PERMISSIONS
from tests.api.test_fuzz import real_ids
from tests.cast import NOW, hire
from tests.engines import both

CHANGING = ("patch", "put")
# objects of a resource beside the one that `real_ids` names
MORE = {
    "/api/v1/schedules": ("?scope=practitioner&scope_id={practitioner_id}",),
    "/api/v1/care-plans/{care_plan_id}/requirements/{name}": (
        "/../medical-clearance",
        "/../pregnancy-test",
        "/../driver?appointment_id={infusion_id}",
    ),
}
WHY = "does not apply to this patient"
LATER = NOW + timedelta(hours=1)  # a time that is written again differs
NOT_COMPARED = {"api_token"}  # the time of its last use


@pytest.fixture
def programs(api, session, harbor):
    """Return a program for each role of the clinic, by the role."""
    session.rollback()
    hire(session, harbor, "paul", StaffRole.PRESCRIBER)
    hire(session, harbor, "tess", StaffRole.THERAPIST)
    session.commit()
    names = ("ada", "mona", "alice", "nick", "paul", "tess")
    return {harbor.actor(name).role: api(harbor, name) for name in names}


@pytest.fixture
def objects(harbor, programs, wishes):
    """Return (path, method, address) for each object that is sent back. Their fields have values where they can."""
    ada = programs[StaffRole.ADMIN]
    ids = real_ids(harbor, ada, wishes)
    course = ada.get(f"/care-plans/{ids['care_plan_id']}").json
    ids["infusion_id"] = next(one["id"] for one in course["appointments"] if one["action"] == "infusion-1")
    fill(programs, ids)
    found = []
    for path, methods in openapi()["paths"].items():
        for method in CHANGING:
            if method in methods:
                base = path.removeprefix("/api/v1").format(**ids)
                found.append((path, method, base))
                for more in MORE.get(path, ()):
                    address = base.rpartition("/")[0] + more[3:] if more.startswith("/..") else base + more
                    found.append((path, method, address.format(**ids)))
    return found


def fill(programs, ids):
    ada, paul = programs[StaffRole.ADMIN], programs[StaffRole.PRESCRIBER]
    patient, requirements = (
        f"/patients/{ids['patient_id']}",
        f"/care-plans/{ids['care_plan_id']}/requirements",
    )
    hours = {"starts": "09:00", "ends": "12:00"}
    day = {"weekday": 2, **hours, "valid_from": "2026-11-24", "valid_until": "2027-11-24"}
    week = {"weekly": [day], "dates": [{"date": "2026-12-24", "hours": [hours]}]}
    wished = {"weekdays": [1, 3], "earliest": "09:30", "note": "a\nb"}
    made = [
        ada("PATCH", patient, {"phone": "555 0100", "email_ok": True, "preferences": wished}),
        ada("PATCH", f"/locations/{ids['location_id']}", {"capabilities": ["bed", "recliner"]}),
        ada("PATCH", f"/practitioners/{ids['practitioner_id']}", {"units": 2}),
        ada("PUT", "/schedules", week),
        ada(
            "PUT",
            "/schedules",
            {"scope": "practitioner", "scope_id": ids["practitioner_id"], "weekly": [day]},
        ),
        paul("PUT", f"{requirements}/consent", {"completed": True, "document": "shelf 3", "note": "a\nb"}),
        paul("PUT", f"{requirements}/medical-clearance", {"completed": True, "waived": True, "note": WHY}),
        paul("PUT", f"{requirements}/pregnancy-test", {"completed": True, "valid_until": "2026-11-25"}),
    ]
    assert [answer.status_code for answer in made] == [200] * len(made)


@both
def test_an_answer_that_is_sent_back_changes_nothing(programs, objects, session, travel):
    for path, method, address in objects:
        program = programs[may_change(path, method)]
        before, rows = program.get(address), stored(session)
        travel(LATER)
        for body in (before.json, with_other_read_only_fields(before.json, path)):
            answer = program(method.upper(), address.partition("?")[0], body)
            assert (address, answer.status_code, answer.json) == (address, 200, before.json)
        after = program.get(address)
        assert (address, after.json, after.headers.get("ETag")) == (
            address,
            before.json,
            before.headers.get("ETag"),
        )
        assert {address: stored(session)} == {address: rows}


def test_unknown_fields_are_refused_by_name(programs, objects, session):
    for path, method, address in objects:
        program = programs[may_change(path, method)]
        shown, rows = program.get(address).json, stored(session)
        for place in inner_objects(shown):
            body = deepcopy(shown)
            inside(body, place)["shade"] = "blue"
            answer = program(method.upper(), address.partition("?")[0], body)
            field = ".".join(map(str, (*place, "shade")))
            assert (answer.status_code, answer.json["errors"]) == (
                422,
                [{"field": field, "reason": "is not a known field"}],
            )
        assert {address: stored(session)} == {address: rows}


def test_the_document_says_which_fields_are_read_only(app):
    for path, methods in openapi()["paths"].items():
        for method in CHANGING:
            if method not in methods:
                continue
            shown, sent = schemas(methods, method)
            assert read_only(shown) == read_only(sent), path
            assert shown["properties"].keys() <= sent["properties"].keys(), path


def test_who_may_change_an_object_sees_all_of_it(programs, objects):
    """A field that is withheld is empty in the answer, so sending it back would empty it."""
    for path, method, address in objects:
        for role in PERMISSIONS[CALLS[operation(path, method)].may] & programs.keys():
            assert (address, role, programs[role].get(address).json.get("withheld", [])) == (
                address,
                role,
                [],
            )


def test_a_proposal_is_booked_with_its_appointments_as_they_came(alice, wishes):
    proposal = alice.post("/proposals", wishes()).json["items"][0]
    body = {name: wishes()[name] for name in ("patient_id", "plan_definition")}
    booked = alice.post("/care-plans", body | {"appointments": proposal["appointments"]})

    assert booked.status_code == 201
    firm = [one for one in booked.json["appointments"] if one["book_by"] is None]
    names = proposal["appointments"][0].keys()
    assert [{name: one[name] for name in names} for one in firm] == proposal["appointments"]


def test_an_unknown_field_of_a_proposed_appointment_is_refused_by_name(alice, wishes):
    proposal = alice.post("/proposals", wishes()).json["items"][0]
    proposal["appointments"][1]["shade"] = "blue"
    body = {name: wishes()[name] for name in ("patient_id", "plan_definition")}
    answer = alice.post("/care-plans", body | {"appointments": proposal["appointments"]})

    assert (answer.status_code, answer.json["errors"]) == (
        422,
        [{"field": "appointments.1.shade", "reason": "is not a known field"}],
    )


def operation(path, method):
    return openapi()["paths"][path][method]["operationId"]


def may_change(path, method):
    """Return the role that sends the object back: the protocols leave most requirements to prescribers."""
    own = CALLS[operation(path, method)].may == "requirements"
    return StaffRole.PRESCRIBER if own else StaffRole.ADMIN


def schemas(methods, method):
    """Return the schemas of what GET answers and of what the change takes."""
    known = openapi()["components"]["schemas"]
    content = (methods["get"]["responses"]["200"], methods[method]["requestBody"])
    names = [one["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2] for one in content]
    return known[names[0]], known[names[1]]


def read_only(schema):
    return {name for name, one in schema["properties"].items() if one.get("readOnly")}


def with_other_read_only_fields(body, path):
    methods = openapi()["paths"][path]
    shown, _ = schemas(methods, next(method for method in CHANGING if method in methods))
    return body | dict.fromkeys(read_only(shown), "something else")


def inner_objects(value, place=()):
    """Return the place of each object in a JSON value, the outermost first."""
    if isinstance(value, dict):
        yield place
        for name, inner in value.items():
            yield from inner_objects(inner, (*place, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from inner_objects(inner, (*place, number))


def inside(value, place):
    for part in place:
        value = value[part]
    return value


def stored(session):
    """Return every row of the database, but notes of who has read what."""
    session.rollback()
    rows = {}
    for table in Model.metadata.sorted_tables:
        if table.name not in NOT_COMPARED:
            found = [dict(row) for row in session.execute(select(table)).mappings()]
            rows[table.name] = [row for row in found if not str(row.get("event", "")).endswith(".viewed")]
    return rows
