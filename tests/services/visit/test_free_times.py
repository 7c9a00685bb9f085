"""Nothing that is offered is refused: each time of random calendars is booked, as the pages do it, and rolled back.

CALENDARS= tries more of them than the suite does, and all of their visits and times instead of a few; a failure names
the calendar. FIRST= is the first of them, so that a long run can be continued.
"""

import os
from datetime import date, timedelta
from random import Random

import pytest
from sqlalchemy import select

from scheduler.domain.localtime import local_on
from scheduler.domain.status import TO_MAKE_UP
from scheduler.domain.status import AppointmentStatus as S
from scheduler.errors import NoFitFound, Refusal
from scheduler.models.appointment import Appointment
from scheduler.models.plan_definition import current
from scheduler.services.clinic import schedules
from scheduler.services.course import booking, boosters, make_ups
from scheduler.services.course.boosters import BoosterPlanner
from scheduler.services.course.make_ups import MakeUpPlanner
from scheduler.services.course.visit_times import VisitTimes
from scheduler.services.planning import free_times, proposals
from scheduler.services.planning.courses import is_projected, latest
from scheduler.services.visit import moves, visits
from scheduler.services.visit.move_times import MoveTimes
from scheduler.services.visit.moves import MovePlanner
from tests.cast import NOW, add_patient
from tests.services.courses import wishes

CALENDARS, FIRST = (int(os.environ.get(name, known)) for name, known in (("CALENDARS", "10"), ("FIRST", "0")))
ALL = "CALENDARS" in os.environ  # else one visit of each calendar is tried, and a few of its times
FEW = 3
JOBS = ("move", "make-up", "booster", "single")
REASON = "the patient travels that week"
PROTOCOLS = ("iv-depression-6", "iv-depression-6-fast", "iv-fibromyalgia-5", "esketamine-nasal")
DAY = timedelta(days=1)


@pytest.mark.parametrize("seed", range(FIRST, FIRST + CALENDARS))
def test_every_time_that_is_offered_can_be_booked(session, harbor, seed):
    calendar = RandomCalendar(session, harbor, Random(seed))
    offered = 0
    for one in calendar.choices(JOBS if ALL else [JOBS[seed % len(JOBS)], "move"]):
        whole = one.first_on + DAY * calendar.random.randrange(7) if ALL else None
        week = free_times.week(one.times(), one.first_on, outside=one.outside, whole=whole)
        times = [*(time for day in week.days for time in day.times), *filter(None, [week.next])]
        for time in times if ALL else calendar.random.sample(times, min(FEW, len(times))):
            session.flush()
            with session.begin_nested() as transaction:
                try:
                    booked = one.book(time.start)
                except Refusal as refused:
                    pytest.fail(
                        f"{one}: {time.start} was offered and is refused: {refused} {refused.details}"
                    )
                assert booked == time.start
                transaction.rollback()
            session.expire_all()
            offered += 1
        assert all(day.why for day in week.days if not day.times)
    assert offered or not calendar.fits


class Choice:
    """A visit for which a time is chosen: how its times are found, and how one is booked."""

    def __init__(self, calendar, job, row=None):
        pick = calendar.random
        self.calendar, self.job, self.row = calendar, job, row
        self.outside = job != "single" and pick.random() < 0.3
        self.scope = pick.choice(("following", "following", "one")) if job == "move" else "one"
        start = row.start_at if row is not None and row.start_at > NOW else NOW
        self.first_on = max(local_on(start, calendar.clinic.zone) - DAY * pick.randrange(4), NOW.date())
        self.place = None
        if row is not None and row.location is not None and pick.random() < 0.3:
            self.place = calendar.cast.places[pick.choice([n for n in calendar.cast.places if "Chair" in n])]
            self.place = self.place if row.location.kind is self.place.kind else None

    def __repr__(self):
        return f"{self.job} {self.row and self.row.action} {self.scope} {self.place and self.place.name} {self.outside}"

    @property
    def context(self):
        return self.calendar.session, self.calendar.actor

    def times(self):
        if self.job == "single":
            return VisitTimes(*self.context, self.calendar.patient, self.calendar.consultation, NOW)
        if self.job == "move":
            return MoveTimes(MovePlanner(*self.context, self.row, NOW, self.place, scope=self.scope))
        planner = MakeUpPlanner if self.job == "make-up" else BoosterPlanner
        return MoveTimes(planner(*self.context, self.row, NOW, self.place))

    def book(self, start):
        reason = REASON if self.outside else ""
        if self.job == "single":
            one = booking.book_visit(
                *self.context, self.calendar.patient, self.calendar.consultation, start, NOW
            )
            return one.start_at
        if self.job == "move":
            planned = moves.plan_move(
                *self.context, self.row, start, NOW, self.place, scope=self.scope, override_reason=reason
            )
            moves.apply_moves(*self.context, planned, NOW, override_reason=reason)
            return self.row.start_at
        if self.job == "make-up":
            made = make_ups.plan_make_up(
                *self.context, self.row, NOW, start, self.place, override_reason=reason
            )
            return make_ups.book_make_up(*self.context, made, NOW, override_reason=reason).start_at
        return boosters.book_proposed(
            *self.context, self.row, start, NOW, self.place, override_reason=reason
        ).start_at


class RandomCalendar:
    """Two courses on a calendar with closures, leave and other visits; some visits are canceled or moved by hand."""

    def __init__(self, session, cast, random):
        self.session, self.cast, self.random, self.clinic = session, cast, random, cast.clinic
        self.actor = cast.prescriber
        self.patient = cast.patients["Nora"]
        self.courses = []
        for _ in range(random.randrange(6)):
            self._close()
        definition = current(session, self.clinic.id, "iv-depression-6")
        self.consultation = next(one for one in definition.plan.actions if one.key == "consult")
        other = add_patient(session, cast, "Otto", "Weber")
        for patient in (self.patient, other):
            self._book(patient)
        self._disturb()
        session.commit()

    @property
    def fits(self):
        return bool(self.courses)

    def choices(self, jobs):
        """Return a visit for each of these jobs that there is one for; the first of them alone unless ALL."""
        rows = [row for course in self.courses for row in latest(course).values()]
        kinds = {
            "move": [row for row in rows if row.status.is_expected and row.start_at > NOW],
            "make-up": [
                row
                for row in rows
                if row.status in TO_MAKE_UP
                and not is_projected(row)
                and row.visible
                and row.course_effect == "make_up"
            ],
            "booster": [row for row in rows if is_projected(row)],
        }
        kinds["single"] = [None]
        there = [job for job in jobs if kinds[job]]
        return [Choice(self, job, self.random.choice(kinds[job])) for job in (there if ALL else there[:1])]

    def _book(self, patient):
        key = self.random.choice(PROTOCOLS)
        wanted = wishes(
            self.session, self.cast, key, not_before=date(2026, 11, 30) + DAY * self.random.randrange(10)
        )
        wanted = wanted.__class__(**{**vars(wanted), "patient": patient, "count": 1})
        try:
            best = proposals.propose(self.session, self.actor, wanted, NOW)[0]
        except NoFitFound:
            return
        self.courses.append(
            booking.book_course(self.session, self.actor, wanted, best.visits, best.projections, NOW)
        )

    def _close(self):
        who = self.random.choice([None, *self.cast.places.values(), *self.cast.people.values()])
        start = NOW.replace(hour=0) + timedelta(
            days=self.random.randrange(1, 40), hours=self.random.choice((5, 13, 17, 20))
        )
        end = start + timedelta(hours=self.random.choice((2, 5, 24, 72)))
        resource = who.resource if who else None
        schedules.close(self.session, self.cast.command, start, end, NOW, resource, reason="closed")

    def _disturb(self):
        """Cancel some visits, and move some by hand beyond their spacing."""
        query = (
            select(Appointment).where(Appointment.status.in_((S.BOOKED, S.PENDING))).order_by(Appointment.id)
        )
        rows = [row for row in self.session.scalars(query) if row.start_at > NOW]
        for row in self.random.sample(rows, min(3, len(rows))):
            try:
                if self.random.random() < 0.5:
                    visits.cancel(self.session, self.actor, [row], NOW, "ill", "patient")
                else:
                    start = row.start_at + timedelta(days=self.random.choice((-1, 1, 2)))
                    planned = moves.plan_move(
                        self.session, self.actor, row, start, NOW, override_reason=REASON
                    )
                    moves.apply_moves(self.session, self.actor, planned, NOW, override_reason=REASON)
            except Refusal:
                continue
