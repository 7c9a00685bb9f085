"""Imports by the API: answered at once, done by the worker, looked at meanwhile."""

import json

import pytest

from scheduler.processes import worker
from tests.engines import both

CSV = "given_name,family_name,birth_date\nZoe,Li,1990-01-02\n"


@pytest.fixture
def mona(api, harbor):
    """A manager, who may import."""
    return api(harbor, "mona")


@both
def test_an_import_is_accepted_and_done_by_the_worker(app, mona):
    asked = mona.post("/imports/patients", {"format": "csv", "content": CSV})
    waiting = mona.get(f"/jobs/{asked.json['id']}").json
    worker.work_once(app, "one")
    done = mona.get(f"/jobs/{asked.json['id']}").json

    assert (asked.status_code, asked.headers["Location"]) == (202, f"/api/v1/jobs/{asked.json['id']}")
    assert (waiting["state"], waiting["kind"], waiting["result"]) == ("waiting", "import-patients", None)
    assert (done["state"], done["result"]["added"], done["problem"]) == ("done", 1, None)
    assert [one["given_name"] for one in mona.get("/patients?search=zoe").json["items"]] == ["Zoe"]


def test_faults_are_named_by_line(app, mona):
    asked = mona.post("/imports/patients", {"format": "csv", "content": CSV + ",,1990-01-02\n"})
    worker.work_once(app, "one")
    failed = mona.get(f"/jobs/{asked.json['id']}").json

    assert failed["state"] == "failed"
    assert failed["problem"]["faults"] == [
        {"unit": "line", "place": 3, "field": "given_name", "reason": "is missing, and so is family_name"}
    ]


def test_a_bundle_is_imported(app, mona):
    patient = {"resourceType": "Patient", "name": [{"given": ["Zoe"], "family": "Li"}]}
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": patient}]}
    asked = mona.post("/imports/patients", {"format": "fhir", "content": json.dumps(bundle)})
    worker.work_once(app, "one")

    assert mona.get(f"/jobs/{asked.json['id']}").json["result"]["added"] == 1


def test_a_file_larger_than_other_bodies_is_taken(app, mona):
    lines = "".join(f"Zoe,{'x' * 150} {n},1990-01-02\n" for n in range(7_000))
    body = {"format": "csv", "content": CSV + lines, "dry_run": True}
    asked = mona.post("/imports/patients", body)
    refused = mona.post("/patients", {"given_name": "x" * 1_100_000, "family_name": "Li"})

    assert (asked.status_code, refused.status_code) == (202, 413)


def test_the_same_key_asks_for_one_job(mona):
    asked = [
        mona.post("/imports/patients", {"format": "csv", "content": CSV}, Idempotency_Key="once")
        for _ in range(2)
    ]

    assert asked[0].json == asked[1].json


@pytest.mark.parametrize(
    "body",
    [
        {"format": "xml", "content": CSV},
        {"format": "csv"},
        {"format": "csv", "content": ""},
        {"format": "csv", "content": "a\0b"},
        {"format": "csv", "content": "\ud800"},
        {"format": "csv", "content": CSV, "color": "red"},
    ],
)
def test_what_makes_no_sense_is_refused(mona, body):
    assert mona.post("/imports/patients", body).json["code"] == "invalid"
