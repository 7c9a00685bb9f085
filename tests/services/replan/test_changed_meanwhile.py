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
from scheduler.services.planning.placement_documents import placement_of
from scheduler.services.replan import accepting, outdated, replans, undoing
from scheduler.services.visit import visits
from tests.cast import NOW
from tests.services.mail.test_due import statements_of
from tests.services.replan.broken_days import lost, starts, work


def accept(app, session, harbor, do, replan, *arguments, now=NOW):
    do(accepting.ask, harbor.actor("mona"), replan, now, *arguments)
    assert work(app, session) == ["done: accept-replan"]


@pytest.mark.usefixtures("clock")
def test_nothing_moves_once_another_user_has_reopened_the_day(app, session, harbor, do, storm):
    work(app, session)
    before = starts(session)
    [closure] = closures(session, harbor.clinic.id, NOW, NOW + timedelta(days=60))
    do(schedules.reopen, harbor.actor("mona"), closure, NOW)
    accept(app, session, harbor, do, storm, [row.public_id for row in replans.courses(session, storm)])

    assert starts(session) == before
    assert {tuple(row.reasons) for row in replans.courses(session, storm)} == {(outdated.NOT_AFFECTED,)}


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
    rows = [row for row in replans.courses(session, storm) if row.state in outdated.TO_ACCEPT]
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
def test_a_course_that_is_planned_again_moves_no_visit_that_was_confirmed_after_it_was_shown(
    app, session, harbor, do, storm
):
    work(app, session)
    rows = [row for row in replans.courses(session, storm) if any(not m["displaced"] for m in row.moves)]
    others = [move["visit"] for row in rows for move in row.moves if not move["displaced"]]
    for id_ in others:
        do(visits.confirm, harbor.actor("mona"), session.get_one(Appointment, id_), NOW)
    before = starts(session)
    shown = outdated.outdated(session, harbor.clinic, rows, NOW)
    accept(app, session, harbor, do, storm, [row.public_id for row in rows])

    assert others and {id_: starts(session)[id_] for id_ in others} == {id_: before[id_] for id_ in others}
    assert [("is confirmed by now" in words) for words in shown.values()] == [True] * len(rows)


@pytest.mark.usefixtures("clock")
def test_a_fresh_plan_holds_until_its_time_is_taken_and_only_what_holds_is_accepted_at_once(
    app, session, harbor, do, storm
):
    mona = harbor.actor("mona")
    work(app, session)
    rows = replans.courses(session, storm)
    assert outdated.outdated(session, harbor.clinic, rows, NOW) == {}
    new = placement_of(rows[0].moves[0]["to"])
    chair = next(one for one in harbor.places.values() if one.resource_id == new.location_id)
    do(schedules.close, mona, new.start, new.end, NOW, chair.resource)

    gone = outdated.outdated(session, harbor.clinic, replans.courses(session, storm), NOW)
    assert gone == {rows[0].id: outdated.TAKEN}
    accept(app, session, harbor, do, storm)
    states = {row.id: row.state for row in replans.courses(session, storm)}
    assert states.pop(rows[0].id) is ReplanState.PLANNED
    assert {*states.values()} == {ReplanState.ACCEPTED}
    with pytest.raises(WrongStatus, match="search again"):
        do(accepting.ask, mona, storm, NOW)


@pytest.mark.usefixtures("clock")
def test_of_two_plans_for_one_time_only_one_holds(app, session, harbor, storm):
    work(app, session)
    one, other = replans.courses(session, storm)[:2]
    other.moves = [{**other.moves[0], "to": one.moves[0]["to"]}]
    session.commit()

    gone = outdated.outdated(session, harbor.clinic, replans.courses(session, storm), NOW)
    assert gone == {other.id: outdated.TAKEN}


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("change", ["reopened", "retired", "closed"])
def test_a_plan_is_outdated_once_its_day_opens_or_its_new_times_close(
    app, session, harbor, do, storm, change
):
    mona = harbor.actor("mona")
    work(app, session)
    rows = replans.courses(session, storm)
    if change == "reopened":
        [closure] = closures(session, harbor.clinic.id, NOW, NOW + timedelta(days=60))
        do(schedules.reopen, mona, closure, NOW)
    elif change == "closed":
        do(schedules.close, mona, NOW, NOW + timedelta(days=60), NOW)
    else:
        for one in harbor.places.values():
            one.active = False
        session.commit()
    gone = outdated.outdated(session, harbor.clinic, replans.courses(session, storm), NOW)

    assert gone.keys() == {row.id for row in rows}
    assert {*gone.values()} == {outdated.NOT_AFFECTED if change == "reopened" else outdated.TAKEN}


@pytest.mark.usefixtures("clock")
def test_asking_what_is_outdated_takes_as_many_queries_for_many_patients(app, session, harbor, storm):
    work(app, session)

    def asked(number):
        session.rollback()
        session.expire_all()
        rows = replans.courses(session, storm)[:number]
        return statements_of(session, lambda: outdated.outdated(session, harbor.clinic, rows, NOW))

    asked(1)
    assert asked(1) == asked(4)


@pytest.mark.usefixtures("clock")
def test_a_visit_that_is_confirmed_after_undo_was_chosen_stays_and_says_so(app, session, harbor, do, storm):
    mona = harbor.actor("mona")
    work(app, session)
    before = starts(session)
    accept(app, session, harbor, do, storm)
    after = starts(session)
    row = replans.courses(session, storm)[0]
    kept = {move["visit"] for move in row.moves}
    assert undoing.obstacle(session, storm) == ""
    do(undoing.ask, mona, storm, NOW)
    do(visits.confirm, mona, session.get_one(Appointment, row.moves[0]["visit"]), NOW)
    work(app, session)

    rows = replans.courses(session, storm)
    back = {move["visit"] for one in rows if one.state is ReplanState.UNDONE for move in one.moves}
    assert back and {id_: at for id_, at in starts(session).items() if id_ in back} == {
        id_: before[id_] for id_ in back
    }
    assert {id_: starts(session)[id_] for id_ in kept} == {id_: after[id_] for id_ in kept}
    assert all(one.reasons for one in rows if one.state is ReplanState.ACCEPTED)
    [stays] = [one for one in rows if one.id == row.id]
    assert stays.state is ReplanState.ACCEPTED and storm.undone_at is None
    assert stays.reasons[0].startswith("Stays at the new time.") and "confirmed after" in stays.reasons[0]
    assert "has changed since" in undoing.obstacle(session, storm)


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
def test_no_visit_moves_to_a_chair_that_was_retired(app, session, harbor, do, storm):
    work(app, session)
    for name in ("Chair 1", "Chair 2"):
        harbor.places[name].active = False
    session.commit()
    accept(app, session, harbor, do, storm, [row.public_id for row in replans.courses(session, storm)])

    rows = [row for row in replans.courses(session, storm) if row.state is ReplanState.ACCEPTED]
    moved = {move["visit"] for row in rows for move in row.moves}
    assert rows
    assert moved & {one.visit.id for one in lost(session, harbor)} == set()


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


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("step", [accepting, undoing])
def test_a_worker_that_lost_its_job_adds_nothing_to_what_another_has_done(
    app, session, harbor, do, storm, step
):
    mona = harbor.actor("mona")
    work(app, session)
    if step is undoing:
        accept(app, session, harbor, do, storm)
    job = do(step.ask, mona, storm, NOW)
    slow = step.read(session, mona, job.request, NOW)
    work(app, session)
    done = [(row.state, row.operation) for row in replans.courses(session, storm)]
    before = starts(session)
    session.rollback()
    for part in step.parts(slow, NOW):
        do(part.store)

    rows = replans.courses(session, storm)
    assert [(row.state, row.operation) for row in rows] == done
    assert [row.reasons for row in rows] == [[]] * len(rows)
    assert starts(session) == before
