"""A day as columns: who or what is taken up when, and when nothing can be.

The chairs' view has a column for each chair and room; the people's view has one for each practitioner, with a unit for
each visit they may attend to at once. Visits that need no place are a list of their own. The number of queries is
fixed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload, selectinload

from scheduler.domain.localtime import day_bounds
from scheduler.domain.plans import RequirementDefinition, Role
from scheduler.domain.status import LATE_AFTER, AppointmentStatus
from scheduler.domain.windows import Window
from scheduler.models import location as locations
from scheduler.models import practitioner as practitioners
from scheduler.models import task
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment, Participant
from scheduler.models.clinic import Clinic
from scheduler.models.site import Site
from scheduler.services.clinic import displaced
from scheduler.services.day import delays, missing_requirements
from scheduler.services.day.delays import Delay
from scheduler.services.planning.courses import missing_before_each

MISSING_SOON = timedelta(hours=24)  # before a visit; until then what is missing is no problem yet


class BoardView(StrEnum):
    """What the columns are."""

    CHAIRS = "chairs"
    PEOPLE = "people"


class Urgency(StrEnum):
    """How soon a visit needs a person; the board's colors say this and nothing else."""

    NOW = "now"
    SOON = "soon"
    HERE = "here"
    FINE = "fine"
    OVER = "over"


class Concern(StrEnum):
    """Why the desk would look at a part of the day's visits alone."""

    LATE = "late"
    OVER = "over"
    MISSING = "missing"
    DISPLACED = "displaced"
    UNCONFIRMED = "unconfirmed"

    @property
    def words(self) -> str:
        return _CONCERNS[self][0]

    @property
    def urgency(self) -> str:
        return _CONCERNS[self][1].value


_CONCERNS = {
    Concern.LATE: ("late", Urgency.NOW),
    Concern.OVER: ("running over", Urgency.NOW),
    Concern.DISPLACED: ("not available", Urgency.NOW),
    Concern.MISSING: ("incomplete", Urgency.SOON),
    Concern.UNCONFIRMED: ("not confirmed", Urgency.FINE),
}


@dataclass(frozen=True)
class PhaseWindow:
    """A phase of a visit; the patient is not there when it is not attended."""

    name: str
    window: Window
    attended: bool = True


@dataclass(frozen=True)
class BoardEntry:
    """A visit in a column, from the first to the last moment in which it takes the column up."""

    visit: Appointment
    window: Window
    stretches: tuple[PhaseWindow, ...]
    unit: int = 0
    wide: bool = False


@dataclass(frozen=True)
class Column:
    """A chair, a room or a person; people work at every site."""

    resource_id: int
    public_id: str
    name: str
    kind: str
    units: int
    blocks: tuple[BoardEntry, ...]
    site_id: int | None = None


@dataclass(frozen=True)
class Day:
    """What stands on one clinic-local day; `called_off` are its cancelled visits."""

    on: date
    view: BoardView
    bounds: Window
    columns: tuple[Column, ...]
    visits: tuple[Appointment, ...]
    called_off: tuple[Appointment, ...]
    delays: Mapping[int, Delay] = field(default_factory=dict)
    missing: Mapping[int, Sequence[RequirementDefinition]] = field(default_factory=dict)
    with_task: frozenset[int] = frozenset()  # patients about whom a task is open
    missing_steps: Mapping[int, Sequence[Appointment]] = field(default_factory=dict)
    displaced: Mapping[int, Sequence[str]] = field(default_factory=dict)

    @property
    def calls(self) -> list[Appointment]:
        """The visits that need no place: by phone or video."""
        return [visit for visit in self.visits if visit.location_id is None]

    def urgency(self, visit: Appointment, now: datetime) -> Urgency:
        """Return how soon the visit needs a person."""
        if visit.status.is_over:
            return Urgency.OVER
        delay = self.delays.get(visit.id)
        if (
            self._is_late(visit, now)
            or self._is_over(visit, now)
            or {visit.id} & (self.displaced.keys() | self.missing_steps.keys())
        ):
            return Urgency.NOW
        missing = visit.id in self.missing and visit.start_at - now < MISSING_SOON
        if delay or missing or visit.patient_id in self.with_task:
            return Urgency.SOON
        return Urgency.HERE if visit.status.is_here else Urgency.FINE

    def concerns(self, now: datetime) -> dict[Concern, list[Appointment]]:
        """Return the visits of each concern, in the order of the day."""
        tests: dict[Concern, Callable[[Appointment], bool]] = {
            Concern.LATE: lambda visit: self._is_late(visit, now),
            Concern.OVER: lambda visit: self._is_over(visit, now),
            Concern.DISPLACED: lambda visit: visit.id in self.displaced,
            Concern.MISSING: lambda visit: visit.status is AppointmentStatus.PENDING,
            Concern.UNCONFIRMED: lambda visit: (
                visit.status.is_expected and visit.response != "accepted" and visit.start_at > now
            ),
        }
        return {concern: [visit for visit in self.visits if test(visit)] for concern, test in tests.items()}

    def _is_late(self, visit: Appointment, now: datetime) -> bool:
        return visit.status.is_expected and now >= visit.start_at + LATE_AFTER

    def _is_over(self, visit: Appointment, now: datetime) -> bool:
        delay = self.delays.get(visit.id)
        too_long = visit.status is AppointmentStatus.CHECKED_IN and now >= visit.end_at
        return too_long or bool(delay and not delay.behind)

    def urgent(self, now: datetime) -> list[tuple[Appointment, Urgency]]:
        """Return the visits that need a person, those that do now in front."""
        found = [(visit, self.urgency(visit, now)) for visit in self.visits]
        return [pair for wanted in (Urgency.NOW, Urgency.SOON) for pair in found if pair[1] is wanted]


def load(session: Session, clinic: Clinic, on: date, view: BoardView, now: datetime | None = None) -> Day:
    """Return the day's board; with `now` it says who is late, who waits, and what is missing."""
    bounds = Window(*day_bounds(on, clinic.zone))
    found = visits_between(session, clinic, bounds)
    visits = tuple(standing(found))
    called_off = tuple(visit for visit in found if visit.status is AppointmentStatus.CANCELLED)
    columns = (
        _by_place(session, clinic, visits)
        if view is BoardView.CHAIRS
        else _by_person(session, clinic, visits)
    )
    if now is None:
        return Day(on, view, bounds, tuple(columns), visits, called_off)
    late, missing = delays.of_day(session, visits, now), missing_requirements.of_day(session, visits)
    with_task = task.with_open(session, clinic.id, {visit.patient_id for visit in visits})
    steps = missing_before_each(session, visits)
    gone = {one.visit.id: one.unavailable for one in displaced.among(session, clinic, visits)}
    return Day(on, view, bounds, tuple(columns), visits, called_off, late, missing, with_task, steps, gone)


def standing(visits: Iterable[Appointment]) -> list[Appointment]:
    """Return the visits that take place, took place, or were missed."""
    return [visit for visit in visits if _stands(visit)]


def at_site(board: Day, site: Site | None) -> Day:
    """Return the part of a day at one site, with what is by phone or video; None: all of it."""
    if site is None:
        return board
    return replace(
        board,
        columns=tuple(one for one in board.columns if one.site_id in (None, site.id)),
        visits=tuple(visits_at(board.visits, site)),
        called_off=tuple(visits_at(board.called_off, site)),
    )


def visits_at(visits: Iterable[Appointment], site: Site | None) -> list[Appointment]:
    """Return the visits at one site, and those by phone or video; None: all of them."""
    return [one for one in visits if site is None or one.location is None or one.location.site is site]


def visits_between(session: Session, clinic: Clinic, bounds: Window) -> list[Appointment]:
    """Return every visit that touches the window, with its patient, place, people and course."""
    query = select(Appointment).where(
        Appointment.clinic_id == clinic.id,
        Appointment.start_at < bounds.end,
        Appointment.start_at >= bounds.start,
    )
    query = query.options(
        joinedload(Appointment.patient),
        joinedload(Appointment.location),
        joinedload(Appointment.care_plan),
        selectinload(Appointment.participants).joinedload(Participant.practitioner),
    )
    return list(session.scalars(query.order_by(Appointment.start_at, Appointment.id)))


def _stands(visit: Appointment) -> bool:
    """Projections months ahead take up nothing, so they are not on the board; reservations are."""
    if visit.status is AppointmentStatus.PROPOSED:
        return visit.expires_at is not None
    return visit.status.is_in_calendars


def stretches(visit: Appointment) -> tuple[PhaseWindow, ...]:
    """Return a visit's phases with their times, one after the other."""
    found = []
    start = visit.start_at - visit.lead
    for phase in visit.phases:
        end = start + timedelta(minutes=phase["minutes"])
        found.append(PhaseWindow(phase["name"], Window(start, end), phase.get("attended", True)))
        start = end
    return tuple(found)


def phase_at(visit: Appointment, now: datetime) -> PhaseWindow | None:
    """Return the phase in which a visit is by plan."""
    return next((s for s in stretches(visit) if s.window.start <= now < s.window.end), None)


def state_at(visit: Appointment, now: datetime, delay: Delay | None = None) -> str:
    """Return what is to be said of a visit at this moment beyond its status; nothing for most."""
    if visit.status is AppointmentStatus.CHECKED_IN:
        phase = phase_at(visit, now)
        if now >= visit.end_at:
            return f"{_minutes(now - visit.end_at)} min over"
        if delay and delay.phase:
            return f"{delay.phase} {delay.minutes} min over"
        ends = phase.window.end.astimezone(visit.zone) if phase else None
        return f"{phase.name} ends {visit.formats.time(ends)}" if phase and ends else ""
    if visit.status.is_expected and now >= visit.start_at + LATE_AFTER:
        return (
            f"{_minutes(now - visit.start_at)} min late"
            if now < visit.end_at
            else "not arrived (possible no-show)"
        )
    return ""


def _minutes(length: timedelta) -> int:
    return length // timedelta(minutes=1)


def _by_place(session: Session, clinic: Clinic, visits: Sequence[Appointment]) -> list[Column]:
    return [
        Column(
            place.resource_id,
            place.public_id,
            place.name,
            place.kind.value,
            1,
            tuple(block for visit in visits if visit.location_id == place.id for block in blocks(visit)),
            place.site_id,
        )
        for place in locations.active(session, clinic.id)
    ]


def _by_person(session: Session, clinic: Clinic, visits: Sequence[Appointment]) -> list[Column]:
    people = practitioners.active(session, clinic.id)
    rows = _held(session, [visit.id for visit in visits], {person.resource_id for person in people})
    by_id = {visit.id: visit for visit in visits}
    columns = []
    for person in people:
        own = [row for row in rows if row.resource_id == person.resource_id]
        widest = max((row.unit + 1 for row in own), default=1)
        usual = (person.resource.units or clinic.settings.nurse_units) if Role.NURSE in person.roles else 1
        columns.append(
            Column(
                person.resource_id,
                person.public_id,
                person.name,
                ", ".join(sorted(person.roles)),
                max(usual, widest),
                tuple(_held_blocks(own, by_id)),
            )
        )
    return columns


def _held(session: Session, appointment_ids: Sequence[int], resource_ids: set[int]) -> list[Allocation]:
    query = select(Allocation).where(
        Allocation.appointment_id.in_(appointment_ids),
        Allocation.resource_id.in_(resource_ids),
        Allocation.released_at.is_(None),
    )
    return list(session.scalars(query.order_by(Allocation.start_at, Allocation.unit)))


def _held_blocks(rows: Iterable[Allocation], visits: dict[int, Appointment]) -> list[BoardEntry]:
    """Return one block for each stretch; one that takes every unit is drawn once, across all of them."""
    blocks = []
    for row in rows:
        if row.appointment_id is None or (row.exclusive and row.unit > 0):
            continue
        window = Window(row.start_at, row.end_at)
        stretch = PhaseWindow(row.phase, window)
        blocks.append(BoardEntry(visits[row.appointment_id], window, (stretch,), row.unit, row.exclusive))
    return blocks


def blocks(visit: Appointment) -> list[BoardEntry]:
    """Return a visit's block from its start on, and one for each phase before the patient comes."""
    phases = stretches(visit)
    before = [phase for phase in phases if phase.window.end <= visit.start_at]
    rest = phases[len(before) :]
    window = Window(visit.start_at, max(visit.end_at, rest[-1].window.end))
    return [*(BoardEntry(visit, phase.window, (phase,)) for phase in before), BoardEntry(visit, window, rest)]
