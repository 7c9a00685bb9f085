"""Whatever the front desk does, in whatever order, no two dosing visits come closer than the protocols allow.

WALKS= and STEPS= make the search longer; a failure names the walk.
"""

import os
from datetime import timedelta
from itertools import combinations
from random import Random

import pytest
from sqlalchemy import select

from scheduler.domain.status import LIVE, CarePlanStatus, CourseEffect
from scheduler.domain.status import AppointmentStatus as S
from scheduler.errors import Refusal
from scheduler.models.appointment import Appointment
from scheduler.models.care_plan import CarePlan
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import current
from scheduler.services.course import booking, boosters, careplans, make_ups, protocol_change
from scheduler.services.patient import merging
from scheduler.services.planning import proposals
from scheduler.services.visit import changes, moves, undo, visits
from tests.cast import NOW, add_patient
from tests.services.courses import wishes

WALKS, STEPS = int(os.environ.get("WALKS", "5")), int(os.environ.get("STEPS", "40"))
DAY = timedelta(days=1)


class Walk:
    """Patients, courses and a front desk that does something to them at random."""

    def __init__(self, session, cast, number):
        self.session, self.cast = session, cast
        self.random, self.now = Random(number), NOW

    def patient(self):
        query = select(Patient).where(Patient.merged_into_id.is_(None)).order_by(Patient.id)
        return self.random.choice(list(self.session.scalars(query)))

    def course(self, *statuses):
        return self._one(select(CarePlan).where(CarePlan.status.in_(statuses)).order_by(CarePlan.id))

    def visit(self, *statuses):
        """Return a visit of this kind, mostly one that gives the drug and is ahead."""
        query = select(Appointment).where(Appointment.status.in_(statuses)).order_by(Appointment.id)
        if self.random.random() < 0.8:
            query = query.where(Appointment.dosing_gap_days.is_not(None))
        return self._one(query)

    def _one(self, query):
        rows = list(self.session.scalars(query))
        if not rows:
            raise Refusal
        return self.random.choice(rows)


def plan_course(walk, actor):
    patient = walk.patient()
    key = walk.random.choice(("iv-depression-6", "iv-depression-6-fast", "esketamine-nasal"))
    wanted = wishes(walk.session, walk.cast, key, not_before=walk.now.date())
    wanted = wanted.__class__(**{**vars(wanted), "patient": patient})
    best = proposals.propose(walk.session, actor, wanted, walk.now)[0]
    reserve = walk.random.choice((None, None, 600))
    booking.book_course(
        walk.session, actor, wanted, best.visits, best.projections, walk.now, reserve_minutes=reserve
    )


def book_extra(walk, actor):
    course = walk.course(CarePlanStatus.ACTIVE)
    step = walk.random.choice([one for one in course.plan_definition.plan.firm if one.dosing])
    near = walk.visit(*LIVE)
    start = near.start_at + walk.random.choice((-DAY, DAY, timedelta(hours=3), 2 * DAY))
    booking.book_visit(walk.session, actor, course.patient, step, start, walk.now, care_plan=course)


def book_alone(walk, actor):
    definition = current(walk.session, actor.clinic.id, "iv-depression-6")
    step = definition.plan.action("infusion-1")
    start = walk.visit(*LIVE).start_at + walk.random.choice((-DAY, DAY, timedelta(hours=3)))
    booking.book_visit(walk.session, actor, walk.patient(), step, start, walk.now)


def move(walk, actor):
    row = walk.visit(S.PENDING, S.BOOKED)
    start = row.start_at + walk.random.choice((-2, -1, 1, 2, 3)) * DAY
    scope = walk.random.choice(moves.SCOPES)
    planned = moves.plan_move(walk.session, actor, row, start, walk.now, scope=scope)
    moves.apply_moves(walk.session, actor, planned, walk.now, "asked for")


def cancel(walk, actor):
    row, effect = walk.visit(S.PENDING, S.BOOKED, S.PROPOSED), walk.random.choice(tuple(CourseEffect))
    quietly, reason = walk.random.random() < 0.2, walk.random.choice(("", "the patient is well again"))
    visits.cancel(
        walk.session,
        actor,
        [row],
        walk.now,
        "ill",
        course_effect=effect,
        override_reason=reason if effect is CourseEffect.SKIP else "",
        notify=not quietly,
    )


def take_back(walk, actor):
    row = walk.visit(*S)
    step = undo.latest_step(walk.session, row)
    if step is None:
        raise Refusal
    undo.undo(walk.session, actor, row, step.kind, walk.now)


def miss(walk, actor):
    row = walk.visit(S.PENDING, S.BOOKED)
    walk.now = max(walk.now, row.start_at + timedelta(minutes=1))
    visits.mark_noshow(walk.session, actor, row, walk.now)


def make_up(walk, actor):
    planned = make_ups.plan_make_up(walk.session, actor, walk.visit(S.CANCELLED, S.NOSHOW), walk.now)
    make_ups.book_make_up(walk.session, actor, planned, walk.now)


def book_booster(walk, actor):
    row = walk.visit(S.PROPOSED)
    start = row.start_at - walk.random.choice((0, 7, 14, 20)) * DAY
    boosters.book_proposed(walk.session, actor, row, start, walk.now)


def step_course(walk, actor):
    step, status = walk.random.choice(
        (
            (careplans.hold, CarePlanStatus.ACTIVE),
            (careplans.resume, CarePlanStatus.ON_HOLD),
            (careplans.activate, CarePlanStatus.DRAFT),
            (careplans.revoke, CarePlanStatus.ACTIVE),
        )
    )
    step(walk.session, actor, walk.course(status), walk.now)


def change_protocol(walk, actor):
    key = walk.random.choice(("iv-depression-6", "iv-depression-6-fast", "esketamine-nasal"))
    definition = current(walk.session, actor.clinic.id, key)
    course = walk.course(CarePlanStatus.ACTIVE)
    last = walk.random.choice((None, ""))
    planned = protocol_change.plan_change(walk.session, actor, course, definition, walk.now, last=last)
    protocol_change.apply_change(walk.session, actor, planned, "responds well", walk.now)


def merge(walk, actor):
    keep, other = walk.patient(), walk.patient()
    merging.merge(walk.session, actor, keep, other, {}, walk.now)


def admit(walk, actor):
    add_patient(walk.session, walk.cast, f"P{walk.random.randrange(10**6)}", "Walk")


ACTS = (
    *(plan_course, book_extra, move, take_back, cancel) * 3,
    *(make_up, step_course, miss, change_protocol) * 2,
    *(book_booster, book_alone, merge, admit),
)


def closest(session, today):
    """Return the pairs of live dosing visits of a patient that are closer than the later one's own gap.

    What is over is recorded as it was, so the later one is ahead or on this day.
    """
    reserved = Appointment.expires_at.is_not(None) & (Appointment.status == S.PROPOSED)
    query = select(Appointment).where(
        Appointment.dosing_gap_days.is_not(None), Appointment.status.in_(LIVE) | reserved
    )
    rows = sorted(session.scalars(query), key=lambda row: (row.patient_id, row.start_at))
    return [
        (earlier.local_start, later.local_start)
        for earlier, later in combinations(rows, 2)
        if earlier.patient_id == later.patient_id
        and later.local_start.date() >= today
        and (later.local_start.date() - earlier.local_start.date()).days < later.dosing_gap_days
    ]


def go(session, cast, number, steps):
    """Take a walk; return the acts that were done."""
    walk, done, desk = Walk(session, cast, number), [], cast.actor("alice")
    for _ in range(steps):
        walk.now += timedelta(minutes=walk.random.choice((1, 5, 60, 12 * 60)))
        act, started = walk.random.choice(ACTS), walk.now
        try:
            act(walk, desk)
        except Refusal:
            session.rollback()
            walk.now = started
            continue
        session.flush()
        assert closest(session, walk.now.date()) == [], f"walk {number}: {[*done, act.__name__]}"
        done.append(act.__name__)
        session.commit()
    return done


@pytest.mark.parametrize("number", range(WALKS))
def test_no_sequence_brings_dosing_visits_too_close(session, harbor, nora_course, number):
    assert len(go(session, harbor, number, STEPS)) >= STEPS / 8


def test_a_writer_that_does_not_ask_is_found(session, harbor, nora_course, monkeypatch):
    monkeypatch.setattr(changes, "require_dosing_gaps", lambda *_: None)

    with pytest.raises(AssertionError, match="walk 1"):
        go(session, harbor, 1, 300)
