"""Make-ups, boosters and changed lengths: what a course goes through after it was booked."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from scheduler.domain.planner.values import Done
from scheduler.domain.status import AppointmentStatus
from scheduler.errors import Invalid, RuleBroken, WrongStatus
from scheduler.models.allocation import of_appointment
from scheduler.models.audit_event import AuditEvent
from scheduler.services.course import booking, boosters, lengths, make_ups
from scheduler.services.planning import proposals
from scheduler.services.planning.visit_rows import action_of
from scheduler.services.visit import moves, visits
from tests.cast import NOW
from tests.engines import both
from tests.services.course.test_booking import overlaps
from tests.services.courses import visit, wishes
from tests.services.visit.test_moves import gaps

WHY = "the prescriber wants it shorter"


@pytest.fixture
def alice(harbor):
    return harbor.actor("alice")


@pytest.fixture
def care_plan(session, harbor, nora_course):
    return nora_course


@both
def test_a_cancelled_infusion_is_made_up_in_its_place_of_the_course(session, alice, care_plan):
    gone = visit(care_plan, "infusion-3")
    visits.cancel(session, alice, [gone], NOW, "ill", "patient")
    made = make_ups.book_make_up(session, alice, make_ups.plan_make_up(session, alice, gone, NOW), NOW)

    assert (made.action, made.position, made.replaces_id) == ("infusion-3", 3, gone.id)
    assert made.status.is_live
    assert overlaps(session) == 0


def test_what_was_made_up_is_not_made_up_twice(session, alice, care_plan):
    gone = visit(care_plan, "infusion-3")
    visits.cancel(session, alice, [gone], NOW)
    make_ups.book_make_up(session, alice, make_ups.plan_make_up(session, alice, gone, NOW), NOW)
    session.expire(care_plan)

    with pytest.raises(WrongStatus, match="is already rescheduled"):
        make_ups.plan_make_up(session, alice, gone, NOW)


def test_a_booster_gets_its_time_in_the_same_row(session, alice, care_plan):
    booster = next(one for one in care_plan.appointments if one.status is AppointmentStatus.PROPOSED)
    uid, start = booster.uid, booster.start_at
    boosters.book_proposed(session, alice, booster, start, NOW)

    assert booster.uid == uid
    assert booster.status.is_live
    assert of_appointment(session, booster.id)


def test_a_longer_infusion_for_the_rest_moves_what_no_longer_fits(session, alice, care_plan):
    planned = lengths.change_length(session, alice, care_plan, "infusion", "infusion", 90, NOW)
    moves.apply_moves(session, alice, planned, NOW)

    for number in range(1, 7):
        infusion = visit(care_plan, f"infusion-{number}")
        assert infusion.end_at - infusion.start_at == timedelta(minutes=15 + 90 + 60)
    assert all(2 <= gap <= 4 for gap in gaps(care_plan))
    assert overlaps(session) == 0


def test_a_length_off_the_five_minute_grid_is_refused(session, alice, care_plan):
    with pytest.raises(Invalid, match="multiple of 5"):
        lengths.change_length(session, alice, care_plan, "infusion", "infusion", 42, NOW)


def test_a_course_may_start_in_its_middle(session, harbor, alice):
    start = NOW - timedelta(days=3)
    plan = wishes(session, harbor).plan_definition.plan
    earlier = [action for action in plan.actions if action.key in ("consult", "assessment", "consent")]
    done = {action.key: Done(action.key, start, start + action.attended_length) for action in earlier}
    done["infusion-1"] = Done("infusion-1", start, start + timedelta(hours=2))
    wanted = replace(wishes(session, harbor), not_before=NOW.date(), done=done)
    best = proposals.propose(session, alice, wanted, NOW)[0]
    care_plan = booking.book_course(session, alice, wanted, best.visits, best.projections, NOW)

    first, second = visit(care_plan, "infusion-1"), visit(care_plan, "infusion-2")
    assert first.status is AppointmentStatus.FULFILLED
    assert 2 <= (second.local_start.date() - first.local_start.date()).days <= 4


@pytest.mark.parametrize("number", [2, 3, 5])
def test_a_missed_infusion_that_is_made_up_keeps_every_gap(session, alice, care_plan, number):
    gone = visit(care_plan, f"infusion-{number}")
    at = gone.start_at + timedelta(minutes=30)
    visits.mark_noshow(session, alice, gone, at)
    made = make_ups.book_make_up(session, alice, make_ups.plan_make_up(session, alice, gone, at), at)
    session.expire(care_plan)

    standing = [one for one in care_plan.appointments if one.status.is_live and one.kind == "infusion"]
    days = [one.local_start.date() for one in sorted(standing, key=lambda one: one.position)]
    after = [(later - earlier).days for earlier, later in pairwise(days)][number - 1 :]
    assert made in standing
    assert all(2 <= gap <= 4 for gap in after)
    assert overlaps(session) == 0


def test_a_booster_that_follows_an_unbooked_one_is_not_made_up_for_and_moves_alone(session, alice, care_plan):
    second = visit(care_plan, "booster-2")
    boosters.book_proposed(session, alice, second, second.start_at, NOW)
    later = second.start_at + timedelta(minutes=15)
    moved = moves.plan_move(session, alice, second, later, NOW, scope="following")
    visits.cancel(session, alice, [second], NOW, "ill", "patient")

    assert [(one.appointment, one.visit.start) for one in moved] == [(second, later)]
    with pytest.raises(WrongStatus, match="book that visit first"):
        make_ups.plan_make_up(session, alice, second, NOW)


def test_a_make_up_keeps_away_from_a_dose_outside_the_course(session, harbor, alice, care_plan):
    gone = visit(care_plan, "infusion-6")
    visits.cancel(session, alice, [gone], NOW, "ill", "patient")
    best = make_ups.plan_make_up(session, alice, gone, NOW).visit.start
    other = best.replace(hour=20 if best.hour < 17 else 15) + timedelta(days=1)
    booking.book_visit(
        session, harbor.prescriber, gone.patient, action_of(gone), other, NOW, override_reason="for the study"
    )

    made = make_ups.book_make_up(session, alice, make_ups.plan_make_up(session, alice, gone, NOW), NOW)

    assert abs(made.start_at.date() - other.date()) >= timedelta(days=2)


@pytest.mark.parametrize(("phase", "minutes"), [("observation", 5), ("infusion", 20)])
def test_a_shorter_dosing_visit_than_the_protocols_takes_an_override(
    session, harbor, alice, care_plan, phase, minutes
):
    change = ("infusion", phase, minutes, NOW)
    for actor, reason in ((alice, ""), (alice, WHY), (harbor.prescriber, "")):
        with pytest.raises(RuleBroken, match="is shorter"):
            lengths.change_length(session, actor, care_plan, *change, reason)
    lengths.change_length(session, harbor.prescriber, care_plan, *change, WHY)

    [noted] = session.scalars(select(AuditEvent).where(AuditEvent.event == "care-plan.overridden"))
    assert (noted.fields, noted.reason) == (["override:shorter-phase"], WHY)


def test_therapy_is_made_shorter_by_the_front_desk(session, alice, care_plan):
    assert lengths.change_length(session, alice, care_plan, "therapy", "session", 45, NOW)
