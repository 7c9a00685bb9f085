"""Noting the time that a change of hours or closures adds: an opening for each added stretch of a day, two weeks ahead.

What is added is found by comparing when the clinic, the place or the person is open before and after, so hours within
a closure, or a person's hours while the clinic is closed, add nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.domain.localtime import day_bounds, local_on
from scheduler.domain.windows import Window, subtract
from scheduler.models.clinic import Clinic
from scheduler.models.opening import OpeningCause
from scheduler.services import freed_time
from scheduler.services.clinic.open_times import OpenTimes

DAYS = 14  # ahead: later time is found by booking


@contextmanager
def noting_added(
    session: Session, clinic: Clinic, resource_id: int | None, cause: OpeningCause, now: datetime
) -> Iterator[None]:
    """Note what the block adds to the open times of a resource (None: the clinic)."""
    before = _open(session, clinic, resource_id, now)
    yield
    session.flush()
    ids = [] if resource_id is None else [resource_id]
    for on, windows in _open(session, clinic, resource_id, now).items():
        for added in subtract(windows, before[on]):
            freed_time.opened(session, clinic.id, added, cause, now, ids)


def _open(
    session: Session, clinic: Clinic, resource_id: int | None, now: datetime
) -> dict[date, list[Window]]:
    first = local_on(now, clinic.zone)
    days = [first + timedelta(days=n) for n in range(DAYS + 1)]
    start, end = day_bounds(first, clinic.zone)[0], day_bounds(days[-1], clinic.zone)[1]
    times = OpenTimes(session, clinic, start, end)
    return {on: times.on(resource_id, on) for on in days}
