"""Lists in pages: `?limit=&cursor=`. A cursor says after which row to go on, so new rows never shift a page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from pydantic import Field
from sqlalchemy import ColumnElement, Integer, Select, and_, or_
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.types import TypeEngine

from scheduler.api.fields import Query
from scheduler.database import UTCDateTime
from scheduler.errors import Invalid

MOST = 200  # rows of a page
Row = TypeVar("Row")


class Paged(Query):
    """How many rows at most, and from where on."""

    limit: Annotated[int, Field(ge=1, le=MOST)] = 50
    cursor: Annotated[str, Field(pattern="^[A-Za-z0-9_-]{1,400}$")] | None = None


def page(
    session: Session,
    query: Select[Any],
    paged: Paged,
    order: Sequence[InstrumentedAttribute[Any]],
    place: Callable[[Any], Sequence[object]],
    *,
    newest_first: bool = False,
) -> tuple[list[Any], str | None]:
    """Return a page of rows in the order of these columns, and the cursor of the next one.

    `place` gives a row's values of these columns, of which the last tells rows apart.
    """
    if paged.cursor is not None:
        after = _read(paged.cursor, [column.type for column in order])
        query = query.where(_beyond(order, after, newest_first))
    by = [column.desc() if newest_first else column.asc() for column in order]
    rows = list(session.scalars(query.order_by(*by).limit(paged.limit + 1)))
    if len(rows) <= paged.limit:
        return rows, None
    return rows[: paged.limit], _write(place(rows[paged.limit - 1]))


def _beyond(
    order: Sequence[InstrumentedAttribute[Any]], after: Sequence[object], newest_first: bool
) -> ColumnElement[bool]:
    """Return the condition that a row comes after these values (row values lose the columns' types on binding)."""
    first, *rest = order
    further = first < after[0] if newest_first else first > after[0]
    if not rest:
        return further
    return or_(further, and_(first == after[0], _beyond(rest, after[1:], newest_first)))


def _write(values: Sequence[object]) -> str:
    parts = [v.astimezone(UTC).isoformat() if isinstance(v, datetime) else str(v) for v in values]
    return base64.urlsafe_b64encode("\n".join(parts).encode()).decode().rstrip("=")


def _read(cursor: str, kinds: Sequence[TypeEngine[Any]]) -> tuple[object, ...]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        parts = base64.b64decode(padded, altchars=b"-_", validate=True).decode().split("\n")
        return tuple(_value(kind, part) for kind, part in zip(kinds, parts, strict=True))
    except (ValueError, binascii.Error, OverflowError):
        raise Invalid([("cursor", "is not a cursor of this list")]) from None


def _value(kind: TypeEngine[Any], text: str) -> object:
    if isinstance(kind, UTCDateTime):
        told = datetime.fromisoformat(text)
        if told.tzinfo is None:
            raise ValueError("an instant without an offset")
        return told.astimezone(UTC)
    if isinstance(kind, Integer):
        return _whole(text)
    if "\0" in text:
        raise ValueError("a control character")
    return text


def _whole(text: str) -> int:
    number = int(text)
    if not -(2**31) <= number < 2**31:
        raise ValueError("no column holds such a number")
    return number
