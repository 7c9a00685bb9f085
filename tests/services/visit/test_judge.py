"""No path brings two dosing visits too close, or holds one outside a course, unless that is overridden and recorded.

The letters are those of the ten ways that an attack found.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select, update

from scheduler.domain.plans import DosingGap
from scheduler.domain.status import AppointmentStatus
from scheduler.errors import Invalid, RuleBroken, WrongStatus
from scheduler.models.appointment import Appointment
from scheduler.models.audit_event import AuditEvent
from scheduler.models.plan_definition import current
from scheduler.services.clinic import schedules
from scheduler.services.course import booking, boosters, careplans, make_ups
from scheduler.services.patient import merging
from scheduler.services.planning.placing import place
from scheduler.services.planning.wishes import CourseRequest
from scheduler.services.visit import judge, moves, undo, visits
from tests.cast import NOW, add_patient
from tests.engines import both
from tests.services.courses import book, visit

REASON = "the prescriber wants it closer together"
DAY = timedelta(days=1)


@pytest.fixture
def alice(harbor):
    """The front desk, which may not override."""
    return harbor.actor("alice")


def broken(caught):
    return {one["rule"] for one in caught.value.details["violations"]}


def overridden(session, row, since=NOW):
    query = select(AuditEvent).where(AuditEvent.object_id == row.public_id, AuditEvent.at >= since)
    events = session.scalars(query)
    return {field for event in events if event.event == judge.OVERRIDDEN for field in event.fields}


def definition(session, harbor, key="iv-depression-6"):
    return current(session, harbor.clinic.id, key)


def extra(session, actor, course, action, start, **more):
    """Book one more visit in a course."""
    step = course.plan_definition.plan.action(action)
    return booking.book_visit(session, actor, course.patient, step, start, NOW, care_plan=course, **more)


def at_hour(row, hour, days=0):
    """Return another hour of the local day of a visit, or of one some days later."""
    return row.start_at + (row.local_start.replace(hour=hour, minute=0) - row.local_start) + days * DAY


def test_each_protocol_says_which_visits_give_the_drug(session, harbor):
    for key, kind in (
        ("iv-depression-6", "infusion"),
        ("iv-depression-6-fast", "infusion"),
        ("esketamine-nasal", "session"),
        ("kap-im-6", "dosing"),
        ("crps-10-day", "infusion"),
    ):
        plan = definition(session, harbor, key).plan
        assert {one.kind for one in plan.actions if one.dosing} == {kind}
    assert not any(one.dosing for one in definition(session, harbor, "therapy-6").plan.actions)


def test_a_dosing_visit_keeps_the_gap_of_its_own_step(session, harbor):
    plan = definition(session, harbor).plan
    gaps = [plan.action(key).dosing for key in ("infusion-1", "infusion-2", "booster-1", "booster-2")]

    assert gaps == [DosingGap(2), DosingGap(2), DosingGap(21), DosingGap(28)]
    assert definition(session, harbor, "crps-10-day").plan.action("infusion-2").dosing == DosingGap(
        1, hard=True
    )


@both
def test_a_single_infusion_beside_a_course_is_refused(session, harbor, alice, nora_course):  # a
    second = visit(nora_course, "infusion-2")
    action = replace(nora_course.plan_definition.plan.action("infusion-1"), series=None, position=None)

    with pytest.raises(RuleBroken) as caught:
        booking.book_visit(session, alice, nora_course.patient, action, at_hour(second, 13, 1), NOW)

    assert broken(caught) == {"no-course"}


def test_infusions_without_a_course_are_refused(session, harbor, alice):  # b
    patient = add_patient(session, harbor, "Nell", "New")
    action = definition(session, harbor).plan.action("infusion-1")

    with pytest.raises(RuleBroken) as caught:
        booking.book_visit(session, alice, patient, action, NOW + timedelta(days=1, hours=2), NOW)

    assert broken(caught) == {"no-course"}


def test_single_infusions_of_a_prescriber_keep_their_distance(session, harbor):  # b
    patient = add_patient(session, harbor, "Nell", "New")
    action = definition(session, harbor).plan.action("infusion-1")
    start = NOW + timedelta(days=1, hours=2)
    booking.book_visit(session, harbor.prescriber, patient, action, start, NOW, override_reason=REASON)
    session.flush()

    with pytest.raises(Invalid):  # each override needs a reason of its own
        booking.book_visit(
            session, harbor.prescriber, patient, action, start + DAY, NOW, override_reason="short"
        )
    booking.book_visit(session, harbor.prescriber, patient, action, start + DAY, NOW, override_reason=REASON)
    noted = session.scalars(select(AuditEvent).where(AuditEvent.event == "appointment.overridden")).all()
    assert [event.fields for event in noted] == [["override:dosing-gap"]]


def test_the_same_infusion_twice_is_refused_on_any_day(session, harbor, alice, nora_course):  # c
    fourth = visit(nora_course, "infusion-4")
    same_day = at_hour(fourth, 8 if fourth.local_start.hour > 12 else 14)

    for start in (same_day, at_hour(visit(nora_course, "infusion-6"), 13, 14)):
        with pytest.raises(RuleBroken) as caught:
            extra(session, alice, nora_course, "infusion-4", start)
        assert broken(caught) == {"extra-dose"}


def test_a_prescriber_adds_an_infusion_and_it_is_recorded(session, harbor, nora_course):  # c
    start = at_hour(visit(nora_course, "infusion-6"), 13, 14)
    extra(session, harbor.prescriber, nora_course, "infusion-4", start, override_reason=REASON)

    booked = session.scalars(select(AuditEvent).where(AuditEvent.event == "appointment.booked")).all()
    assert [event.fields for event in booked] == [["override:extra-dose"]]


def explicit(session, harbor, starts, key="iv-depression-6", patient="Nora"):
    """Return wishes and visits of a course of which only these steps are given, by local start."""
    plan = definition(session, harbor, key)
    person = harbor.patients[patient]
    placed = [
        place(session, harbor.actor("alice"), person, plan.plan.action(action), start, NOW)
        for action, start in starts.items()
    ]
    wishes = CourseRequest(person, plan, date(2026, 11, 23))
    return wishes, placed


def local(day, hour):
    return datetime(2026, 12, day, hour + 5, tzinfo=NOW.tzinfo)


def test_a_course_of_one_sixth_infusion_is_refused(session, harbor, alice):  # d
    wishes, placed = explicit(session, harbor, {"infusion-6": local(16, 10)})

    with pytest.raises(RuleBroken) as caught:
        booking.book_course(session, alice, wishes, placed, (), NOW)

    assert broken(caught) == {"incomplete"}
    assert "The course is missing Consultation, Medical assessment, Consent and plan, Infusion 1" in str(
        caught.value
    )


def test_a_missing_infusion_hides_no_gap(session, harbor, alice):  # e
    wishes, placed = explicit(session, harbor, {"infusion-1": local(16, 10), "infusion-3": local(17, 10)})

    with pytest.raises(RuleBroken) as caught:
        booking.book_course(session, harbor.prescriber, wishes, placed, (), NOW)
    assert "incomplete" in broken(caught)

    booking.book_course(session, harbor.prescriber, wishes, placed, (), NOW, override_reason=REASON)
    fields = [event.fields for event in session.scalars(select(AuditEvent)) if event.fields]
    assert ["override:dosing-gap"] in fields
    assert any("override:incomplete" in one for one in fields)


def test_a_hard_gap_holds_over_a_missing_day_even_for_a_prescriber(session, harbor):  # f
    wishes, placed = explicit(
        session, harbor, {"infusion-1": local(7, 9), "infusion-3": local(14, 9)}, "crps-10-day"
    )

    with pytest.raises(RuleBroken) as caught:
        booking.book_course(session, harbor.prescriber, wishes, placed, (), NOW, override_reason=REASON)

    assert [one["hard"] for one in caught.value.details["violations"] if one["rule"] == "incomplete"] == [
        True
    ]


@both
def test_a_second_course_that_gives_a_drug_asks_for_an_override(session, harbor, alice, nora_course):  # g
    with pytest.raises(RuleBroken) as caught:
        book(session, harbor, "esketamine-nasal")

    assert "one-course" in broken(caught)


def test_a_second_course_is_proposed_around_the_first(session, harbor, nora_course):  # g
    booked = book(session, harbor, "esketamine-nasal", who="ada", override_reason=REASON)
    days = sorted(
        one.local_start.date()
        for course in (nora_course, booked)
        for one in course.appointments
        if one.dosing and one.status.is_live
    )

    assert len(days) > 12
    assert min((later - earlier).days for earlier, later in pairwise(days)) >= 2


def test_a_canceled_infusion_does_not_come_back_beside_one_that_was_moved(
    session, harbor, alice, nora_course
):  # h
    third, fourth = visit(nora_course, "infusion-3"), visit(nora_course, "infusion-4")
    visits.cancel(session, alice, [third], NOW, "not well")
    planned = moves.plan_move(
        session, harbor.prescriber, fourth, at_hour(third, 12, 1), NOW, override_reason=REASON
    )
    moves.apply_moves(session, harbor.prescriber, planned, NOW, override_reason=REASON)

    with pytest.raises(RuleBroken):
        undo.undo(session, alice, third, "cancel", NOW)
    with pytest.raises(RuleBroken):  # the front desk may not override
        undo.undo(session, alice, third, "cancel", NOW, REASON)
    undo.undo(session, harbor.prescriber, third, "cancel", NOW, REASON)
    assert third.status.is_live
    assert {"override:gap", "override:dosing-gap"} <= overridden(session, third)


def test_an_undone_move_keeps_the_gaps_or_is_an_override(session, harbor, alice, nora_course):
    fifth, sixth = visit(nora_course, "infusion-5"), visit(nora_course, "infusion-6")
    former = sixth.start_at
    for row, start in ((sixth, at_hour(sixth, 14, 7)), (fifth, at_hour(sixth, 12, -1))):
        planned = moves.plan_move(session, harbor.prescriber, row, start, NOW, override_reason=REASON)
        moves.apply_moves(session, harbor.prescriber, planned, NOW, override_reason=REASON)

    with pytest.raises(RuleBroken):
        undo.undo(session, alice, sixth, "reschedule", NOW)
    a_minute_later = NOW + timedelta(minutes=1)
    undo.undo(session, harbor.prescriber, sixth, "reschedule", a_minute_later, REASON)

    assert sixth.start_at == former
    assert {"override:gap", "override:dosing-gap"} <= overridden(session, sixth, a_minute_later)


def test_an_infusion_that_was_made_up_for_does_not_come_back(session, harbor, alice, nora_course):  # i
    sixth = visit(nora_course, "infusion-6")
    visits.cancel(session, alice, [sixth], NOW, "not well")
    make_ups.book_make_up(session, alice, make_ups.plan_make_up(session, alice, sixth, NOW), NOW)

    with pytest.raises(WrongStatus, match="is already rescheduled"):
        undo.undo(session, alice, sixth, "cancel", NOW)


@both
def test_a_merger_brings_no_infusions_together(session, harbor, alice, nora_course):  # j
    twin = add_patient(session, harbor, "Norah", "Lindqvist")
    action = definition(session, harbor).plan.action("infusion-1")
    start = at_hour(visit(nora_course, "infusion-2"), 13, 1)
    booking.book_visit(session, harbor.prescriber, twin, action, start, NOW, override_reason=REASON)

    with pytest.raises(RuleBroken) as caught:
        merging.merge(session, alice, harbor.patients["Nora"], twin, {}, NOW)
    assert broken(caught) == {"dosing-gap"}


def test_a_pair_that_was_too_close_before_blocks_nothing_else(session, harbor, alice, nora_course):
    second = visit(nora_course, "infusion-2")
    planned = moves.plan_move(
        session,
        harbor.prescriber,
        second,
        at_hour(visit(nora_course, "infusion-1"), 12, 1),
        NOW,
        override_reason=REASON,
    )
    moves.apply_moves(session, harbor.prescriber, planned, NOW, override_reason=REASON)
    fifth = visit(nora_course, "infusion-5")
    visits.cancel(session, alice, [fifth], NOW, "not well")
    undo.undo(session, alice, fifth, "cancel", NOW)

    assert fifth.status.is_live


def test_a_reservation_counts_before_it_is_booked(session, harbor):
    nora = harbor.patients["Nora"]
    course = book(session, harbor, reserve_minutes=60)
    action = course.plan_definition.plan.action("infusion-1")
    start = at_hour(visit(course, "infusion-1"), 13, 1)

    booking.book_visit(session, harbor.prescriber, nora, action, start, NOW, override_reason=REASON)
    noted = session.scalars(select(AuditEvent).where(AuditEvent.event == "appointment.overridden")).all()
    assert [event.fields for event in noted] == [["override:dosing-gap"]]


@both
def test_what_was_written_around_the_services_is_found(session, harbor, nora_course):
    first, second = visit(nora_course, "infusion-1"), visit(nora_course, "infusion-2")
    assert judge.unrecorded(session, harbor.clinic, NOW) == []
    next_day = {
        "local_start": first.local_start + DAY,
        "start_at": first.start_at + DAY,
        "end_at": first.end_at + DAY,
    }
    session.execute(update(Appointment).where(Appointment.id == second.id).values(**next_day))
    session.expire_all()

    found = judge.unrecorded(session, harbor.clinic, NOW)
    assert found == [judge.CloseVisits(first.public_id, second.public_id, 1, 2)]


def test_an_override_that_was_recorded_is_not_reported(session, harbor, nora_course):
    first, second = visit(nora_course, "infusion-1"), visit(nora_course, "infusion-2")
    planned = moves.plan_move(
        session, harbor.prescriber, second, at_hour(first, 12, 1), NOW, override_reason=REASON
    )
    moves.apply_moves(session, harbor.prescriber, planned, NOW, override_reason=REASON)

    assert judge.unrecorded(session, harbor.clinic, NOW) == []


@pytest.mark.parametrize("stop", [careplans.hold, careplans.revoke])
def test_a_course_that_is_on_hold_or_ended_gets_no_visit(session, harbor, alice, nora_course, stop):
    booster = next(one for one in nora_course.appointments if one.status is AppointmentStatus.PROPOSED)
    start = visit(nora_course, "consult").start_at
    stop(session, alice, nora_course, NOW)

    with pytest.raises(WrongStatus, match="cannot be booked in it"):
        extra(session, alice, nora_course, "consult", start)
    if booster.status is AppointmentStatus.PROPOSED:
        with pytest.raises(WrongStatus, match="cannot be booked in it"):
            boosters.book_proposed(session, alice, booster, booster.start_at, NOW)


def test_a_held_course_gets_no_booked_visit_before_it_is_booked(session, harbor, alice):
    course = book(session, harbor, reserve_minutes=60)
    start = at_hour(visit(course, "infusion-6"), 13, 14)

    with pytest.raises(WrongStatus, match="is only held"):
        extra(session, alice, course, "therapy-6", start)


def test_a_held_course_is_not_booked_for_a_patient_who_left_meanwhile(session, harbor, alice):
    course = book(session, harbor, reserve_minutes=60)
    course.patient.active = False

    with pytest.raises(WrongStatus, match="has left the clinic"):
        careplans.activate(session, alice, course, NOW)


# U1: what came back on closed days, without people, and in courses that had been stopped


def test_a_canceled_visit_does_not_come_back_on_a_closed_day(session, harbor, alice, nora_course):
    first = visit(nora_course, "infusion-1")
    visits.cancel(session, alice, [first], NOW, "not well")
    schedules.close(session, harbor.command, at_hour(first, 0), at_hour(first, 0, 1), NOW)

    with pytest.raises(RuleBroken) as caught:
        undo.undo(session, alice, first, "cancel", NOW)
    assert "closed" in broken(caught)


def test_a_canceled_visit_does_not_come_back_in_a_course_that_was_stopped(
    session, harbor, alice, nora_course
):
    first = visit(nora_course, "infusion-1")
    visits.cancel(session, alice, [first], NOW, "not well")
    careplans.revoke(session, alice, nora_course, NOW, "moved away")

    with pytest.raises(WrongStatus, match="cannot be restored"):
        undo.undo(session, alice, first, "cancel", NOW)
    assert first.status is AppointmentStatus.CANCELLED


def test_a_canceled_visit_does_not_come_back_to_someone_who_has_left(session, harbor, alice, nora_course):
    therapy = visit(nora_course, "therapy-1")
    visits.cancel(session, alice, [therapy], NOW, "not well")
    therapy.practitioners[0].active = False

    with pytest.raises(RuleBroken):
        undo.undo(session, alice, therapy, "cancel", NOW)
