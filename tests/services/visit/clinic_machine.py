"""Random steps through the services on a real database, each compared with the clinic in plain Python.

Whatever the model allows must be done, and whatever it does not must be refused and leave no trace. After each step the
visits, their counters, what they take up and what will be reminded of are what the model says.
"""

from collections import Counter
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule
from sqlalchemy import create_engine, func, select
from sqlalchemy.orm import Session

from scheduler.database import begin_write, engine_options
from scheduler.errors import Refusal
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.audit_event import AuditEvent
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import PlanDefinition
from scheduler.models.practitioner import Practitioner
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.models.schedule import Closure
from scheduler.models.user import StaffRole, User
from scheduler.models.versions import calendar_version
from scheduler.services.actors import Actor
from scheduler.services.clinic import schedules
from scheduler.services.course import booking
from scheduler.services.trail import audit_mac
from scheduler.services.visit import books, moves, undo, visits
from tests.cast import NOW
from tests.engines import SECRET_KEY
from tests.services.visit.clinic_model import FROM, LIVE, ZONE, ClinicModel

OPEN = (ReminderState.PENDING, ReminderState.QUEUED)
STEPS = {
    "confirm": visits.confirm,
    "arrive": visits.arrive,
    "check-in": visits.check_in,
    "fulfill": visits.fulfill,
    "no-show": visits.mark_noshow,
    "cancel": lambda session, actor, visit, now: visits.cancel(session, actor, [visit], now, "model"),
}
# half hours from half past seven to six, on the days of one week; the last ones, and Saturday, are out of hours
starts = st.builds(
    lambda day, half: datetime.combine(
        NOW.date() + timedelta(days=day), time(7, 30), tzinfo=ZONE
    ) + timedelta(minutes=30 * half),
    st.sampled_from((0, 0, 1, 1, 2, 5)),
    st.integers(0, 21),
)  # fmt: skip
numbers = st.integers(0, 2)


class ClinicMachine(RuleBasedStateMachine):
    """`open_clinic` gives the address of a fresh copy of the clinic's database, and what takes it away."""

    booked = Bundle("booked")
    closed = Bundle("closed")
    ends: ClassVar[Counter[str]] = Counter()  # of all walks: how often something was done, and refused

    def __init__(self, open_clinic):
        super().__init__()
        url, self.close_clinic = open_clinic()
        self.engine = create_engine(
            url, **engine_options(url), execution_options=audit_mac.engine_option(SECRET_KEY)
        )
        with Session(self.engine) as session:
            self.clinic_id = session.scalar(select(Clinic.id))
            plan = session.scalars(select(PlanDefinition).where(PlanDefinition.key == "therapy-6")).one().plan
            self.action = plan.action("therapy-1")
            self.user_id = session.scalar(select(User.id).where(User.email == "mona@example.org"))
            rooms = self._names(session, Location, Location.name.startswith("Room"))
            people = self._names(session, Practitioner, Practitioner.name.startswith("T"))
            patients = select(Patient.given_name, Patient.resource_id).order_by(Patient.id)
            self.patients = dict(session.execute(patients.where(Patient.family_name == "Model")).all())
        self.resources = rooms | people
        self.names = {number: name for name, number in (self.resources | self.patients).items()}
        self.model = ClinicModel(tuple(rooms), tuple(people), NOW)

    def teardown(self):
        self.engine.dispose()
        self.close_clinic()

    @rule(target=booked, who=numbers, where=numbers, start=starts)
    def book(self, who, where, start):
        patient = list(self.patients)[who % len(self.patients)]
        room = self.model.rooms[where % len(self.model.rooms)]
        allowed = self._a_minute_later().may_be_booked(patient, room, start)
        with self._act(allowed) as (session, actor):
            them = self._one(session, Patient, self.patients[patient])
            there = self._one(session, Location, self.resources[room])
            row = booking.book_visit(session, actor, them, self.action, start, self.now, there)
            key, therapist = row.public_id, row.practitioners[0].name
            assert row.location is there
        if not allowed:
            return multiple()
        self.model.book(key, patient, room, therapist, start)
        return key

    @rule(key=booked, start=starts)
    def move(self, key, start):
        allowed = self._a_minute_later().may_be_moved(key, start)
        with self._act(allowed) as (session, actor):
            row = self._visit(session, key)
            moves.apply_moves(session, actor, moves.plan_move(session, actor, row, start, self.now), self.now)
            room, therapist = row.location.name, row.practitioners[0].name
        if allowed:
            assert (room, therapist) in self.model.places_for(key, start)
            self.model.move(key, room, therapist, start)

    @rule(key=booked, kind=st.sampled_from(sorted(STEPS)))
    def step(self, key, kind):
        allowed = self._a_minute_later().may_step(key, kind)
        with self._act(allowed) as (session, actor):
            STEPS[kind](session, actor, self._visit(session, key), self.now)
        if allowed:
            self.model.step(key, kind)

    @rule(key=booked, kind=st.sampled_from(sorted(FROM)), latest=st.booleans())
    def take_back(self, key, kind, latest):
        steps = self.model.visits[key].steps
        kind = steps[-1].kind if latest and steps else kind
        allowed = self._a_minute_later().may_be_undone(key, kind)
        with self._act(allowed) as (session, actor):
            undo.undo(session, actor, self._visit(session, key), kind, self.now)
        if allowed:
            self.model.undo(key)

    @rule(target=closed, what=st.integers(0, 4), start=starts, hours=st.integers(1, 3))
    def shut(self, what, start, hours):
        name = [None, *self.resources][what % (len(self.resources) + 1)]
        end = start + timedelta(hours=hours)
        self._a_minute_later()
        with self._act(True) as (session, actor):
            resource = None
            if name:
                model = Location if name in self.model.rooms else Practitioner
                resource = self._one(session, model, self.resources[name]).resource
            closure, touched = schedules.close(session, actor, start, end, self.now, resource)
            key, found = closure.public_id, {one.public_id for one in touched}
        assert found == self.model.affected(name, start, end)
        self.model.close(key, name, start, end)
        return key

    @rule(key=closed)
    def open_again(self, key):
        if key not in self.model.closures:
            return
        self._a_minute_later()
        with self._act(True) as (session, actor):
            row = session.scalars(select(Closure).where(Closure.public_id == key)).one()
            schedules.reopen(session, actor, row, self.now)
        del self.model.closures[key]

    @rule(minutes=st.sampled_from((7, 90, 600)))
    def time_goes_on(self, minutes):
        self.model.now += timedelta(minutes=minutes)

    @invariant()
    def the_visits_are_the_models(self):
        with Session(self.engine) as session:
            rows = {row.public_id: self._told(row) for row in session.scalars(select(Appointment))}
            kinds = session.execute(
                select(Appointment.public_id, AppointmentEvent.kind)
                .join(AppointmentEvent, AppointmentEvent.appointment_id == Appointment.id)
                .order_by(AppointmentEvent.id)
            ).all()
        for key in self.model.visits:
            rows[key] += ([kind for owner, kind in kinds if owner == key],)
        assert rows == {
            key: (
                visit.room, visit.therapist, visit.start, visit.end, visit.status, visit.response,
                visit.sequence, visit.schedule_version, visit.events,
            )
            for key, visit in self.model.visits.items()
        }  # fmt: skip

    @invariant()
    def everybody_is_where_the_model_says(self):
        with Session(self.engine) as session:
            rows = session.scalars(select(Allocation).where(Allocation.released_at.is_(None)))
            found = sorted((self.names[row.resource_id], row.start_at, row.end_at) for row in rows)
            faults = books.faults(session, self.clinic_id, self.now)
        assert found == self.model.taken()
        assert not faults.any

    @invariant()
    def only_what_stands_is_reminded_of(self):
        with Session(self.engine) as session:
            rows = session.execute(
                select(Appointment.public_id, Reminder.schedule_version, Reminder.state).join(
                    Reminder, Reminder.appointment_id == Appointment.id
                )
            ).all()
        for key, version, state in rows:
            visit = self.model.visits[key]
            holds = visit.status in LIVE and version == visit.schedule_version
            assert holds or state not in OPEN
        planned = {(key, version) for key, version, _ in rows}
        assert {
            (key, one.schedule_version) for key, one in self.model.visits.items() if one.status in LIVE
        } <= planned

    @property
    def now(self):
        return self.model.now

    def _a_minute_later(self):
        """Return the model when the next act begins; what it allows may depend on the minute."""
        self.model.now += timedelta(minutes=1)
        return self.model

    @contextmanager
    def _act(self, allowed):
        """One writing transaction: done when the model allows it, else refused without a trace."""
        before = self._traces()
        with Session(self.engine) as session:
            begin_write(session)
            actor = Actor(
                session.get_one(Clinic, self.clinic_id),
                session.get_one(User, self.user_id),
                StaffRole.MANAGER,
                "staff",
            )
            try:
                yield session, actor
                session.commit()
                refusal = None
            except Refusal as refused:
                session.rollback()
                refusal = refused
        self.ends["refused" if refusal else "done"] += 1
        if allowed:
            assert refusal is None, f"refused: {type(refusal).__name__}: {refusal}"
            assert all(after > was for after, was in zip(self._traces(), before, strict=True))
        else:
            assert refusal is not None, "done although the model does not allow it"
            assert self._traces() == before

    def _traces(self):
        """Return two numbers that every change raises."""
        with Session(self.engine) as session:
            audited = session.scalar(select(func.count()).select_from(AuditEvent))
            return calendar_version(session, self.clinic_id), audited

    def _told(self, row):
        return (
            row.location.name, row.practitioners[0].name, row.start_at, row.end_at, row.status.value,
            row.response.value, row.sequence, row.schedule_version,
        )  # fmt: skip

    def _visit(self, session, key):
        return session.scalars(select(Appointment).where(Appointment.public_id == key)).one()

    def _one(self, session, model, resource_id):
        return session.scalars(select(model).where(model.resource_id == resource_id)).one()

    def _names(self, session, model, which):
        return dict(
            session.execute(select(model.name, model.resource_id).where(which).order_by(model.id)).all()
        )
