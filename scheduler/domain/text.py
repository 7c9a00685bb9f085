"""What a line of text may hold before it is kept.

A name ends up in mail headers, calendar files, CSV cells and pages. So a line has no control characters (NUL and line
breaks among them), no U+2028 or U+2029, no lone surrogates, and no characters that reorder the text around them
(Unicode's Bidi_Control). Everything else of every script is welcome. Text is kept in NFC, without space at its ends.
"""

from __future__ import annotations

import unicodedata

from email_validator import EmailNotValidError, validate_email

BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
REASONS = {
    "Cc": "contains a control character",
    "Cs": "contains half of a character (a lone surrogate)",
    "Zl": "contains a line separator",
    "Zp": "contains a paragraph separator",
}


class BadText(ValueError):
    """Text that cannot be kept: the field and the reason."""

    def __init__(self, field: str, reason: str) -> None:
        self.field, self.reason = field, reason
        super().__init__(f"{field} {reason}")


def clean_line(field: str, value: object, longest: int, *, required: bool = False) -> str:
    """Return one line of text of at most `longest` characters as it is kept. Raises BadText."""
    return _clean(field, value, longest, required, allowed="")


def clean_email(field: str, value: object) -> str:
    """Return a mail address in its usual notation. Raises BadText."""
    line = clean_line(field, value, 254, required=True)
    try:
        address: str = validate_email(line, check_deliverability=False, test_environment=True).normalized
    except EmailNotValidError:
        raise BadText(field, "is not an email address") from None
    return address


def clean_note(field: str, value: object, longest: int, *, required: bool = False) -> str:
    """Return text of several lines, with every line break made a newline. Raises BadText."""
    if isinstance(value, str):
        value = value.replace("\r\n", "\n").replace("\r", "\n")
    return _clean(field, value, longest, required, allowed="\n\t")


def whole_number(text: str, digits: int = 8) -> int | None:
    """Return the number that a text of at most so many ASCII digits says, None for any other text.

    `str.isdigit` alone is no check: it holds for signs that `int` refuses, and for any length.
    """
    text = text.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= digits else None


def masked_address(address: str) -> str:
    """Return a mail address as a page shows it that may be in other hands: j...@example.org."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}...@{domain}"


def _clean(field: str, value: object, longest: int, required: bool, allowed: str) -> str:
    if not isinstance(value, str):
        raise BadText(field, "must be text")
    for character in value:
        reason = _reason_against(character)
        if reason and character not in allowed:
            raise BadText(field, reason)
    text = unicodedata.normalize("NFC", value).strip()
    if required and not text:
        raise BadText(field, "must not be empty")
    if len(text) > longest:
        raise BadText(field, f"is too long: {len(text)} characters, at most {longest}")
    return text


def _reason_against(character: str) -> str | None:
    if character in "\r\n":
        return "contains a line break"
    if character in BIDI_CONTROLS:
        return "contains a character that reorders text"
    return REASONS.get(unicodedata.category(character))


def upper_first(text: str) -> str:
    """Return a text as a sentence begins; the names in it stay as they are."""
    return text[:1].upper() + text[1:]


def visits_and_calls(visits: int, calls: int) -> str:
    """Return such as "15 visits and 6 calls": what a patient comes to, and what the clinic does without them."""
    words = [
        f"{number} {noun}{'' if number == 1 else 's'}"
        for number, noun in ((visits, "visit"), (calls, "call"))
    ]
    return " and ".join(words if visits and calls else words[:1] if visits or not calls else words[1:])
