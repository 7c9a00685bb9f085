"""A program lets a course go on with another protocol."""


def test_a_change_is_previewed_and_done_as_shown(alice, course):
    asked = {"plan_definition": "iv-depression-6-fast"}
    address = f"/care-plans/{course['id']}/protocol"
    shown = alice.post(address, asked | {"preview": True}).json
    kept = alice.get(f"/care-plans/{course['id']}").json
    done = alice.post(address, asked | {"token": shown["token"], "reason": "travels in January"})
    after = alice.get(f"/care-plans/{course['id']}").json

    assert (shown["written"], kept["plan_definition"]) == (False, "iv-depression-6")
    assert (done.status_code, done.json["written"]) == (200, True)
    assert (after["id"], after["plan_definition"]) == (course["id"], "iv-depression-6-fast")
    starts = {
        one["action"]: one["start"] for one in after["appointments"] if one["status"] in ("booked", "pending")
    }
    assert {one["action"]: one["start"] for one in done.json["appointments"]} == starts
    ids = {one["id"] for one in course["appointments"]}
    assert {one["appointment_id"] for one in done.json["appointments"]} - {None} <= ids


def test_another_preview_and_an_unknown_protocol_are_refused(alice, course):
    address = f"/care-plans/{course['id']}/protocol"
    shown = alice.post(address, {"plan_definition": "therapy-6", "preview": True}).json
    other = alice.post(address, {"plan_definition": "iv-depression-6-fast", "token": shown["token"]})
    unknown = alice.post(address, {"plan_definition": "nothing"})

    assert (other.status_code, other.json["code"]) == (409, "stale-preview")
    assert unknown.status_code == 404
