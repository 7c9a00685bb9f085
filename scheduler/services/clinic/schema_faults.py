"""What a document does against its JSON Schema, in words for the person who edits it.

A schema's `errorMessage` (as editors know it) speaks for its patterns and alternatives; the rest is worded here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

from scheduler.domain.plan_files.fault import Fault

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

Fields = Mapping[str, Any]

TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "a whole number",
    "null": "empty",
    "number": "a number",
    "object": "a group of names with values",
    "string": "text",
}
LIMITS = {
    "minimum": "must be at least {}",
    "maximum": "must be at most {}",
    "multipleOf": "must be a multiple of {}",
    "minItems": "must have at least {} entries",
    "maxItems": "must have at most {} entries",
    "minLength": "must have at least {} characters",
    "maxLength": "must have at most {} characters",
}


def schema_faults(document: object, schema: Fields) -> list[Fault]:
    """Return every fault of the document's shape, each once."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415  (slow to import, and only this needs it)

    faults: dict[Fault, None] = {}
    for error in Draft202012Validator(schema).iter_errors(document):
        faults.update(dict.fromkeys(_faults(error)))
    return list(faults)


def _faults(error: ValidationError) -> Iterator[Fault]:
    path, schema, expected = (
        tuple(error.absolute_path),
        cast(Fields, error.schema),
        cast(Any, error.validator_value),
    )
    instance = cast(Any, error.instance)
    if error.validator == "additionalProperties":
        known = sorted(schema["properties"])
        for name in (name for name in instance if name not in known):
            yield Fault((*path, name), _unknown(name, known))
    elif error.validator == "required":
        missing = [name for name in expected if name not in instance]
        yield Fault(path, f"must have {', '.join(missing)}")
    else:
        yield Fault(path, _reason(str(error.validator), expected, schema))


def _unknown(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    guess = f"; did you mean {close[0]}?" if close else f"; possible here: {', '.join(known)}"
    return f"is not a known name{guess}"


def _reason(keyword: str, expected: Any, schema: Fields) -> str:
    if keyword == "type":
        return f"must be {TYPES[expected]}"
    if "errorMessage" in schema and keyword != "maxLength":
        return str(schema["errorMessage"])
    if keyword == "enum":
        return f"must be one of {', '.join(map(str, expected))}"
    if keyword == "uniqueItems":
        return "must not name anything twice"
    return LIMITS[keyword].format(expected)
