"""A search as it was asked, and a page of what it found.

`_count` is the size of a page, `_after` (only in our own links) the place of the row after which the next one begins,
so rows that come or go meanwhile never shift a page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from scheduler.domain.text import BadText, clean_line
from scheduler.fhir.elements import Element
from scheduler.fhir.outcomes import BadSearch, NotAcceptable
from scheduler.fhir.values import ids
from scheduler.services.actors import Actor

MOST = 200
FORMATS = frozenset({"json", "application/json", "application/fhir+json"})


@dataclass(frozen=True)
class SearchRequest:
    """The parameters of a search in the order given, without those that only shape the answer."""

    parameters: Sequence[tuple[str, str]]
    count: int
    after: str | None


@dataclass(frozen=True)
class SearchPage:
    """`after` is the place of the last resource when there are more."""

    resources: list[Element]
    total: int
    after: str | None


def read(given: Sequence[tuple[str, str]], known: Mapping[str, str]) -> SearchRequest:
    """Return what was asked for. An unknown parameter is refused: a search that ignores one finds too much."""
    asked: list[tuple[str, str]] = []
    count, after = 50, None
    for name, raw in given:
        value = _line(name, raw)
        if name == "_count":
            count = _count(value)
        elif name == "_after":
            after = value
        elif name == "_format":
            _check_format(value)
        elif name in known or name == "_id":
            asked.append((name, value))
        else:
            raise BadSearch(
                f"{name} is not a supported search parameter; supported are {', '.join(['_id', *known])}"
            )
    return SearchRequest(asked, count, after)


@dataclass(frozen=True)
class SearchableTable:
    """How rows of one table are searched: in the order of `order` columns, of which the last is the public id."""

    model: Any
    order: tuple[InstrumentedAttribute[Any], ...]
    narrow: Callable[[Actor, str, str], ColumnElement[bool]]
    view: Callable[[Any], Element]
    options: tuple[Any, ...] = ()
    scope: tuple[ColumnElement[bool], ...] = ()

    def search(self, session: Session, actor: Actor, asked: SearchRequest) -> SearchPage:
        query = select(self.model).where(self.model.clinic_id == actor.clinic.id, *self.scope)
        for name, value in asked.parameters:
            query = query.where(self._condition(actor, name, value))
        total = session.scalar(select(func.count()).select_from(query.subquery())) or 0
        rows = self._rows(session, query, asked)
        more = len(rows) > asked.count
        rows = rows[: asked.count]
        return SearchPage(
            [self.view(row) for row in rows], total, self._place(rows[-1]) if more and rows else None
        )

    def _condition(self, actor: Actor, name: str, value: str) -> ColumnElement[bool]:
        if name == "_id":
            return self.order[-1].in_(ids(name, value))
        return self.narrow(actor, name, value)

    def _rows(self, session: Session, query: Select[Any], asked: SearchRequest) -> list[Any]:
        if asked.after is not None:
            query = query.where(self._beyond(asked.after))
        query = query.options(*self.options).order_by(*self.order).limit(asked.count + 1)
        return list(session.scalars(query))

    def _place(self, row: Any) -> str:
        values = [getattr(row, column.key) for column in self.order]
        return "~".join(v.astimezone(UTC).isoformat() if isinstance(v, datetime) else str(v) for v in values)

    def _beyond(self, place: str) -> ColumnElement[bool]:
        *earlier, public_id = place.split("~")
        if len(earlier) != len(self.order) - 1:
            raise BadSearch("_after: is not a place in this list")
        last = self.order[-1] > public_id
        if not earlier:
            return last
        try:
            at = datetime.fromisoformat(earlier[0]).astimezone(UTC)
        except (ValueError, OverflowError):
            raise BadSearch("_after: is not a place in this list") from None
        return or_(self.order[0] > at, and_(self.order[0] == at, last))


def _line(name: str, value: str) -> str:
    try:
        return clean_line(name, value, 1000, required=True)
    except BadText as error:
        raise BadSearch(f"{name[:60]!r} {error.reason}") from None


def _count(value: str) -> int:
    if not value.isascii() or not value.isdigit():
        raise BadSearch("_count: must be a whole number")
    return min(int(value[:9]), MOST)


def _check_format(value: str) -> None:
    if value not in FORMATS:
        raise NotAcceptable
