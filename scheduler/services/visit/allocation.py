"""Allocating resources to appointments, and releasing them.

`allocate` is called inside the booking transaction, after the resources are locked. It gives each segment a unit,
reassigns units where they are fragmented, and names every conflict at once. The database's own guard comes last and is
translated here, so a caller gets SlotTaken in both cases.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from scheduler.domain.planner.values import Placement, Segment
from scheduler.domain.units import Held, deal, place
from scheduler.domain.windows import Window, merged, subtract
from scheduler.errors import SlotTaken
from scheduler.models.allocation import PATIENT, Allocation, of_appointments
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.opening import Opening
from scheduler.models.practitioner import unit_counts
from scheduler.services.clinic import resources

HELD = "held"  # the phase of what an opening holds


@dataclass(frozen=True)
class Wish:
    """One stretch of one resource that a visit wants, or an opening that is offered."""

    owner: Appointment | Opening
    resource_id: int
    role: str
    phase: str
    window: Window
    exclusive: bool

    @property
    def title(self) -> str:
        return self.owner.title if isinstance(self.owner, Appointment) else "An offer"

    def is_of(self, row: Allocation) -> bool:
        """Tell whether a row belongs to what wants this."""
        key = row.appointment_id if isinstance(self.owner, Appointment) else row.opening_id
        return key == self.owner.id

    def row(self, unit: int) -> Allocation:
        visit = isinstance(self.owner, Appointment)
        return Allocation(
            clinic_id=self.owner.clinic_id,
            resource_id=self.resource_id,
            unit=unit,
            appointment_id=self.owner.id if visit else None,
            opening_id=None if visit else self.owner.id,
            phase=self.phase,
            role=self.role,
            exclusive=self.exclusive,
            start_at=self.window.start,
            end_at=self.window.end,
        )


@dataclass(frozen=True)
class Taking:
    """A flushed appointment and the placement that says what it uses."""

    appointment: Appointment
    visit: Placement

    def wishes(self, patient_resource_id: int) -> list[Wish]:
        """Return the stretches it wants, the patient's own first."""
        whole = Window(self.visit.start, self.visit.attended_end)
        patient = Wish(self.appointment, patient_resource_id, PATIENT, "visit", whole, exclusive=False)
        return [patient, *(self._wish(segment) for segment in self.visit.segments)]

    def _wish(self, segment: Segment) -> Wish:
        window = Window(segment.start, segment.end)
        return Wish(
            self.appointment,
            segment.resource_id,
            segment.role.value,
            segment.phase,
            window,
            segment.exclusive,
        )


def resource_ids(patient_resource_id: int, visits: Iterable[Placement]) -> set[int]:
    """Return all resources that these visits of one patient take up."""
    return {patient_resource_id, *(s.resource_id for visit in visits for s in visit.segments)}


def allocate(
    session: Session, clinic: Clinic, takings: Sequence[Taking], patient_resource_id: int, now: datetime
) -> None:
    """Write what the visits take up, all or nothing.

    Raises SlotTaken with every conflict: {action, resource, start, end}.
    """
    if not takings:
        return
    ids = resource_ids(patient_resource_id, (taking.visit for taking in takings))
    units = unit_counts(session, clinic.id, clinic.settings.nurse_units, ids)
    whole = Window(min(t.visit.first_use for t in takings), max(t.visit.end for t in takings))
    rows = _live(session, ids, whole)
    wishes = [wish for taking in takings for wish in taking.wishes(patient_resource_id)]
    try:
        with session.begin_nested():
            _write(session, clinic, wishes, rows, units, now)
    except IntegrityError as refused:
        # Another process wrote without the locks; the constraint noticed, and does not say whose row it was.
        raise SlotTaken(conflicts=[]) from refused


def _write(
    session: Session,
    clinic: Clinic,
    wishes: Iterable[Wish],
    rows: Mapping[int, list[Allocation]],
    units: Mapping[int, int],
    now: datetime,
) -> None:
    """Write all of it beside these rows, by resource. Raises SlotTaken with every conflict."""
    held = {resource_id: _held(listed) for resource_id, listed in rows.items()}
    conflicts = [
        _conflict(wish)
        for wish in wishes
        if not _take(
            session, rows[wish.resource_id], held[wish.resource_id], units[wish.resource_id], wish, now
        )
    ]
    _refuse(session, clinic, conflicts)


def release(session: Session, appointments: Iterable[Appointment], now: datetime) -> list[Allocation]:
    """Let go of everything that these visits take up; flushed, so the time is free at once."""
    ids = [appointment.id for appointment in appointments]
    query = select(Allocation).where(Allocation.appointment_id.in_(ids), Allocation.released_at.is_(None))
    rows = list(session.scalars(query))
    for row in rows:
        row.released_at = now
    session.flush()
    return rows


def hold(
    session: Session,
    clinic: Clinic,
    opening: Opening,
    visits: Iterable[Placement],
    now: datetime,
    going: Collection[int] = (),
) -> None:
    """Keep for an opening, instead of what it kept, what any one of these placements needs but for the patient.

    What the appointments with the ids `going` use is theirs already. Raises SlotTaken where another visit uses it, and
    keeps what was kept.
    """
    own: dict[int, list[Window]] = defaultdict(list)
    for rows in of_appointments(session, going).values():
        for row in rows:
            own[row.resource_id].append(Window(row.start_at, row.end_at))
    wishes = [
        Wish(opening, segment.resource_id, segment.role.value, HELD, part, segment.exclusive)
        for segment, window in _needed(visits)
        for part in subtract([window], own[segment.resource_id])
    ]
    ids = {wish.resource_id for wish in wishes}
    units = unit_counts(session, clinic.id, clinic.settings.nurse_units, ids)
    try:
        with session.begin_nested():
            let_go(session, opening, now)
            if wishes:
                whole = Window(min(w.window.start for w in wishes), max(w.window.end for w in wishes))
                _write(session, clinic, wishes, _live(session, ids, whole), units, now)
    except IntegrityError as refused:
        raise SlotTaken(conflicts=[]) from refused


def let_go(session: Session, opening: Opening, now: datetime) -> None:
    """Release what an opening holds; flushed, so the time is free at once."""
    query = select(Allocation).where(Allocation.opening_id == opening.id, Allocation.released_at.is_(None))
    for row in session.scalars(query):
        row.released_at = now
    session.flush()


def _needed(visits: Iterable[Placement]) -> list[tuple[Segment, Window]]:
    """Return what any one of these placements needs: each resource's whole units, and one unit at other times."""
    by_resource: dict[int, list[Segment]] = defaultdict(list)
    for visit in visits:
        for segment in visit.segments:
            by_resource[segment.resource_id].append(segment)
    found = []
    for segments in by_resource.values():
        windows = [Window(one.start, one.end) for one in segments]
        whole = merged(window for one, window in zip(segments, windows, strict=True) if one.exclusive)
        found += [(replace(segments[0], exclusive=True), window) for window in whole]
        found += [(replace(segments[0], exclusive=False), window) for window in subtract(windows, whole)]
    return found


def ever_used(session: Session, appointments: Iterable[Appointment]) -> set[int]:
    """Return the resources that these appointments use or have used."""
    ids = [appointment.id for appointment in appointments]
    query = select(Allocation.resource_id).where(Allocation.appointment_id.in_(ids)).distinct()
    return set(session.scalars(query))


def hand_over(session: Session, from_id: int, to_id: int, now: datetime) -> None:
    """Let one resource use what another used: a patient whose record was merged. Raises SlotTaken."""
    query = select(Allocation).where(Allocation.resource_id == from_id, Allocation.released_at.is_(None))
    rows = list(session.scalars(query.order_by(Allocation.start_at, Allocation.id)))
    for row in rows:
        row.released_at = now
    session.flush()
    try:
        with session.begin_nested():
            for row in rows:
                written = copied(row, row.unit)
                written.resource_id = to_id
                session.add(written)
    except IntegrityError as refused:
        raise SlotTaken(conflicts=[]) from refused


def _live(session: Session, ids: set[int], whole: Window) -> dict[int, list[Allocation]]:
    """Return what is taken up within the window, by resource."""
    query = select(Allocation).where(
        Allocation.resource_id.in_(ids),
        Allocation.released_at.is_(None),
        Allocation.start_at < whole.end,
        Allocation.end_at > whole.start,
    )
    rows: dict[int, list[Allocation]] = {resource_id: [] for resource_id in ids}
    for row in session.scalars(query.order_by(Allocation.start_at, Allocation.id)):
        rows[row.resource_id].append(row)
    return rows


def _held(rows: Sequence[Allocation], first: int = 0) -> list[Held]:
    """Return the rows from a number on as intervals on units, each known by its number."""
    return [
        Held(n, row.unit, Window(row.start_at, row.end_at), row.exclusive)
        for n, row in enumerate(rows[first:], first)
    ]


def _take(
    session: Session, rows: list[Allocation], held: list[Held], units: int, wish: Wish, now: datetime
) -> bool:
    """Write one stretch on the units it gets; False when there are none. `held` follows the rows."""
    before = next((row.unit for row in reversed(rows) if wish.is_of(row)), None)
    given = place(wish.window, units, held, wish.exclusive, prefer=before)
    if given is None and not wish.exclusive and (dealt := deal(units, held, wish.window)):
        _re_unit(session, rows, dealt[1], now)
        held[:] = _held(rows)
        given = (dealt[0],)
    for unit in given or ():
        rows.append(wish.row(unit))
        session.add(rows[-1])
        held += _held(rows, len(rows) - 1)
    return given is not None


def _re_unit(session: Session, rows: list[Allocation], units: Mapping[int, int], now: datetime) -> None:
    """Move rows to other units: all are released and flushed before any is written again."""
    session.flush()
    for index in units:
        rows[index].released_at = now
    session.flush()
    for index, unit in units.items():
        old = rows[index]
        rows[index] = copied(old, unit)
        session.add(rows[index])
    session.flush()


def copied(old: Allocation, unit: int) -> Allocation:
    """Return the same stretch as a new row, on a unit."""
    return Allocation(
        clinic_id=old.clinic_id,
        resource_id=old.resource_id,
        unit=unit,
        appointment_id=old.appointment_id,
        opening_id=old.opening_id,
        phase=old.phase,
        role=old.role,
        exclusive=old.exclusive,
        start_at=old.start_at,
        end_at=old.end_at,
    )


def _conflict(wish: Wish) -> dict[str, Any]:
    return {
        "action": wish.owner.action if isinstance(wish.owner, Appointment) else "",
        "title": wish.title,
        "resource_id": wish.resource_id,
        "start": wish.window.start,
        "end": wish.window.end,
    }


def _refuse(session: Session, clinic: Clinic, conflicts: list[dict[str, Any]]) -> None:
    if not conflicts:
        return
    named = resources.names(session, clinic.id, (conflict["resource_id"] for conflict in conflicts))
    told = [
        {key: value for key, value in conflict.items() if key != "resource_id"}
        | {"resource": named[conflict["resource_id"]]}
        for conflict in conflicts
    ]
    first = told[0]
    local = first["start"].astimezone(clinic.zone)
    words = f"{first['title']}: {first['resource']} is taken at {clinic.formats.moment(local)}"
    raise SlotTaken(words, conflicts=told)
