from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from scheduler.domain.localtime import local_on
from scheduler.domain.status import AppointmentStatus
from scheduler.errors import Invalid, NoFitFound, RuleBroken, WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.audit_event import AuditEvent
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.plan_definition import current
from scheduler.services.course import careplans
from scheduler.services.course.course_pictures import picture
from scheduler.services.course.protocol_change import apply_change, plan_change
from scheduler.services.mail import outbox
from scheduler.services.mail.letters import Letterhead, compose
from scheduler.services.mail.told import last_told
from scheduler.services.planning import courses
from scheduler.services.visit import books, requirements, undo, visits
from tests.cast import NOW
from tests.engines import both
from tests.services.courses import book, visit

FAST, NASAL = "iv-depression-6-fast", "esketamine-nasal"
WHY = "no response, the prescriber starts again"


@pytest.fixture
def course(session, harbor, nora_course):
    """Nora's course of which the second infusion is over; she was told of all visits."""
    booked = nora_course
    told(session)
    after = visit(booked, "infusion-2").end_at
    for one in booked.appointments:
        if one.end_at <= after and one.status is not AppointmentStatus.PROPOSED:
            one.status = AppointmentStatus.FULFILLED
    session.commit()
    return booked


@pytest.fixture
def later(course) -> datetime:
    """An hour after the second infusion."""
    return visit(course, "infusion-2").end_at + timedelta(hours=1)


def told(session):
    """Let every mail have gone out."""
    for message in session.scalars(select(Message).where(Message.state == MessageState.PENDING)):
        message.state, message.ended_at = MessageState.SENT, NOW
    session.flush()


def change(session, cast, course, key, now, who="alice", **more):
    definition = current(session, cast.clinic.id, key)
    return plan_change(session, cast.actor(who), course, definition, now, **more)


def start_again(session, cast, course, key, now):
    """Give a course another protocol from its beginning, as an admin with a reason."""
    planned = change(session, cast, course, key, now, "ada", last="", override_reason=WHY)
    apply_change(session, cast.actor("ada"), planned, "switches to the spray", now, WHY)
    return planned


def waiting(session):
    return session.scalars(select(Message).where(Message.state == MessageState.PENDING)).all()


def infusions(course, zone):
    rows = [one for one in course.appointments if one.action.startswith("infusion") and one.status.is_live]
    return [local_on(one.start_at, zone) for one in rows]


@both
def test_the_rest_keeps_the_new_gaps_in_the_same_rows_with_one_mail(session, harbor, course, later):
    uids = {one.action: one.uid for one in course.appointments if one.start_at > later}
    held = [(one.id, one.start_at, one.row_version) for one in course.appointments if one.start_at < later]
    planned = change(session, harbor, course, FAST, later)
    apply_change(session, harbor.actor("alice"), planned, "responds well, wants to be done", later)
    session.commit()
    zone = harbor.clinic.zone

    assert planned.last == "infusion-2"
    assert course.plan_definition.key == FAST
    days = infusions(course, zone)
    gaps = [(second - first).days for first, second in pairwise(days)]
    assert all(1 <= gap <= 3 for gap in gaps[1:])
    assert [
        (one.id, one.start_at, one.row_version) for one in course.appointments if one.start_at < later
    ] == held
    live = {one.action: one.uid for one in course.appointments if one.status.is_live and one.start_at > later}
    assert live == {action: uids[action] for action in live}
    [message] = waiting(session)
    assert message.kind is MessageKind.CHANGE
    assert not books.faults(session, harbor.clinic.id, later).any
    steps = picture(session, harbor.clinic, course, later).steps
    assert all(one.spacing.kept for one in steps if one.spacing and one.visit.start_at > later)


def test_nothing_is_written_by_looking(session, harbor, course, later):
    before = session.scalar(select(Appointment.row_version).where(Appointment.action == "infusion-4"))
    change(session, harbor, course, FAST, later)
    session.rollback()

    assert course.plan_definition.key == "iv-depression-6"
    assert session.scalar(select(Appointment.row_version).where(Appointment.action == "infusion-4")) == before


@both
def test_another_kind_of_course_calls_off_what_it_lacks_and_tells_all_in_one_mail(
    session, harbor, course, later
):
    old = [one for one in course.appointments if one.status.is_live and one.start_at > later]
    planned = start_again(session, harbor, course, NASAL, later)
    session.commit()

    shared = {one.action for one in old} & {one.action.key for one in planned.placed}
    gone = [one for one in old if one.action not in shared]
    assert {one.status for one in gone} == {AppointmentStatus.CANCELLED}
    new = [one for one in course.appointments if one.status.is_live and one.action.startswith("session")]
    assert len(new) == 12
    [message] = waiting(session)
    assert (message.kind, len(message.subjects)) == (MessageKind.CHANGE, len(message.values["times"]))
    assert {one.id for one in gone if one.visible} <= set(message.values["off"])
    assert not books.faults(session, harbor.clinic.id, later).any

    told(session)
    known = last_told(session, [one.id for one in course.appointments], "patient")
    assert {known[one.id].stands for one in gone if one.visible} == {False}
    outbox.tell(session, harbor.clinic, [*new, *gone], later)
    assert waiting(session) == []  # nothing is told twice


def test_the_mail_strikes_through_what_is_off(session, harbor, course, later):
    start_again(session, harbor, course, NASAL, later)
    [message] = waiting(session)
    head = Letterhead("https://clinic.example", ("key",), "desk@clinic.example")
    letter = compose(session, message, head, later)
    off = sum(one.id in message.values["off"] for one in course.appointments)

    assert letter.content.decode().count("(canceled)") >= off > 0


def test_held_visits_of_the_same_kind_count_in_another_protocol(session, harbor, course, later):
    planned = change(session, harbor, course, "crps-10-day", later)

    assert planned.last == "infusion-2"
    assert planned.placed[0].action.key == "infusion-3"
    assert planned.wishes.done["infusion-2"].start == visit(course, "infusion-2").start_at


def test_requirements_that_are_settled_stay_so(session, harbor, course, later):
    keys = [
        requirement.key
        for requirement in course.plan_definition.plan.requirements
        if requirement.key != "driver"
    ]
    for key in keys:
        requirements.complete(session, harbor.prescriber, course, key, later)
    planned = change(session, harbor, course, FAST, later)
    apply_change(session, harbor.actor("alice"), planned, "faster", later)

    fourth = visit(course, "infusion-4")
    assert {requirement.key for requirement in requirements.open_requirements(fourth)} <= {"driver"}


def test_the_change_is_in_the_trail_with_its_reason(session, harbor, course, later):
    planned, actor = change(session, harbor, course, FAST, later), harbor.actor("alice")
    apply_change(session, actor, planned, "responds well", later)

    rows = session.scalars(select(AuditEvent).where(AuditEvent.event == "care-plan.protocol-changed")).all()
    assert [(one.object_id, one.operation, one.reason) for one in rows] == [
        (course.public_id, actor.operation, "responds well")
    ]


def test_a_reason_is_asked_for(session, harbor, course, later):
    with pytest.raises(Invalid, match="reason: is missing"):
        apply_change(session, harbor.actor("alice"), change(session, harbor, course, FAST, later), " ", later)


def test_a_course_on_hold_or_the_same_protocol_is_refused(session, harbor, course, later):
    with pytest.raises(WrongStatus, match="follows this protocol already"):
        change(session, harbor, course, "iv-depression-6", later)
    careplans.hold(session, harbor.actor("alice"), course, later)
    with pytest.raises(WrongStatus, match="is on hold"):
        change(session, harbor, course, FAST, later)


def test_a_dose_without_an_outcome_is_recorded_first(session, harbor, course):
    third = visit(course, "infusion-3")
    past = third.end_at + timedelta(hours=1)

    with pytest.raises(WrongStatus, match="has no outcome yet"):
        change(session, harbor, course, FAST, past)


def test_while_a_visit_is_under_way_nothing_changes(session, harbor, course):
    third = visit(course, "infusion-3")

    with pytest.raises(WrongStatus, match="is in progress"):
        change(session, harbor, course, FAST, third.start_at + timedelta(minutes=20))


@pytest.mark.parametrize(
    ("last", "field"), [("infusion-6", "had"), ("no-such", "last"), ("therapy-1", "last")]
)
def test_what_cannot_have_been_held_is_named(session, harbor, course, later, last, field):
    with pytest.raises(Invalid) as caught:
        change(session, harbor, course, FAST, later, last=last)

    assert caught.value.details["errors"][0]["field"] == field


def test_a_rest_that_does_not_fit_says_why(session, harbor, course, later):
    course.wishes = {**course.wishes, "weekdays": [7]}
    session.commit()

    with pytest.raises(NoFitFound, match="Infusion 3"):
        change(session, harbor, course, FAST, later)


def test_where_nothing_is_left_to_book_nothing_changes(session, harbor, course, later):
    ahead = [one for one in course.appointments if one.start_at > later and one.status.is_live]
    visits.cancel(session, harbor.actor("alice"), ahead, later)

    with pytest.raises(WrongStatus, match="Nothing is left to book under this protocol"):
        change(session, harbor, course, FAST, later)


def test_afterwards_the_course_is_held_and_goes_on_by_the_new_protocol(session, harbor, course, later):
    planned = change(session, harbor, course, FAST, later)
    apply_change(session, harbor.actor("alice"), planned, "faster", later)
    session.commit()
    soon = later + timedelta(minutes=5)
    careplans.hold(session, harbor.actor("alice"), course, soon)
    careplans.resume(session, harbor.actor("alice"), course, soon + timedelta(minutes=5))

    ahead = set(courses.under_way(session, harbor.actor("alice"), course, soon).rows)
    assert ahead == {one.visit.action for one in planned.placed}


def test_after_a_change_and_back_the_visits_that_take_place_stand(session, harbor, nora_course):
    early = NOW - timedelta(hours=1)  # before the clinic opens
    for key in (NASAL, FAST):
        planned = change(session, harbor, nora_course, key, early)
        apply_change(session, harbor.actor("alice"), planned, "responds well", early)
        session.commit()
    standing = courses.latest(nora_course)

    assert [standing[key].status.is_live for key in ("consult", "infusion-1", "infusion-6")] == [True] * 3
    assert courses.missing_steps(nora_course) == []


def test_what_the_former_protocol_held_does_not_come_back(session, harbor, nora_course):
    planned = change(session, harbor, nora_course, NASAL, NOW)
    apply_change(session, harbor.actor("alice"), planned, "responds well", NOW)
    sixth = visit(nora_course, "infusion-6")

    with pytest.raises(WrongStatus, match="no place in the course"):
        undo.undo(session, harbor.actor("alice"), sixth, "cancel", NOW)


def test_a_therapy_course_does_not_become_a_second_course_that_gives_a_drug(session, harbor, nora_course):
    therapy = book(session, harbor, "therapy-6")
    session.commit()

    with pytest.raises(RuleBroken, match="already has an open course: IV ketamine for depression"):
        change(session, harbor, therapy, NASAL, NOW)


@pytest.mark.parametrize(
    ("key", "last", "rule"),
    [
        (NASAL, None, "repeated-dose"),
        (FAST, "infusion-4", "step-not-held"),
    ],
)
def test_only_an_override_repeats_doses_or_passes_over_steps(session, harbor, course, later, key, last, rule):
    with pytest.raises(RuleBroken) as caught:
        change(session, harbor, course, key, later, last=last, override_reason=WHY)
    with pytest.raises(RuleBroken):
        change(session, harbor, course, key, later, "mona", last=last)
    planned = change(session, harbor, course, key, later, "mona", last=last, override_reason=WHY)
    with pytest.raises(RuleBroken):
        apply_change(session, harbor.actor("alice"), planned, "as asked", later, WHY)
    apply_change(session, harbor.actor("mona"), planned, "as asked", later, WHY)

    assert [one["rule"] for one in caught.value.details["violations"]] == [rule]
    noted = session.scalars(select(AuditEvent).where(AuditEvent.event == "care-plan.overridden")).all()
    assert [(one.fields, one.reason) for one in noted] == [([f"override:{rule}"], WHY)]


def test_a_course_without_a_dose_begins_another_protocol_without_an_override(session, harbor, nora_course):
    planned = change(session, harbor, nora_course, NASAL, NOW, last="")

    assert planned.broken == ()
