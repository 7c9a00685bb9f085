import pytest

from scheduler.services.patient import duplicates
from tests.cast import NOW, add_patient
from tests.engines import both

BORN = {"birth_date": "1984-03-09"}


def pairs(found):
    return [(twins.first.given_name, twins.second.given_name, twins.why) for twins in found]


@both
def test_the_likeliest_pairs_of_a_clinic_come_first(session, harbor, hill):
    add_patient(session, harbor, "José", "Müller", phone="+1 212-555-0199", **BORN)
    add_patient(session, harbor, "Maria", "Müller", phone="(212) 555 0199")
    add_patient(session, harbor, "jose", "MULLER", phone="2125550199", email="jm@example.org", **BORN)
    add_patient(session, harbor, "Muller", "Jose", email="JM@example.org", birth_date="1984-03-10")
    add_patient(session, hill, "José", "Müller", phone="2125550199", **BORN)

    assert pairs(duplicates.of_clinic(session, harbor.clinic)) == [
        ("José", "jose", (duplicates.NAME, duplicates.PHONE)),
        ("José", "Maria", (duplicates.PHONE,)),
        ("Maria", "jose", (duplicates.PHONE,)),
        ("jose", "Muller", (duplicates.EMAIL,)),
    ]


@both
def test_the_likely_records_of_one_patient(session, harbor):
    ana = add_patient(session, harbor, "Ana Lucía", "Peña", phone="+34 612 345 678", **BORN)
    add_patient(session, harbor, "Lucia", "Ana Pena", **BORN)
    add_patient(session, harbor, "Ana", "Peña", **BORN)
    add_patient(session, harbor, "Luis", "Peña", phone="612345678")

    assert pairs(duplicates.of_patient(session, harbor.clinic, ana)) == [
        ("Ana Lucía", "Lucia", (duplicates.NAME,)),
        ("Ana Lucía", "Luis", (duplicates.PHONE,)),
    ]


@pytest.mark.parametrize("gone", ["merged", "erased"])
def test_what_is_merged_or_erased_is_nobodys_twin(session, harbor, gone):
    first = add_patient(session, harbor, "Ana", "Peña", **BORN)
    second = add_patient(session, harbor, "Ana", "Pena", **BORN)
    if gone == "merged":
        second.merged_into_id = first.id
    else:
        second.erased_at = NOW
    session.flush()

    assert duplicates.of_clinic(session, harbor.clinic) == []
    assert duplicates.of_patient(session, harbor.clinic, first) == []


def test_a_number_that_many_share_says_nothing(session, harbor):
    for number in range(duplicates.LARGEST + 1):
        add_patient(session, harbor, f"Guest {number}", "House", phone="555 0100 77")

    assert duplicates.of_clinic(session, harbor.clinic) == []


def test_the_same_name_is_a_reason_to_look_where_a_date_of_birth_is_missing(session, harbor):
    first = add_patient(session, harbor, "Ana", "Peña")
    add_patient(session, harbor, "Pena", "Ana", **BORN)
    add_patient(session, harbor, "Ana", "Peña", birth_date="1984-03-10")

    pair = ("Ana", "Pena", (duplicates.NAME_ALONE,))
    assert pairs(duplicates.of_clinic(session, harbor.clinic)) == [
        pair,
        ("Ana", "Ana", (duplicates.NAME_ALONE,)),
    ]
    assert pair in pairs(duplicates.of_patient(session, harbor.clinic, first))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("Two", "Tabs", "1980-01-01", "212 555 0001"), ("Two", "Tabs", None, ""), True),
        (("Two", "Tabs", "1980-01-01", ""), ("Tabs", "Two", "1980-01-01", ""), True),
        (("Two", "Tabs", "1980-01-01", "212 555 0001"), ("Two M.", "Tabs", None, "+1 212 555 0001"), True),
        (("Two", "Tabs", "1980-01-01", "212 555 0001"), ("Two", "Married", None, "2125550001 x12"), True),
        (("Two", "Tabs", "1980-01-01", ""), ("Two", "Tabs", "1981-01-01", ""), False),
        (("Two", "Tabs", "1980-01-01", "212 555 0001"), ("Twin", "Tabs", "1980-01-01", "2125550001"), False),
        (("Two", "Tabs", None, "212 555 0001"), ("Two M.", "Tabs", None, "212 555 0002"), False),
    ],
)
def test_one_rule_says_who_is_the_same_person(session, harbor, one, other, same):
    first, second = (
        add_patient(session, harbor, given, family, birth_date=born, phone=phone)
        for given, family, born, phone in (one, other)
    )

    assert duplicates.same_person(session, harbor.clinic, second) == [first] * same


def test_a_former_name_leads_to_the_record_that_goes_on(session, harbor):
    kept = add_patient(session, harbor, "Ana", "Peña", **BORN)
    former = add_patient(session, harbor, "Ana", "Ruiz", **BORN)
    former.merged_into_id = kept.id
    again = add_patient(session, harbor, "Ana", "Ruiz", **BORN)

    assert duplicates.same_person(session, harbor.clinic, again) == [kept]
