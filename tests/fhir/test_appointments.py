from datetime import timedelta

import pytest

from tests.cast import NOW, add_patient
from tests.engines import both
from tests.visits import add_visit

DAY = timedelta(days=1)


def found(answer):
    return [entry["resource"]["id"] for entry in answer[1].get("entry", [])]


@pytest.fixture
def visits(session, harbor):
    """Nora on Monday and Tuesday, Ole on Wednesday."""
    ole = add_patient(session, harbor, "Ole", "Olsen")
    rows = [
        add_visit(session, harbor, "Chair 1", NOW + timedelta(hours=2)),
        add_visit(session, harbor, "Chair 2", NOW + DAY),
        add_visit(session, harbor, "Chair 2", NOW + 2 * DAY, ole),
    ]
    session.commit()
    return [row.public_id for row in rows]


def test_a_visit_says_who_where_and_when(rita, course):
    visit = next(one for one in course.appointments if one.action == "infusion-3")
    _, shown = rita(f"/Appointment/{visit.public_id}")

    assert (shown["status"], shown["description"]) == ("pending", "Infusion 3 of 6")
    assert shown["start"] == visit.start_at.astimezone(visit.zone).isoformat()
    assert shown["supportingInformation"] == [{"reference": f"CarePlan/{course.public_id}"}]
    assert [one["actor"]["reference"] for one in shown["participant"]] == [
        f"Patient/{course.patient.public_id}",
        *(f"Practitioner/{one.public_id}" for one in visit.practitioners),
        f"Location/{visit.location.public_id}",
    ]


@both
@pytest.mark.parametrize(
    ("query", "places"),
    [
        ("date=2026-11-23", [0]),
        ("date=2026-11", [0, 1, 2]),
        ("date=2026-11-23,2026-11-25", [0, 2]),
        ("date=ge2026-11-24", [1, 2]),
        ("date=gt2026-11-24", [2]),
        ("date=le2026-11-24", [0, 1]),
        ("date=lt2026-11-24", [0]),
        ("date=ge2026-11-24&date=lt2026-11-25", [1]),
        ("date=2026-11-23T15:00:00Z", [0]),
        ("date=2026-11-23T10:00-05:00", [0]),
        ("date=gt2026-11-23T15:00:00Z", [1, 2]),
        ("status=booked", [0, 1, 2]),
        ("status=cancelled,noshow", []),
        ("status=http://hl7.org/fhir/appointmentstatus|booked&date=2026-11-25", [2]),
    ],
)
def test_dates_are_clinic_local_and_codes_alternatives(rita, visits, query, places):
    assert found(rita(f"/Appointment?{query.replace('|', '%7C')}")) == [visits[place] for place in places]


@both
def test_visits_are_found_by_patient_and_place(rita, harbor, visits):
    nora, chair = harbor.patients["Nora"].public_id, harbor.places["Chair 2"].public_id

    assert found(rita(f"/Appointment?patient=Patient/{nora}")) == visits[:2]
    assert found(rita(f"/Appointment?location={chair}")) == visits[1:]
    assert found(rita(f"/Appointment?location={chair}&patient={nora}")) == visits[1:2]
    assert found(rita(f"/Appointment?actor=Location/{chair}")) == visits[1:]


def test_visits_are_found_by_practitioner(rita, course):
    nina = course.appointments[-1].practitioners or course.appointments[0].practitioners
    theirs = [one.public_id for one in course.appointments if nina[0] in one.practitioners]

    assert found(rita(f"/Appointment?practitioner={nina[0].public_id}&_count=100")) == theirs


def test_an_unknown_status_is_refused(rita):
    status, outcome = rita("/Appointment?status=planned")

    assert status == 400
    assert outcome["issue"][0]["details"]["text"].startswith("status: 'planned' is none of proposed, ")
