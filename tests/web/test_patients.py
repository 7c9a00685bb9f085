"""Adding patients: nobody twice by accident."""

from sqlalchemy import func, select

from scheduler.models.patient import Patient

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


def test_a_namesake_with_another_birth_date_or_none_and_one_of_another_clinic_are_not_asked_about(
    session, harbor, hill, signed_in
):
    client = signed_in(harbor, "alice")
    client.post("/patients", data=ANA)
    there = signed_in(hill, next(iter(hill.users)))

    assert client.post("/patients", data=ANA | {"birth_date": "1985-02-28"}).status_code == 303
    assert client.post("/patients", data=ANA | {"birth_date": ""}).status_code == 303
    assert there.post("/patients", data=ANA).status_code == 303


def test_a_search_for_signs_alone_finds_nobody_and_one_for_nothing_everybody(harbor, signed_in):
    client = signed_in(harbor, "alice")

    assert "Nora Lindqvist" in client.get("/patients?search=").text
    assert "Nora Lindqvist" in client.get("/patients?search=lindqvist").text
    for signs in ("%25", "_", "%5C", "%3C%3E"):
        assert "Nora Lindqvist" not in client.get(f"/patients?search={signs}").text


def test_what_is_wrong_is_told_by_the_name_that_stands_beside_the_field(harbor, signed_in):
    page = signed_in(harbor, "alice").post("/patients", data=ANA | {"birth_date": "2090-01-01"})

    assert page.status_code == 422
    assert '<a href="#birth_date">Born</a> is not the birth date of a living person' in page.text
