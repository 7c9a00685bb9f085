"""Folding names so that a search finds them however they are typed.

Case, accents and punctuation are taken away; letters that do not decompose (o with a stroke, dotless i ...) become what
a person without that key types. Marks are dropped by their canonical combining class: accents (200 and above), Hebrew
and Arabic points (10-35). Vowel signs of Indic scripts and the voicing marks of kana are letters in all but name (0, 7,
8, 9) and stay.
"""

from __future__ import annotations

import re
import unicodedata
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
PARTED = re.compile(r"\b(\d{1,2})([./-])(\d{1,2})\2(\d{4})\b")  # 5/3/1970 is 05/03/1970, in either order
LONGEST_NUMBER = 9  # of a phone number with its country code, what is the same without


def folded(text: str) -> str:
    """Return the words of `text` without case, accents and punctuation, one space between."""
    marked = unicodedata.normalize("NFKD", text.translate(APOSTROPHES).casefold())
    plain = "".join(character for character in marked if not _is_accent(character)).translate(LETTERS)
    return " ".join("".join(c if _is_letter(c) else " " for c in plain).split())


def search_words(text: str) -> list[str]:
    """Return what must each be found in a search key. A number loses its separators: (212) 555-0199, 03/09/1984.

    A date may be written with the month's English name, or without the zeros of day and month.
    """
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


def search_key(names: tuple[str, ...], phone: str, email: str, birth_date: date | None) -> str:
    """Return the text in which search_words are looked up: names, phone, mail, birth date in three orders."""
    digits = "".join(c for c in folded(phone) if c.isdigit())
    dates = [birth_date.strftime(form) for form in ("%Y%m%d", "%m%d%Y", "%d%m%Y")] if birth_date else []
    parts = (*(folded(name) for name in names), digits, folded(email), *dates)
    return " ".join(part for part in parts if part)


def _in_digits(written: re.Match[str]) -> str:
    month = MONTHS.index(written["month"][:3].lower()) + 1
    return f"{written['year']}{month:02}{written['day']:0>2}"


def _is_accent(character: str) -> bool:
    mark = unicodedata.combining(character)
    return 10 <= mark <= 35 or mark >= 200


def _is_letter(character: str) -> bool:
    return character.isalnum() or unicodedata.category(character).startswith("M")
