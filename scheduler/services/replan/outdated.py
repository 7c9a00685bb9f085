"""Which plans of a re-plan do not hold any more, because the calendar has changed since the search.

Asked for each page, so it compares only what was planned with what is there: neither rules nor wishes are judged again,
which accepting does. The number of queries is fixed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from scheduler.domain.localtime import local_on
from scheduler.domain.planner.grid.availability import Availability
from scheduler.domain.planner.many.occupation import Occupation
from scheduler.domain.planner.values import Placement
from scheduler.domain.status import STEPS
from scheduler.domain.windows import Window
from scheduler.models.allocation import PATIENT, Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.replan import ReplanCourse, ReplanState
from scheduler.services.clinic import displaced
from scheduler.services.planning import availability
from scheduler.services.planning.courses import should_stay
from scheduler.services.planning.placement_documents import placement_of

TO_ACCEPT = (ReplanState.PLANNED, ReplanState.ASK)
NOT_AFFECTED = "These visits are not affected any more. Search again."
TAKEN = "The new times are taken by now. Search again."


def outdated(session: Session, clinic: Clinic, rows: Iterable[ReplanCourse], now: datetime) -> dict[int, str]:
    """Return why plans that are not accepted do not hold any more, by the id of their row."""
    rows = [row for row in rows if row.state in TO_ACCEPT and row.moves]
    if not rows:
        return {}
    ids = {move["visit"] for row in rows for move in row.moves} | {
        id_ for row in rows for id_ in row.displaced
    }
    query = select(Appointment).where(Appointment.id.in_(ids)).options(joinedload(Appointment.patient))
    visits = {one.id: one for one in session.scalars(query)}
    lost = {one.visit.id for one in displaced.among(session, clinic, list(visits.values()))}
    why = {row.id: _changed(row, visits, lost, now) for row in rows}
    left = [row for row in rows if not why[row.id]]
    taken = _taken(session, clinic, left, visits, now) if left else set()
    return {id_: TAKEN if id_ in taken else words for id_, words in why.items() if words or id_ in taken}


def _changed(row: ReplanCourse, visits: Mapping[int, Appointment], lost: set[int], now: datetime) -> str:
    """Return what has become of the visits of a course; nothing while they are as they were."""
    for move in row.moves:
        visit = visits[move["visit"]]
        before = placement_of(move["from"])
        if visit.status not in STEPS["reschedule"] or visit.start_at != before.start:
            return f"{visit.numbered_title} has changed since. Search again."
        if before.start <= now or placement_of(move["to"]).start <= now:
            return f"{visit.numbered_title} has begun, or its new time has. Search again."
        if not move["displaced"] and not move["kept"] and should_stay(visit):
            return f"{visit.numbered_title} is confirmed by now, and would move. Search again to keep it."
    return "" if lost.issuperset(row.displaced) else NOT_AFFECTED


def _taken(
    session: Session,
    clinic: Clinic,
    rows: Sequence[ReplanCourse],
    visits: Mapping[int, Appointment],
    now: datetime,
) -> set[int]:
    """Return the ids of the rows whose new times others use by now, or which are closed.

    What needs no question moves first, and leaves its times to the others; who does not move leaves none.
    """
    trial = _Trial(session, clinic, rows, visits, now)
    taken: set[int] = set()
    while more := trial.refused(taken):
        taken |= more
    return taken


class _Trial:
    """Puts the visits of rows where they were planned, on the calendar as it is now."""

    def __init__(
        self,
        session: Session,
        clinic: Clinic,
        rows: Sequence[ReplanCourse],
        visits: Mapping[int, Appointment],
        now: datetime,
    ) -> None:
        self.before = {row.id: _placements(row, "from") for row in rows}
        self.after = {row.id: _placements(row, "to") for row in rows}
        every = [one for some in (*self.before.values(), *self.after.values()) for one in some]
        self.calendar = Occupation(_calendar(session, clinic, every, now), self.before)
        self.certain = [row.id for row in rows if row.state is ReplanState.PLANNED]
        self.asked = [row.id for row in rows if row.state is ReplanState.ASK]
        busy = _patients_busy(session, visits, now)
        self.busy = {row.id: busy[visits[row.moves[0]["visit"]].patient.resource_id] for row in rows}

    def refused(self, staying: Collection[int]) -> set[int]:
        """Return which rows do not fit while those that are staying do not move."""
        calendar = self.calendar.copy()
        certain = [id_ for id_ in self.certain if id_ not in staying]
        calendar.release(certain)
        found: set[int] = set()
        for id_ in (*certain, *(id_ for id_ in self.asked if id_ not in staying)):
            calendar.release([id_])
            if not (self._fits(id_, calendar.availability) and calendar.occupy(id_, self.after[id_])):
                found.add(id_)
                calendar.occupy(id_, self.before[id_])
        return found

    def _fits(self, id_: int, calendar: Availability) -> bool:
        """Tell whether what a row would use is on duty with a free unit, and its patient has no other visit then."""
        for visit in self.after[id_]:
            if any(visit.start < one.end and one.start < visit.attended_end for one in self.busy[id_]):
                return False
            for segment in visit.segments:
                levels = calendar.at_least.get(segment.resource_id, (0, 0))
                free = levels[-1] if segment.exclusive else levels[1]
                if calendar.grid.touched((Window(segment.start, segment.end),)) & ~free:
                    return False
        return True


def _placements(row: ReplanCourse, end: str) -> tuple[Placement, ...]:
    return tuple(placement_of(move[end]) for move in row.moves)


def _calendar(session: Session, clinic: Clinic, visits: Sequence[Placement], now: datetime) -> Availability:
    first = local_on(min(one.start for one in visits), clinic.zone)
    last = local_on(max(one.end for one in visits), clinic.zone)
    return availability.load(session, clinic, first, (last - first).days + 1, now)


def _patients_busy(
    session: Session, moving: Mapping[int, Appointment], now: datetime
) -> dict[int, list[Window]]:
    """Return when the patients have other visits than those that move, by their resource."""
    query = select(
        Allocation.resource_id, Allocation.start_at, Allocation.end_at, Allocation.appointment_id
    ).where(
        Allocation.resource_id.in_({visit.patient.resource_id for visit in moving.values()}),
        Allocation.role == PATIENT,
        Allocation.released_at.is_(None),
        Allocation.end_at > now,
    )
    found: dict[int, list[Window]] = defaultdict(list)
    for resource_id, start, end, appointment_id in session.execute(query):
        if appointment_id not in moving:
            found[resource_id].append(Window(start, end))
    return found
