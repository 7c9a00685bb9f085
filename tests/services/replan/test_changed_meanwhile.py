"""Accepting a re-plan after something has changed: nothing moves that need not, and nothing that was not shown."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.domain.localtime import day_bounds
from scheduler.domain.status import Response
from scheduler.errors import WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.audit_event import AuditEvent
from scheduler.models.replan import ReplanState
from scheduler.models.schedule import closures
from scheduler.services.clinic import schedules
from scheduler.services.course import booking
from scheduler.services.replan import accepting, replans, undoing
from scheduler.services.visit import visits
from tests.cast import NOW
from tests.services.replan.broken_days import starts, work


def accept(app, session, harbor, do, replan, *arguments, now=NOW):
    do(accepting.ask, harbor.actor("mona"), replan, now, *arguments)
    assert work(app, session) == ["done: accept-replan"]


@pytest.mark.usefixtures("clock")
def test_nothing_moves_once_another_user_has_reopened_the_day(app, session, harbor, do, storm):
    work(app, session)
    before = starts(session)
    [closure] = closures(session, harbor.clinic.id, NOW, NOW + timedelta(days=60))
    do(schedules.reopen, harbor.actor("mona"), closure, NOW)
    accept(app, session, harbor, do, storm)

    assert starts(session) == before
    assert {tuple(row.reasons) for row in replans.courses(session, storm)} == {(accepting.NOT_AFFECTED,)}


@pytest.mark.usefixtures("clock")
def test_a_course_that_is_planned_again_keeps_the_visits_that_were_pinned(app, session, harbor, do, storm):
    mona = harbor.actor("mona")
    work(app, session)
    others = [
        move["visit"]
        for row in replans.courses(session, storm)
        for move in row.moves
        if not move["displaced"]
    ]
    pinned = [session.get_one(Appointment, id_).public_id for id_ in others]
    do(replans.again, mona, storm, NOW, pinned=pinned)
    work(app, session)
    rows = [row for row in replans.courses(session, storm) if row.state in accepting.TO_ASK]
    for row in rows:  # so that they are planned again
        do(visits.confirm, mona, session.get_one(Appointment, row.displaced[0]), NOW)
    before = starts(session)
    accept(app, session, harbor, do, storm, [row.public_id for row in rows], "the patients agree to it")

    after = starts(session)
    assert others and rows
    assert [id_ for id_ in others if before[id_] != after[id_]] == []


@pytest.mark.usefixtures("clock")
def test_a_course_that_is_planned_again_moves_no_confirmed_visit_that_was_not_shown(
    app, session, harbor, do, storm
):
    work(app, session)
    row = replans.courses(session, storm)[0]
    moves = {move["visit"]: move["displaced"] for move in row.moves}
    [kept] = [id_ for id_, is_displaced in moves.items() if not is_displaced][:1]
    row.moves = [move for move in row.moves if move["visit"] != kept]
    session.get_one(Appointment, kept).response = Response.ACCEPTED
    first = session.get_one(Appointment, row.displaced[0])
    session.commit()
    do(visits.confirm, harbor.actor("mona"), first, NOW)
    before = starts(session)
    accept(app, session, harbor, do, storm, [row.public_id])

    assert starts(session)[kept] == before[kept]


@pytest.mark.usefixtures("clock")
def test_a_reason_overrides_only_a_spacing_that_was_shown_as_broken(app, session, harbor, do, storm):
    work(app, session)
    accept(app, session, harbor, do, storm, None, "the patients agree to it")

    events = session.scalars(select(AppointmentEvent).where(AppointmentEvent.kind == "reschedule")).all()
    assert events and [one for one in events if "override" in one.changes] == []


@pytest.mark.usefixtures("clock")
def test_a_visit_beside_its_course_is_not_judged_as_the_one_of_the_course(app, session, harbor, do, courses):
    mona, course = harbor.actor("mona"), courses["Nora"]
    last = max(course.appointments, key=lambda one: (one.action.startswith("therapy"), one.start_at))
    action = course.plan_definition.plan.action("therapy-2")
    added = do(
        booking.book_visit,
        mona,
        course.patient,
        action,
        last.start_at + timedelta(days=7),
        NOW,
        care_plan=course,
    )
    start, end = day_bounds(added.local_start.date(), harbor.clinic.zone)
    closure, _ = do(schedules.close, mona, start, end, NOW)
    replan = do(replans.ask, mona, NOW, replans.of_closure(closure), closure)
    work(app, session)
    accept(app, session, harbor, do, replan)

    [row] = replans.courses(session, replan)
    assert (row.state, row.reasons) == (ReplanState.ACCEPTED, [])
    assert not start <= session.get_one(Appointment, added.id).start_at < end


@pytest.mark.usefixtures("clock")
def test_nothing_is_undone_into_a_time_that_is_still_closed(app, session, harbor, do, storm):
    mona = harbor.actor("mona")
    work(app, session)
    accept(app, session, harbor, do, storm)
    storm.closes = False  # as for a closure that was there before
    session.commit()
    with pytest.raises(WrongStatus, match="still closed"):
        do(undoing.ask, mona, storm, NOW)
    [closure] = closures(session, harbor.clinic.id, NOW, NOW + timedelta(days=60))
    do(schedules.reopen, mona, closure, NOW)
    do(undoing.ask, mona, storm, NOW)
    work(app, session)

    assert {row.state for row in replans.courses(session, storm)} == {ReplanState.UNDONE}


@pytest.mark.usefixtures("clock")
def test_a_reason_is_not_kept_where_an_erasure_does_not_find_it(app, session, harbor, do, storm):
    work(app, session)
    accept(app, session, harbor, do, storm, None, "Nora Lindqvist cannot wait")

    kept = session.scalars(select(AuditEvent.reason).where(AuditEvent.object_type == "Replan"))
    assert "".join(kept) == ""
