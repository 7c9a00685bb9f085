"""What a report gives: a table of figures by group, and the one figure that stands for it on the front page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import Select
from sqlalchemy.orm import Session

from scheduler.domain.csv_cells import csv_header, csv_line
from scheduler.domain.formats import Formats
from scheduler.services.reports.scope import ReportScope

Value = int | float | None


class FigureUnit(StrEnum):
    COUNT = "count"
    PERCENT = "percent"
    DAYS = "days"
    HOURS = "hours"


class Better(StrEnum):
    """Which way a figure should go."""

    UP = "up"
    DOWN = "down"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """`means` says what is counted, where the words alone do not.

    `plotted` columns are drawn: counts on top of each other, or one share.
    """

    key: str
    words: str
    means: str = ""
    unit: FigureUnit = FigureUnit.COUNT
    plotted: bool = False


@dataclass(frozen=True, slots=True)
class ReportRow:
    key: str
    words: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class ReportTable:
    """`group` is what the rows are, in words. A total may be less than the sum: a visit counts once."""

    group: str
    columns: tuple[ReportColumn, ...]
    rows: tuple[ReportRow, ...]
    total: ReportRow


@dataclass(frozen=True, slots=True)
class Figure:
    """The figure of a report for a period and for the one before. `details` says of what it is made."""

    report: str
    words: str
    unit: FigureUnit
    better: Better
    value: Value
    before: Value
    details: str


@dataclass(frozen=True)
class FigureVisits:
    """Visits behind a figure: their name in addresses, in words, and the query for their ids."""

    words: str
    ids: Callable[[Session, ReportScope], Select[int]]


@dataclass(frozen=True)
class Report:
    """`definition` says in one sentence what is counted; docs/reports.md has the formula.

    The first of `groups` is what is shown unless another one is asked for. `counts_all` marks one that does not heed
    the filters by practitioner and protocol.
    """

    name: str
    title: str
    definition: str
    groups: Mapping[str, str]
    table: Callable[[Session, ReportScope, str], ReportTable]
    parts: Mapping[str, FigureVisits]
    counts_all: bool = False

    @property
    def usual_group(self) -> str:
        return next(iter(self.groups))


def said(value: Value, unit: FigureUnit, formats: Formats) -> str:
    """Return a value as people read it; a dash where there is none."""
    if value is None:
        return "–"
    words = formats.number(value)
    return f"{words} day" if unit is FigureUnit.DAYS and value == 1 else f"{words}{_AFTER[unit]}"


_AFTER = {FigureUnit.COUNT: "", FigureUnit.PERCENT: "%", FigureUnit.DAYS: " days", FigureUnit.HOURS: " hours"}


def share(count: float, of: float) -> float | None:
    """Return a share in per cent with one decimal; None of nothing."""
    return round(100 * count / of, 1) if of else None


def summed(rows: Sequence[Sequence[int]], width: int) -> tuple[int, ...]:
    """Return the sum of each column."""
    return tuple(sum(row[at] for row in rows) for at in range(width))


def csv_lines(table: ReportTable, zone: ZoneInfo) -> Iterator[str]:
    """Yield a table as CSV: a line for each row, then the total. Shares are in per cent."""
    yield csv_header(["key", table.group, *(column.key for column in table.columns)], zone)
    for row in (*table.rows, table.total):
        yield csv_line([row.key, row.words, *row.values], zone)
