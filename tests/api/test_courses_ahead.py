"""A program finds what a course still needs, and books it."""

from datetime import datetime, timedelta

import pytest


@pytest.fixture
def visits(course):
    return {one["action"]: one["id"] for one in course["appointments"]}


def test_a_canceled_visit_is_listed_and_made_up_for(alice, visits):
    alice.post(f"/appointments/{visits['infusion-2']}/cancellation", {"reason": "ill"})
    listed = [one["id"] for one in alice.get("/make-ups").json["items"]]
    shown = alice.post(f"/appointments/{visits['infusion-2']}/make-up", {"preview": True}).json
    booked = alice.post(f"/appointments/{visits['infusion-2']}/make-up", {"reason": "well again"})

    assert visits["infusion-2"] in listed
    assert (shown["appointment"], shown["written"]) == (None, False)
    assert (booked.status_code, booked.json["written"]) == (200, True)
    assert booked.json["start"] == shown["start"] == booked.json["appointment"]["start"]
    assert booked.json["appointment"]["action"] == "infusion-2"
    assert visits["infusion-2"] not in [one["id"] for one in alice.get("/make-ups").json["items"]]
    again = alice.post(f"/appointments/{visits['infusion-2']}/make-up", {})
    assert (again.status_code, again.json["code"]) == (409, "wrong-status")


def test_a_visit_that_takes_place_is_not_made_up_for(alice, visits):
    refused = alice.post(f"/appointments/{visits['infusion-2']}/make-up", {})

    assert (refused.status_code, refused.json["code"]) == (409, "wrong-status")


def test_a_booster_is_booked_at_a_start(alice, course, visits):
    booster = next(one for one in course["appointments"] if one["action"] == "booster-1")
    day = booster["start"][:10]
    asked = f"/availability?kind=infusion&from={day}T08:00:00-05:00&to={day}T18:00:00-05:00"
    start = alice.get(asked).json["starts"][12]
    booked = alice.post(f"/appointments/{booster['id']}/booking", {"start": start})
    again = alice.post(f"/appointments/{booster['id']}/booking", {"start": start})

    assert (booked.status_code, booked.json["start"]) == (200, start)
    assert booked.json["status"] in ("booked", "pending")
    assert (again.status_code, again.json["code"]) == (409, "wrong-status")


def test_boosters_are_listed_when_their_day_is_near(alice, session, harbor, course, travel):
    booster = next(one for one in course["appointments"] if one["action"] == "booster-1")
    assert booster["id"] not in [one["id"] for one in alice.get("/boosters").json["items"]]
    travel(datetime.fromisoformat(booster["start"]) - timedelta(days=7))

    assert booster["id"] in [one["id"] for one in alice.get("/boosters").json["items"]]


def test_a_course_is_listed_by_patient_and_status(alice, course):
    mine = alice.get(f"/care-plans?patient_id={course['patient_id']}").json["items"]
    ended = alice.get("/care-plans?status=completed").json["items"]
    active = alice.get("/care-plans?status=active&status=on-hold").json["items"]

    assert [one["id"] for one in mine] == [one["id"] for one in active] == [course["id"]]
    assert mine[0]["title"] == course["title"]
    assert ended == []


def test_the_rest_of_a_day_begins_later(alice, course, harbor):
    visit = next(one for one in course["appointments"] if one["action"] == "assessment")
    asked = {"location_id": visit["location_id"], "date": visit["start"][:10], "minutes": 10}
    shown = alice.post("/delays", asked | {"preview": True}).json
    unlike = alice.post("/delays", asked | {"token": "0" * 64})
    done = alice.post("/delays", asked | {"token": shown["token"]}).json

    assert [one["appointment_id"] for one in shown["moves"]] == [visit["id"]]
    assert (shown["written"], done["written"]) == (False, True)
    assert (unlike.status_code, unlike.json["code"]) == (409, "stale-preview")
    assert alice.get(f"/appointments/{visit['id']}").json["start"] == done["moves"][0]["after"]["start"]
    both = asked | {"practitioner_id": harbor.people["Nina"].public_id}
    assert alice.post("/delays", both).status_code == 422
