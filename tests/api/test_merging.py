"""A program finds records of one person and merges them."""

import pytest

from tests.cast import add_patient


@pytest.fixture
def twin(session, harbor):
    row = add_patient(session, harbor, "Norah", "Lindqvist", phone="555 0177", alert_note="fear of needles")
    row.given_name = "Nora"
    row.birth_date = harbor.patients["Nora"].birth_date
    session.commit()
    return row.public_id


def test_a_record_that_may_be_the_same_person_is_found_previewed_and_merged(session, harbor, alice, twin):
    nora = harbor.patients["Nora"].public_id
    found = [one["id"] for one in alice.get(f"/patients/{nora}/duplicates").json["items"]]
    shown = alice.post(f"/patients/{nora}/merger", {"other_id": twin, "preview": True}).json
    chosen = {"alert_note": "other"}
    done = alice.post(f"/patients/{nora}/merger", {"other_id": twin, "fields": chosen})

    assert twin in found
    assert shown["written"] is False
    assert "alert_note" in [one["field"] for one in shown["differences"]]
    assert (done.status_code, done.json["written"]) == (200, True)
    assert alice.get(f"/patients/{twin}").json["id"] == nora
    assert alice.get(f"/patients/{nora}").json["alert_note"] == "fear of needles"


def test_an_unknown_choice_and_a_changed_record_are_refused(session, harbor, alice, twin):
    nora = harbor.patients["Nora"].public_id
    one_of = alice.post(f"/patients/{nora}/merger", {"other_id": twin, "fields": {"alert_note": "neither"}})
    stale = alice.post(f"/patients/{nora}/merger", {"other_id": twin, "other_version": 99})
    itself = alice.post(f"/patients/{nora}/merger", {"other_id": nora})

    assert one_of.status_code == 422
    assert (stale.status_code, stale.json["code"]) == (412, "stale")
    assert (itself.status_code, itself.json["code"]) == (409, "wrong-status")
    assert alice.get(f"/patients/{twin}").json["id"] == twin
