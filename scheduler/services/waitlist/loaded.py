"""What moves and bookings of many patients depend on, read in a number of queries that does not grow with them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

from sqlalchemy import or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from scheduler.domain.localtime import local_on
from scheduler.domain.planner import Availability
from scheduler.domain.windows import Window
from scheduler.models import location as locations
from scheduler.models.allocation import Allocation, of_appointments
from scheduler.models.appointment import Appointment, appointments_of
from scheduler.models.care_plan import CarePlan
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import PlanDefinition
from scheduler.models.practitioner import Practitioner
from scheduler.models.waitlist import WaitlistEntry
from scheduler.services.actors import Actor
from scheduler.services.planning.availability import SharedCalendar
from scheduler.services.planning.course_rules import gives_drug
from scheduler.services.planning.courses import OngoingCourse, ongoing, rest, to_come
from scheduler.services.planning.dosing_days import dosing_rows_of
from scheduler.services.planning.placing import DayCalendars
from scheduler.services.visit.judge import DosingDays
from scheduler.services.visit.moves import MovePlanner

DAY = timedelta(days=1)


class ReadOnce:
    """The clinic's calendars and people, read when they are first asked for and then kept."""

    def __init__(self, session: Session, actor: Actor, now: datetime) -> None:
        self.session, self.actor, self.now = session, actor, now
        self.first_on = self.today = local_on(now, actor.clinic.zone)
        self._days: dict[date, SharedCalendar] = {}
        clinic_id = actor.clinic.id  # all are held, so that no course asks for one again
        people = select(Practitioner).where(Practitioner.clinic_id == clinic_id)
        protocols = select(PlanDefinition).where(PlanDefinition.clinic_id == clinic_id)
        places = locations.every(session, clinic_id)
        self._held = (session.scalars(people).all(), session.scalars(protocols).all(), places)

    def start_on(self, first_on: date) -> None:
        """Let the calendar begin on an earlier day."""
        self.first_on = first_on

    @cached_property
    def calendar(self) -> SharedCalendar:
        """The calendar from the first day on which anything counts to the planning horizon."""
        days = (self.today - self.first_on).days + self.actor.clinic.settings.planning_horizon_days
        return SharedCalendar(self.session, self.actor.clinic, self.first_on, days, self.now)

    def day(self, on: date) -> SharedCalendar:
        """Return the calendar of one day, by which single visits are placed."""
        if on not in self._days:
            self._days[on] = SharedCalendar(self.session, self.actor.clinic, on, 1, self.now)
        return self._days[on]


@dataclass(frozen=True)
class LoadedWaitlist:
    """The courses and the other visits of some patients.

    `used` is what visits ahead use, by their ids; `busy` when patients have visits, and which, by their resource ids.
    """

    once: ReadOnce
    courses: Sequence[CarePlan]
    used: Mapping[int, Sequence[Allocation]]
    dosing: Mapping[int, Sequence[Appointment]]
    busy: Mapping[int, Sequence[tuple[int | None, Window]]]

    def has_course(self, patient: Patient) -> bool:
        """Tell whether a patient has an open course that gives a drug."""
        theirs = (one for one in self.courses if one.patient_id == patient.id and one.status.is_open)
        return any(gives_drug(one.plan_definition.plan) for one in theirs)

    def seen_by(
        self, calendar: SharedCalendar, patient: Patient, releasing: Collection[int] = ()
    ) -> Availability:
        """Return who is free for a patient, with the time of the appointments `releasing` free."""
        ids = (row.id for one in releasing for row in self.used.get(one, ()))
        return calendar.seen_by(ids, self.busy_windows(patient, releasing))

    def busy_windows(self, patient: Patient, releasing: Collection[int] = ()) -> list[Window]:
        """Return when a patient has other visits than these."""
        rows = self.busy.get(patient.resource_id, ())
        return [window for appointment_id, window in rows if appointment_id not in releasing]


def load(once: ReadOnce, entries: Sequence[WaitlistEntry]) -> LoadedWaitlist:
    """Read the courses of the visits that these entries are about, and of patients who wait for a course."""
    session, patients = once.session, {one.patient for one in entries}
    visits = [one.appointment for one in entries if one.appointment is not None]
    query = select(CarePlan).where(
        or_(
            CarePlan.id.in_({row.care_plan_id for row in visits if row.care_plan_id is not None}),
            CarePlan.patient_id.in_({one.patient_id for one in entries if one.appointment_id is None}),
        )
    )
    options = (
        selectinload(CarePlan.appointments),
        joinedload(CarePlan.plan_definition),
        joinedload(CarePlan.patient),
    )
    courses = session.scalars(query.options(*options).order_by(CarePlan.id)).all()
    ids = {row.id for row in visits}
    ids |= {row.id for one in courses for row in appointments_of(one) if row.start_at > once.now}
    dosing = dosing_rows_of(session, {one.id for one in patients})
    return LoadedWaitlist(once, courses, of_appointments(session, ids), dosing, _busy(once, patients))


def _busy(once: ReadOnce, patients: Collection[Patient]) -> Mapping[int, Sequence[tuple[int | None, Window]]]:
    columns = (Allocation.resource_id, Allocation.start_at, Allocation.end_at, Allocation.appointment_id)
    query = select(*columns).where(
        Allocation.resource_id.in_({one.resource_id for one in patients}),
        Allocation.unit == 0,
        Allocation.released_at.is_(None),
        Allocation.start_at >= once.now - DAY,
    )
    found: dict[int, list[tuple[int | None, Window]]] = defaultdict(list)
    for resource_id, start, end, appointment_id in once.session.execute(query):
        found[resource_id].append((appointment_id, Window(start, end)))
    return found


class LoadedMoves(MovePlanner):
    """A planner of moves that asks the database nothing."""

    def __init__(self, loaded: LoadedWaitlist, appointment: Appointment, scope: str) -> None:
        once = loaded.once
        super().__init__(once.session, once.actor, appointment, once.now, scope=scope)
        self.loaded = loaded
        self.days = LoadedDays(loaded, appointment.patient, self.days.releasing)

    @cached_property
    def dosing(self) -> DosingDays:
        rows = self.loaded.dosing.get(self.appointment.patient_id, ())
        return DosingDays(self.actor, rows, self.now)

    def _read(self, only: Collection[str] | None) -> OngoingCourse:
        care_plan, loaded = self._care_plan, self.loaded
        coming = to_come(care_plan, self.now)
        rows = {action: one for action, one in coming.items() if only is None or action in only}
        wishes = rest(self.session, self.actor, care_plan, rows, self.now)
        ids = {row.id for row in rows.values()}
        calendar = loaded.seen_by(loaded.once.calendar, self.appointment.patient, ids)
        return ongoing(self.actor, rows, wishes, loaded.used, calendar)

    def _used(self) -> Sequence[Allocation]:
        return self.loaded.used.get(self.appointment.id, ())


class LoadedDays(DayCalendars):
    """The calendars of single days for one patient, from what was read for all."""

    def __init__(
        self, loaded: LoadedWaitlist, patient: Patient, releasing: frozenset[int] = frozenset()
    ) -> None:
        once = loaded.once
        super().__init__(once.session, once.actor.clinic, patient, once.now, releasing)
        self._loaded, self._patient = loaded, patient

    def on(self, day: date) -> Availability:
        if day not in self._known:
            shared = self._loaded.once.day(day)
            self._known[day] = self._loaded.seen_by(shared, self._patient, self.releasing)
        return self._known[day]
