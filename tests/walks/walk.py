"""A walk: patients, courses and staff who do something to them at random, through one of several doors.

`STEPS` choose what is done and to what; a door (doors.py) does it: through the services, over the API or on the pages.
A walk is known by its number and the door, and repeats with them.
"""

from dataclasses import dataclass
from datetime import timedelta
from random import Random

from sqlalchemy import select

from scheduler.database import begin_write
from scheduler.domain.status import LIVE, CarePlanStatus, CourseEffect
from scheduler.domain.status import AppointmentStatus as S
from scheduler.errors import Refusal
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import current
from scheduler.models.requirement import Requirement
from scheduler.models.schedule import Closure
from tests.cast import NOW
from tests.walks import oracle

DAY = timedelta(days=1)
BEFORE_THE_CLOCKS_CHANGE = timedelta(days=98)  # the first day of March, with the change two weeks ahead
PLANS = ("iv-depression-6", "iv-depression-6-fast", "esketamine-nasal", "therapy-6", "crps-10-day")
WHO = ("alice",) * 5 + ("mona", "pia")  # front desk, manager, prescriber
REASON = "the prescriber wants it this way"


@dataclass
class Walk:
    """`who` acts in this step; `reason` is given when a rule is to be overridden."""

    session: object
    cast: object
    random: Random
    now: object
    who: str = "alice"
    reason: str = ""

    @property
    def overrides(self):
        return bool(self.reason) and self.who != "alice"

    def patient(self):
        query = select(Patient).where(Patient.merged_into_id.is_(None)).order_by(Patient.id)
        return self.random.choice(list(self.session.scalars(query)))

    def course(self, *statuses):
        return self.one(select(CarePlan).where(CarePlan.status.in_(statuses)).order_by(CarePlan.id))

    def visit(self, *statuses, near=False):
        """Return a visit of this kind, mostly one that gives the drug; `near`: among the first ones to come."""
        query = select(Appointment).where(Appointment.status.in_(statuses))
        if self.random.random() < 0.8:
            query = query.where(Appointment.dosing_gap_days.is_not(None))
        if near:
            return self.one(query.order_by(Appointment.start_at, Appointment.id).limit(3))
        return self.one(query.order_by(Appointment.id))

    def one(self, query):
        rows = list(self.session.scalars(query))
        if not rows:
            raise Refusal
        return self.random.choice(rows)


def plan_course(walk, door):
    door.plan_course(walk, walk.patient(), walk.random.choice(PLANS), walk.random.choice((None, None, 600)))


def give_course(walk, door):
    """A course whose visits a person chose one by one, most of them left out."""
    gap = walk.random.choice((1, 2, 3))
    first = walk.now.replace(hour=15) + walk.random.randrange(1, 9) * DAY
    first -= max(first.weekday() - 3, 0) * DAY  # so that the next day is a working day too
    door.give_course(walk, walk.patient(), walk.random.choice(PLANS), [first, first + gap * DAY])


def book_extra(walk, door):
    course = walk.course(*walk.random.choice(((CarePlanStatus.ACTIVE,), tuple(CarePlanStatus))))
    step = walk.random.choice([one for one in course.plan_definition.plan.firm if one.dosing] or [None])
    if step is None:
        raise Refusal
    start = walk.visit(*LIVE).start_at + walk.random.choice(
        (-DAY, DAY, timedelta(hours=3), 2 * DAY, 14 * DAY)
    )
    door.book(walk, course.patient, step, start, course)


def book_alone(walk, door):
    definition = current(walk.session, walk.cast.clinic.id, walk.random.choice(PLANS[:2]))
    start = walk.visit(*LIVE).start_at + walk.random.choice((-DAY, DAY, timedelta(hours=3)))
    door.book(walk, walk.patient(), definition.plan.action("infusion-1"), start, None)


def move(walk, door):
    row = walk.visit(S.PENDING, S.BOOKED)
    days = walk.random.choice((-2, -1, 1, 2, 3, 0))
    start = row.start_at + days * DAY + (timedelta(hours=2) if not days else timedelta())
    door.move(walk, row, start, walk.random.choice(("one", "following")))


def bring_forward(walk, door):
    """Move a visit to today, so that it can be checked in."""
    row = walk.visit(S.PENDING, S.BOOKED, near=True)
    door.move(
        walk,
        row,
        row.start_at.replace(year=walk.now.year, month=walk.now.month, day=walk.now.day),
        "following",
    )


def cancel(walk, door):
    row, effect = walk.visit(S.PENDING, S.BOOKED, S.PROPOSED), walk.random.choice(tuple(CourseEffect))
    door.cancel(walk, row, effect, walk.random.random() < 0.8)


def take_back(walk, door):
    """Undo the latest step of a visit, mostly of one that was canceled or missed."""
    row = walk.visit(*(walk.random.choice(((S.CANCELLED, S.NOSHOW), (S.CANCELLED, S.NOSHOW), tuple(S)))))
    door.take_back(walk, row)


def attend(walk, door):
    """The day of a visit comes, and someone records it."""
    row = walk.visit(S.PENDING, S.BOOKED, S.ARRIVED, S.CHECKED_IN, near=True)
    walk.now = max(walk.now, row.start_at + timedelta(minutes=walk.random.choice((-10, 1, 30, 24 * 60))))
    door.step(
        walk, row, walk.random.choice(("arrive", "check-in", "check-in", "check-in", "fulfill", "no-show"))
    )


def go_on(walk, door):
    row = walk.visit(S.ARRIVED, S.CHECKED_IN)
    door.step(walk, row, walk.random.choice(("check-in", "fulfill", "no-show", "confirm")))


def make_up(walk, door):
    row = walk.visit(S.CANCELLED, S.NOSHOW)
    start = walk.random.choice((None, None, row.start_at + DAY, walk.now.replace(hour=16) + DAY))
    door.make_up(walk, row, start)


def book_booster(walk, door):
    row = walk.visit(S.PROPOSED)
    door.book_booster(walk, row, row.start_at - walk.random.choice((0, 7, 14, 20)) * DAY)


def step_course(walk, door):
    step, status = walk.random.choice(
        (
            ("hold", CarePlanStatus.ACTIVE),
            ("resume", CarePlanStatus.ON_HOLD),
            ("activate", CarePlanStatus.DRAFT),
            ("revoke", CarePlanStatus.ACTIVE),
        )
    )
    door.step_course(walk, walk.course(status), step)


def change_protocol(walk, door):
    course = walk.course(CarePlanStatus.ACTIVE)
    door.change_protocol(walk, course, walk.random.choice(PLANS[:4]), walk.random.choice((None, "")))


def change_length(walk, door):
    course = walk.course(CarePlanStatus.ACTIVE)
    door.change_length(walk, course, walk.random.choice((20, 40, 60, 90, 120)))


def require(walk, door):
    """Complete a requirement, waive it, or open it again."""
    row = walk.one(select(Requirement).order_by(Requirement.id))
    door.require(walk, row, walk.random.choice(("complete", "complete", "complete", "waive", "reopen")))


def merge(walk, door):
    door.merge(walk, walk.patient(), walk.patient())


def admit(walk, door):
    door.admit(walk, f"P{walk.random.randrange(10**6)}")


def leave(walk, door):
    door.leave(walk, walk.patient(), walk.random.choice(("left", "back", "back")))


def close(walk, door):
    row = walk.visit(*LIVE)
    day = row.start_at.replace(hour=5, minute=0)
    door.close(walk, row.location if walk.random.random() < 0.5 else None, day, day + DAY)


def reopen(walk, door):
    door.reopen(walk, walk.one(select(Closure).order_by(Closure.id)))


def retire(walk, door):
    query = select(Location).where(Location.clinic_id == walk.cast.clinic.id).order_by(Location.id)
    door.retire(walk, walk.one(query), walk.random.random() < 0.3)


def bring(walk, door):
    """Import a course that another system began; some lines are left out or a day early."""
    door.bring(walk, walk.patient(), walk.random.choice(PLANS[:2]))


STEPS = (
    *(plan_course, book_extra, move, take_back, cancel, attend) * 3,
    *(make_up, step_course, change_protocol, give_course, require, bring_forward, go_on, merge) * 2,
    *(book_booster, book_alone, admit, close, reopen, retire, leave, bring, change_length),
)


def go(session, cast, door, number, steps):
    """Take a walk; return what was done. Raises AssertionError naming the walk when the oracle finds something."""
    random = Random(f"{type(door).__name__} {number}")
    walk, done = Walk(session, cast, random, NOW), []
    if number % 3 == 2:
        walk.now += BEFORE_THE_CLOCKS_CHANGE
    with door.step_of(walk):
        for _ in range(2):
            admit(walk, door)
    state = oracle.read(session)
    for _ in range(steps):
        walk.now += timedelta(minutes=random.choice((1, 5, 60, 12 * 60)))
        walk.who, walk.reason = random.choice(WHO), random.choice(("", "", REASON))
        step, started = random.choice(STEPS), walk.now
        try:
            with door.step_of(walk):
                step(walk, door)
        except Refusal:
            walk.now = started
            continue
        done.append(f"{step.__name__} by {walk.who}" + (" with a reason" if walk.reason else ""))
        after = oracle.read(session)
        today = walk.now.astimezone(cast.clinic.zone).date()
        found = oracle.broken(state, after, today, overridden=walk.overrides)
        assert not found, f"walk {number} of {type(door).__name__}: {found} after {done[-12:]}"
        state = after
    return done


def walked(session, cast, door, numbers, steps):
    """Take walks that each begin with the same clinic; return how many steps were done."""
    done = 0
    for number in numbers:
        begin_write(session)
        done += len(go(session, cast, door, number, steps))
        session.rollback()
    return done
