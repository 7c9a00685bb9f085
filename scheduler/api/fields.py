"""The kinds of value that go in and out: instants, dates, ids, lines of text.

An instant comes as RFC 3339 with an offset. Without one it is refused, and so is a wall-clock time that the clinic's
zone skips: both answers name what could have been meant, and nothing is guessed. Instants go out with the clinic's own
offset; dates are clinic-local.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Annotated, Any, ClassVar, TypeVar
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_plain_validator_function

from scheduler.domain.localtime import AmbiguousTime, NonexistentTime, to_utc
from scheduler.domain.text import BadText, clean_line, clean_note
from scheduler.http.bearer import caller
from scheduler.services.account.overrides import WORDS, is_reason

RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(?P<offset>[Zz]|[+-]\d{2}:\d{2})?", re.ASCII
)
ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
CLOCK_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:00)?", re.ASCII)
YEARS = range(1900, 2200)  # what arithmetic across zones can bear, and no one has a visit outside
ID_PATTERN = "^[0-9a-hjkmnp-tv-z]{16}$"


T = TypeVar("T")


class ReadOnlyMark:
    """Marks a field of an answer that a request cannot change."""

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {**handler(schema), "readOnly": True}


ReadOnly = Annotated[T, ReadOnlyMark()]


class View(BaseModel):
    """What an answer holds. The fields that a request cannot change are `ReadOnly`."""

    model_config = ConfigDict(extra="forbid")

    @classmethod
    def read_only(cls) -> frozenset[str]:
        """Return the names of the fields that a request cannot change."""
        return frozenset(
            name
            for name, field in cls.model_fields.items()
            if any(isinstance(mark, ReadOnlyMark) for mark in field.metadata)
        )


class Body(BaseModel):
    """What a request sends: unknown fields are refused, and a number is not a text.

    `class Change(Body, view=ThingView)` also accepts what a ThingView contains: it ignores the view's read-only fields
    that are no fields of its own. Its subclasses do not, unless they name a view themselves.
    """

    model_config = ConfigDict(extra="forbid", strict=True)
    view: ClassVar[type[View] | None] = None

    def __init_subclass__(cls, view: type[View] | None = None, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.view = view

    @classmethod
    def ignored(cls) -> frozenset[str]:
        """Return the names of the fields that are accepted and ignored."""
        return cls.view.read_only() - cls.model_fields.keys() if cls.view else frozenset()

    @model_validator(mode="before")
    @classmethod
    def _ignore(cls, given: Any) -> Any:
        if cls.view is None or not isinstance(given, dict):
            return given
        ignored = cls.ignored()
        return {name: value for name, value in given.items() if name not in ignored}

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        described = handler(schema)
        if cls.view is not None:
            shown = handler.resolve_ref_schema(handler(cls.view.__pydantic_core_schema__))["properties"]
            properties = handler.resolve_ref_schema(described).setdefault("properties", {})
            properties.update({name: shown[name] for name in shown if name in cls.ignored()})
        return described


class Query(BaseModel):
    """What stands behind the question mark."""

    model_config = ConfigDict(extra="forbid")


class ShownOnce:
    """Marks a secret of an answer. It is never stored, so a repeated answer has null there."""


Secret = Annotated[str | None, ShownOnce()]


class ViewWithSecrets(View):
    """An answer with secrets, which are shown in the first answer only. A repeated answer says so in `notice`."""

    notice: str | None = None

    @classmethod
    def secrets(cls) -> list[str]:
        """Return the names of the fields that are shown once."""
        return [
            name
            for name, field in cls.model_fields.items()
            if any(isinstance(mark, ShownOnce) for mark in field.metadata)
        ]


def at(instant: datetime) -> str:
    """Return an instant as an answer says it, with the clinic's offset."""
    return instant.astimezone(_zone()).isoformat()


def read_instant(value: object) -> datetime:
    """Return the instant in UTC. Raises PydanticCustomError with the reason."""
    match = RFC3339.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise _bad("must be an instant such as 2026-12-01T09:00:00-05:00")
    try:
        told = datetime.fromisoformat(match[0].upper())
    except ValueError as error:
        raise _bad(f"is not a time: {error}") from None
    if told.year not in YEARS:
        raise _bad(f"is outside the years {YEARS[0]} to {YEARS[-1]}")
    if told.tzinfo is None:
        raise _bad(f"has no offset; {_meant(told)}")
    _refuse_skipped(told)
    return told.astimezone(UTC)


def read_date(value: object) -> date:
    """Return a date. Raises PydanticCustomError with the reason."""
    if not isinstance(value, str) or not ISO_DATE.fullmatch(value):
        raise _bad("must be a date such as 2026-12-01")
    try:
        day = date.fromisoformat(value)
    except ValueError as error:
        raise _bad(f"is not a date: {error}") from None
    if day.year not in YEARS:
        raise _bad(f"is outside the years {YEARS[0]} to {YEARS[-1]}")
    return day


def read_time(value: object) -> time:
    """Return a wall-clock time. Raises PydanticCustomError with the reason."""
    if not isinstance(value, str) or not CLOCK_TIME.fullmatch(value):
        raise _bad("must be a local time such as 09:30")
    return time.fromisoformat(value)


@dataclass(frozen=True)
class TextLine:
    """Marks one line of text, kept as domain/text.py says; with `lines` there may be several."""

    longest: int
    required: bool = False
    lines: bool = False

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: Any) -> dict[str, Any]:
        shape: dict[str, Any] = {"type": "string", "maxLength": self.longest}
        return shape | {"minLength": 1} if self.required else shape

    def read(self, value: object) -> str:
        clean = clean_note if self.lines else clean_line
        try:
            return clean("", value, self.longest, required=self.required)
        except BadText as error:
            raise _bad(error.reason) from None


def _override_reason(text: str) -> str:
    if text and not is_reason(text):
        raise _bad(WORDS)
    return text


def _meant(local: datetime) -> str:
    """Say what a time without an offset could mean in the clinic's zone."""
    zone = _zone()
    try:
        instants = [to_utc(local, zone)]
    except AmbiguousTime as error:
        instants = list(error.choices)
    except NonexistentTime as error:
        return error.words(caller().clinic.formats)
    return f"in {zone.key} that is " + " or ".join(at(instant) for instant in instants)


def _refuse_skipped(told: datetime) -> None:
    """Refuse a wall-clock time that the clinic's zone skips, when it comes with one of the zone's own offsets."""
    zone, local, offset = _zone(), told.replace(tzinfo=None), told.utcoffset()
    try:
        to_utc(local, zone)
    except AmbiguousTime:
        return
    except NonexistentTime as error:
        if offset in {local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1)}:
            raise _bad(error.words(caller().clinic.formats)) from None


def _zone() -> ZoneInfo:
    return caller().clinic.zone


def _bad(reason: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{reason}", {"reason": reason})


Instant = Annotated[
    datetime, BeforeValidator(read_instant), WithJsonSchema({"type": "string", "format": "date-time"})
]
Day = Annotated[date, BeforeValidator(read_date), WithJsonSchema({"type": "string", "format": "date"})]
ClockTime = Annotated[
    time,
    BeforeValidator(read_time),
    WithJsonSchema({"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$", "examples": ["09:30"]}),
]
Id = Annotated[str, Field(pattern=ID_PATTERN)]
At = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
On = Annotated[str, Field(json_schema_extra={"format": "date"})]
Reason = Annotated[str, TextLine(300)]
OverrideReason = Annotated[
    str,
    TextLine(300),
    AfterValidator(_override_reason),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "maxLength": 0},
                {"type": "string", "minLength": 10, "maxLength": 300},
            ],
            "description": (
                "Why a rule is overridden: at least 10 characters that are not only punctuation, five of them letters "
                "or digits. Empty where nothing is."
            ),
        }
    ),
]


class ReasonBody(Body):
    """A step that may be given a reason."""

    reason: Reason = ""
