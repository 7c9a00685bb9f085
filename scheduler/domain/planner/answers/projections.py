"""Proposed actions: not placed, but dated. A window in which to book, and a likely time.

The window is counted from the likely time of the action before; the likely day is the target, moved to the nearest day
on which the clinic works inside the window, at the same wall-clock time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from scheduler.domain.localtime import AmbiguousTime, NonexistentTime, to_local, to_utc
from scheduler.domain.planner.grid.workdays import Workdays
from scheduler.domain.planner.search.course import relaxed
from scheduler.domain.planner.values import Placement, Projection, Request
from scheduler.domain.plans import Offset, Unit


def project(request: Request, workdays: Workdays, visits: Sequence[Placement]) -> tuple[Projection, ...]:
    """Return a projection for every action that is proposed, or follows one that is."""
    starts: dict[str, datetime] = {done.action: done.start for done in request.done.values()}
    starts.update({visit.action: visit.start for visit in visits})
    projections = []
    for action in request.plan.actions:
        offset = relaxed(action, request)
        if action.key in starts or offset is None or offset.after not in starts:
            continue
        projection = _projection(action.key, offset, starts, workdays.calendar.zone, workdays)
        starts[action.key] = projection.start
        projections.append(projection)
    return tuple(projections)


def _projection(
    key: str, offset: Offset, starts: Mapping[str, datetime], zone: ZoneInfo, workdays: Workdays
) -> Projection:
    local = to_local(starts[offset.after], zone)
    first, target, last = (
        _moved(local.date(), offset.unit, n, workdays) for n in (offset.min, offset.target, offset.max)
    )
    on = workdays.nearest(target, first, last)
    return Projection(key, _instant(datetime.combine(on, local.time()), zone), first, last)


def _moved(on: date, unit: Unit, number: int, workdays: Workdays) -> date:
    if unit is Unit.WORKING_DAYS:
        return workdays.after(on, number)
    return on + (timedelta(days=number) if unit is Unit.DAYS else timedelta(hours=number))


def _instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the instant of a likely wall-clock time; at a clock change the next one that is unambiguous."""
    try:
        return to_utc(local, zone)
    except NonexistentTime as gap:
        return to_utc(gap.nearest[1], zone)
    except AmbiguousTime as twice:
        return twice.choices[0]
