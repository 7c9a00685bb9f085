import pytest

from scheduler.domain.text import BadText, clean_line, clean_note, upper_first, whole_number


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("Nora\nBcc: x@example.org", "contains a line break"),
        ("Nora\r", "contains a line break"),
        ("No\0ra", "contains a control character"),
        ("No\x1b[31mra", "contains a control character"),
        ("No\x85ra", "contains a control character"),
        ("No\u2028ra", "contains a line separator"),
        ("No\u2029ra", "contains a paragraph separator"),
        ("No\u202era", "contains a character that reorders text"),
        ("No\u2066ra", "contains a character that reorders text"),
        ("No\ud800ra", "contains half of a character (a lone surrogate)"),
        ("n" * 101, "is too long: 101 characters, at most 100"),
        ("n" * 10_000, "is too long: 10000 characters, at most 100"),
        ("   ", "must not be empty"),
        (7, "must be text"),
        (None, "must be text"),
    ],
)
def test_a_line_that_cannot_be_kept_says_why(value, reason):
    with pytest.raises(BadText) as caught:
        clean_line("given_name", value, 100, required=True)

    assert (caught.value.field, caught.value.reason) == ("given_name", reason)


@pytest.mark.parametrize(
    "name",
    [
        "Nora",
        "José María",
        "李小龍",
        "محمد",
        "ישראל",
        "Ólafur",
        "Nguyễn Thị",
        "श्रीदेवी",
        "O’Brien-Smith",
        "می‌خواهم",
        "😀",
    ],
)
def test_names_of_every_script_are_kept(name):
    assert clean_line("given_name", name, 100) == name


def test_text_is_kept_composed_and_without_space_around():
    assert clean_line("given_name", "  Jose\u0301 ", 100) == "José"


def test_a_note_keeps_its_lines():
    assert clean_note("note", "one\r\ntwo\rthree\n", 100) == "one\ntwo\nthree"


def test_a_note_refuses_other_control_characters():
    with pytest.raises(BadText):
        clean_note("note", "one\0two", 100)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("7", 7),
        (" 012 ", 12),
        ("99999999", 99_999_999),
        ("999999999", None),
        ("", None),
        ("²", None),
        ("٣", None),
    ],
)
def test_a_whole_number_is_a_few_plain_digits(text, number):
    assert whole_number(text) == number


def test_a_sentence_begins_with_a_capital_and_leaves_names_as_they_are():
    assert upper_first("nurse and Dr. Noah Feldman, PhD") == "Nurse and Dr. Noah Feldman, PhD"
    assert upper_first("Éva") == "Éva" and upper_first("") == ""
