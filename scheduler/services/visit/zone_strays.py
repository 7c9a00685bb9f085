"""Visits that new rules of the zone left at another hour than was agreed on: what the desk sees of them, and settles.

What keeps a visit from its own hour is looked up when it is asked for, not remembered: the desk may have made room
since it was tried. Either it goes there after all, or the patient agrees to the hour at which it stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from scheduler.domain.localtime import to_local
from scheduler.domain.status import Response
from scheduler.errors import WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.services.actors import Actor
from scheduler.services.planning import obstacles
from scheduler.services.planning.obstacles import Obstacle
from scheduler.services.visit import zone_drift
from scheduler.services.visit.changes import changing

EVENT = "zone-hour"


@dataclass(frozen=True)
class Conflict:
    """A visit, its own hour by the new rules (None when that is no instant, `why`), and what is in its way there.

    `here` is what speaks against the hour at which it stands: that a person does not work then, or a place is closed.
    """

    appointment: Appointment
    start: datetime | None
    why: str
    in_the_way: Sequence[Obstacle]
    here: Sequence[Obstacle]


def conflicts(session: Session, clinic: Clinic, now: datetime, most: int) -> tuple[list[Conflict], int]:
    """Return the nearest of the visits that stand at another hour than was agreed on, and how many there are."""
    found, count = zone_drift.nearest(session, clinic, now, most)
    return [_conflict(session, clinic, one, now) for one in found], count


def agree(session: Session, actor: Actor, appointment: Appointment, now: datetime) -> None:
    """Let a visit stand at the hour where the new rules left it: that is what is agreed on from now on.

    The patient was notified of another hour, so they are notified of this one, and asked to answer again. Raises
    WrongStatus for a visit that stands at its hour, or is not ahead.
    """
    wall = to_local(appointment.start_at, appointment.zone)
    if appointment.local_start == wall or not appointment.status.is_ahead or appointment.start_at <= now:
        raise WrongStatus("This visit is already at its agreed time")
    with changing(session, actor, now, [appointment]) as change:
        appointment.local_start, appointment.response = wall, Response.NEEDS_ACTION
        change.note(appointment, EVENT, audit="appointment.zone-hour")
    zone_drift.recount(session, actor.clinic, now)


def _conflict(session: Session, clinic: Clinic, one: zone_drift.Stray, now: datetime) -> Conflict:
    visit = one.appointment
    there = obstacles.at(session, clinic, visit, one.start, now) if one.start else []
    here = [found for found in obstacles.at(session, clinic, visit, visit.start_at, now) if not found.visit]
    return Conflict(visit, one.start, one.why, there, here)
