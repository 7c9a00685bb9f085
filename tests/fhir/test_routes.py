import pytest
from sqlalchemy import select

from scheduler.fhir.kinds import KINDS
from scheduler.models.audit_event import AuditEvent
from tests.cast import add_patient
from tests.engines import both
from tests.fhir.conftest import check, faults
from tests.sites import ADDRESS, PHONE, add_north

NOT_FOUND = (404, "not-found", "Not found")


def issue(answer):
    status, outcome = answer
    one = outcome["issue"][0]
    return status, one["code"], one["details"]["text"]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_resource_found_is_valid_and_reads_the_same(rita, course, kind):
    status, bundle = rita(f"/{kind}?_count=5")

    assert status == 200
    assert bundle["total"] >= len(bundle["entry"]) > 0
    for entry in bundle["entry"]:
        assert rita(f"/{kind}/{entry['resource']['id']}") == (200, entry["resource"])


def test_a_chair_is_part_of_a_site_with_its_address(session, rita, harbor):
    north = add_north(session, harbor)
    session.commit()
    _, chair = rita(f"/Location/{harbor.places['North 1'].public_id}")
    status, site = rita(f"/{chair['partOf']['reference']}")

    assert (status, site["id"], site["name"], site["physicalType"]["coding"][0]["code"]) == (
        200,
        north.public_id,
        "North",
        "si",
    )
    assert chair["address"] == site["address"] == {"text": f"North, {ADDRESS}"}
    assert chair["telecom"] == site["telecom"] == [{"system": "phone", "value": PHONE}]
    assert faults(chair) == faults(site) == []


def test_the_check_finds_a_code_that_is_on_no_list(rita, course):
    _, visit = rita(f"/Appointment/{course.appointments[0].public_id}")

    assert faults(visit | {"status": "planned"}) == [("Appointment", "status", "planned")]
    with pytest.raises(ValueError, match="participant"):
        check({name: value for name, value in visit.items() if name != "participant"})


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_another_clinic_sees_nothing_of_harbor(rita, fhir, hill, course, kind):
    _, bundle = rita(f"/{kind}")
    oscar = fhir(hill, "oscar")
    theirs = {entry["resource"]["id"] for entry in oscar(f"/{kind}")[1].get("entry", [])}

    for entry in bundle["entry"]:
        assert issue(oscar(f"/{kind}/{entry['resource']['id']}")) == NOT_FOUND
        assert oscar(f"/{kind}?_id={entry['resource']['id']}")[1]["total"] == 0
    assert theirs & {entry["resource"]["id"] for entry in bundle["entry"]} == set()


def test_a_search_for_a_foreign_patient_finds_nothing(fhir, hill, course):
    answer = fhir(hill, "oscar")(f"/Appointment?patient={course.patient.public_id}")

    assert (answer[0], answer[1]["total"]) == (200, 0)


@pytest.mark.parametrize(
    ("path", "method", "expected"),
    [
        ("/Patient/0000000000000000", "GET", NOT_FOUND),
        ("/Patient/%00", "GET", NOT_FOUND),
        ("/Observation", "GET", NOT_FOUND),
        ("/", "GET", NOT_FOUND),
        ("/Patient/x/_history", "GET", NOT_FOUND),
        ("/Patient", "POST", (405, "not-supported", "FHIR is read-only here; changes go through /api/v1")),
        ("/Patient/x", "DELETE", (405, "not-supported", "FHIR is read-only here; changes go through /api/v1")),
        ("/Patient?_format=xml", "GET", (406, "not-supported", "Only application/fhir+json is supported")),
        ("/Patient?_count=-1", "GET", (400, "invalid", "_count: must be a whole number")),
        ("/Patient?birthdate=1990-02-30", "GET",
         (400, "invalid", "birthdate: '1990-02-30' is not a date: day is out of range for month")),
        ("/Slot?start=ge2026-01-01&start=lt2027-01-01", "GET",
         (400, "invalid", "start: ask for at most 93 days at once")),
        ("/Schedule?_after=gone", "GET", (400, "invalid", "_after: that position no longer exists; search again")),
        ("/Appointment?_after=x~y", "GET", (400, "invalid", "_after: is not a place in this list")),
        ("/Appointment?patient=Group/1", "GET", (400, "invalid", "patient: must be a reference to Patient")),
        ("/Patient?name=%00", "GET", (400, "invalid", "'name' contains a control character")),
    ],
)  # fmt: skip
def test_what_cannot_be_answered_is_an_outcome(rita, path, method, expected):
    assert issue(rita(path, method)) == expected


def test_an_unknown_parameter_is_refused_and_not_ignored(rita):
    status, code, words = issue(rita("/Patient?phone=1"))

    assert (status, code) == (400, "invalid")
    assert words == "phone is not a supported search parameter; supported are _id, name, birthdate, email"


def test_without_a_token_or_its_permission_nothing_is_shown(fhir, harbor):
    assert issue(fhir()("/Patient"))[:2] == (401, "login")
    assert issue(fhir()("/Patient", Authorization="Bearer nonsense"))[:2] == (401, "login")
    assert issue(fhir(harbor, "ada", scopes=["audit"])("/Patient"))[:2] == (403, "forbidden")


@both
def test_pages_hold_every_row_once(rita, session, harbor):
    for number in range(11):
        add_patient(session, harbor, "Ann", f"Number {number}")
    session.commit()

    path, seen = "/Patient?name=Ann&_count=4", []
    while path:
        _, bundle = rita(path)
        seen.append([entry["resource"]["name"][0]["family"] for entry in bundle["entry"]])
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        path = links.get("next", "").partition("/fhir")[2]
    assert [len(page) for page in seen] == [4, 4, 3]
    assert sorted(one for page in seen for one in page) == sorted(f"Number {number}" for number in range(11))


def test_looking_at_patients_is_noted(rita, session, harbor):
    nora = harbor.patients["Nora"].public_id
    rita(f"/Patient/{nora}")
    rita("/Patient?name=Nora")

    session.rollback()
    rows = session.execute(
        select(AuditEvent.event, AuditEvent.object_id).order_by(AuditEvent.id.desc()).limit(2)
    )
    assert [tuple(row) for row in rows] == [("patients.listed", "FHIR Patient"), ("patient.viewed", nora)]
