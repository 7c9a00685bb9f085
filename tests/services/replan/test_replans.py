"""A broken day, from the first click to taking it back: searched and moved by the worker, one message a patient."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from scheduler.domain.localtime import day_bounds
from scheduler.domain.planner.many.values import JointPlan, Score
from scheduler.domain.planner.values import Placement, Segment
from scheduler.domain.plans import Role
from scheduler.domain.status import Response
from scheduler.errors import Invalid, RuleBroken, WrongStatus
from scheduler.models.allocation import of_appointment
from scheduler.models.appointment import Appointment
from scheduler.models.audit_event import AuditEvent
from scheduler.models.message import MessageKind
from scheduler.models.opening import Opening, OpeningCause
from scheduler.models.replan import ReplanCourse, ReplanState
from scheduler.models.schedule import ClosureKind, closures
from scheduler.services.clinic import clinic_settings, schedules
from scheduler.services.course import booking
from scheduler.services.planning.placement_documents import placement_document
from scheduler.services.planning.visit_rows import visit_of
from scheduler.services.replan import accepting, affected, preview, replan_search, replans, undoing
from scheduler.services.replan.affected import Scope
from scheduler.services.visit import visits
from tests.cast import NOW, add_patient, add_person
from tests.engines import both
from tests.services.course.test_booking import overlaps
from tests.services.courses import visit
from tests.services.mail.test_due import statements_of
from tests.services.replan.broken_days import NAMES, close_day, lost, mails, starts, work


@both
@pytest.mark.usefixtures("clock")
def test_a_closed_day_is_searched_accepted_and_every_patient_is_told_once(app, session, harbor, do, storm):
    before, told = starts(session), len(mails(session, MessageKind.CHANGE))
    affected = {one.visit.id for one in lost(session, harbor)}

    assert work(app, session) == ["done: replan"]
    rows = replans.courses(session, storm)
    assert starts(session) == before, "a preview moves nothing"
    assert {id_ for row in rows for id_ in row.displaced} == affected
    assert {row.state for row in rows} == {ReplanState.PLANNED}
    assert storm.result["visits"] == len(affected)
    assert storm.result["moves"] >= storm.result["least_moves"] >= len(affected)

    do(accepting.ask, harbor.actor("mona"), storm, NOW)
    assert work(app, session) == ["done: accept-replan"]

    assert lost(session, harbor) == []
    assert {row.state for row in replans.courses(session, storm)} == {ReplanState.ACCEPTED}
    moved = {id_ for id_, at in starts(session).items() if before[id_] != at}
    assert moved >= affected and len(moved) == storm.result["moves"]
    patients = {session.get_one(Appointment, id_).patient_id for id_ in moved}
    assert len(mails(session, MessageKind.CHANGE)) - told == len(patients)
    assert overlaps(session) == 0
    trail = session.scalars(select(AuditEvent.event).where(AuditEvent.event.like("replan.%"))).all()
    assert trail == ["replan.asked", "replan.accepted"]


@both
@pytest.mark.usefixtures("clock")
def test_taken_back_every_visit_is_where_it_was_and_the_day_is_open(app, session, harbor, do, storm):
    before = starts(session)
    work(app, session)
    do(accepting.ask, harbor.actor("mona"), storm, NOW)
    work(app, session)

    do(undoing.ask, harbor.actor("mona"), storm, NOW + timedelta(hours=1))
    assert work(app, session) == ["done: undo-replan"]

    assert starts(session) == before
    assert storm.undone_at is not None and lost(session, harbor) == []
    assert closures(session, harbor.clinic.id, NOW, NOW + timedelta(days=60)) == []
    assert reopened(session) == [], "the day is for the visits that go back there"
    with pytest.raises(WrongStatus, match="undone already"):
        replans.require_idle(session, storm)


@pytest.mark.usefixtures("clock")
def test_it_is_not_taken_back_after_a_day_nor_once_a_moved_visit_has_changed(app, session, harbor, do, storm):
    mona = harbor.actor("mona")
    work(app, session)
    do(accepting.ask, mona, storm, NOW)
    work(app, session)

    with pytest.raises(WrongStatus, match="within 24 hours"):
        do(undoing.ask, mona, storm, NOW + timedelta(hours=24))
    row = replans.courses(session, storm)[0]
    do(visits.confirm, mona, session.get_one(Appointment, row.moves[0]["visit"]), NOW)
    with pytest.raises(WrongStatus, match="has changed since"):
        do(undoing.ask, mona, storm, NOW + timedelta(hours=1))


@both
@pytest.mark.usefixtures("clock")
def test_a_sick_nurse_is_replaced_and_nobody_s_time_changes(app, session, harbor, do, nora_course):
    infusion = visit(nora_course, "infusion-1")
    nurse = next(
        one.practitioner for one in infusion.participants if one.practitioner.name in ("Nina", "Noah")
    )
    start, end = day_bounds(infusion.local_start.date(), harbor.clinic.zone)
    closure, affected = do(
        schedules.close, harbor.actor("mona"), start, end, NOW, nurse.resource, ClosureKind.LEAVE
    )
    before = starts(session)
    replan = do(replans.ask, harbor.actor("mona"), NOW, replans.of_closure(closure), closure)
    work(app, session)
    do(accepting.ask, harbor.actor("mona"), replan, NOW)
    work(app, session)

    assert affected
    assert {one.visit.id for one in lost(session, harbor)} == set()
    assert starts(session) == before


@pytest.mark.usefixtures("clock")
def test_a_place_that_is_taken_meanwhile_is_planned_again(app, session, harbor, do, storm):
    work(app, session)
    rows = replans.courses(session, storm)
    add_patient(session, harbor, "Pete", "Perez")
    session.commit()
    theirs = [placed(session, row) for row in rows]
    for chair in ("Chair 1", "Chair 2", "Chair 3"):  # someone else books over the times that were shown
        for start in {one[1] for one in theirs}:
            fill(do, session, harbor, start, harbor.places[chair])

    do(accepting.ask, harbor.actor("mona"), storm, NOW)
    work(app, session)

    rows = replans.courses(session, storm)
    assert overlaps(session) == 0
    for row in rows:
        assert row.state is ReplanState.ACCEPTED or row.reasons


def placed(session, row):
    first = row.moves[0]
    return first["visit"], datetime.fromtimestamp(first["to"][1] * 60, NOW.tzinfo)


def fill(do, session, harbor, start, place):
    action = next(one.plan_definition.plan.action("infusion-1") for one in [visit_course(session)])
    try:
        do(booking.book_visit, harbor.actor("mona"), harbor.patients["Pete"], action, start, NOW, place)
    except Exception:
        session.rollback()


def visit_course(session):
    return session.scalars(select(Appointment).where(Appointment.care_plan_id.is_not(None))).first().care_plan


@pytest.mark.usefixtures("clock")
def test_only_the_courses_named_are_accepted_and_unknown_ones_are_refused(app, session, harbor, do, storm):
    mona = harbor.actor("mona")
    with pytest.raises(WrongStatus, match="not over"):
        do(accepting.ask, mona, storm, NOW)
    work(app, session)
    rows = replans.courses(session, storm)

    with pytest.raises(Invalid, match="has no plan"):
        do(accepting.ask, mona, storm, NOW, ["nothing"])
    do(accepting.ask, mona, storm, NOW, [rows[0].public_id])
    work(app, session)

    states = {row.id: row.state for row in replans.courses(session, storm)}
    assert states.pop(rows[0].id) is ReplanState.ACCEPTED
    assert {*states.values()} == {ReplanState.PLANNED}
    do(replans.again, mona, storm, NOW)
    work(app, session)
    after = replans.courses(session, storm)
    assert sum(row.state is ReplanState.ACCEPTED for row in after) == 1
    assert len(after) == len(rows)


@pytest.mark.usefixtures("clock")
def test_a_visit_left_out_is_not_touched_and_a_pinned_one_stays(app, session, harbor, do, storm):
    work(app, session)
    rows = replans.courses(session, storm)
    left_out = rows[0].appointment
    do(replans.again, harbor.actor("mona"), storm, NOW, left_out=[left_out.public_id])
    work(app, session)

    assert left_out.id not in {row.appointment_id for row in replans.courses(session, storm)}


@pytest.mark.usefixtures("clock")
def test_a_gap_is_broken_only_by_who_may_and_with_a_reason(app, session, harbor, do, courses):
    infusion = visit(courses["Nora"], "infusion-2")
    alice = harbor.actor("alice")
    first = visit(courses["Nora"], "infusion-1").local_start.date()
    start = day_bounds(first + timedelta(days=2), harbor.clinic.zone)[0]
    end = day_bounds(first + timedelta(days=4), harbor.clinic.zone)[1]
    for one in courses["Nora"].appointments:  # what comes before the second infusion is confirmed and stays
        if one.start_at < infusion.start_at and one.status.is_live:
            one.pinned, one.response = True, Response.ACCEPTED
    session.commit()
    closure, _ = do(schedules.close, harbor.actor("mona"), start, end, NOW)
    replan = do(replans.ask, harbor.actor("mona"), NOW, replans.of_closure(closure), closure)
    pinned = [one.public_id for one in courses["Nora"].appointments if one.pinned]
    work(app, session)
    do(replans.again, harbor.actor("mona"), replan, NOW, pinned=pinned)
    work(app, session)
    row = next(
        one for one in replans.courses(session, replan) if one.appointment.patient.given_name == "Nora"
    )

    assert (row.state, row.bent) == (ReplanState.ASK, ["spacing"])
    with pytest.raises(RuleBroken):
        do(accepting.ask, alice, replan, NOW, [row.public_id], "the patient cannot wait")
    with pytest.raises(RuleBroken):
        do(accepting.ask, harbor.actor("mona"), replan, NOW, [row.public_id])
    do(accepting.ask, harbor.actor("mona"), replan, NOW, [row.public_id], "the patient cannot wait")
    work(app, session)
    session.refresh(row)
    assert (row.state, row.reasons) == (ReplanState.ACCEPTED, [])


@pytest.mark.usefixtures("clock")
def test_the_number_of_queries_does_not_grow_with_the_patients(session, harbor, courses):
    actor = harbor.actor("mona")

    def asked(names):
        rows = [visit(courses[name], "infusion-1") for name in names]
        session.rollback()
        session.expire_all()
        rows = session.scalars(select(Appointment).where(Appointment.id.in_([one.id for one in rows]))).all()
        return statements_of(session, lambda: affected.courses(session, actor, rows, NOW))

    asked(["Nora"])
    assert asked(["Nora"]) == asked(["Nora", *NAMES])


@pytest.mark.usefixtures("clock")
def test_how_much_longer_gaps_and_courses_may_be_is_the_clinic_s_decision(session, harbor, nora_course):
    mona, infusion = harbor.actor("mona"), visit(nora_course, "infusion-1")

    def asked():
        [course], calendar = affected.courses(session, mona, [infusion], NOW)
        return course.course.longer, calendar.grid.days

    (longer, days), fields = asked(), {"replan_longer_days": 0, "replan_weeks_after": 8}
    clinic_settings.change(session, mona, fields, NOW)

    assert (longer, asked()) == (3, (0, days + 14))


@pytest.mark.usefixtures("clock")
def test_the_queries_of_a_preview_do_not_grow_with_the_patients(app, session, harbor, storm):
    work(app, session)

    def shown():
        session.rollback()
        session.expire_all()
        return statements_of(
            session,
            lambda: [
                (
                    one.patient.name,
                    one.row.appointment.care_plan.public_id,
                    [m.visit.title for m in one.moves],
                )
                for one in preview.of_replan(session, harbor.clinic, storm)
            ],
        )

    many = shown()
    for row in replans.courses(session, storm)[1:]:
        session.delete(row)
    session.commit()
    assert len(replans.courses(session, storm)) == 1 and shown() == many


@pytest.mark.usefixtures("clock")
def test_any_visit_of_a_course_leaves_it_out(app, session, harbor, do, storm, courses):
    work(app, session)
    later = visit(courses["Nora"], "infusion-5")
    do(replans.again, harbor.actor("mona"), storm, NOW, left_out=[later.public_id])
    work(app, session)

    assert "Nora" not in {row.appointment.patient.given_name for row in replans.courses(session, storm)}


@pytest.mark.usefixtures("clock")
def test_a_pinned_visit_outside_a_course_stays(app, session, harbor, do, courses):
    mona, first = harbor.actor("mona"), visit(courses["Nora"], "infusion-1")
    action = courses["Nora"].plan_definition.plan.action("therapy-1")
    start = first.start_at + timedelta(hours=6)
    single = do(booking.book_visit, mona, courses["Nora"].patient, action, start, NOW)
    replan = close_day(do, session, harbor, first.local_start.date())
    work(app, session)
    assert any(row.moves and row.appointment_id == single.id for row in replans.courses(session, replan))
    do(replans.again, mona, replan, NOW, pinned=[single.public_id])
    work(app, session)

    [row] = [row for row in replans.courses(session, replan) if row.appointment_id == single.id]
    assert (row.state, row.moves) == (ReplanState.UNPLACED, [])


@pytest.mark.usefixtures("clock")
def test_all_that_is_displaced_can_be_asked_for_at_once(app, session, harbor, do, courses):
    """Such as by hours that changed, or a chair that was retired."""
    therapist = harbor.people["Theo"]
    sundays = [schedules.Hours(7, datetime.min.time().replace(hour=8), datetime.min.time().replace(hour=9))]
    do(schedules.set_hours, harbor.actor("mona"), therapist.resource, sundays, NOW)
    number = len(lost(session, harbor))
    replan = do(replans.ask, harbor.actor("mona"), NOW, Scope())
    work(app, session)

    assert number > 0 and replan.result["visits"] == number
    assert {row.state for row in replans.courses(session, replan)} == {ReplanState.UNPLACED}
    assert all(row.reasons for row in replans.courses(session, replan))


def test_those_whose_time_others_take_move_first():
    at = [NOW + timedelta(hours=number) for number in range(4)]

    def row(name, start, new):
        ends = {"from": [1, start], "to": [1, new]}
        moves = [
            {end: placement_document(placed_at(resource, time)) for end, (resource, time) in ends.items()}
        ]
        return ReplanCourse(public_id=name, moves=moves)

    rows = [row("a", at[0], at[1]), row("b", at[1], at[2]), row("c", at[2], at[3])]
    order = [group[0].public_id for group in accepting.leaving_first([[one] for one in rows])]
    circle = [row("a", at[0], at[1]), row("b", at[1], at[0])]

    assert order == ["c", "b", "a"]
    assert len(accepting.leaving_first([[one] for one in circle])) == 2


def placed_at(resource, start):
    end = start + timedelta(minutes=30)
    return Placement("visit", start, end, end, (Segment(resource, Role.CHAIR, "visit", start, end),))


@both
@pytest.mark.usefixtures("clock")
def test_two_patients_who_take_each_other_s_times_both_move(app, session, harbor, do, courses):
    """Each alone would be refused, for the other one is there still."""
    one, other = (visit(courses[name], "consult") for name in ("Nora", "Olga"))
    times = {one.id: one.start_at, other.id: other.start_at}
    replan = do(replans.ask, harbor.actor("mona"), NOW, Scope())
    work(app, session)
    placements = {row.id: visit_of(row, of_appointment(session, row.id)) for row in (one, other)}
    for row, there in ((one, other), (other, one)):
        swapped = replace(placements[there.id], action=row.action)
        do(add_row, replan, row, placements[row.id], swapped)
    do(accepting.ask, harbor.actor("mona"), replan, NOW)
    work(app, session)

    assert starts(session)[one.id] == times[other.id] and starts(session)[other.id] == times[one.id]
    assert {row.state for row in replans.courses(session, replan)} == {ReplanState.ACCEPTED}
    assert len({row.operation for row in replans.courses(session, replan)}) == 1
    assert overlaps(session) == 0


def add_row(session, replan, row, before, after):
    session.add(
        ReplanCourse(
            clinic_id=row.clinic_id,
            replan_id=replan.id,
            appointment_id=row.id,
            state=ReplanState.PLANNED,
            displaced=[],  # or they would not be moved while nothing is closed
            moves=[
                {
                    "visit": row.id,
                    "row_version": row.row_version,
                    "displaced": True,
                    "from": placement_document(before),
                    "to": placement_document(after),
                }
            ],
        )
    )


def reopened(session):
    return session.scalars(select(Opening).where(Opening.cause == OpeningCause.REOPENED)).all()


@pytest.mark.usefixtures("clock")
def test_one_therapist_takes_over_the_courses_of_one_who_leaves(app, session, harbor, do, courses):
    mona, theo = harbor.actor("mona"), harbor.people["Theo"]
    for name in ("Tina", "Toby"):
        add_person(session, harbor, name, "therapist")
    session.commit()
    do(schedules.close, mona, NOW, NOW + timedelta(days=400), NOW, theo.resource, ClosureKind.LEAVE)
    [closure] = closures(session, harbor.clinic.id, NOW, NOW + timedelta(days=60))
    replan = do(replans.ask, mona, NOW, replans.of_closure(closure), closure, closes=True)
    work(app, session)
    [successor] = preview.successors(session, replan)
    do(accepting.ask, mona, replan, NOW)
    work(app, session)

    assert (successor.leaving, successor.courses, successor.of) == ("Theo", len(courses), len(courses))
    assert {row.state for row in replans.courses(session, replan)} == {ReplanState.ACCEPTED}
    treats = {
        one.practitioner.name
        for care_plan in courses.values()
        for row in care_plan.appointments
        if row.action.startswith("therapy") and row.status.is_expected
        for one in row.participants
    }
    assert treats == {successor.name}


@pytest.mark.usefixtures("clock")
def test_a_therapist_who_is_away_for_a_day_hands_over_nothing(app, session, harbor, do, nora_course):
    mona, theo = harbor.actor("mona"), harbor.people["Theo"]
    add_person(session, harbor, "Tina", "therapist")
    session.commit()
    start, end = day_bounds(visit(nora_course, "therapy-1").local_start.date(), harbor.clinic.zone)
    closure, lost_then = do(schedules.close, mona, start, end, NOW, theo.resource, ClosureKind.LEAVE)
    replan = do(replans.ask, mona, NOW, replans.of_closure(closure), closure)
    work(app, session)

    assert lost_then and preview.successors(session, replan) == []


@pytest.mark.usefixtures("clock")
def test_the_search_takes_longer_only_while_a_patient_has_no_time_who_could_have_one(session, harbor, storm):
    question = replan_search.read(session, harbor.actor("mona"), {"replan": storm.public_id}, NOW)
    told = []

    def search(courses, *_, go_on, **__):
        told.append([go_on(stage, 0, 0) for stage in ("orders", "better", "placing")])
        return JointPlan((), (), Score(), Score())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scheduler.services.replan.replan_search.planner.replan", search)
        times = iter([0.0, *[question.seconds + 1.0] * 20])
        patch.setattr("scheduler.services.replan.replan_search.thread_time", lambda: next(times))
        replan_search.check(question, NOW, lambda *_: True)

    assert told == [[False, False, True]]
