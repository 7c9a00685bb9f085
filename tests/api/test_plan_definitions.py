from tests.cast import shipped
from tests.engines import both


@both
def test_every_protocol_is_listed_with_its_source(alice):
    found = alice.get("/plan-definitions").json["items"]
    iv = alice.get("/plan-definitions/iv-depression-6").json

    assert {one["key"] for one in found} == {plan.key for plan in shipped()}
    assert all(one["source"] and one["actions"] for one in found)
    assert iv in found
    assert sum(action["kind"] == "infusion" and not action.get("proposed") for action in iv["actions"]) == 6


def test_a_protocol_that_is_not_there(alice):
    assert alice.get("/plan-definitions/moon-landing").status_code == 404


@both
def test_a_changed_protocol_is_checked_and_saved_as_the_next_version(api, harbor, alice):
    mona, path = api(harbor, "mona"), "/plan-definitions/therapy-6"
    shown = mona.get(path)
    body = shown.json | {"title": "Six talks", "missed_doses": []}
    for action in body["actions"][1:]:
        action["after"]["days"] = [6, 7, 8]

    check = mona.post(f"{path}/check", body)
    unchanged = mona.post(f"{path}/check", shown.json)
    saved = mona("PUT", path, body, If_Match=shown.headers["ETag"])
    again = mona("PUT", path, body)
    stale = mona("PUT", path, shown.json, If_Match=shown.headers["ETag"])

    assert (check.status_code, check.json["version"], unchanged.json) == (
        200,
        2,
        {"version": None, "changes": []},
    )
    assert [one["what"] for one in check.json["changes"]] == ["title", "spacing"]
    assert check.json["changes"][1]["after"] == "6 to 8 days, ideally 7"
    assert (saved.status_code, saved.json["version"], saved.headers["ETag"]) == (200, 2, '"2"')
    assert again.json == saved.json == alice.get(path).json
    assert (stale.status_code, stale.json["version"]) == (412, 2)


def test_a_protocol_under_another_key_is_a_variant(api, harbor):
    mona = api(harbor, "mona")
    shown = mona.get("/plan-definitions/therapy-6").json | {"title": "Talks"}
    made = mona("PUT", "/plan-definitions/talks", shown)

    assert (made.json["key"], made.json["version"], made.json["title"]) == ("talks", 1, "Talks")
    assert mona.get("/plan-definitions/therapy-6").json["title"] != "Talks"


def test_faults_are_named_by_their_place_and_nothing_is_saved(api, harbor):
    mona, path = api(harbor, "mona"), "/plan-definitions/therapy-6"
    shown = mona.get(path).json
    shown["actions"][1]["after"]["days"] = [9, 7, 8]
    shown["actions"][2]["after"]["days"] = [5, 7]
    for method, address in (("PUT", path), ("POST", f"{path}/check")):
        answer = mona(method, address, shown)
        assert answer.status_code == 422
        assert answer.json["errors"] == [
            {
                "field": "actions.2.after.days",
                "reason": "must be three whole numbers from 0 to 2000: [min, target, max]",
            }
        ]
    assert mona.get(path).json["version"] == 1
