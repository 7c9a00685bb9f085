import pytest

from tests.engines import both

DAY = {"weekday": 1, "starts": "09:00", "ends": "17:00"}


@both
def test_hours_are_replaced_and_shown(api, harbor):
    mona = api(harbor, "mona")
    dated = {"date": "2026-12-24", "hours": [{"starts": "08:00", "ends": "12:00"}]}
    put = mona("PUT", "/schedules", {"weekly": [DAY], "dates": [dated]})
    shown = mona.get("/schedules")

    assert put.status_code == 200
    assert shown.json == put.json
    assert shown.json == {
        "scope": "clinic",
        "scope_id": None,
        "zone": "America/New_York",
        "weekly": [DAY | {"valid_from": None, "valid_until": None, "week": None}],
        "dates": [dated],
    }


@both
def test_dates_stay_unless_they_are_given(api, harbor):
    mona = api(harbor, "mona")
    dated = {"date": "2026-12-24", "hours": [{"starts": "08:00", "ends": "12:00"}]}
    mona("PUT", "/schedules", {"weekly": [DAY], "dates": [dated]})
    kept = mona("PUT", "/schedules", {"weekly": []}).json
    emptied = mona("PUT", "/schedules", {"weekly": [], "dates": []}).json

    assert (kept["weekly"], kept["dates"]) == ([], [dated])
    assert emptied["dates"] == []


def test_a_person_has_hours_of_their_own(api, harbor):
    mona = api(harbor, "mona")
    nina = {"scope": "practitioner", "scope_id": harbor.people["Nina"].public_id}
    mona("PUT", "/schedules", {**nina, "weekly": [DAY]})

    assert len(mona.get(f"/schedules?scope=practitioner&scope_id={nina['scope_id']}").json["weekly"]) == 1
    assert len(mona.get("/schedules").json["weekly"]) == 5


@pytest.mark.parametrize(
    "day",
    [
        {"weekday": 0},
        {"weekday": "1"},
        {"starts": "17:00", "ends": "09:00"},
        {"starts": "9:00"},
        {"starts": "09:00-05:00"},
        {"valid_from": "2026-12-01", "valid_until": "2026-11-01"},
    ],
)
def test_hours_that_make_no_sense_are_refused(api, harbor, day):
    mona = api(harbor, "mona")

    assert mona("PUT", "/schedules", {"weekly": [DAY | day]}).json["code"] == "invalid"
    assert len(mona.get("/schedules").json["weekly"]) == 5


@both
def test_leave_is_given_listed_and_taken_back(api, harbor):
    mona = api(harbor, "mona")
    path = f"/practitioners/{harbor.people['Nina'].public_id}/leave"
    window = {"start": "2026-12-01T00:00:00-05:00", "end": "2026-12-08T00:00:00-05:00"}
    given = mona.post(path, window | {"reason": "holiday"})
    other = f"/practitioners/{harbor.people['Noah'].public_id}/leave/{given.json['id']}"

    assert given.status_code == 201
    assert given.json == {"id": given.json["id"], **window, "reason": "holiday", "affected": []}
    assert mona.get(path).json["items"] == [given.json]
    assert mona("DELETE", other).status_code == 404
    assert mona("DELETE", f"{path}/{given.json['id']}").status_code == 204
    assert mona.get(path).json["items"] == []


def test_hours_of_another_clinic_are_not_there(api, harbor, hill):
    nadja = hill.people["Nadja"].public_id
    mona = api(harbor, "mona")

    assert mona.get(f"/schedules?scope=practitioner&scope_id={nadja}").status_code == 404
    assert mona.get(f"/practitioners/{nadja}/leave").status_code == 404


def test_hours_may_end_at_midnight_and_after_it(api, harbor):
    mona = api(harbor, "mona")
    weekly = [
        {"weekday": 2, "starts": "16:00", "ends": "24:00"},
        {"weekday": 7, "starts": "20:00", "ends": "04:00"},
    ]
    dates = [{"date": "2026-12-31", "hours": [{"starts": "09:00", "ends": "24:00"}]}]
    answer = mona("PUT", "/schedules", {"weekly": weekly, "dates": dates})
    again = mona("PUT", "/schedules", answer.json)

    assert answer.status_code == 200
    assert [(one["weekday"], one["starts"], one["ends"]) for one in answer.json["weekly"]] == [
        (1, "00:00", "04:00"),
        (2, "16:00", "24:00"),
        (7, "20:00", "24:00"),
    ]
    assert answer.json["dates"] == dates
    assert again.json == answer.json


def test_weeks_alternate(api, harbor):
    mona = api(harbor, "mona")
    turns = [DAY | {"week": 0}, DAY | {"week": 1, "starts": "12:00"}]
    shown = mona("PUT", "/schedules", {"weekly": turns}).json

    assert [(one["week"], one["starts"]) for one in shown["weekly"]] == [(0, "09:00"), (1, "12:00")]
    assert mona("PUT", "/schedules", {"weekly": [DAY | {"week": 2}]}).status_code == 422
