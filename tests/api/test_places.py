import pytest

from scheduler.database import begin_write
from scheduler.services.clinic import places
from tests.cast import NOW
from tests.engines import both
from tests.visits import add_visit


@both
def test_a_chair_is_added_changed_and_listed(api, harbor):
    mona = api(harbor, "mona")
    made = mona.post("/locations", {"name": "Chair 9", "kind": "chair", "capabilities": ["bed"], "rank": 9})
    changed = mona("PATCH", f"/locations/{made.json['id']}", {"active": False})
    names = [one["name"] for one in mona.get("/locations").json["items"]]

    assert made.status_code == 201
    assert changed.json == made.json | {"active": False}
    assert mona.get(f"/locations/{made.json['id']}").json == changed.json
    assert names == ["Chair 1", "Chair 2", "Chair 3", "Room A", "Chair 9"]


@both
def test_a_person_is_added_changed_and_listed(api, harbor):
    mona = api(harbor, "mona")
    made = mona.post("/practitioners", {"name": "Kim", "roles": ["therapist", "nurse"], "rank": 9})
    changed = mona("PATCH", f"/practitioners/{made.json['id']}", {"units": 2, "roles": ["nurse"]})

    assert (made.status_code, made.json["roles"], made.json["units"]) == (201, ["nurse", "therapist"], None)
    assert changed.json == made.json | {"units": 2, "roles": ["nurse"]}
    assert mona.get("/practitioners").json["items"][-1] == changed.json


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/locations", {"name": "Chair 1", "kind": "chair"}),
        ("/locations", {"name": "Nora", "kind": "patient"}),
        ("/locations", {"name": "a\0", "kind": "chair"}),
        ("/locations", {"name": "Chair 9", "kind": "chair", "capabilities": ["a\nb"]}),
        ("/practitioners", {"name": "Kim", "roles": []}),
        ("/practitioners", {"name": "Kim", "roles": ["pilot"]}),
        ("/practitioners", {"name": "Kim", "roles": ["nurse"], "units": 0}),
    ],
)
def test_what_makes_no_sense_is_refused(api, harbor, path, body):
    mona = api(harbor, "mona")
    before = mona.get(path).json

    assert mona.post(path, body).json["code"] == "invalid"
    assert mona.get(path).json == before


def test_a_chair_with_visits_ahead_stays_in_use(api, harbor, session, travel):
    mona = api(harbor, "mona")
    visit = add_visit(session, harbor, "Chair 1", NOW.replace(day=25))
    session.commit()
    answer = mona("PATCH", f"/locations/{harbor.places['Chair 1'].public_id}", {"active": False})

    assert (answer.status_code, answer.json["code"]) == (409, "wrong-status")
    assert [one["id"] for one in answer.json["appointments"]] == [visit.public_id]


def test_places_of_another_clinic_are_not_there(api, harbor, hill):
    mona = api(harbor, "mona")
    place, person = hill.places["Liege 1"].public_id, hill.people["Nadja"].public_id
    answers = [
        mona.get(f"/locations/{place}"),
        mona("PATCH", f"/locations/{place}", {"name": "x"}),
        mona.get(f"/practitioners/{person}"),
        mona("PATCH", f"/practitioners/{person}", {"name": "x"}),
    ]

    assert {answer.status_code for answer in answers} == {404}


def test_a_program_sees_who_has_a_sign_in_and_cannot_give_one(api, session, harbor):
    ada, nina = api(harbor, "ada"), harbor.people["Nina"].public_id
    before = ada.get(f"/practitioners/{nina}").json["has_sign_in"]
    session.rollback()
    begin_write(session)
    places.tie_account(session, harbor.command, harbor.people["Nina"], harbor.users["nick"], NOW)
    session.commit()
    after = ada.get(f"/practitioners/{nina}").json

    assert (before, after["has_sign_in"]) == (False, True)
    assert ada("PATCH", f"/practitioners/{nina}", {"has_sign_in": False}).json == after
