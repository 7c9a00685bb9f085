"""Finding patients: parts of what is recorded, written in many ways, and names that are misspelled."""

from datetime import timedelta

import pytest

from scheduler.domain.folding import folded
from scheduler.services.patient import erasure, merging, patients
from scheduler.services.patient.patient_search import forget, look_up, search
from tests.cast import NOW, add_patient
from tests.engines import both


@pytest.fixture(autouse=True)
def _nothing_kept():
    forget()


@pytest.fixture
def desk(session, harbor):
    """Return a function that adds patients by their names."""

    def add(*names, cast=harbor, **fields):
        added = [add_patient(session, cast, *name.split(" ", 1), **fields) for name in names]
        session.commit()
        return added

    return add


def similar(session, cast, typed, **more):
    return [one.name for one in look_up(session, cast.clinic, typed, NOW, **more).similar]


@both
@pytest.mark.parametrize("typed", ["%", "_", "\\", "<>"])
def test_signs_alone_find_nobody(session, harbor, typed):
    assert search(session, harbor.clinic, "") != []
    assert search(session, harbor.clinic, typed) == []


@both
@pytest.mark.parametrize("typed", ["muller", "MÜLLER jose", "0199", "1990", "jose@"])
def test_search_finds_folded_parts_of_one_clinic(session, harbor, hill, typed):
    jose = add_patient(
        session,
        harbor,
        "José",
        "Müller",
        phone="212-555-0199",
        email="jose@example.org",
        birth_date="1990-01-02",
    )
    add_patient(session, hill, "José", "Müller", phone="212-555-0199", birth_date="1990-01-02")

    found = search(session, harbor.clinic, typed)

    assert found == ([jose] if folded(typed) else [harbor.patients["Nora"], jose])


@both
@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Guadelupe", "Guadalupe Reyes"),
        ("Whitfeild", "Ruth Whitfield"),
        ("Jose Nunes", "José Núñez"),
        ("nunes jose", "José Núñez"),
        ("guadelup", "Guadalupe Reyes"),
        ("Mueller", "Anna Müller"),
        ("kin", "Jieun Kim"),
        ("ruth witfield", "Ruth Whitfield"),
    ],
)
def test_a_misspelled_name_is_found_as_a_similar_one(session, harbor, hill, desk, typed, name):
    names = ("Guadalupe Reyes", "Ruth Whitfield", "José Núñez", "Anna Müller", "Jieun Kim", "Otis Brandt")
    desk(*names)
    desk(*names, cast=hill)

    assert similar(session, harbor, typed) == [name]


def test_the_likeliest_name_comes_first_and_those_found_exactly_are_not_repeated(session, harbor, desk):
    [martin, *_] = desk("Ana Martin", "Ana Martins", "Ana Martinez", "Ana Mertin")

    found = look_up(session, harbor.clinic, "martin ana", NOW)

    assert [one.name for one in found.exact] == [martin.name, "Ana Martinez", "Ana Martins"]
    assert [one.name for one in found.similar] == ["Ana Mertin"]
    assert similar(session, harbor, "marten")[0] == martin.name


def test_a_number_beside_a_misspelled_name_must_be_right(session, harbor, desk):
    desk("Ruth Whitfield", birth_date="1972-03-13")
    desk("Rita Whitfield", birth_date="1980-01-01")

    assert similar(session, harbor, "whitfeild 3/13/72") == ["Ruth Whitfield"]


def test_who_sees_no_contact_details_finds_similar_names_without_numbers(session, harbor, desk):
    desk("Ruth Whitfield", birth_date="1972-03-13", email="whitfeild@example.org")

    assert similar(session, harbor, "whitfeild", names_only=True) == ["Ruth Whitfield"]
    assert similar(session, harbor, "whitfeild 1972", names_only=True) == []
    assert similar(session, harbor, "example", names_only=True) == []


def test_a_new_patient_is_similar_at_once_and_a_new_name_within_a_minute(session, harbor, desk):
    assert similar(session, harbor, "whitfeild") == []
    [ruth] = desk("Ruth Whitfield")
    assert similar(session, harbor, "whitfeild") == [ruth.name]

    patients.update(session, harbor.actor("alice"), ruth, {"family_name": "Okafor"}, NOW)
    session.commit()
    found = look_up(session, harbor.clinic, "okofar", NOW + timedelta(minutes=1))

    assert found.similar == [ruth]


def test_how_a_name_is_said_finds_it(session, harbor, desk):
    [jieun] = desk("지은 김", pronunciation="jee-UN kim")

    assert search(session, harbor.clinic, "kim") == [jieun]


@both
def test_a_merged_record_leaves_what_it_was_found_by(session, harbor, desk):
    [keep] = desk("Ruth Whitfield", phone="212-555-0100")
    [other] = desk("Ruthie Whitfeld-Okafor", phone="212-555-0177", email="okafor@example.org")
    [third] = desk("R Whitfield", phone="212-555-0188")
    actor = harbor.actor("mona")
    for one, into in ((third, other), (other, keep)):
        merging.merge(session, actor, into, one, {}, NOW)
        session.commit()
    patients.update(session, actor, keep, {"phone": "212-555-0111"}, NOW)

    for typed in ("okafor", "5550177", "5550188", "5550111", "ruthie", "okafor@example.org"):
        assert search(session, harbor.clinic, typed) == [keep], typed
    assert similar(session, harbor, "okofar") == [keep.name]


def test_an_erased_patient_is_similar_to_nobody(session, harbor, desk):
    [ruth] = desk("Ruth Whitfield")
    assert similar(session, harbor, "whitfeild") == [ruth.name]

    erasure.erase(session, harbor.actor("ada"), ruth, "asked for", NOW)
    session.commit()

    assert similar(session, harbor, "whitfeild") == []
