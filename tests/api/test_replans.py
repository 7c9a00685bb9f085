"""A re-plan by a program: closed, searched, accepted, taken back."""

import threading
from contextvars import Context

import pytest
from sqlalchemy import select

from scheduler.models.replan import ReplanCourse, ReplanState
from scheduler.processes import worker
from tests.cast import NOW
from tests.clocks import StandingClock
from tests.engines import both
from tests.services.courses import visit

CLOSED = {"start": "2026-12-07T00:00:00-05:00", "end": "2026-12-08T00:00:00-05:00"}


@pytest.fixture
def work(app, session):
    """Let the worker do what waits, at NOW."""
    app.extensions["clock"] = StandingClock()

    def work():
        session.rollback()
        while worker.work_once(app, "one"):
            pass
        session.rollback()

    return work


@pytest.fixture
def mona(api, harbor, nora_course):
    return api(harbor, "mona")


def test_a_day_is_closed_replanned_accepted_and_taken_back(mona, session, nora_course, work):
    infusion = visit(nora_course, "infusion-1")
    before = infusion.start_at
    asked = mona.post("/replans", {**CLOSED, "reason": "storm"})
    address = f"/replans/{asked.json['id']}"
    work()
    shown = mona.get(address).json

    assert asked.status_code == 202 and asked.headers["Location"] == f"/api/v1{address}"
    assert asked.json["search"]["state"] == "waiting" and asked.json["courses"] == []
    assert shown["search"]["state"] == "done"
    assert shown["totals"]["visits"] == len(shown["courses"][0]["displaced"]) > 0
    assert shown["totals"]["moves"] >= shown["totals"]["least_moves"] > 0
    [course] = shown["courses"]
    assert (course["state"], course["patient_id"]) == ("planned", nora_course.patient.public_id)
    moved = {one["appointment_id"]: one for one in course["moves"]}
    assert moved[infusion.public_id]["displaced"]
    assert moved[infusion.public_id]["start"] != moved[infusion.public_id]["new_start"]
    assert course["outdated"] == ""

    accepted = mona.post(f"{address}/acceptance", {})
    work()
    done = mona.get(address).json
    assert (accepted.status_code, done["courses"][0]["state"]) == (202, "accepted")
    assert done["step"]["result"] == {"accepted": 1, "refused": 0}
    new = mona.get(f"/appointments/{infusion.public_id}").json["start"]
    assert new == moved[infusion.public_id]["new_start"]
    assert mona.get("/displaced").json["items"] == []

    undone = mona("DELETE", address)
    work()
    assert undone.status_code == 202
    assert mona.get(address).json["courses"][0]["state"] == "undone"
    assert mona.get("/closures").json["items"] == []
    session.refresh(infusion)
    assert infusion.start_at == before


def test_a_closure_asks_for_it_too(mona, work):
    closed = mona.post("/closures", {**CLOSED, "on_conflict": "replan"}).json
    work()

    assert mona.get(f"/replans/{closed['replan_id']}").json["closure_id"] == closed["id"]


def test_a_search_is_stopped_and_asked_for_again_without_some_visits(mona, nora_course, work):
    asked = mona.post("/replans", CLOSED).json
    stopped = mona.post(f"/replans/{asked['id']}/stop")
    work()
    [course] = mona.get(f"/replans/{asked['id']}").json["courses"]
    again = mona.post(f"/replans/{asked['id']}/search", {"left_out": course["displaced"]})
    work()

    assert (stopped.status_code, again.status_code) == (202, 202)
    assert mona.get(f"/replans/{asked['id']}").json["courses"] == []


def test_a_plan_says_that_it_does_not_hold_any_more(mona, session, harbor, nora_course, work):
    replan = mona.post("/replans", CLOSED).json["id"]
    work()
    mona("DELETE", f"/closures/{mona.get('/closures').json['items'][0]['id']}")
    [course] = mona.get(f"/replans/{replan}").json["courses"]

    assert "not affected any more" in course["outdated"]
    assert mona.post(f"/replans/{replan}/acceptance", {}).status_code == 409


def test_a_suggestion_is_shown_and_taken_as_the_plan(mona, session, nora_course, work):
    replan = mona.post("/replans", CLOSED).json["id"]
    work()
    row = session.scalars(select(ReplanCourse)).one()
    row.suggestions = [
        {"text": "Up to 5 days more", "moves": row.moves, "bent": ["spacing"], "gaps": ["infusion-1"]}
    ]
    row.state, row.moves = ReplanState.UNPLACED, []
    session.commit()
    [shown] = mona.get(f"/replans/{replan}").json["courses"]
    body = {"course_id": shown["id"], "number": 0}
    [taken] = mona.post(f"/replans/{replan}/suggestions", body).json["courses"]

    assert [(one["text"], one["bent"]) for one in shown["suggestions"]] == [
        ("Up to 5 days more", ["spacing"])
    ]
    assert shown["suggestions"][0]["moves"] == taken["moves"] != []
    assert (taken["state"], taken["bent"], taken["suggestions"]) == ("ask", ["spacing"], [])


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"start": CLOSED["start"]}, "end"),
        ({"end": CLOSED["end"]}, "start"),
        ({"start": CLOSED["end"], "end": CLOSED["start"]}, "end"),
        ({"location_id": "{place}"}, "start"),
        ({**CLOSED, "location_id": "{place}", "practitioner_id": "{person}"}, "location_id"),
    ],
)
def test_what_is_missing_is_named(mona, harbor, body, field):
    ids = {
        "{place}": harbor.places["Chair 1"].public_id,
        "{person}": harbor.people["Nina"].public_id,
    }
    answer = mona.post("/replans", {key: ids.get(value, value) for key, value in body.items()})

    assert answer.status_code == 422
    assert [one["field"] for one in answer.json["errors"]] == [field]


def test_a_desk_that_may_not_close_may_replan_what_is_closed(api, harbor, mona, work):
    alice = api(harbor, "alice")
    closure = mona.post("/closures", CLOSED).json["id"]

    assert alice.post("/replans", CLOSED).json["code"] == "forbidden"
    asked = alice.post("/replans", {"closure_id": closure})
    work()
    assert asked.status_code == 202
    assert (
        alice.post(f"/replans/{asked.json['id']}/acceptance", {"patient_ids": ["0" * 16]}).status_code == 422
    )
    assert NOW


@both
def test_of_searches_that_are_asked_for_at_once_one_is_put_in_line(mona, session, work):
    address = f"/replans/{mona.post('/replans', CLOSED).json['id']}"
    work()
    meet, codes = threading.Barrier(6, timeout=60), []

    def ask():
        meet.wait()
        codes.append(Context().run(mona.post, f"{address}/search", {}).status_code)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(codes) == [202] + [409] * 5
    work()
    assert len(mona.get(address).json["courses"]) == 1
