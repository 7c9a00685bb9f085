"""What new rules of a zone left at another hour: named with what is in the way, and settled by the desk."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from scheduler.database import begin_write
from scheduler.domain.localtime import to_local
from scheduler.domain.status import AppointmentStatus, Response
from scheduler.errors import WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.services.clinic import schedules
from scheduler.services.mail import outbox
from scheduler.services.visit import books, zone_drift, zone_rules, zone_strays
from tests.cast import NOW, add_patient
from tests.engines import both
from tests.visits import add_visit, allocate
from tests.zones import other_rules

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LATER = NOW + timedelta(minutes=30)
NEW_YORK = "America/New_York"


@pytest.fixture
def new_rules(tmp_path):
    """Summer time for ever, an hour earlier; or winter time of a later zone, an hour later."""
    return lambda rule="EDT4": other_rules(tmp_path / "zones", NEW_YORK, rule)


@pytest.fixture
def days(session, harbor):
    """Six working days with four visits each, back to back at one chair."""
    for name in ("Bo", "Cy", "Dee"):
        add_patient(session, harbor, name, "Berg")
    people = list(harbor.patients.values())[:4]
    made = [
        add_visit(session, harbor, "Chair 1", NOW + n * DAY + k * HOUR, people[k])
        for n in (1, 2, 3, 4, 7, 8)
        for k in range(4)
    ]
    session.commit()
    return made


@pytest.fixture
def stuck(session, harbor):
    """Somebody has come early, so the next at that chair cannot begin an hour earlier."""
    add_patient(session, harbor, "Bo", "Berg")
    here = add_visit(session, harbor, "Chair 1", NOW + HOUR)
    here.status = AppointmentStatus.ARRIVED
    left = add_visit(session, harbor, "Chair 1", NOW + 2 * HOUR, harbor.patients["Bo"])
    session.commit()
    return here, left


@both
@pytest.mark.parametrize(("rule", "by"), [("EDT4", -HOUR), ("EST6", HOUR)])
def test_many_visits_go_in_parts_between_which_others_write(
    app, session, harbor, days, new_rules, monkeypatch, rule, by
):
    """A writer that does not wait at all gets its turn after each part, and finds whole days there."""
    monkeypatch.setattr(zone_drift, "TOGETHER", 4)
    was, clinic_id = {one.id: one.start_at for one in days}, harbor.clinic.id
    gone = []

    def take_turns():
        session.commit()
        with app.app_context(), app.extensions["sqlalchemy"].engine.connect() as other:
            if other.dialect.name == "sqlite":
                other.exec_driver_sql("PRAGMA busy_timeout = 0")
            other.execute(text("UPDATE clinic SET phone = phone"))
            rows = other.execute(select(Appointment.id, Appointment.start_at)).all()
            gone.append({visit_id for visit_id, start in rows if start == was[visit_id] + by})
            left = other.scalar(text("SELECT zone_strays FROM clinic WHERE id = :id"), {"id": clinic_id})
            assert left == len(days) - len(gone[-1])
            other.rollback()
        begin_write(session)

    with new_rules(rule):
        session.rollback()
        begin_write(session)
        done = zone_rules.derive(session, harbor.command, LATER, take_turns)
        session.commit()
        assert not books.faults(session, harbor.clinic.id, LATER).any

    assert (len(done.moved), list(done.stays)) == (24, [])
    assert [len(one) for one in gone] == [4, 8, 12, 16, 20, 24]
    first = days[:4] if by < timedelta() else days[-4:]
    assert gone[0] == {one.id for one in first}


@both
def test_what_is_broken_off_is_told_and_finished_by_the_next_try(
    session, harbor, days, new_rules, monkeypatch
):
    monkeypatch.setattr(zone_drift, "TOGETHER", 4)
    turns = []

    def end_in_the_third_part():
        session.commit()
        turns.append(1)
        if len(turns) == 3:
            raise KeyboardInterrupt

    with new_rules():
        with pytest.raises(KeyboardInterrupt):
            zone_rules.derive(session, harbor.command, LATER, end_in_the_third_part)
        session.rollback()
        assert zone_drift.count(session, harbor.clinic, LATER) == harbor.clinic.zone_strays == 12
        assert zone_drift.is_due(session, harbor.clinic, LATER)
        done = zone_rules.derive(session, harbor.command, LATER)
        session.commit()
        assert (len(done.moved), harbor.clinic.zone_strays) == (12, 0)
        assert not zone_drift.is_due(session, harbor.clinic, LATER)
        assert [to_local(one.start_at, one.zone) for one in days] == [one.local_start for one in days]


@both
def test_visits_around_midnight_find_room_across_the_parts(session, harbor, new_rules, monkeypatch):
    """Two in one chair, of two days and so of two parts; the second needs what the first leaves, whichever way."""
    monkeypatch.setattr(zone_drift, "TOGETHER", 1)
    add_patient(session, harbor, "Bo", "Berg")
    midnight = datetime(2026, 12, 2, 5, tzinfo=UTC)
    before = add_visit(session, harbor, "Chair 1", midnight - 2 * HOUR, minutes=120)
    after = add_visit(session, harbor, "Chair 1", midnight, harbor.patients["Bo"], minutes=120)
    session.commit()
    for rule, by in (("EDT4", -HOUR), ("EST6", HOUR)):
        with new_rules(rule):
            done = zone_rules.derive(session, harbor.command, LATER)
            session.commit()
        assert (len(done.moved), list(done.stays)) == (2, [])
        assert (before.start_at, after.start_at) == (midnight - 2 * HOUR + by, midnight + by)


@both
def test_what_a_later_part_makes_free_is_taken_in_another_round(session, harbor, new_rules, monkeypatch):
    """Two visits of one nurse that need each other's old time: the first is refused, and goes once the second has."""
    monkeypatch.setattr(zone_drift, "TOGETHER", 1)
    add_patient(session, harbor, "Bo", "Berg")
    midnight = datetime(2026, 12, 2, 5, tzinfo=UTC)
    nurse = harbor.people["Nina"].resource_id
    long = add_visit(session, harbor, "Chair 1", midnight - 2 * HOUR, minutes=240)
    short = add_visit(session, harbor, "Chair 2", midnight, harbor.patients["Bo"])
    for visit, unit, start in ((long, 0, midnight + HOUR), (short, 0, midnight)):
        row = allocate(visit, nurse, unit)
        row.role, row.exclusive = "nurse", False
        row.start_at, row.end_at = start, start + HOUR
        session.add(row)
    session.execute(text("UPDATE resource SET units = 1 WHERE id = :id"), {"id": nurse})
    session.commit()
    turns = []
    with new_rules():
        done = zone_rules.derive(session, harbor.command, LATER, lambda: turns.append(1))
        session.commit()

    assert (len(done.moved), list(done.stays), len(turns)) == (2, [], 3)


@both
def test_a_conflict_is_named_long_after_it_was_found(session, harbor, stuck, new_rules):
    here, left = stuck
    with new_rules():
        zone_rules.derive(session, harbor.command, LATER)
        session.commit()
        (found,), count = zone_strays.conflicts(session, harbor.clinic, LATER, 5)
        none, still = zone_strays.conflicts(session, harbor.clinic, LATER, 0)

    assert (found.appointment, found.start, count) == (left, left.start_at - HOUR, 1)
    assert [(one.resource, one.visit) for one in found.in_the_way] == [("Chair 1", here)]
    assert list(found.here) == []
    assert (none, still) == ([], 1)


def test_a_visit_that_is_left_outside_the_opening_hours_says_so(session, harbor, alice, stuck, new_rules):
    _, left = stuck
    with new_rules():
        zone_rules.derive(session, harbor.command, LATER)
        stands = left.start_at
        schedules.close(session, alice, stands, stands + HOUR, LATER)
        session.commit()
        (found,), _ = zone_strays.conflicts(session, harbor.clinic, LATER, 5)

    assert [(one.resource, one.visit) for one in found.here] == [("Chair 1", None)]


@pytest.fixture
def alice(harbor):
    return harbor.actor("alice")


@both
def test_the_desk_agrees_on_the_hour_where_it_stands(session, harbor, alice, stuck, new_rules):
    _, left = stuck
    outbox.tell(session, harbor.clinic, [left], NOW)
    for message in session.scalars(select(Message)):
        message.state, message.data_at = MessageState.SENT, NOW
    left.response = Response.ACCEPTED
    session.commit()
    stood, sequence, version = left.start_at, left.sequence, left.schedule_version
    with new_rules():
        zone_rules.derive(session, harbor.command, LATER)
        session.commit()
        assert harbor.clinic.zone_strays == 1
        zone_strays.agree(session, alice, left, LATER)
        session.commit()

        assert (left.start_at, left.local_start) == (stood, to_local(stood, left.zone))
        assert (left.sequence, left.schedule_version) == (sequence + 1, version + 1)
        assert left.response is Response.NEEDS_ACTION
        assert harbor.clinic.zone_strays == 0
        changed = session.scalars(
            select(Message).where(Message.kind == MessageKind.CHANGE, Message.state == MessageState.PENDING)
        ).one()
        assert [one.appointment_id for one in changed.subjects] == [left.id]
        assert zone_rules.derive(session, harbor.command, LATER).moved == []
        with pytest.raises(WrongStatus):
            zone_strays.agree(session, alice, left, LATER)
