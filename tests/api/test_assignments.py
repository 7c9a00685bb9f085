"""A location or a practitioner that a program gives: taken, or refused by name, never replaced silently."""

import pytest

from scheduler.api.openapi import openapi

WHEN = "2026-11-25T10:00:00-05:00"


@pytest.fixture
def ids(harbor):
    return {name: one.public_id for name, one in {**harbor.people, **harbor.places}.items()}


def fields(answer):
    return (answer.status_code, [error["field"] for error in answer.json.get("errors", [])])


def test_who_cannot_take_the_role_is_refused_and_not_replaced(alice, harbor, ids, wishes):
    nora = harbor.patients["Nora"].public_id
    therapy = {"patient_id": nora, "plan_definition": "therapy-6", "action": "therapy-1", "start": WHEN}
    nurse = alice.post("/appointments", therapy | {"practitioner_ids": [ids["Nina"]]})
    chair = alice.post("/appointments", therapy | {"location_id": ids["Chair 1"]})
    assert [fields(nurse), fields(chair)] == [(422, ["practitioner_ids"]), (422, ["location_id"])]
    assert nurse.json["errors"][0]["reason"] == "Nina is a nurse; Therapy session needs a therapist"
    assert chair.json["errors"][0]["reason"] == "Chair 1 is a chair; Therapy session needs a room"

    one = {"action": "therapy-1", "start": WHEN, "practitioner_ids": [ids["Theo"], ids["Pia"]]}
    course = alice.post(
        "/care-plans", {"patient_id": nora, "plan_definition": "therapy-6", "appointments": [one]}
    )
    proposed = alice.post("/proposals", wishes("crps-10-day", practitioner_ids=[ids["Theo"]]))
    assert fields(course) == (422, ["appointments.0.practitioner_ids"])
    assert fields(proposed) == (422, ["practitioner_ids"])

    given = {"practitioner_ids": [ids["Theo"]], "location_id": ids["Room A"]}
    booked = alice.post("/appointments", therapy | given).json
    assert {name: booked[name] for name in given} == given
    moved = alice.post(
        f"/appointments/{booked['id']}/time",
        {"start": "2026-11-26T10:00:00-05:00", "practitioner_ids": [ids["Noah"]]},
    )
    assert fields(moved) == (422, ["practitioner_ids"])


@pytest.mark.parametrize("reason", [".", "-" * 20, "no reason", "a.........."])
def test_an_override_says_why(api, harbor, reason):
    mona, nora = api(harbor, "mona"), harbor.patients["Nora"].public_id
    body = {"patient_id": nora, "plan_definition": "therapy-6", "action": "therapy-1", "start": WHEN}

    answer = mona.post("/appointments", body | {"override_reason": reason})

    assert fields(answer) == (422, ["override_reason"])
    assert "at least 10 characters" in answer.json["errors"][0]["reason"]


def test_the_document_says_how_long_the_reason_of_an_override_is(app):
    models = openapi()["components"]["schemas"]
    said = [
        [kind.get("minLength") for kind in model["properties"]["override_reason"]["anyOf"]]
        for name, model in models.items()
        if "override_reason" in model.get("properties", {}) and "View" not in name
    ]

    assert said
    assert all(10 in lengths for lengths in said)


def test_a_file_of_patients_is_imported_by_those_who_may_on_the_page(api, harbor):
    body = {"format": "csv", "content": "given_name,family_name\nZoe,Li\n"}
    answers = {
        name: api(harbor, name).post("/imports/patients", body) for name in ("ada", "mona", "alice", "nick")
    }

    assert {name: answer.status_code for name, answer in answers.items()} == {
        "ada": 202, "mona": 202, "alice": 403, "nick": 403,
    }  # fmt: skip
    assert answers["alice"].json["permission"] == "settings"
