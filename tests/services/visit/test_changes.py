"""What follows from any change of an appointment: calendars notice it, and it stands in the history and the trail."""

from dataclasses import asdict
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import func, inspect, select

from scheduler.database import db
from scheduler.domain.status import AppointmentStatus as S
from scheduler.domain.status import CarePlanStatus
from scheduler.errors import Refusal
from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.audit_event import AuditEvent
from scheduler.models.calendar_feed import CalendarFeed, TitleStyle
from scheduler.models.care_plan import CarePlan
from scheduler.models.plan_definition import current
from scheduler.services.course import boosters, careplans, make_ups, protocol_change, unbooking
from scheduler.services.feed import feed_events, feed_state, feeds
from scheduler.services.visit import allocation, moves, requirements, undo, visits
from scheduler.services.visit.changes import changing
from tests.cast import NOW

ADDRESS = "https://clinic.example/feeds"
STAMPS = ("sequence", "changed_at")
COUNTERS = ("sequence", "schedule_version", "row_version", "changed_at")


@pytest.fixture
def all_feeds(session, harbor, nora_course):
    """Return one feed of the clinic and of each place, person and patient, with the token of each."""
    actor = harbor.actor("ada")
    things = [*harbor.places.values(), *harbor.people.values(), harbor.patients["Nora"]]
    made = [feeds.create(session, actor, one.resource_id, TitleStyle.KIND, NOW) for one in things]
    made.append(feeds.create(session, actor, None, TitleStyle.KIND, NOW))
    session.commit()
    return {feed.id: token for feed, token in made}


class Seen:
    """All that others see of a clinic's appointments at one time."""

    def __init__(self, session, tokens):
        session.expire_all()
        self.tags, self.bodies, self.entries = {}, {}, {}
        for feed_id, token in tokens.items():
            feed = session.get_one(CalendarFeed, feed_id)
            self.tags[feed_id] = feed_state.look_up(db.engine, token, ADDRESS, NOW).tag
            self.bodies[feed_id] = feed_events.calendar(session, feed, ADDRESS, NOW)
            shown = feed_events.events(session, feed, ADDRESS, NOW)
            self.entries |= {(feed_id, one.uid): asdict(one) for one in shown}
        self.rows = {row.id: columns(row) for row in session.scalars(select(Appointment))}
        self.last = session.scalar(select(func.max(AppointmentEvent.id))) or 0
        session.rollback()


def columns(row):
    """Return an appointment's own columns and people, without its counters."""
    values = {one.key: getattr(row, one.key) for one in inspect(type(row)).column_attrs}
    people = [one.practitioner_id for one in row.participants]
    return {key: value for key, value in values.items() if key not in COUNTERS} | {"people": people}


def compare(session, before, after, now):
    """Raise AssertionError when a change went unnoticed."""
    for feed_id, body in after.bodies.items():
        assert body == before.bodies[feed_id] or after.tags[feed_id] != before.tags[feed_id], "same ETag"
    for key, entry in before.entries.items():
        assert key in after.entries, f"an event vanished: {entry}"
        other = after.entries[key]
        changed = [name for name in entry if name not in STAMPS and entry[name] != other[name]]
        if changed:
            assert other["sequence"] > entry["sequence"], f"same SEQUENCE: {changed}"
            assert other["changed_at"] == now, f"same LAST-MODIFIED: {changed}"
        assert other["sequence"] >= entry["sequence"]
    events = list(session.scalars(select(AppointmentEvent).where(AppointmentEvent.id > before.last)))
    operations = {one.appointment_id: one.operation for one in events}
    for row_id, values in after.rows.items():
        if values != before.rows.get(row_id):
            assert row_id in operations, f"no history event: {values['action']}"
            trail = select(AuditEvent.id).where(AuditEvent.operation == operations[row_id])
            assert session.scalars(trail).first(), f"no audit entry: {values['action']}"
    session.rollback()


class Walk:
    """A course and somebody who does something to it at random."""

    def __init__(self, session, cast, course, number):
        self.session, self.cast, self.course_id = session, cast, course.id
        self.random, self.now = Random(number), NOW

    @property
    def course(self):
        return self.session.get_one(CarePlan, self.course_id)

    def pick(self, *statuses):
        """Return one of the course's appointments with such a status (none: any). Raises Refusal when there is none."""
        query = select(Appointment).where(Appointment.care_plan_id == self.course_id)
        rows = list(self.session.scalars(query.order_by(Appointment.start_at, Appointment.id)))
        wanted = [row for row in rows if not statuses or row.status in statuses]
        if not wanted:
            raise Refusal
        return self.random.choice(wanted)


def move(walk, actor):
    row = walk.pick(S.PENDING, S.BOOKED)
    start = row.start_at + timedelta(minutes=walk.random.choice((0, 15, 30, -60, 24 * 60, 48 * 60)))
    places = [one for one in walk.cast.places.values() if row.location and one.kind is row.location.kind]
    place = walk.random.choice([None, *places])
    scope = walk.random.choice(moves.SCOPES)
    planned = moves.plan_move(walk.session, actor, row, start, walk.now, place, scope=scope)
    moves.apply_moves(walk.session, actor, planned, walk.now, "asked for")


def take_step(walk, actor):
    row = walk.pick(S.PENDING, S.BOOKED, S.ARRIVED, S.CHECKED_IN)
    walk.now = max(walk.now, row.start_at + timedelta(minutes=1))
    steps = (visits.confirm, visits.arrive, visits.check_in, visits.fulfill, visits.mark_noshow)
    step = walk.random.choice(steps)
    more = {"override_reason": "seen by the doctor"} if step in (visits.check_in, visits.fulfill) else {}
    step(walk.session, actor, row, walk.now, **more)


def cancel(walk, actor):
    visits.cancel(
        walk.session, actor, [walk.pick(S.PENDING, S.BOOKED, S.PROPOSED)], walk.now, "ill", "patient"
    )


def take_back(walk, actor):
    row = walk.pick()
    step = undo.latest_step(walk.session, row)
    if step is None:
        raise Refusal
    undo.undo(walk.session, actor, row, step.kind, walk.now)


def settle(walk, actor):
    requirement = walk.random.choice(walk.course.requirements)
    row = walk.session.get(Appointment, requirement.appointment_id) if requirement.appointment_id else None
    do = requirements.reopen if requirement.completed_at else requirements.complete
    do(walk.session, actor, walk.course, requirement.key, walk.now, row)


def make_up(walk, actor):
    planned = make_ups.plan_make_up(walk.session, actor, walk.pick(S.CANCELLED, S.NOSHOW), walk.now)
    make_ups.book_make_up(walk.session, actor, planned, walk.now)


def book_booster(walk, actor):
    row = walk.pick(S.PROPOSED)
    boosters.book_proposed(walk.session, actor, row, row.start_at, walk.now)


def pause(walk, actor):
    step = careplans.resume if walk.course.status is CarePlanStatus.ON_HOLD else careplans.hold
    step(walk.session, actor, walk.course, walk.now, "away")


def change_protocol(walk, actor):
    key = walk.random.choice(("iv-depression-6", "iv-depression-6-fast", "esketamine-nasal"))
    definition = current(walk.session, actor.clinic.id, key)
    planned = protocol_change.plan_change(walk.session, actor, walk.course, definition, walk.now)
    protocol_change.apply_change(walk.session, actor, planned, "responds well", walk.now)


def take_booking_back(walk, actor):
    if walk.random.random() < 0.8:
        raise Refusal
    unbooking.unbook(walk.session, actor, walk.course, walk.now)


ACTS = (
    *(move, take_step, cancel, take_back) * 3,
    *(settle, make_up, book_booster, pause, change_protocol) * 2,
    take_booking_back,
)


def go(session, cast, course, tokens, number, steps):
    """Take a walk; return the acts that were done and not refused."""
    walk, done = Walk(session, cast, course, number), []
    before = Seen(session, tokens)
    for _ in range(steps):
        walk.now += timedelta(minutes=walk.random.choice((1, 5, 60, 24 * 60)))
        act, started = walk.random.choice(ACTS), walk.now
        try:
            act(walk, cast.prescriber)
        except Refusal:
            session.rollback()
            walk.now = started
            continue
        session.commit()
        after = Seen(session, tokens)
        compare(session, before, after, walk.now)
        before = after
        done.append(act.__name__)
    return done


@pytest.mark.parametrize(
    ("engine_name", "number"), [("sqlite", 1), ("sqlite", 2), ("postgresql", 3)], indirect=["engine_name"]
)
def test_calendars_history_and_trail_notice_every_change(session, harbor, nora_course, all_feeds, number):
    assert len(go(session, harbor, nora_course, all_feeds, number, 12)) >= 4


def test_another_place_in_the_series_stands_in_the_history(session, harbor, nora_course):
    row = next(one for one in nora_course.appointments if one.action == "therapy-2")
    with changing(session, harbor.prescriber, NOW) as change:
        change.note(row, "protocol", always=False)
        row.series_length, row.phases = 7, [*row.phases, {"name": "rest", "minutes": 5}]

    [event] = [one for one in row.events if one.kind == "protocol"]
    assert event.changes["series_length"][1] == 7
    assert len(event.changes["phases"][1]) == len(event.changes["phases"][0]) + 1


def test_a_feed_that_is_forgotten_is_found(session, harbor, nora_course, all_feeds, monkeypatch):
    monkeypatch.setattr(allocation, "ever_used", lambda *_: set())
    row = next(one for one in nora_course.appointments if one.action == "infusion-2")
    other = next(one for name, one in harbor.places.items() if "Chair" in name and one is not row.location)
    planned = moves.plan_move(session, harbor.prescriber, row, row.start_at, NOW, location=other)
    moves.apply_moves(session, harbor.prescriber, planned, NOW)
    session.commit()
    before = Seen(session, all_feeds)
    visits.cancel(session, harbor.prescriber, [row], NOW, "ill", "patient")
    session.commit()

    with pytest.raises(AssertionError, match="same ETag"):
        compare(session, before, Seen(session, all_feeds), NOW)
