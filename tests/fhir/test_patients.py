from scheduler.services.patient import merging
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
