"""Plots of a report's table, drawn by the server: columns over an axis, or bars for what has long names.

Coordinates are pixels of the picture, which is as wide as its columns need, so its text is never scaled. Each stack
carries its values in words; the table beneath says the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil, floor, log10

from scheduler.services.reports.tables import FigureUnit, ReportColumn, ReportRow, ReportTable, Value

HEIGHT, TOP, BOTTOM, LEFT, RIGHT = 240.0, 14.0, 30.0, 48.0, 14.0
LEAST_STEP, MOST_STEP, USUAL_WIDTH = 13.0, 64.0, 640.0  # of a column with its gap
FILLED = 0.7  # of a step
BAR_WIDTH, BAR_ROW, BAR_TEXT, BAR_HEIGHT = 340.0, 42.0, 18.0, 12.0
LABEL_WIDTH = 52.0  # that a label of the axis needs
Words = Callable[[Value, FigureUnit], str]


@dataclass(frozen=True, slots=True)
class PlotMark:
    """A rectangle for one value; `series` is the number of its column among those that are drawn."""

    x: float
    y: float
    width: float
    height: float
    series: int
    value: float


@dataclass(frozen=True, slots=True)
class Stack:
    """The marks of one row of the table; `said` is what they say together, `label` what is written at (x, y)."""

    key: str
    said: str
    marks: tuple[PlotMark, ...]
    label: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the grid with its value in words."""

    at: float
    words: str


@dataclass(frozen=True, slots=True)
class TablePlot:
    """`series` are the names of the drawn columns. One that `lies` has bars from left to right."""

    description: str
    width: float
    height: float
    lies: bool
    series: tuple[str, ...]
    stacks: tuple[Stack, ...]
    lines: tuple[Line, ...]


def plot(table: ReportTable, words: Words, labels: Mapping[str, str] | None = None) -> TablePlot | None:
    """Return the plot of a table; None where there is nothing to draw.

    With `labels` (by the keys of rows) the rows are columns over an axis; without, each is a bar under its name.
    """
    drawn = [(at, column) for at, column in enumerate(table.columns) if column.plotted]
    most = max((sum(_drawn_values(row, drawn)) for row in table.rows), default=0)
    if most <= 0:
        return None
    unit = drawn[0][1].unit
    sketch = _Sketch(
        table, drawn, words, 100 if unit is FigureUnit.PERCENT and most > 50 else nice(most), unit
    )
    return sketch.bars() if labels is None else sketch.columns(labels)


def nice(most: float) -> float:
    """Return a round number that is not below: the end of an axis with four steps."""
    tens: float = 10 ** floor(log10(most))
    return next(step * tens for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10) if step * tens >= most - 1e-9)


def _drawn_values(row: ReportRow, drawn: list[tuple[int, ReportColumn]]) -> list[float]:
    return [row.values[at] or 0 for at, _ in drawn]


@dataclass(frozen=True)
class _Sketch:
    table: ReportTable
    drawn: list[tuple[int, ReportColumn]]
    words: Words
    limit: float
    unit: FigureUnit

    def columns(self, labels: Mapping[str, str]) -> TablePlot:
        count = len(self.table.rows)
        step = min(max(USUAL_WIDTH / count, LEAST_STEP), MOST_STEP)
        every = ceil(LABEL_WIDTH / step)  # row that has a label
        floor_at, stacks = HEIGHT - BOTTOM, []
        scale = (floor_at - TOP) / self.limit
        for number, row in enumerate(self.table.rows):
            x, y, marks = LEFT + number * step + step * (1 - FILLED) / 2, floor_at, []
            for series, value in enumerate(_drawn_values(row, self.drawn)):
                y -= value * scale
                marks.append(PlotMark(_r(x), _r(y), _r(step * FILLED), _r(value * scale), series, value))
            label = labels.get(row.key, row.words) if number % every == 0 else ""
            centre = _r(LEFT + (number + 0.5) * step)
            stacks.append(Stack(row.key, self._said(row), tuple(marks), label, centre, HEIGHT - 10))
        lines = [Line(_r(floor_at - value * scale), words) for value, words in self._grid()]
        return self._plot(LEFT + count * step + RIGHT, HEIGHT, stacks, lines, lies=False)

    def bars(self) -> TablePlot:
        scale, stacks = BAR_WIDTH / self.limit, []
        for number, row in enumerate(self.table.rows):
            x, y, marks = 0.0, number * BAR_ROW + BAR_TEXT, []
            for series, value in enumerate(_drawn_values(row, self.drawn)):
                marks.append(PlotMark(_r(x), _r(y + 4), _r(value * scale), BAR_HEIGHT, series, value))
                x += value * scale
            stacks.append(Stack(row.key, self._said(row), tuple(marks), row.words, 0, y - 2))
        return self._plot(BAR_WIDTH, len(self.table.rows) * BAR_ROW, stacks, [], lies=True)

    def _plot(
        self, width: float, height: float, stacks: list[Stack], lines: list[Line], *, lies: bool
    ) -> TablePlot:
        series = tuple(column.words for _, column in self.drawn)
        description = f"{', '.join(series)}, by {self.table.group.lower()}. The table below has all values."
        return TablePlot(description, _r(width), height, lies, series, tuple(stacks), tuple(lines))

    def _grid(self) -> list[tuple[float, str]]:
        values = [self.limit * part / 4 for part in range(5)]
        return [
            (value, self.words(value, self.unit)) for value in values if self.limit >= 4 or value % 1 == 0
        ]

    def _said(self, row: ReportRow) -> str:
        values = [
            f"{column.words} {self.words(row.values[at], column.unit)}"
            for at, column in self.drawn
            if row.values[at] is not None
        ]
        return f"{row.words}: {', '.join(values) or 'nothing'}"


def _r(length: float) -> float:
    return round(length, 2)
