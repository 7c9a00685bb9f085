import pytest

from tests.engines import both


@both
def test_a_feed_is_made_fetched_and_switched_off(alice, harbor, course, app):
    path = f"/patients/{harbor.patients['Nora'].public_id}/feeds"
    made = alice.post(path, {})
    address = made.json["url"].removeprefix(app.config["SETTINGS"].public_url)
    fetched = alice.client.get(address)
    listed = alice.get(path)
    gone = alice("DELETE", f"/feeds/{made.json['id']}")

    assert made.status_code == 201
    assert made.json["webcal_url"] == "webcal://" + made.json["url"].split("://")[1]
    assert (fetched.status_code, fetched.mimetype) == (200, "text/calendar")
    assert fetched.text.count("BEGIN:VEVENT") >= 15
    assert listed.json["items"][0].keys().isdisjoint({"url", "webcal_url"})
    assert (gone.status_code, alice.client.get(address).status_code) == (204, 410)


@pytest.mark.parametrize("of", ["practitioner", "location", "clinic"])
def test_staff_feeds_are_made(alice, harbor, of):
    path = {
        "practitioner": f"/practitioners/{harbor.people['Nina'].public_id}/feeds",
        "location": f"/locations/{harbor.places['Chair 1'].public_id}/feeds",
        "clinic": "/feeds",
    }[of]
    made = alice.post(path, {"title_style": "initials"})

    assert (made.status_code, made.json["title_style"]) == (201, "initials")
    assert [one["id"] for one in alice.get(path).json["items"]] == [made.json["id"]]


def test_a_patients_feed_does_not_say_whose_it_is(alice, harbor):
    path = f"/patients/{harbor.patients['Nora'].public_id}/feeds"

    assert alice.post(path, {"title_style": "initials"}).json["code"] == "invalid"


def test_feeds_of_another_clinic_are_not_there(api, alice, harbor, hill):
    made = alice.post("/feeds", {}).json["id"]
    oscar = api(hill, "oscar")

    assert oscar("DELETE", f"/feeds/{made}").status_code == 404
    assert oscar.post(f"/patients/{harbor.patients['Nora'].public_id}/feeds", {}).status_code == 404
    assert oscar.get("/feeds").json["items"] == []
