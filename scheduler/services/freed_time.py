"""Noting that time got free which someone else could use: a row of `opening`, in the transaction that frees it.

The writer of appointments calls this for what visits release, the schedules for what opens again. What becomes of an
opening is the waitlist's matter (services/waitlist/).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from scheduler.domain.plans import Role
from scheduler.domain.windows import Window, subtract
from scheduler.models.allocation import PATIENT, Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.opening import Opening, OpeningCause

LEAST = timedelta(minutes=15)  # shorter times help no one


def visit_left(
    session: Session,
    row: Appointment,
    released: Sequence[Allocation],
    taken: Iterable[Allocation],
    cause: OpeningCause,
    now: datetime,
) -> None:
    """Note what a visit released, apart from what it uses again; nothing of a visit that patients do not come to."""
    if not row.visible:
        return
    own = [one for one in released if one.role != PATIENT]
    places = [one for one in own if one.role in (Role.CHAIR, Role.ROOM)]
    used = places or own
    again = {one.resource_id for one in used}
    kept = [Window(one.start_at, one.end_at) for one in taken if one.resource_id in again]
    resource_ids = sorted({one.resource_id for one in own})
    for window in subtract([Window(one.start_at, one.end_at) for one in used], kept):
        opened(session, row.clinic_id, window, cause, now, resource_ids, row)


def opened(
    session: Session,
    clinic_id: int,
    window: Window,
    cause: OpeningCause,
    now: datetime,
    resource_ids: Sequence[int] = (),
    left_by: Appointment | None = None,
) -> None:
    """Note that these resources (none: the whole clinic) got free, unless that is over or too short to help."""
    start = max(window.start, now)
    if window.end - start < LEAST:
        return
    session.add(
        Opening(
            clinic_id=clinic_id,
            cause=cause,
            appointment_id=left_by.id if left_by else None,
            resource_ids=list(resource_ids),
            start_at=start,
            end_at=window.end,
            created_at=now,
        )
    )
