"""A course as a picture: a line for each kind of visit, time to the right, each gap against its window.

Coordinates are in the picture's own units; a day is as wide everywhere. What the plan allows for a visit, counted from
the visit before it as that one stands, is a band under its mark: in reach it holds the mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from scheduler.domain.formats import Formats
from scheduler.domain.localtime import local_on
from scheduler.domain.plans import Edge, Offset, Unit
from scheduler.models.appointment import Appointment
from scheduler.services.course.course_pictures import Picture, SpacedVisit

LEFT, RIGHT, TOP, ROW = 150.0, 30.0, 34.0, 38.0
DAY = timedelta(days=1)
LEAST, MOST = 24.0, 70.0  # units a day
USUAL = 1040.0  # what a page of 1440 has room for, without the names of the lines


@dataclass(frozen=True)
class Band:
    """From where to where a visit may start by its gap."""

    x: float
    width: float
    target: float
    kept: bool


@dataclass(frozen=True)
class Mark:
    """A visit at its start."""

    x: float
    step: SpacedVisit
    band: Band | None

    @property
    def visit(self) -> Appointment:
        return self.step.visit


@dataclass(frozen=True)
class TimelineRow:
    """All visits of one kind."""

    y: float
    title: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Label:
    """The first day of a week on the axis."""

    x: float
    on: date


@dataclass(frozen=True)
class Timeline:
    """The whole picture. `now_x` is None when now is outside it."""

    width: float
    height: float
    lines: tuple[TimelineRow, ...]
    labels: tuple[Label, ...]
    now_x: float | None


def timeline(picture: Picture, zone: ZoneInfo, formats: Formats, now: datetime) -> Timeline | None:
    """Return the picture of a course's visits that are or were firm; None for a course without any."""
    steps = [step for step in picture.steps if step.visit.status != "proposed" or step.visit.expires_at]
    if not steps:
        return None
    first = local_on(min(step.visit.start_at for step in steps), zone) - DAY
    last = local_on(max(step.visit.end_at for step in steps), zone) + DAY
    days = (last - first).days + 1
    unit = max(min(USUAL / days, MOST), LEAST)
    axis = _Axis(datetime.combine(first, time.min, zone).astimezone(UTC), unit)
    lines = _lines(steps, axis, zone)
    end = LEFT + days * unit
    now_x = axis.x(now)
    return Timeline(
        round(end + RIGHT, 1),
        TOP + len(lines) * ROW + 8,
        lines,
        tuple(
            Label(axis.x(datetime.combine(on, time.min, zone)), on)
            for on in (first + DAY * n for n in range(days))
            if on == formats.week_start(on)
        ),
        now_x if LEFT <= now_x <= end else None,
    )


@dataclass(frozen=True)
class _Axis:
    start: datetime
    unit: float

    def x(self, instant: datetime) -> float:
        return round(LEFT + (instant - self.start) / DAY * self.unit, 1)


def _lines(steps: Sequence[SpacedVisit], axis: _Axis, zone: ZoneInfo) -> tuple[TimelineRow, ...]:
    titles: dict[str, str] = {}
    for step in steps:
        titles.setdefault(_group(step.visit), _title(step.visit))
    standing = {step.visit.action: step.visit for step in steps if step.stands}
    return tuple(
        TimelineRow(
            TOP + number * ROW + ROW / 2,
            title,
            tuple(
                Mark(axis.x(step.visit.start_at), step, _band(step, standing, axis, zone))
                for step in steps
                if _group(step.visit) == group
            ),
        )
        for number, (group, title) in enumerate(titles.items())
    )


def _group(visit: Appointment) -> str:
    return visit.series or "single"


def _title(visit: Appointment) -> str:
    return visit.title if visit.series else "Prep visits"


def _band(step: SpacedVisit, standing: dict[str, Appointment], axis: _Axis, zone: ZoneInfo) -> Band | None:
    """Return the window of a gap in days or hours; a gap in working days has no fixed width and is left to words."""
    if step.spacing is None or step.spacing.offset.unit is Unit.WORKING_DAYS:
        return None
    offset = step.spacing.offset
    earlier = standing[offset.after]
    low, target, high = (_at(offset, earlier, n, zone) for n in (offset.min, offset.target, offset.max))
    left, right = axis.x(low[0]), axis.x(high[1])
    return Band(left, round(right - left, 1), axis.x(target[0]), step.spacing.kept)


def _at(offset: Offset, earlier: Appointment, amount: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return from when to when a start is this far away: an instant for hours, a local day for days."""
    start = earlier.end_at if offset.edge is Edge.END else earlier.start_at
    if offset.unit is Unit.HOURS:
        at = start + timedelta(hours=amount)
        return at, at
    on = local_on(start, zone) + timedelta(days=amount)
    return (
        datetime.combine(on, time.min, zone).astimezone(UTC),
        datetime.combine(on + DAY, time.min, zone).astimezone(UTC),
    )
