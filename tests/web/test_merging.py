import pytest
from sqlalchemy import select

from scheduler.models.audit_event import AuditEvent
from scheduler.models.patient import Patient
from tests.cast import add_patient
from tests.services.courses import book


@pytest.fixture
def nora(harbor):
    return harbor.patients["Nora"].public_id


@pytest.fixture
def twin(session, harbor):
    made = add_patient(session, harbor, "Nora", "Lindquist", email="Nora@example.org", phone="555 0177")
    session.commit()
    return made.public_id


def merged(session):
    session.rollback()
    return session.scalars(select(Patient.public_id).where(Patient.merged_into_id.is_not(None))).all()


def test_the_lists_name_who_may_be_one_person(harbor, nora, twin, signed_in):
    client = signed_in(harbor, "alice")
    everybody = client.get("/patients/duplicates").text
    hers = client.get(f"/patients/{nora}/duplicates").text
    searched = client.post(f"/patients/{nora}/duplicates", data={"search": "lind"}).text

    assert (f"/patients/{nora}/merger/{twin}" in everybody, "same email" in everybody) == (True, True)
    assert f"/patients/{nora}/merger/{twin}" in hers
    assert searched.count(f"/patients/{nora}/merger/{twin}") == 2  # a likely one, and found
    assert f"/patients/{nora}/merger/{nora}" not in searched


def test_both_are_shown_and_that_they_were_looked_at_is_noted(session, harbor, nora, twin, signed_in):
    page = signed_in(harbor, "alice").get(f"/patients/{nora}/merger/{twin}").text
    session.rollback()
    seen = session.scalars(select(AuditEvent.object_id).where(AuditEvent.event == "patient.viewed")).all()

    assert ("Lindquist" in page, "555 0177" in page) == (True, True)
    assert sorted(seen) == sorted([nora, twin])


def test_merging_leads_to_one_page_from_both_addresses(session, harbor, nora, twin, signed_in):
    client = signed_in(harbor, "alice")
    form = {"keep_version": 1, "other_version": 1, "family_name": "keep", "phone": "other"}
    done = client.post(f"/patients/{nora}/merger/{twin}", data=form)
    former = client.get(f"/patients/{twin}")
    again = client.get(f"/patients/{nora}/merger/{twin}")
    twice = client.post(f"/patients/{nora}/merger/{twin}", data=form)

    assert (done.status_code, done.location) == (303, f"/patients/{nora}")
    assert (former.status_code, former.location) == (308, f"/patients/{nora}")
    assert (again.status_code, again.location) == (303, f"/patients/{nora}")
    assert (twice.status_code, twice.location) == (303, f"/patients/{nora}")
    assert merged(session) == [twin]
    assert "555 0177" in client.get(f"/patients/{nora}").text


@pytest.mark.parametrize("form", [{}, {"keep_version": 1}, {"keep_version": "x", "other_version": 1}])
def test_without_having_been_shown_nothing_is_merged(session, harbor, nora, twin, signed_in, form):
    answer = signed_in(harbor, "alice").post(f"/patients/{nora}/merger/{twin}", data=form)

    assert (answer.status_code, merged(session)) == (422, [])


def test_a_record_that_was_changed_meanwhile_is_looked_at_again(session, harbor, nora, twin, signed_in):
    client = signed_in(harbor, "alice")
    client.post(f"/patients/{twin}", data={"phone": "555 0188", "email_ok": "yes"})
    answer = client.post(f"/patients/{nora}/merger/{twin}", data={"keep_version": 1, "other_version": 1})

    assert (answer.status_code, harbor.users["alice"].name in answer.text, merged(session)) == (412, True, [])


def test_two_at_once_are_named_and_cannot_be_merged(session, harbor, nora, twin, signed_in):
    harbor.patients["Twin"] = harbor.patients["Nora"]
    harbor.patients["Nora"] = session.scalar(select(Patient).where(Patient.public_id == nora))
    book(session, harbor)
    book(session, harbor, key="therapy-6", patient="Twin")
    session.commit()
    client = signed_in(harbor, "alice")
    page = client.get(f"/patients/{nora}/merger/{twin}").text
    answer = client.post(f"/patients/{nora}/merger/{twin}", data={"keep_version": 1, "other_version": 1})

    assert ("Visits at the same time" in page, "Merge records" in page) == (True, False)
    assert (answer.status_code, merged(session)) == (409, [])
