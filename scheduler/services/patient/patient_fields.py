"""What a patient's fields may hold. The input of every interface comes through here, so all refuse the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, time
from functools import partial
from typing import Any

from scheduler.domain.identity import AdministrativeSex
from scheduler.domain.text import BadText, clean_email, clean_line, clean_note
from scheduler.errors import Invalid

OLDEST = 130  # years
LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z]{2,4})?")
PHONE = re.compile(r"[\d+()./\- x#*]*")
PREFERENCES = {"weekdays", "earliest", "latest", "note"}


def checked(fields: Mapping[str, Any], today: date) -> dict[str, Any]:
    """Return the fields as they are kept. Raises Invalid naming every field that is unknown or wrong."""
    values: dict[str, Any] = {}
    errors: list[tuple[str, str]] = []
    for name, value in fields.items():
        check = CHECKS.get(name)
        if check is None:
            errors.append((name, "is not a patient field"))
            continue
        try:
            values[name] = check(name, value)
        except BadText as error:
            errors.append((error.field, error.reason))
    born = values.get("birth_date")
    if born is not None and (born > today or born.year < today.year - OLDEST):
        errors.append(("birth_date", "is not a plausible date of birth"))
    if (died := values.get("deceased_on")) is not None and (died > today or (born and died < born)):
        errors.append(("deceased_on", "must be between the birth date and today"))
    if errors:
        raise Invalid(errors)
    return values


def _optional_email(field: str, value: object) -> str | None:
    return None if value is None or value == "" else clean_email(field, value)


def _phone(field: str, value: object) -> str:
    line = clean_line(field, value, 40)
    if not PHONE.fullmatch(line) or (line and sum(c.isdigit() for c in line) < 3):
        raise BadText(field, "is not a phone number")
    return line


def _language(field: str, value: object) -> str:
    line = clean_line(field, value, 8, required=True)
    if not LANGUAGE.fullmatch(line):
        raise BadText(field, "is not a language code such as en or es")
    return line


def _date(field: str, value: object) -> date | None:
    if value is None or type(value) is date:
        return value
    if value == "":
        return None
    try:
        return date.fromisoformat(clean_line(field, value, 10))
    except ValueError:
        raise BadText(field, "is not a date such as 1984-03-09") from None


def _flag(field: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadText(field, "must be true or false")
    return value


def _sex(field: str, value: object) -> AdministrativeSex | None:
    if value is None or value == "":
        return None
    word = clean_line(field, value, 20).lower()
    try:
        return AdministrativeSex({"f": "female", "m": "male"}.get(word, word))
    except ValueError:
        raise BadText(field, f"must be one of {', '.join(AdministrativeSex)}") from None


def _preferences(field: str, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise BadText(field, "must be an object")
    unknown = sorted(str(name) for name in value if name not in PREFERENCES)
    if unknown:
        raise BadText(f"{field}.{unknown[0]}", "is not a preference")
    kept: dict[str, Any] = {}
    if value.get("weekdays"):
        kept["weekdays"] = _weekdays(f"{field}.weekdays", value["weekdays"])
    for name in ("earliest", "latest"):
        if value.get(name):
            kept[name] = _time(f"{field}.{name}", value[name])
    if value.get("note"):
        kept["note"] = clean_note(f"{field}.note", value["note"], 300)
    return kept


def _weekdays(field: str, value: object) -> list[int]:
    if not isinstance(value, list | tuple | set | frozenset) or not all(
        type(day) is int and 1 <= day <= 7 for day in value
    ):
        raise BadText(field, "must be weekdays from 1 (Monday) to 7")
    return sorted(set(value))


def _time(field: str, value: object) -> str:
    try:
        told = value if isinstance(value, time) else time.fromisoformat(clean_line(field, value, 8))
    except ValueError:
        raise BadText(field, "is not a time such as 14:30") from None
    if told.tzinfo is not None:
        raise BadText(field, "must be a local time without a zone")
    return told.isoformat("minutes")


def _line(longest: int, required: bool = False) -> Callable[[str, object], str]:
    return partial(clean_line, longest=longest, required=required)


CHECKS: dict[str, Callable[[str, object], Any]] = {
    "given_name": _line(100, required=True),
    "family_name": _line(100),  # a person may have one name only, the given name
    "preferred_name": _line(100),
    "pronunciation": _line(100),
    "birth_date": _date,
    "email": _optional_email,
    "phone": _phone,
    "language": _language,
    "email_ok": _flag,
    "proxy_name": _line(200),
    "proxy_email": _optional_email,
    "alert_note": _line(300),
    "interpreter": _line(60),
    "wheelchair": _flag,
    "pronouns": _line(40),
    "sex": _sex,
    "address_line": _line(200),
    "city": _line(100),
    "state": _line(60),
    "postal_code": _line(20),
    "emergency_name": _line(200),
    "emergency_relation": _line(60),
    "emergency_phone": _phone,
    "mrn": _line(40),
    "insurance_payer": _line(100),
    "insurance_member_id": _line(60),
    "preferences": _preferences,
    "deceased_on": _date,
    "active": _flag,
}
