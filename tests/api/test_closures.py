import pytest

from tests.engines import both

WEEK = {"start": "2026-11-24T00:00:00-05:00", "end": "2026-12-24T00:00:00-05:00"}


@both
def test_closing_lists_what_is_affected_and_moves_nothing(api, harbor, course):
    mona = api(harbor, "mona")
    made = mona.post("/closures", {**WEEK, "reason": "flood"})
    shown = mona.get(f"/closures/{made.json['id']}")

    firm = [one for one in course["appointments"] if one["book_by"] is None]
    assert made.status_code == 201
    assert made.json["affected"] == [one for one in firm if one["start"] < WEEK["end"]]
    assert shown.json == made.json
    unchanged = mona.get(f"/care-plans/{course['id']}").json
    assert unchanged == {**course, "withheld": []}  # the front desk, who booked it, does not see reasons


@both
def test_a_chair_and_a_person_are_closed_and_opened(api, harbor):
    mona = api(harbor, "mona")
    chair = {"scope": "location", "scope_id": harbor.places["Chair 1"].public_id}
    nurse = {"scope": "practitioner", "scope_id": harbor.people["Nina"].public_id}
    made = [mona.post("/closures", {**WEEK, **scope}).json for scope in (chair, nurse)]
    found = mona.get("/closures?from=2026-12-01T00:00:00-05:00").json["items"]
    gone = mona("DELETE", f"/closures/{made[0]['id']}")

    assert [(one["scope"], one["scope_id"]) for one in made] == [
        ("location", chair["scope_id"]),
        ("practitioner", nurse["scope_id"]),
    ]
    assert {one["id"] for one in found} == {one["id"] for one in made}
    assert (gone.status_code, gone.data) == (204, b"")
    assert [one["id"] for one in mona.get("/closures").json["items"]] == [made[1]["id"]]


@pytest.mark.parametrize(
    "change",
    [
        {"end": WEEK["start"]},
        {"start": "2026-11-24"},
        {"start": "2027-03-14T02:30:00-05:00", "end": "2027-03-15T00:00:00-04:00"},
        {"scope": "location"},
        {"scope_id": "0" * 16},
        {"scope": "planet", "scope_id": "0" * 16},
        {"reason": "a\nb"},
        {"reason": "a" * 201},
        {"on_conflict": "ignore"},
    ],
)
def test_a_closure_that_makes_no_sense_is_refused(api, harbor, change):
    mona = api(harbor, "mona")

    assert mona.post("/closures", {**WEEK, **change}).json["code"] == "invalid"
    assert mona.get("/closures").json["items"] == []


def test_what_belongs_to_another_clinic_is_not_there(api, harbor, hill):
    mona, oscar = api(harbor, "mona"), api(hill, "oscar")
    foreign = {"scope": "location", "scope_id": hill.places["Liege 1"].public_id}
    closed = oscar.post("/closures", WEEK).json["id"]

    assert mona.post("/closures", {**WEEK, **foreign}).status_code == 404
    assert mona("DELETE", f"/closures/{closed}").status_code == 404
    assert mona.get(f"/closures/{closed}").status_code == 404
    assert len(oscar.get("/closures").json["items"]) == 1
