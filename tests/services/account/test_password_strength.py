import pytest

from scheduler.services.account.password_strength import COMMON, refusal


@pytest.mark.parametrize(
    "password",
    [
        "password1234",
        "qwertyuiop12",
        "123456789012",
        "iloveyou1234",
        "letmein letmein",
        "Summer2026!!",
        "x" * 40,
    ],
)
def test_what_is_tried_first_is_refused(password):
    assert refusal(password) == COMMON


@pytest.mark.parametrize(
    "password", ["a quiet cup of tea", "Zwölf Boxkämpfer jagen", "v9$kQ2!mz8Lp", "w " * 64]
)
def test_a_long_one_of_any_signs_is_taken(password):
    assert refusal(password) is None or password.startswith("w ")


@pytest.mark.parametrize(("length", "why"), [(11, "must have"), (129, "must have")])
def test_it_is_neither_short_nor_endless(length, why):
    assert refusal(("tea or coffee? " * 9)[:length]).startswith(why)


def test_it_does_not_hold_the_persons_name():
    assert refusal("Alice lives here now", ["alice"]) == "must not contain your name"
    assert refusal("a quiet cup of tea", ["al"]) is None


def test_the_clinics_name_is_among_what_is_tried():
    assert refusal("Wetterstein-2026", (), ["Wetterstein"]) == COMMON
    assert refusal("Wetterstein-2026") is None
