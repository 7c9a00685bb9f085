"""Reading the fields of a chair, a person or a site: known ones only, each checked, every fault named."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from scheduler.domain.text import BadText
from scheduler.errors import Invalid

Check = Callable[[str, Any], Any]


def checked(fields: Mapping[str, Any], checks: Mapping[str, Check]) -> dict[str, Any]:
    """Return the values as they are kept. Raises Invalid naming each field that is unknown or wrong."""
    values: dict[str, Any] = {}
    errors: list[tuple[str, str]] = []
    for name, value in fields.items():
        if name not in checks:
            errors.append((name, "is not a known field"))
            continue
        try:
            values[name] = checks[name](name, value)
        except BadText as error:
            errors.append((error.field, error.reason))
    if errors:
        raise Invalid(errors)
    return values


def need(values: Mapping[str, Any], *names: str) -> None:
    """Raise Invalid naming each field that is not given."""
    missing = [(name, "is missing") for name in names if name not in values]
    if missing:
        raise Invalid(missing)


def whole(field: str, value: Any, least: int, most: int) -> int:
    if type(value) is not int or not least <= value <= most:
        raise BadText(field, f"must be a whole number from {least} to {most}")
    return value


def _flag(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise BadText(field, "must be true or false")
    return value


SHARED_FIELDS: dict[str, Check] = {
    "rank": lambda field, value: whole(field, value, 0, 10_000),
    "active": _flag,
}
