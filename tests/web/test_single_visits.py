from re import findall

import pytest
from sqlalchemy import select

from scheduler.models.appointment import Appointment
from scheduler.models.patient import Patient
from tests.services.courses import book

HX = {"HX-Request": "true"}


@pytest.fixture
def asked(harbor):
    nora = harbor.patients["Nora"].public_id
    return {"patient": nora, "kind": "therapy-6/therapy-1", "date": "2026-11-25", "time": "10:00"}


def visits(session):
    session.rollback()
    return list(session.scalars(select(Appointment).where(Appointment.care_plan_id.is_(None))))


def offered(page):
    return findall(r'name="start" value="([0-9T:-]+)"', page)


def test_a_visit_is_booked_outside_any_course_and_counts_in_none(session, harbor, asked, signed_in):
    theo = harbor.people["Theo"].public_id
    answer = signed_in(harbor, "alice").post("/appointments", data=asked | {"practitioner": theo})
    [visit] = visits(session)

    assert (answer.status_code, answer.location) == (303, f"/appointments/{visit.public_id}")
    assert (visit.title, visit.series, visit.position) == ("Therapy session", None, None)
    assert [person.name for person in visit.practitioners] == ["Theo"]


def test_where_it_does_not_fit_it_says_why_and_selects_the_nearest_time(session, harbor, asked, signed_in):
    book(session, harbor, key="therapy-6")
    session.commit()
    taken = session.scalar(select(Appointment.local_start).order_by(Appointment.start_at))
    session.rollback()
    client = signed_in(harbor, "alice")
    at = asked | {"date": taken.date().isoformat(), "time": f"{taken:%H:%M}"}
    refused = client.post("/appointments", data=at)
    [chosen] = findall(r'value="([0-9T:-]+)" required checked', refused.text)
    booked = client.post("/appointments", data=at | {"start": chosen})

    assert refused.status_code == 409
    assert "The patient has another visit" in refused.text or "is free" in refused.text
    assert chosen != f"{taken:%Y-%m-%dT%H:%M}"
    assert (booked.status_code, len(visits(session))) == (303, 1)


def test_a_new_patient_is_typed_with_the_next_available_time(session, harbor, signed_in):
    client = signed_in(harbor, "alice")
    page = client.get("/appointments/new").text
    [chosen] = findall(r'value="([0-9T:-]+)" required checked', page)
    typed = {"name": "Zoe van Newman", "phone": "212 555 0199", "birth_date": "1980-02-03", "email": ""}
    answer = client.post("/appointments", data={**typed, "kind": "iv-depression-6/consult", "start": chosen})
    [visit] = visits(session)

    assert "Next available: " in page
    assert chosen == offered(page)[0]
    assert answer.status_code == 303
    patient = visit.patient
    assert (patient.given_name, patient.family_name) == ("Zoe van", "Newman")
    assert f"{visit.local_start:%Y-%m-%dT%H:%M}" == chosen


def test_a_patient_who_may_be_known_is_added_only_when_asked_again(session, harbor, signed_in):
    client = signed_in(harbor, "alice")
    client.post("/patients", data={"given_name": "Zoe", "family_name": "Newman", "birth_date": "1980-02-03"})
    form = {"name": "Zoe Newman", "birth_date": "1980-02-03", "kind": "iv-depression-6/consult"}
    form["start"] = offered(client.get("/appointments/new").text)[0]
    doubted = client.post("/appointments", data=form)

    assert (doubted.status_code, "Possible duplicate" in doubted.text, visits(session)) == (409, True, [])
    assert client.post("/appointments", data=form | {"another": "yes"}).status_code == 303
    session.rollback()
    assert len(session.scalars(select(Patient).where(Patient.family_name == "Newman")).all()) == 2


def test_without_a_time_that_fits_no_patient_is_left_behind(session, harbor, signed_in):
    form = {"name": "Zoe Newman", "kind": "iv-depression-6/consult", "start": "2026-11-28T10:00"}
    answer = signed_in(harbor, "alice").post("/appointments", data=form)
    session.rollback()

    assert (answer.status_code, "Closed." in answer.text) == (409, True)
    assert session.scalar(select(Patient).where(Patient.family_name == "Newman")) is None


def test_an_empty_place_of_the_board_fills_in_its_day_time_and_place(harbor, signed_in):
    room = harbor.places["Room A"].public_id
    page = (
        signed_in(harbor, "alice").get(f"/appointments/new?date=2026-11-26&time=13:20&location={room}").text
    )
    [chosen] = findall(r'value="([0-9T:-]+)" required checked', page)

    assert chosen == "2026-11-26T13:15"
    assert '<option value="therapy-6/therapy-1" selected' in page or "session" in page


def test_the_matches_of_a_typed_name_can_be_chosen(harbor, signed_in):
    client, nora = signed_in(harbor, "alice"), harbor.patients["Nora"].public_id
    matches = client.post(
        "/appointments/new", data={"name": "nor"}, headers=HX | {"HX-Target": "matches"}
    ).text
    chosen = client.post("/appointments/new", data={"name": "nor", "patient": nora}, headers=HX).text

    assert f'name="patient" value="{nora}"' in matches
    assert f'type="hidden" name="patient" value="{nora}"' in chosen
    assert 'name="phone"' not in chosen


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "no/such"}, "is not a visit of a protocol"),
        ({"date": "soon"}, "must be a date"),
        ({"time": ""}, "must be a time"),
        ({"date": "2026-11-20"}, "is in the past"),
        ({"patient": "", "name": "Zoe"}, "add a person with one name as a new patient"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_booked(session, harbor, asked, signed_in, change, words):
    answer = signed_in(harbor, "alice").post("/appointments", data=asked | change)

    assert (answer.status_code, words in answer.text, visits(session)) == (422, True, [])


def test_a_closed_day_says_so(harbor, asked, signed_in):
    answer = signed_in(harbor, "alice").post("/appointments", data=asked | {"date": "2026-11-28"})

    assert (answer.status_code, "<div>Closed.</div>" in answer.text) == (409, True)


def test_who_cannot_take_the_visit_is_refused_and_not_replaced(session, harbor, asked, signed_in):
    nina = harbor.people["Nina"].public_id
    answer = signed_in(harbor, "alice").post("/appointments", data=asked | {"practitioner": nina})

    assert (answer.status_code, visits(session)) == (422, [])
    assert 'id="practitioner-wrong">Nina is a nurse; Therapy session needs a therapist' in answer.text
