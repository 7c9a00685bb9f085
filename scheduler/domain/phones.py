"""Phone numbers as files and people write them, by Google's rules of each country (phonenumbers)."""

from __future__ import annotations

import re
from typing import Any

from scheduler.domain.text import BIDI_CONTROLS, BadText

PLAIN = re.compile(r"[\d+()./\- x#*]*")
ROUNDED = re.compile(r"[\d.,]+E\+?\d+", re.IGNORECASE)
FEWEST_DIGITS = 3
UNSEEN = str.maketrans("", "", "".join(BIDI_CONTROLS))  # what copied numbers have around them


def phone_from_file(field: str, text: str, country: str) -> str:
    """Return the one number in a text such as "Mobile: 212-555-0101 ext. 12", as this clinic writes it.

    A number that is valid is written as its country does, one of another country with its code; a text that holds
    nothing but digits and signs stays. Raises BadText.
    """
    import phonenumbers as rules  # noqa: PLC0415  (a tenth of a second, and only imports need it)

    text = text.translate(UNSEEN).strip().removeprefix("tel:")
    if not text:
        return ""
    if ROUNDED.fullmatch(text):
        raise BadText(
            field, "was rounded by the spreadsheet; format the column as text and enter the number again"
        )
    plain = PLAIN.fullmatch(text) is not None and sum(map(str.isdigit, text)) >= FEWEST_DIGITS
    number = _parsed(text, country) if plain else None
    if number is None:
        found = list(rules.PhoneNumberMatcher(text, country, leniency=rules.Leniency.POSSIBLE))
        if len(found) > 1:
            raise BadText(field, "contains more than one number; keep one of them")
        if not found and not plain:
            raise BadText(field, "is not a phone number")
        number = found[0].number if found else None
    if number is None or (plain and not rules.is_valid_number(number)):
        return text
    extension, number.extension = number.extension, None
    own = number.country_code == rules.country_code_for_region(country)
    form = rules.PhoneNumberFormat.NATIONAL if own else rules.PhoneNumberFormat.INTERNATIONAL
    return rules.format_number(number, form) + (f" x{extension}" if extension else "")


def _parsed(text: str, country: str) -> Any:
    """Return the number that the whole text is; None where it is none."""
    import phonenumbers as rules  # noqa: PLC0415  (as above)

    try:
        return rules.parse(text, country)
    except rules.NumberParseException:
        return None
