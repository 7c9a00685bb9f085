"""Proposals that are not proven name a job, which ends with a better course or with the proof."""

from dataclasses import replace

import pytest

from scheduler.processes import worker
from scheduler.services.planning import improving_jobs
from tests.services.planning.tangled import KEY, show_worker, tangle


@pytest.fixture
def asked(session, harbor):
    """Return the body that asks for Nora's tangled course, with a worker there."""

    def asked(**more):
        tangle(session, harbor, **more)
        show_worker(session)
        return {
            "patient_id": harbor.patients["Nora"].public_id,
            "plan_definition": KEY,
            "not_before": "2026-11-30",
            "earliest": "09:00",
            "latest": "10:25",
        }

    return asked


def test_the_answer_names_a_job_that_ends_with_a_better_course_to_book(app, alice, asked):
    app.config["SETTINGS"] = replace(app.config["SETTINGS"], solver_seconds=300)
    answer = alice.post("/proposals", asked()).json
    first, address = answer["items"][0], f"/jobs/{answer['job_id']}"
    waiting = alice.get(address).json
    worker.work_once(app, "one")
    done = alice.get(address).json
    better = done["result"]["proposal"]

    assert (first["proven"], waiting["kind"], waiting["state"]) == (False, "improve-course", "waiting")
    assert (done["state"], done["result"]["outcome"], done["result"]["proven"]) == ("done", "better", True)
    assert better["cost"] == done["result"]["cost"] < first["cost"]
    assert (better["proven"], len(better["appointments"])) == (True, len(first["appointments"]))
    assert alice.post("/care-plans", {"token": better["token"]}).status_code == 201
    assert alice.get(address).json["result"]["proposal"] is None  # its place is taken now


def test_a_refusal_that_is_not_proven_names_a_job_too(alice, asked, gives_up):
    refused = alice.post("/proposals", asked()).json
    job = alice.get(f"/jobs/{refused['job_id']}").json

    assert (refused["code"], refused["proven"], job["state"]) == ("no-fit", False, "waiting")


@pytest.fixture
def gives_up(monkeypatch):
    """Let the search give up at once."""
    monkeypatch.setattr("scheduler.domain.planner.search.optimum.CASES", 1)
    monkeypatch.setattr("scheduler.domain.planner.search.optimum.DIVES", 1)


def test_a_proven_answer_names_none(alice, asked):
    body = asked(number=1)
    answer = alice.post("/proposals", body).json

    assert (answer["items"][0]["proven"], answer["job_id"]) == (True, None)
    assert "job_id" not in alice.post("/proposals", body | {"latest": "09:05"}).json


def test_only_whoever_asked_and_may_book_sees_the_search(api, harbor, hill, asked, gives_up):
    alice = api(harbor, "alice")
    job_id = alice.post("/proposals", asked()).json["job_id"]
    narrow = api(harbor, "alice", scopes=["patients"])
    answers = {
        who: program.get(f"/jobs/{job_id}").status_code
        for who, program in {
            "alice": alice,
            "alice's for patients": narrow,
            "mona": api(harbor, "mona"),
            "rita": api(harbor, "rita"),
            "oscar": api(hill, "oscar"),
        }.items()
    }

    assert answers == {
        "alice": 200,
        "alice's for patients": 403,
        "mona": 404,
        "rita": 403,
        "oscar": 404,
    }


def test_too_many_waiting_name_none(alice, asked, gives_up, monkeypatch):
    monkeypatch.setattr(improving_jobs, "MOST_OPEN", 0)

    assert alice.post("/proposals", asked()).json["job_id"] is None
