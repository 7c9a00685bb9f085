"""Adding patients: nobody twice by accident."""

import pytest
from sqlalchemy import func, select

from scheduler.domain.status import CarePlanStatus
from scheduler.models.audit_event import AuditEvent
from scheduler.models.message import Message, MessageKind
from scheduler.models.patient import Patient
from scheduler.services.actors import Actor
from scheduler.services.patient import address_changes
from tests.cast import NOW

ANA = {"given_name": "Ana", "family_name": "Núñez", "birth_date": "1984-02-29", "phone": "212 555 0101"}


def how_many(session):
    session.rollback()
    return session.scalar(select(func.count()).select_from(Patient))


def test_a_patient_of_the_same_name_and_birth_date_is_asked_about_before_anything_is_saved(
    session, harbor, signed_in
):
    client, before = signed_in(harbor, "alice"), how_many(session)
    first = client.post("/patients", data=ANA)

    again = client.post("/patients", data=ANA | {"family_name": "Nunez", "phone": ""})

    assert (first.status_code, again.status_code) == (303, 409)
    assert first.location in again.text
    assert 'value="Nunez"' in again.text
    assert how_many(session) == before + 1


def test_another_person_of_the_same_name_and_birth_date_is_saved_when_the_desk_says_so(
    session, harbor, signed_in
):
    client, before = signed_in(harbor, "alice"), how_many(session)
    client.post("/patients", data=ANA)

    again = client.post("/patients", data=ANA | {"another": "yes"})

    assert again.status_code == 303
    assert how_many(session) == before + 2


def test_a_namesake_is_asked_about_without_a_birth_date_and_not_with_another_or_in_another_clinic(
    session, harbor, hill, signed_in
):
    client = signed_in(harbor, "alice")
    client.post("/patients", data=ANA)
    there = signed_in(hill, next(iter(hill.users)))

    assert client.post("/patients", data=ANA | {"birth_date": "1985-02-28"}).status_code == 303
    assert client.post("/patients", data=ANA | {"birth_date": ""}).status_code == 409
    assert there.post("/patients", data=ANA).status_code == 303


def test_a_search_for_signs_alone_finds_nobody_and_one_for_nothing_everybody(harbor, signed_in):
    client = signed_in(harbor, "alice")
    found = {
        typed: "Nora Lindqvist" in client.post("/patients/found", data={"search": typed}).text
        for typed in ("", "lindqvist", "%", "_", "\\", "<>")
    }

    assert [typed for typed, has_her in found.items() if has_her] == ["", "lindqvist"]


def test_what_is_wrong_is_told_by_the_name_that_stands_beside_the_field(harbor, signed_in):
    page = signed_in(harbor, "alice").post("/patients", data=ANA | {"birth_date": "2090-01-01"})

    assert page.status_code == 422
    assert '<a href="#birth_date">Date of birth</a> is not a plausible date of birth' in page.text


def test_all_links_of_a_patient_are_ended_and_a_fresh_one_is_sent_from_their_page(session, harbor, signed_in):
    client, nora = signed_in(harbor, "alice"), harbor.patients["Nora"]
    page, epoch = f"/patients/{nora.public_id}", nora.link_epoch
    session.rollback()
    shown = client.get(page).text
    assert f'action="{page}/links/end"' in shown
    ended = client.post(f"{page}/links/end")
    sent = client.post(f"{page}/links")
    session.rollback()

    assert (ended.status_code, sent.status_code) == (303, 303)
    assert session.get(Patient, nora.id, populate_existing=True).link_epoch == epoch + 1
    events = session.scalars(select(AuditEvent.event).where(AuditEvent.object_id == nora.public_id)).all()
    assert "private-links.ended" in events
    assert [one.recipient for one in session.query(Message).filter_by(kind=MessageKind.LINK)] == ["patient"]


def test_the_desk_sees_a_new_address_until_it_has_settled_it(session, harbor, signed_in):
    nora = harbor.patients["Nora"]
    change = address_changes.ask(
        session, Actor(harbor.clinic, None, None, "patient"), nora, "new@elsewhere.example", NOW
    )
    page, row = f"/patients/{nora.public_id}", f"/requests/addresses/{change.public_id}/settlement"
    client = signed_in(harbor, "alice")
    seen = [client.get(path).text for path in (page, "/requests")]
    refused = client.post(row)
    after = [
        client.get(path).text for path in ("/requests", page, "/requests")
    ]  # the first says that it is refused

    assert all("new@elsewhere.example" in text and "confirmed yet" in text for text in seen)
    assert refused.status_code == 303
    assert not [text for text in after[1:] if "new@elsewhere.example" in text]


def test_the_desk_says_that_an_address_works_again(session, harbor, signed_in):
    client, nora = signed_in(harbor, "alice"), harbor.patients["Nora"]
    nora.email_bad_at, version = NOW, nora.row_version
    session.commit()
    page = f"/patients/{nora.public_id}"
    assert "The address works again" in client.get(page).text

    assert client.post(f"{page}/address/works").status_code == 303
    session.rollback()
    assert (nora.email_bad_at, nora.row_version) == (None, version + 1)
    assert "The address works again" not in client.get(page).text


@pytest.mark.parametrize("address", ["/patients/finds", "/patients/found", "/care-plans/new"])
def test_a_similar_name_is_shown_before_a_new_patient_is_added(harbor, signed_in, address):
    text = signed_in(harbor, "alice").post(address, data={"search": "lindquist"}).text

    assert text.index("Similar names") < text.index("Nora Lindqvist") < text.index("None of them?")
    assert text.count('data-new-patient="lindquist"') == 1


def test_a_new_visit_offers_patients_of_similar_names(harbor, signed_in):
    client = signed_in(harbor, "alice")
    page = client.post("/appointments/new", data={"name": "lindquist"}, headers={"HX-Target": "matches"})

    assert "Already a patient?" in page.text
    assert "Nora Lindqvist" in page.text


def test_the_visits_of_a_patient_who_left_are_canceled_from_their_page(
    session, harbor, nora_course, signed_in
):
    client, page = signed_in(harbor, "alice"), f"/patients/{nora_course.patient.public_id}"
    assert "upcoming visits</button>" not in client.get(page).text
    client.post(
        page, data={"given_name": "Nora", "family_name": "Lindqvist", "left": "on", "deceased_on": ""}
    )
    assert f'action="{page}/cancellation"' in client.get(page).text

    assert client.post(f"{page}/cancellation", data={"reason": " "}).status_code == 303
    session.rollback()
    assert nora_course.status is CarePlanStatus.ACTIVE
    client.post(f"{page}/cancellation", data={"reason": "moved to another state"})
    session.rollback()
    assert nora_course.status is CarePlanStatus.REVOKED
    assert "No upcoming visits." in client.get(page).text
