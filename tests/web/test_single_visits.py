from re import findall

import pytest
from sqlalchemy import select

from scheduler.models.appointment import Appointment
from tests.services.courses import book


@pytest.fixture
def asked(harbor):
    return {"kind": "therapy-6/therapy-1", "date": "2026-11-25", "time": "10:00"}


def visits(session):
    session.rollback()
    return list(session.scalars(select(Appointment).where(Appointment.care_plan_id.is_(None))))


def test_a_visit_is_booked_outside_any_course_and_counts_in_none(session, harbor, asked, signed_in):
    nora = harbor.patients["Nora"].public_id
    theo = harbor.people["Theo"].public_id
    answer = signed_in(harbor, "alice").post(f"/patients/{nora}/visits", data=asked | {"practitioner": theo})
    [visit] = visits(session)

    assert (answer.status_code, answer.location) == (303, f"/appointments/{visit.public_id}")
    assert (visit.title, visit.series, visit.position) == ("Therapy session", None, None)
    assert [person.name for person in visit.practitioners] == ["Theo"]


def test_where_it_does_not_fit_the_nearest_starts_that_do_are_offered(session, harbor, asked, signed_in):
    book(session, harbor, key="therapy-6")
    session.commit()
    taken = session.scalar(select(Appointment.local_start).order_by(Appointment.start_at))
    session.rollback()
    nora, client = harbor.patients["Nora"].public_id, signed_in(harbor, "alice")
    at = asked | {"date": taken.date().isoformat(), "time": f"{taken:%H:%M}"}
    refused = client.post(f"/patients/{nora}/visits", data=at)
    offered = findall(r'name="at" value="([0-9:]+)"', refused.text)
    booked = client.post(f"/patients/{nora}/visits", data=at | {"at": offered[0]})

    assert (refused.status_code, len(offered), at["time"] in offered) == (409, 6, False)
    assert (booked.status_code, len(visits(session))) == (303, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"kind": "no/such"}, "is not a visit of a protocol"),
        ({"date": "soon"}, "must be a date"),
        ({"time": ""}, "must be a time"),
        ({"date": "2026-11-20"}, "is in the past"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_booked(session, harbor, asked, signed_in, change, words):
    nora = harbor.patients["Nora"].public_id
    answer = signed_in(harbor, "alice").post(f"/patients/{nora}/visits", data=asked | change)

    assert (answer.status_code, words in answer.text, visits(session)) == (422, True, [])


def test_on_a_day_when_the_clinic_is_closed_nothing_fits(harbor, asked, signed_in):
    nora = harbor.patients["Nora"].public_id
    answer = signed_in(harbor, "alice").post(f"/patients/{nora}/visits", data=asked | {"date": "2026-11-28"})

    assert (answer.status_code, "No other times are available that day." in answer.text) == (409, True)


def test_who_cannot_take_the_visit_is_refused_and_not_replaced(session, harbor, asked, signed_in):
    nora, nina = harbor.patients["Nora"].public_id, harbor.people["Nina"].public_id
    answer = signed_in(harbor, "alice").post(f"/patients/{nora}/visits", data=asked | {"practitioner": nina})

    assert (answer.status_code, visits(session)) == (422, [])
    assert 'id="practitioner-wrong">Nina is a nurse; Therapy session needs a therapist' in answer.text
