"""A clinic with booked courses in which random patients wait, and times that open: a seed gives the same one."""

from datetime import time, timedelta
from random import Random

from sqlalchemy import select

from scheduler.errors import Invalid, NoFitFound, RuleBroken, WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.opening import Opening, OpeningCause
from scheduler.models.plan_definition import current
from scheduler.models.waitlist import Priority
from scheduler.services.course import booking
from scheduler.services.planning import proposals
from scheduler.services.visit import visits
from scheduler.services.waitlist import entries
from scheduler.services.waitlist.entries import WaitWishes
from tests.cast import NOW, add_patient
from tests.services.courses import MONDAY, wishes

PROTOCOLS = (
    "iv-depression-6",
    "iv-depression-6-fast",
    "iv-depression-6-therapy",
    "kap-im-6",
    "iv-migraine-5",
)
PATTERNS = (frozenset(), frozenset(), frozenset({1, 4}), frozenset({1, 2, 3, 4}))


class Crowd:
    """Harbor with its courses, who waits, and the times that opened; `now` is when that is asked."""

    def __init__(self, session, harbor, seed, patients=6):
        self.session, self.harbor, self.rng = session, harbor, Random(f"crowd {seed}")
        self.actor = harbor.actor("alice")
        for number in range(patients):
            add_patient(session, harbor, f"Pat{number}", "Doe")
        self.names = [*harbor.patients]
        for name in self.names:
            self.book(name)
        session.flush()
        self.now = NOW + timedelta(days=self.rng.choice((0, 0, 2, 9, 16)), hours=self.rng.randrange(6))
        self.openings = [self.open() for _ in range(3)]
        for _ in range(self.rng.randint(10, 16)):
            self.let_wait()
        session.commit()

    def book(self, name):
        rng, kind = self.rng, self.rng.choice(PROTOCOLS)
        more = {"latest": time(13)} if rng.random() < 0.2 else {}
        if rng.random() < 0.2:
            more["practitioners"] = (self.harbor.people["Theo"], self.harbor.people["Nina"])
        wanted = wishes(
            self.session,
            self.harbor,
            kind,
            name,
            not_before=MONDAY + timedelta(days=rng.randrange(10)),
            weekdays=rng.choice(PATTERNS),
            count=1,
            **more,
        )
        try:
            best = proposals.propose(self.session, self.actor, wanted, NOW)[0]
            booking.book_course(self.session, self.actor, wanted, best.visits, best.projections, NOW)
        except (NoFitFound, RuleBroken, Invalid):
            return  # this patient has no course

    def ahead(self):
        query = select(Appointment).where(
            Appointment.clinic_id == self.harbor.clinic.id, Appointment.start_at > self.now
        )
        return [row for row in self.session.scalars(query.order_by(Appointment.id)) if row.status.is_expected]

    def open(self):
        """Cancel a visit and return a time that has its own: that of this visit, or some more."""
        gone = self.rng.choice([row for row in self.ahead() if row.location_id is not None])
        start, end = gone.start_at, gone.end_at
        visits.cancel(self.session, self.actor, [gone], self.now)
        opening = Opening(
            clinic_id=self.harbor.clinic.id,
            cause=OpeningCause.CANCELED,
            start_at=start - timedelta(minutes=self.rng.choice((0, 0, 45))),
            end_at=end + timedelta(minutes=self.rng.choice((0, 0, 120))),
            created_at=self.now,
        )
        self.session.add(opening)
        return opening

    def let_wait(self):
        rng = self.rng
        wanted = WaitWishes(
            weekdays=(1, 2, 3) if rng.random() < 0.15 else (),
            earliest=time(9, 30) if rng.random() < 0.15 else None,
            latest=time(15) if rng.random() < 0.15 else None,
            notice_hours=rng.choice((0, 0, 2, 48)),
            priority=rng.choice((*Priority, Priority.NORMAL)),
        )
        # in the order in which they come, for ties
        at = self.now - timedelta(days=rng.randrange(5))
        try:
            if rng.random() < 0.75:
                visit = rng.choice([row for row in self.ahead() if row.visible and self.soon(row)])
                entries.wait_for_earlier(self.session, self.actor, visit, wanted, at)
            else:
                self.let_wait_to_book(wanted, at)
        except (Invalid, WrongStatus):
            return

    def soon(self, row):
        """Tell whether a visit is within some days after a time that opened."""
        return any(timedelta() < row.start_at - one.start_at < timedelta(days=6) for one in self.openings)

    def let_wait_to_book(self, wanted, at):
        name, key = self.rng.choice(self.names), self.rng.choice(PROTOCOLS)
        definition = current(self.session, self.harbor.clinic.id, key)
        action = self.rng.choice(("", "", *(one.key for one in definition.plan.firm)))
        patient = self.harbor.patients[name]
        entries.wait_for_booking(self.session, self.actor, patient, definition, action, wanted, at)
