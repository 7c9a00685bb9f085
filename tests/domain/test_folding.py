from datetime import date

import pytest

from scheduler.domain.folding import folded, search_key, search_words

NORA = search_key(
    ("Nóra", "O’Brien-Łukasz", ""), "+1 (212) 555-0199", "nora.ob@example.org", date(1984, 3, 9)
)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("José", "jose"),
        ("STRASSE", "strasse"),
        ("Straße", "strasse"),
        ("Øyvind Ærø", "oyvind aero"),
        ("Łukasz", "lukasz"),
        ("İstanbul ılık", "istanbul ilik"),
        ("Nguyễn", "nguyen"),
        ("O'Brien-Smith", "obrien smith"),
        ("مُحَمَّد", "محمد"),
        ("がか", folded("がか")),
        ("Αθηνά", "αθηνα"),
        ("Ёлкин", "елкин"),
    ],
)
def test_folding_takes_away_what_is_typed_differently(text, result):
    assert folded(text) == result


def test_letters_that_look_like_marks_stay_apart():
    assert folded("が") != folded("か")
    assert folded("की") != folded("कु")


@pytest.mark.parametrize(
    "typed",
    [
        "nora",
        "NÓRA obrien",
        "lukasz",
        "(212) 555-0199",
        "2125550199",
        "+1 212 555 0199",
        "+12125550199",
        "555-01",
        "1984-03-09",
        "03/09/1984",
        "3/9/1984",
        "9.3.1984",
        "9 Mar 1984",
        "9 march 1984 nora",
        "March 9, 1984",
        "09.03.1984",
        "nora 1984",
        "nora.ob@example.org",
        "example.org nora",
    ],
)
def test_a_patient_is_found_by(typed):
    assert found(typed) == search_words(typed) != []


@pytest.mark.parametrize("typed", ["norah", "obrian", "2125550198", "1985-03-09", "9 Apr 1984", "4/9/1984"])
def test_a_patient_is_not_found_by(typed):
    assert found(typed) != search_words(typed)


def found(typed):
    return [word for word in search_words(typed) if word in NORA]
