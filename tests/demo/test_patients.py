"""The demo's made-up patients."""

import unicodedata
from datetime import date

from scheduler.demo import files
from scheduler.demo.patients import fields_of
from scheduler.services.patient.patient_fields import checked

TODAY = date(2026, 11, 23)
NAMES = files.read("patients")


def test_every_patient_keeps_the_rules_of_patients() -> None:
    made = [fields_of(NAMES, index, 1, TODAY) for index in range(3 * len(NAMES))]

    assert [checked(fields, TODAY) for fields in made] == made


def test_every_name_can_be_read_by_a_desk_in_new_york_and_some_have_letters_that_software_forgets() -> None:
    letters = [letter for entry in NAMES for letter in entry["given"] + entry["family"] if letter.isalpha()]

    assert {unicodedata.name(letter).split()[0] for letter in letters} == {"LATIN"}
    assert sum(not letter.isascii() for letter in letters) > 20


def test_the_same_seed_makes_the_same_person() -> None:
    assert fields_of(NAMES, 5, 1, TODAY) == fields_of(NAMES, 5, 1, TODAY)
    assert fields_of(NAMES, 5, 1, TODAY)["birth_date"] != fields_of(NAMES, 5, 2, TODAY)["birth_date"]


def test_more_patients_than_names_are_other_people() -> None:
    made = [fields_of(NAMES, index, 1, TODAY) for index in (0, len(NAMES))]

    assert made[0]["given_name"] == made[1]["given_name"]
    assert made[0]["family_name"] != made[1]["family_name"]
    assert made[0]["email"] != made[1]["email"]


def test_some_have_no_mail_some_have_not_agreed_and_some_have_somebody() -> None:
    made = [fields_of(NAMES, index, 1, TODAY) for index in range(72)]

    assert sum("email" not in fields for fields in made) == 8
    assert sum(not fields["email_ok"] for fields in made) == 6
    assert sum("proxy_email" in fields for fields in made) == 3
