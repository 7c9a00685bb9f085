"""Who runs late on a day, and who waits behind them.

Nothing is edited: what a visit uses stays as planned, and the board warns. A checked-in visit ends later than
planned when it began late or when its stage has lasted beyond its time, an arrived one when it should have begun. Who
comes next in the same place, or is the same patient, begins later by what the visits before leave no room for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.status import AppointmentStatus, Stage
from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent

MINUTE = timedelta(minutes=1)
NOTICED = timedelta(minutes=5)  # less is not worth a word
Began = Mapping[int, tuple[str, datetime]]


@dataclass(frozen=True)
class Delay:
    """By how much a visit is later than planned.

    `behind` is the visit that it waits for; None when it is late by itself. `phase` is the phase that has lasted beyond
    its planned end, if one has.
    """

    by: timedelta
    behind: Appointment | None = None
    phase: str = ""

    @property
    def minutes(self) -> int:
        return self.by // MINUTE


def of_day(session: Session, visits: Sequence[Appointment], now: datetime) -> dict[int, Delay]:
    """Return the delays of a day's visits by id; visits that are on time have none."""
    began = _began(session, visits)
    found = {visit.id: own for visit in visits if (own := _own(visit, began.get(visit.id), now))}
    _pass_on(visits, found)
    return {id_: delay for id_, delay in found.items() if delay.by >= NOTICED}


def _began(session: Session, visits: Iterable[Appointment]) -> Began:
    """Return, for the visits under way, the last stage that was noted (or the check-in) and when."""
    under_way = [visit.id for visit in visits if visit.status is AppointmentStatus.CHECKED_IN]
    query = (
        select(AppointmentEvent)
        .where(
            AppointmentEvent.appointment_id.in_(under_way), AppointmentEvent.kind.in_(("check-in", "stage"))
        )
        .order_by(AppointmentEvent.id)
    )
    return {
        event.appointment_id: (event.changes.get("stage", [None, ""])[1] or "", event.at)
        for event in session.scalars(query)
    }


def _own(visit: Appointment, began: tuple[str, datetime] | None, now: datetime) -> Delay | None:
    """Return by how much a visit will end later than planned, as far as it is its own doing."""
    if visit.status is AppointmentStatus.ARRIVED and now > visit.start_at:
        return Delay(now - visit.start_at)
    if visit.status is not AppointmentStatus.CHECKED_IN or began is None:
        return None
    stage, at = began
    lengths, names = _attended(visit)
    index = _phase_of(stage, len(lengths))
    rest = sum(lengths[index + 1 :], timedelta())
    length = lengths[index] if index < len(lengths) else timedelta()
    if not stage:  # checked in and no more said: all of its phases are ahead, one after the other
        at = max(at, visit.start_at)
        length, rest = sum(lengths, timedelta()), timedelta()
    ends = max(at + length, now) + rest
    planned_end = visit.end_at - rest
    phase = names[min(index, len(names) - 1)] if stage else names[-1]
    over = now >= planned_end + NOTICED and stage != Stage.READY
    return Delay(ends - visit.end_at, None, phase if over else "") if ends > visit.end_at else None


def _attended(visit: Appointment) -> tuple[list[timedelta], list[str]]:
    """Return the phases from the first to the last that the patient is needed for, with all between."""
    numbers = [n for n, phase in enumerate(visit.phases) if phase.get("attended", True)]
    phases = visit.phases[numbers[0] : numbers[-1] + 1] if numbers else []
    return [timedelta(minutes=phase["minutes"]) for phase in phases], [phase["name"] for phase in phases]


def _phase_of(stage: str, count: int) -> int:
    """Return which attended phase a stage is: the last is watching, the one before it the treatment."""
    if stage == Stage.READY:
        return count
    if stage == Stage.OBSERVING:
        return count - 1
    return max(count - 2, 0) if stage == Stage.INFUSING else 0


def _pass_on(visits: Sequence[Appointment], found: dict[int, Delay]) -> None:
    """Let each visit wait for those before it in its place and of its patient."""
    until: dict[tuple[str, int], tuple[datetime, Appointment]] = {}
    for visit in sorted(visits, key=lambda one: (one.start_at, one.id)):
        places = [] if visit.location_id is None else [("place", visit.location_id)]
        keys = [*places, ("patient", visit.patient_id)]
        for free_at, before in (until[key] for key in keys if key in until):
            known = found.get(visit.id)
            wait = free_at - visit.start_at
            if visit.status.is_waiting and wait > (known.by if known else timedelta()):
                found[visit.id] = Delay(wait, before)
        if visit.status.occupies:
            delay = found.get(visit.id)
            end = _place_end(visit) + (delay.by if delay else timedelta())
            for key in keys:
                until[key] = max(until.get(key, (end, visit)), (end, visit), key=lambda one: one[0])


def _place_end(visit: Appointment) -> datetime:
    """Return when a visit's place is free again by plan, cleaned."""
    length = timedelta(minutes=sum(phase["minutes"] for phase in visit.phases))
    return visit.start_at - visit.lead + length
