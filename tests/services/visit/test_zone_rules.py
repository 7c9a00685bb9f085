"""New rules for a zone: a zone file that says something else is put in the way, as an upgrade of tzdata would."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select

from scheduler.domain.localtime import to_local
from scheduler.domain.status import AppointmentStatus, Response
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.audit_event import AuditEvent
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.models.schedule import Closure
from scheduler.processes.clock_jobs import keep_hours
from scheduler.services.clinic import schedules
from scheduler.services.feed import feed_events, feed_state, feeds
from scheduler.services.mail.letters import Letterhead, compose
from scheduler.services.visit import books, moves, undo, visits, zone_drift, zone_rules
from tests.cast import NOW, add_patient
from tests.clocks import StandingClock
from tests.engines import SECRET_KEY, both
from tests.ical.readers import by_ical_js
from tests.services.courses import visit
from tests.visits import add_visit
from tests.zones import other_rules
from tools.places import ROOT
from tools.zones import SUMMER_FOR_EVER, write_zone

HOUR = timedelta(hours=1)
NEW_YORK = "America/New_York"
HEAD = Letterhead("https://clinic.example", (SECRET_KEY,), "Clinic <visits@clinic.example>")
LATER = NOW + timedelta(minutes=30)


@pytest.fixture
def alice(harbor):
    return harbor.actor("alice")


@pytest.fixture
def course(session, harbor, nora_course):
    made = nora_course
    session.commit()
    return made


@pytest.fixture
def new_rules(tmp_path):
    """What it takes for New York to have summer time for ever."""
    return lambda rule=SUMMER_FOR_EVER: other_rules(tmp_path / "zones", NEW_YORK, rule)


def standing(session):
    """Return the instants of all visits ahead and of what they take up."""
    session.expire_all()
    visits_ahead = {one.uid: one.start_at for one in session.scalars(select(Appointment))}
    query = select(Allocation).where(Allocation.released_at.is_(None))
    held = sorted((row.resource_id, row.unit, row.start_at, row.end_at) for row in session.scalars(query))
    return visits_ahead, held


def sent(session):
    """Let everything that waits have arrived."""
    for message in session.scalars(select(Message)):
        message.state, message.data_at = MessageState.SENT, NOW
    session.commit()


@both
def test_visits_keep_their_time_on_the_wall_and_all_that_hangs_on_it_follows(
    session, harbor, alice, course, new_rules
):
    third = visit(course, "infusion-3")
    visits.confirm(session, alice, third, NOW)
    sent(session)
    was, held = standing(session)
    sequences = {one.uid: (one.sequence, one.schedule_version) for one in course.appointments}
    walls = {one.uid: one.local_start for one in course.appointments}
    feed, token = feeds.create(session, alice, course.patient.resource_id, "neutral", NOW)
    session.commit()
    tag = feed_state.look_up(session.get_bind(), token, "https://clinic.example", LATER).tag

    with new_rules():
        assert len(zone_drift.strays(session, harbor.clinic, LATER)) == sum(
            one.start_at != to_instant(one) for one in course.appointments
        )
        done = zone_rules.derive(session, harbor.command, LATER)
        session.commit()
        now, held_now = standing(session)
        winter = {one.uid for one in course.appointments if was[one.uid] < datetime(2027, 3, 14, tzinfo=UTC)}
        assert (len(done.moved), list(done.stays)) == (len(winter), [])
        assert {uid: was[uid] - now[uid] for uid in was} == {
            uid: HOUR if uid in winter else timedelta() for uid in was
        }
        assert held_now == sorted((who, unit, start - HOUR, end - HOUR) for who, unit, start, end in held)
        assert {one.uid: to_local(one.start_at, one.zone) for one in course.appointments} == walls
        assert {one.uid: one.local_start for one in course.appointments} == walls
        assert not books.faults(session, harbor.clinic.id, LATER).any
        for one in course.appointments:
            proposed = one.status is AppointmentStatus.PROPOSED
            sequence, version = sequences[one.uid]
            moved = one.uid in winter
            assert (one.sequence, one.schedule_version) == (
                sequence + (moved and not proposed),
                version + moved,
            )
        assert third.response is Response.ACCEPTED

        body = feed_events.calendar(session, feed, "https://clinic.example", LATER)
        assert {uid: one.start for uid, one in by_ical_js(body)[0].items()} == {
            one.uid: one.start_at for one in course.appointments if one.visible and one.status.is_live
        }
        assert feed_state.look_up(session.get_bind(), token, "https://clinic.example", LATER).tag != tag
        again = zone_rules.derive(session, harbor.command, LATER)
        assert (list(again.moved), list(again.stays), again.closures) == ([], [], 0)


def to_instant(one):
    return one.local_start.replace(tzinfo=ZoneInfo(NEW_YORK)).astimezone(UTC)


@both
def test_reminders_are_planned_anew_and_the_patient_is_told_that_the_hour_stays(
    session, harbor, course, new_rules
):
    sent(session)
    third = visit(course, "infusion-3")
    due = reminder_times(session, third)
    with new_rules():
        zone_rules.derive(session, harbor.command, LATER)
        session.commit()
        assert reminder_times(session, third) == [at - HOUR for at in due]
        waiting = select(Message).where(Message.kind == MessageKind.CHANGE)
        message = session.scalars(waiting.where(Message.state == MessageState.PENDING)).one()
        mail = compose(session, message, HEAD, LATER)
    assert "Same times, new calendar entries for" in mail.subject
    text = mail.content.decode()
    assert "Old time:" not in text
    assert f"{third.local_start:%A, %B} {third.local_start.day}, 2026" in text


def reminder_times(session, one):
    query = select(Reminder.due_at).where(
        Reminder.appointment_id == one.id,
        Reminder.schedule_version == one.schedule_version,
        Reminder.state == ReminderState.PENDING,
    )
    return list(session.scalars(query.order_by(Reminder.due_at)))


def test_a_mail_about_another_hour_says_which_it_was_by_the_wall(session, harbor, alice, course, new_rules):
    """An hour later than told, and so at the very instant that was told."""
    sent(session)
    therapy = visit(course, "therapy-6")
    wall = therapy.local_start
    with new_rules():
        zone_rules.derive(session, harbor.command, LATER)
        moves.apply_moves(
            session, alice, moves.plan_move(session, alice, therapy, therapy.start_at + HOUR, LATER), LATER
        )
        query = select(Message).where(
            Message.kind == MessageKind.CHANGE, Message.state == MessageState.PENDING
        )
        text = compose(session, session.scalars(query).one(), HEAD, LATER).content.decode()
    assert f"Old time: {wall:%A, %B} {wall.day}, {wall.year}, {wall.hour % 12 or 12}:{wall:%M}" in text


@both
def test_what_would_run_into_something_that_stays_is_left_and_shown(session, harbor, new_rules):
    for name in ("Bo", "Cy", "Dee"):
        add_patient(session, harbor, name, "Berg")
    nora, bo, cy, dee = (harbor.patients[name] for name in ("Nora", "Bo", "Cy", "Dee"))
    here = add_visit(session, harbor, "Chair 1", NOW + HOUR, nora)
    here.status = AppointmentStatus.ARRIVED  # in the waiting room already
    next_one = add_visit(session, harbor, "Chair 1", NOW + 2 * HOUR, bo)
    behind = add_visit(session, harbor, "Chair 1", NOW + 3 * HOUR, cy)
    elsewhere = add_visit(session, harbor, "Chair 2", NOW + 3 * HOUR, dee)
    session.commit()
    was, _ = standing(session)
    with new_rules():
        done = zone_rules.derive(session, harbor.command, LATER)
        session.commit()
        now, _ = standing(session)

        assert {uid for uid in was if now[uid] != was[uid]} == {elsewhere.uid}
        assert [one.appointment for one in done.stays] == [next_one, behind]
        assert "Chair 1 is taken" in done.stays[0].why
        assert harbor.clinic.zone_strays == zone_drift.count(session, harbor.clinic, LATER) == 2
        assert not books.faults(session, harbor.clinic.id, LATER).any
        notices = session.scalars(select(Message).where(Message.kind == MessageKind.NOTICE)).all()
        assert {message.values["path"] for message in notices} == {"/zone-rules"}
        assert "2 could not be updated" in notices[0].values["lines"]

        visits.cancel(session, harbor.actor("alice"), [next_one], LATER)  # the desk makes room
        assert [one.public_id for one in zone_rules.derive(session, harbor.command, LATER).moved] == [
            behind.public_id
        ]
        assert harbor.clinic.zone_strays == 0


def test_the_database_itself_refuses_what_the_service_did_not_see(session, harbor, new_rules, monkeypatch):
    add_patient(session, harbor, "Bo", "Berg")
    here = add_visit(session, harbor, "Chair 1", NOW + HOUR, harbor.patients["Bo"])
    here.status = AppointmentStatus.ARRIVED
    add_visit(session, harbor, "Chair 1", NOW + 2 * HOUR, harbor.patients["Nora"])
    session.commit()
    was = standing(session)
    monkeypatch.setattr(
        "scheduler.services.visit.allocation._live", lambda _session, ids, _whole: {i: [] for i in ids}
    )
    with new_rules():
        done = zone_rules.derive(session, harbor.command, LATER)
        session.commit()

    assert (len(done.moved), len(done.stays)) == (0, 1)
    assert standing(session) == was


@pytest.mark.parametrize(
    ("rule", "at", "why"),
    [
        # the clocks go forward from 2 to 3 on Monday 30 November, back from 2 to 1 on Monday 7 December
        ("EST5EDT,M11.5.1,M12.1.1", datetime(2026, 11, 30, 7, 30, tzinfo=UTC), "does not exist"),
        ("EST5EDT,M11.5.1,M12.1.1", datetime(2026, 12, 7, 6, 30, tzinfo=UTC), "happens twice"),
    ],
)
def test_an_hour_that_the_new_rules_skip_or_repeat_is_for_people(session, harbor, new_rules, rule, at, why):
    one = add_visit(session, harbor, "Chair 1", at)
    one.start_at += 2 * HOUR  # as still another rule had it
    one.end_at += 2 * HOUR
    session.commit()
    with new_rules(rule):
        done = zone_rules.derive(session, harbor.command, LATER)

    assert [stray.appointment for stray in done.stays] == [one]
    assert why in done.stays[0].why


def test_closures_go_along(session, harbor, alice, new_rules):
    start = datetime(2026, 12, 1, 15, tzinfo=UTC)
    schedules.close(session, alice, start, start + 2 * HOUR, NOW)
    with new_rules():
        assert zone_rules.derive(session, harbor.command, LATER).closures == 1
        assert zone_rules.derive(session, harbor.command, LATER).closures == 0

    closure = session.scalars(select(Closure)).one()
    assert (closure.start_at, closure.end_at) == (start - HOUR, start + HOUR)


def test_it_is_one_operation_in_the_trail_and_told_in_the_visits_history(session, harbor, course, new_rules):
    with new_rules():
        done = zone_rules.derive(session, harbor.command, LATER)
        session.commit()
    rows = session.scalars(select(AuditEvent).where(AuditEvent.event == "appointment.zone-rules")).all()
    assert {row.object_id for row in rows} == {one.public_id for one in done.moved}
    assert len({row.operation for row in rows}) == 1
    events = session.scalars(select(AppointmentEvent).where(AppointmentEvent.kind == "zone-rules")).all()
    assert len(events) == len(done.moved)
    assert events[0].reason.startswith("tzdata 20")
    assert undo.latest_step(session, visit(course, "infusion-3")) is None


def test_nothing_is_touched_while_the_rules_stand(session, harbor, hill, course):
    before = standing(session)
    versions = {one.uid: one.row_version for one in course.appointments}
    for cast in (harbor, hill):
        done = zone_rules.derive(session, cast.command, LATER)
        assert (list(done.moved), list(done.stays), done.closures) == ([], [], 0)
    session.commit()

    assert standing(session) == before
    assert {one.uid: one.row_version for one in course.appointments} == versions
    assert session.scalar(select(func.count()).where(Message.kind == MessageKind.NOTICE)) == 0


@both
def test_the_clock_does_it_for_every_clinic_by_itself(app, session, harbor, hill, course, new_rules):
    app.extensions["clock"] = StandingClock(LATER)
    other = add_visit(session, hill, "Liege 1", NOW + 48 * HOUR)
    session.commit()
    there, (was, _) = other.start_at, standing(session)
    session.rollback()
    with new_rules():
        words = keep_hours(app)
    now, _ = standing(session)

    moved = [uid for uid in was if now[uid] != was[uid]]
    assert (words, now[other.uid]) == (f"moved {len(moved)}, 0 could not be moved", there)
    assert len(moved) > 10


def test_a_newer_zone_file_is_all_it_takes(session, harbor, course, database_url, tmp_path):
    """The command as an operator runs it, in a process that really has another zone database."""
    environ = {
        **os.environ,
        "APP_ENV": "test",
        "INSTANCE_PATH": str(tmp_path),
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET_KEY,
        "CLOCK_FILE": str(tmp_path / "clock"),
    }
    (tmp_path / "clock").write_text(str((LATER - datetime.now(UTC)).total_seconds()))
    was, held = standing(session)
    session.rollback()

    def run(command, zones=None):
        found = environ | ({"PYTHONTZPATH": str(zones)} if zones else {})
        arguments = [sys.executable, "-m", "flask", "zones", command, "--json"]
        done = subprocess.run(
            arguments, cwd=ROOT, env=found, capture_output=True, text=True, check=True, timeout=300
        )
        return json.loads(done.stdout)

    assert run("derive") == {"moved": [], "stays": [], "closures": 0}
    newer = write_zone(tmp_path / "newer", NEW_YORK, SUMMER_FOR_EVER)
    assert standing(session) == (was, held)
    session.rollback()
    done = run("derive", newer)
    now, held_now = standing(session)

    assert sum(now[uid] == was[uid] - HOUR for uid in was) == len(done["moved"]) > 10
    assert done["stays"] == []
    assert held_now == sorted((who, unit, start - HOUR, end - HOUR) for who, unit, start, end in held)
    assert run("check", newer)["strays"] == []
