"""A walk: patients, courses and staff who do something to them at random, through one of several interfaces.

`STEPS` choose what is done and to what; an interface (services.py) does it: through the services, over the API or on
the pages. A walk is known by its number and the interface, and repeats with them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import select

from scheduler.domain.status import LIVE, CarePlanStatus, CourseEffect
from scheduler.domain.status import AppointmentStatus as S
from scheduler.errors import Refusal
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import PlanDefinition
from scheduler.models.requirement import Requirement
from scheduler.models.schedule import Closure
from tests.walks import oracle
from tests.walks.clinic import DAY, FIRST, SHIPPED, SHORT, at, monday_after, starts_of
from tests.walks.oracle import REASON

WHO = ("alice",) * 6 + ("mona", "ada", "pia", "nick", "theo")  # the front desk most of the time
MAY_OVERRIDE = ("mona", "ada", "pia")  # manager, admin, prescriber
OFF = (S.CANCELLED, S.NOSHOW)
HOURS = range(8, 17)


@dataclass
class Walk:
    """`who` acts in this step; `reason` is given when a rule is to be overridden."""

    session: object
    cast: object
    random: Random
    plans: tuple
    definitions: dict
    now: datetime = FIRST
    who: str = "alice"
    reason: str = ""

    @property
    def overrides(self):
        return bool(self.reason) and self.who in MAY_OVERRIDE

    def patient(self, *, free=False):
        """Return a patient; `free`: mostly one without an open course."""
        query = select(Patient).where(Patient.merged_into_id.is_(None)).order_by(Patient.id)
        if free and self.random.random() < 0.7:
            treated = select(CarePlan.patient_id).where(CarePlan.status.in_(("draft", "active", "on-hold")))
            return self.one(query.where(Patient.id.not_in(treated)))
        return self.one(query)

    def course(self, *statuses):
        return self.one(select(CarePlan).where(CarePlan.status.in_(statuses)).order_by(CarePlan.id))

    def visit(self, *statuses, near=False, dosing=0.8):
        """Return a visit of this kind, mostly one ahead that gives the drug; `near`: among the first ones."""
        query = select(Appointment).where(Appointment.status.in_(statuses))
        if self.random.random() < 0.9:
            query = query.where(Appointment.start_at > self.now - timedelta(hours=6 if near else 0))
        if self.random.random() < dosing:
            query = query.where(Appointment.dosing_gap_days.is_not(None))
        if near:
            return self.one(query.order_by(Appointment.start_at, Appointment.id).limit(3))
        return self.one(query.order_by(Appointment.id))

    def one(self, query):
        """Return one row of a query; the others are not loaded."""
        model = query.column_descriptions[0]["entity"]
        found = list(self.session.scalars(query.with_only_columns(model.id)))
        if not found:
            raise Refusal
        return self.session.get(model, self.random.choice(found))

    def start(self, day):
        """Return an hour of a day at which the clinic may be open."""
        return at(self.cast, day, self.random.choice(HOURS))

    def beside(self, row):
        """Return a start on the day of a visit or shortly before or after it."""
        return self.start(row.local_start.date() + self.random.choice((-2, -1, -1, 0, 0, 1, 1, 2)) * DAY)

    def plan(self, key):
        return self.definitions[key].plan


def starts(walk, key):
    """Return starts for a course, half of the time with a step left out or on another day, often as an override."""
    monday = monday_after(walk.now) + 7 * DAY * walk.random.choice((0, 0, 1, 2))
    fault = walk.random.choice(("", "", "", "lacking", "early", "two"))
    if fault and walk.random.random() < 0.5:
        walk.who, walk.reason = walk.random.choice(MAY_OVERRIDE), REASON
    if key not in SHORT or fault == "two":
        return _two_doses(walk, key, monday)
    found = starts_of(walk.cast, key, monday, walk.random.choice(HOURS[:-2]))
    place = walk.random.randrange(len(found))
    if fault == "lacking":
        found.pop(place)
    elif fault == "early":
        action, start = found[place]
        found[place] = (action, start - DAY)
    return found


def _two_doses(walk, key, monday):
    doses = [one.key for one in walk.plan(key).firm if one.dosing]
    if not doses:
        raise Refusal
    chosen = sorted(walk.random.sample(doses, 2), key=doses.index)
    first = monday + walk.random.choice((0, 1)) * DAY
    second = first + walk.random.choice((1, 2, 3)) * DAY
    return [(chosen[0], walk.start(first)), (chosen[1], walk.start(second))]


def plan_course(walk, interface):
    reserve = walk.random.choice((None, None, 600))
    interface.plan_course(walk, walk.patient(free=True), walk.random.choice(walk.plans), reserve)


def give_course(walk, interface):
    """A course whose visits a person chose one by one, some of them left out or too early."""
    key = walk.random.choice(walk.plans)
    interface.give_course(walk, walk.patient(free=True), key, starts(walk, key))


def book_extra(walk, interface):
    """One more visit in a course, near one that is there."""
    course = walk.course(
        *walk.random.choice(((CarePlanStatus.ACTIVE,), (CarePlanStatus.ACTIVE,), tuple(CarePlanStatus)))
    )
    step = walk.random.choice([one for one in course.plan_definition.plan.firm if one.dosing] or [None])
    if step is None:
        raise Refusal
    query = select(Appointment).where(
        Appointment.patient_id == course.patient_id, Appointment.status.in_(LIVE)
    )
    near = walk.one(query.order_by(Appointment.id))
    start = (
        walk.beside(near) if walk.random.random() < 0.8 else walk.start(near.local_start.date() + 14 * DAY)
    )
    interface.book(walk, course.patient, step, start, course)


def book_alone(walk, interface):
    """A dosing visit without a course, mostly for a patient who has others."""
    near = walk.visit(*LIVE)
    patient = near.patient if walk.random.random() < 0.7 else walk.patient()
    key = walk.random.choice([one for one in walk.plans if any(step.dosing for step in walk.plan(one).firm)])
    step = next(one for one in walk.plan(key).firm if one.dosing)
    interface.book(walk, patient, step, walk.beside(near), None)


def move(walk, interface):
    row = walk.visit(S.PENDING, S.BOOKED)
    day = row.local_start.date() + walk.random.choice((-2, -1, 1, 2, 3, 0)) * DAY
    interface.move(walk, row, walk.start(day), walk.random.choice(("one", "following")))


def move_beside(walk, interface):
    """Move a dosing visit next to another of the same patient, which may be canceled."""
    row = walk.visit(S.PENDING, S.BOOKED, dosing=1)
    others = select(Appointment).where(
        Appointment.patient_id == row.patient_id,
        Appointment.id != row.id,
        Appointment.dosing_gap_days.is_not(None),
    )
    off = others.where(Appointment.status.in_(OFF)).order_by(Appointment.id)
    has_off = walk.session.scalars(off.limit(1)).first() is not None
    interface.move(
        walk, row, walk.beside(walk.one(off if has_off else others.order_by(Appointment.id))), "one"
    )


def bring_forward(walk, interface):
    """Move a visit to today, so that it can be checked in."""
    row = walk.visit(S.PENDING, S.BOOKED, near=True)
    interface.move(walk, row, walk.start(walk.now.astimezone(walk.cast.clinic.zone).date()), "following")


def cancel(walk, interface):
    """Cancel a visit, mostly without skipping its step."""
    first = walk.random.random() < 0.3  # often a step that others follow
    row = walk.visit(S.PENDING, S.BOOKED, S.PROPOSED, near=first, dosing=0.2 if first else 0.7)
    effect = walk.random.choice((CourseEffect.MAKE_UP, CourseEffect.MAKE_UP, CourseEffect.SKIP))
    interface.cancel(walk, row, effect, walk.random.random() < 0.8)


def take_back(walk, interface):
    """Undo the latest step of a visit, mostly of one that was canceled or missed, and may be made up for."""
    replaced = select(Appointment.replaces_id).where(Appointment.replaces_id.is_not(None))
    made_up = select(Appointment).where(Appointment.id.in_(replaced)).order_by(Appointment.id)
    kind = walk.random.random()
    if kind < 0.4 and walk.session.scalars(made_up.limit(1)).first() is not None:
        row = walk.one(made_up)
    else:
        row = walk.visit(*(OFF if kind < 0.9 else tuple(S)))
    interface.take_back(walk, row)


def attend(walk, interface):
    """The day of a visit comes, and someone records it."""
    row = walk.visit(S.PENDING, S.BOOKED, S.ARRIVED, S.CHECKED_IN, near=True)
    walk.now = max(walk.now, row.start_at + timedelta(minutes=walk.random.choice((-10, 1, 30, 60, 24 * 60))))
    steps = ("arrive", "check-in", "check-in", "check-in", "fulfill", "no-show")
    interface.step(walk, row, walk.random.choice(steps))


def go_on(walk, interface):
    row = walk.visit(S.ARRIVED, S.CHECKED_IN)
    interface.step(walk, row, walk.random.choice(("check-in", "fulfill", "no-show", "confirm")))


def make_up(walk, interface):
    row = walk.visit(*OFF)
    if row.care_plan is None:
        raise Refusal
    start = None if walk.random.random() < 0.4 else walk.beside(row)
    interface.make_up(walk, row, start)


def book_booster(walk, interface):
    row = walk.visit(S.PROPOSED)
    interface.book_booster(walk, row, row.start_at - walk.random.choice((0, 7, 14, 20)) * DAY)


def step_course(walk, interface):
    step, status = walk.random.choice(
        (
            ("hold", CarePlanStatus.ACTIVE),
            ("resume", CarePlanStatus.ON_HOLD),
            ("activate", CarePlanStatus.DRAFT),
            ("revoke", CarePlanStatus.ACTIVE),
        )
    )
    interface.step_course(walk, walk.course(status), step)


def change_protocol(walk, interface):
    course = walk.course(CarePlanStatus.ACTIVE)
    interface.change_protocol(walk, course, walk.random.choice(walk.plans), walk.random.choice((None, "")))


def change_length(walk, interface):
    course = walk.course(CarePlanStatus.ACTIVE)
    interface.change_length(walk, course, walk.random.choice((20, 40, 60, 90, 120)))


def require(walk, interface):
    """Complete a requirement, waive it, or open it again."""
    row = walk.one(select(Requirement).order_by(Requirement.id))
    interface.require(walk, row, walk.random.choice(("complete", "complete", "complete", "waive", "reopen")))


def prepare(walk, interface):
    """The prescriber completes what is open in a course, so that its visits may begin."""
    walk.who = "pia"
    course = walk.course(CarePlanStatus.ACTIVE)
    for row in [one for one in course.requirements if one.completed_at is None]:
        interface.require(walk, row, "complete")


def merge(walk, interface):
    keep, other = walk.patient(), walk.patient()
    if keep is other:
        raise Refusal
    interface.merge(walk, keep, other)


def admit(walk, interface):
    interface.admit(walk, f"P{walk.random.randrange(10**6)}")


def leave(walk, interface):
    interface.leave(walk, walk.patient(), walk.random.choice(("left", "back", "back")))


def close(walk, interface):
    row = walk.visit(*LIVE)
    day = row.start_at.replace(hour=5, minute=0)
    interface.close(walk, row.location if walk.random.random() < 0.5 else None, day, day + DAY)


def reopen(walk, interface):
    interface.reopen(walk, walk.one(select(Closure).order_by(Closure.id)))


def retire(walk, interface):
    query = select(Location).where(Location.clinic_id == walk.cast.clinic.id).order_by(Location.id)
    interface.retire(walk, walk.one(query), walk.random.random() < 0.3)


def bring(walk, interface):
    """Import a course that another system began; some lines are left out or a day early."""
    key = walk.random.choice(walk.plans)
    interface.bring(walk, walk.patient(free=True), key, starts(walk, key))


STEPS = (
    *(take_back, cancel, attend) * 5,
    *(give_course, move_beside, make_up, book_extra, book_alone) * 4,
    *(merge, go_on, require) * 3,
    *(step_course, prepare, admit) * 2,
    *(plan_course, book_booster, move, bring_forward, bring, change_protocol, change_length),
    *(close, reopen, retire, leave),
)


def refused(*_):
    """What is written in the place of a step that was refused, after which nothing may have changed for the worse."""


def go(session, cast, interface, number, steps):
    """Take a walk; return what was done. Raises AssertionError naming the walk when the oracle finds something."""
    random = Random(f"{type(interface).__name__} {number}")
    known = {
        one.key: one for one in session.scalars(select(PlanDefinition))
    }  # held here, so that it is loaded once
    walk, done = Walk(session, cast, random, SHIPPED if number % 5 == 4 else tuple(SHORT), known), []
    state = oracle.read(session)
    for _ in range(steps):
        walk.now += timedelta(minutes=random.choice((1, 5, 60, 12 * 60)))
        walk.who, walk.reason = random.choice(WHO), random.choice(("", "", REASON))
        step, started = random.choice(STEPS), walk.now
        try:
            with interface.step_of(walk):
                step(walk, interface)
        except Refusal:
            walk.now = started
            if not interface.commits:
                continue
            step = refused
        except Exception as fault:
            fault.add_note(
                f"in walk {number} of {type(interface).__name__}: {step.__name__} after {done[-12:]}"
            )
            raise
        done.append(f"{step.__name__} by {walk.who}" + (" with a reason" if walk.reason else ""))
        after = oracle.read(session)
        today = walk.now.astimezone(cast.clinic.zone).date()
        found = oracle.broken(state, after, today, overridden=walk.overrides)
        assert not found, f"walk {number} of {type(interface).__name__}: {found} after {done[-12:]}"
        state = after
    return done


def walked(session, cast, interface, numbers, steps):
    """Take walks that each begin with the same clinic; return how many steps were done."""
    done = 0
    for number in numbers:
        interface.begin(session)
        done += sum(not one.startswith("refused") for one in go(session, cast, interface, number, steps))
        interface.end(session)
    return done
