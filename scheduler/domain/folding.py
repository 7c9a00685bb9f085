"""Folding names so that a search finds them however they are typed.

Case, accents and punctuation are taken away; letters that do not decompose (o with a stroke, dotless i ...) become what
a person without that key types. Marks are dropped by their canonical combining class: accents (200 and above), Hebrew
and Arabic points (10-35). Vowel signs of Indic scripts and the voicing marks of kana are letters in all but name (0, 7,
8, 9) and stay.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date

LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t"}
)
APOSTROPHES = str.maketrans("", "", "'’ʼʻ`´‘")
NUMBER = re.compile(r"\+?[\d()./\-]*\d[\d()./\-]*")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH = rf"({'|'.join(MONTHS)})[a-z]*\.?"
WRITTEN = (  # 15 May 1970 and May 15, 1970, as pages and people write a date
    re.compile(rf"\b(?P<day>\d{{1,2}})\.? +(?P<month>{MONTH}),? +(?P<year>\d{{4}})\b", re.IGNORECASE),
    re.compile(rf"\b(?P<month>{MONTH}) +(?P<day>\d{{1,2}}),? +(?P<year>\d{{4}})\b", re.IGNORECASE),
)
PARTED = re.compile(
    r"\b(\d{1,2})([./-])(\d{1,2})\2(\d{4}|\d{2})\b"
)  # 5/3/1970 is 05/03/1970, in either order; 5/3/70 too
EXTENSION = re.compile(r"(?<=\d)[ ,]*\b(x|ext)\.? ?\d{1,5}\b", re.IGNORECASE)  # a phone is stored without it
DATES = ("%Y%m%d", "%m%d%Y", "%d%m%Y", "%m%d%y", "%d%m%y")  # in these orders a birth date is looked up
END_OF_NAMES = "\n"
LONGEST_NUMBER = 9  # of a phone number with its country code, what is the same without


def folded(text: str) -> str:
    """Return the words of `text` without case, accents and punctuation, one space between."""
    marked = unicodedata.normalize("NFKD", text.translate(APOSTROPHES).casefold())
    plain = "".join(character for character in marked if not _is_accent(character)).translate(LETTERS)
    return " ".join("".join(c if _is_letter(c) else " " for c in plain).split())


def search_words(text: str) -> list[str]:
    """Return what must each be found in a search key. A number loses its separators: (212) 555-0199, 03/09/1984.

    A date may be written with the month's English name, without the zeros of day and month, or with two digits of the
    year. The extension of a phone number is left out.
    """
    text = EXTENSION.sub("", text)
    for form in WRITTEN:
        text = form.sub(_in_digits, text)
    text = PARTED.sub(lambda found: f"{found[1]:0>2}{found[3]:0>2}{found[4]}", text)
    words: list[str] = []
    for word in text.split():
        if NUMBER.fullmatch(word):
            words.append("".join(c for c in folded(word) if c.isdigit())[-LONGEST_NUMBER:])
        else:
            words.extend(folded(word).split())
    return words


def search_key(
    names: Iterable[str],
    phone: str,
    email: str,
    birth_date: date | None,
    former: Iterable[str] = (),
    numbers: Iterable[str] = (),
) -> str:
    """Return the text in which search_words are looked up: a line of names, and one of phone, mail and birth date.

    `numbers` are those of other systems (MRN, insurance); they stand in the second line.
    `former` are such texts of the same person's other records: what they hold is found too.
    """
    digits = "".join(c for c in folded(phone) if c.isdigit())
    dates = [birth_date.strftime(form) for form in DATES] if birth_date else []
    lines = [[*names], [digits, folded(email), *dates, *numbers]]
    for key in former:
        for line, words in zip(lines, key.split(END_OF_NAMES), strict=False):
            line.append(words)
    return END_OF_NAMES.join(" ".join(dict.fromkeys(folded(" ".join(line)).split())) for line in lines)


def name_words(key: str) -> list[str]:
    """Return the words of the names in a search key."""
    return key.partition(END_OF_NAMES)[0].split()


def _in_digits(written: re.Match[str]) -> str:
    month = MONTHS.index(written["month"][:3].lower()) + 1
    return f"{written['year']}{month:02}{written['day']:0>2}"


def _is_accent(character: str) -> bool:
    mark = unicodedata.combining(character)
    return 10 <= mark <= 35 or mark >= 200


def _is_letter(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")
