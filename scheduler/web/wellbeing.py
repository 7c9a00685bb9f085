"""How a patient was the day after each visit, as they said on their page: a small plot of each question.

The mood runs from 0 to 10, where high is good; the PHQ-2 from 0 to 6, where low is good and 3 or more is the usual
reason to ask further (Kroenke 2003, PubMed 14583691). The plots decide nothing. Answers stand at the days of the visits
they follow, a day as wide everywhere; a question that was left out is a gap in its line.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from scheduler.domain.localtime import local_on
from scheduler.models.visit_answer import CheckIn

WIDTH, HEIGHT = 300.0, 84.0
LEFT, RIGHT, TOP, BOTTOM = 26.0, 10.0, 10.0, 10.0
MOOD, PHQ2, ASK_FURTHER = 10, 6, 3


@dataclass(frozen=True)
class Point:
    """An answer at its place; `value` is what the patient said."""

    x: float
    y: float
    value: int
    check_in: CheckIn


@dataclass(frozen=True)
class Plot:
    """The answers to one question, in order. `runs` are its stretches without a gap, `limit` the height of a line."""

    title: str
    most: int
    points: tuple[Point, ...]
    runs: tuple[str, ...]
    limit: float | None = None

    @property
    def top(self) -> float:
        return TOP

    @property
    def bottom(self) -> float:
        return HEIGHT - BOTTOM

    @property
    def width(self) -> float:
        return WIDTH

    @property
    def height(self) -> float:
        return HEIGHT


def plots(check_ins: Sequence[CheckIn], zone: ZoneInfo) -> list[Plot]:
    """Return a plot for each question that was ever answered; the check-ins are in order of their visits."""
    if not check_ins:
        return []
    days = [local_on(one.appointment.start_at, zone) for one in check_ins]
    length = max((days[-1] - days[0]).days, 1)
    across = [round(LEFT + (day - days[0]).days / length * (WIDTH - LEFT - RIGHT), 1) for day in days]
    both = (
        _plot("Mood", MOOD, check_ins, across, lambda one: one.mood),
        _plot("PHQ-2", PHQ2, check_ins, across, lambda one: one.phq2, _height(ASK_FURTHER, PHQ2)),
    )
    return [plot for plot in both if plot.points]


def _plot(
    title: str,
    most: int,
    check_ins: Sequence[CheckIn],
    across: Sequence[float],
    value: Callable[[CheckIn], int | None],
    limit: float | None = None,
) -> Plot:
    points: list[Point] = []
    runs: list[list[Point]] = [[]]
    for one, x in zip(check_ins, across, strict=True):
        said = value(one)
        if said is None:
            runs.append([])
            continue
        points.append(Point(x, _height(said, most), said, one))
        runs[-1].append(points[-1])
    lines = (" ".join(f"{point.x},{point.y}" for point in run) for run in runs if len(run) > 1)
    return Plot(title, most, tuple(points), tuple(lines), limit)


def _height(value: int, most: int) -> float:
    return round(HEIGHT - BOTTOM - value / most * (HEIGHT - TOP - BOTTOM), 1)
