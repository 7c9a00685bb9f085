from scheduler.services.patient import merging, patients
from tests.cast import NOW, add_patient


def test_a_merged_patient_is_not_active_and_says_who_goes_on(session, harbor, rita):
    nora = harbor.patients["Nora"]
    twin = add_patient(session, harbor, "Nora", "Lindquist")
    merging.merge(session, harbor.actor("alice"), nora, twin, {}, NOW)
    session.commit()

    _, former = rita(f"/Patient/{twin.public_id}")
    _, kept = rita(f"/Patient/{nora.public_id}")
    _, listed = rita("/Patient")

    assert (former["active"], former["link"]) == (
        False,
        [{"other": {"reference": f"Patient/{nora.public_id}"}, "type": "replaced-by"}],
    )
    assert (kept["active"], "link" in kept) == (True, False)
    assert [entry["resource"]["id"] for entry in listed["entry"]] == [nora.public_id]


def test_address_number_and_emergency_contact_are_shown_to_who_sees_contact_details(
    session, harbor, fhir, rita
):
    fields = {
        "sex": "female", "address_line": "12 Elm St", "city": "Utica", "postal_code": "13501", "mrn": "MR-1",
        "emergency_name": "Olga Lee", "emergency_relation": "sister", "emergency_phone": "555 0142",
    }  # fmt: skip
    nora = patients.update(session, harbor.command, harbor.patients["Nora"], fields, NOW)
    session.commit()
    _, seen = fhir(harbor, "alice")(f"/Patient/{nora.public_id}")
    _, hidden = rita(f"/Patient/{nora.public_id}")

    assert (seen["gender"], seen["identifier"][0]["value"]) == ("female", "MR-1")
    assert seen["address"] == [{"line": ["12 Elm St"], "city": "Utica", "postalCode": "13501"}]
    assert seen["contact"][0]["name"] == {"text": "Olga Lee"}
    assert {"gender", "identifier", "address", "contact"} & hidden.keys() == set()
