"""An infusion does not come before the visits that prepare it, once one of them was canceled or missed."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.errors import RuleBroken, StepMissing
from scheduler.models.audit_event import AuditEvent
from scheduler.services.course import booking, make_ups
from scheduler.services.planning.courses import missing_before, missing_steps
from scheduler.services.visit import moves, requirements, step_rules, visits
from scheduler.services.visit.move_times import MoveTimes
from tests.cast import NOW
from tests.engines import both
from tests.services.courses import visit

REASON = "the assessment was done in hospital"


@pytest.fixture
def course(session, harbor, nora_course):
    """A course whose requirements are complete, and whose medical assessment was canceled."""
    infusion = visit(nora_course, "infusion-1")
    for requirement in list(nora_course.requirements):
        own = infusion if requirement.appointment_id == infusion.id else None
        if requirement.appointment_id in (None, infusion.id):
            requirements.complete(session, harbor.prescriber, nora_course, requirement.key, NOW, own)
    visits.cancel(session, harbor.actor("alice"), [visit(nora_course, "assessment")], NOW, "ill", "patient")
    return nora_course


@both
def test_check_in_is_blocked_until_the_visit_is_made_up_for(session, harbor, course):
    infusion, assessment = visit(course, "infusion-1"), visit(course, "assessment")
    with pytest.raises(
        StepMissing, match=r"Missing before Infusion: Medical assessment \(canceled\)"
    ) as caught:
        visits.check_in(session, harbor.actor("nick"), infusion, infusion.start_at)
    assert [step["id"] for step in caught.value.details["steps"]] == [assessment.public_id]

    planned = make_ups.plan_make_up(session, harbor.actor("alice"), assessment, NOW)
    make_ups.book_make_up(session, harbor.actor("alice"), planned, NOW)

    assert missing_before(infusion) == []
    against = step_rules.against(infusion, "check-in", infusion.start_at)
    assert not any(isinstance(one, StepMissing) for one in against)


def test_a_prescriber_overrides_it_with_a_reason_that_is_recorded(session, harbor, course):
    infusion = visit(course, "infusion-1")
    visits.check_in(session, harbor.prescriber, infusion, infusion.start_at, override_reason=REASON)

    noted = session.scalars(select(AuditEvent).where(AuditEvent.event == "appointment.overridden")).one()
    assert (noted.fields, noted.reason) == (["override:missing:assessment"], REASON)


def test_a_late_entry_is_blocked_too(session, harbor, course):
    infusion = visit(course, "infusion-1")

    with pytest.raises(StepMissing):
        visits.fulfill(session, harbor.actor("nick"), infusion, infusion.start_at + timedelta(days=1))


def test_a_missed_visit_counts_like_a_canceled_one(session, harbor, nora_course):
    consult = visit(nora_course, "consult")
    visits.mark_noshow(session, harbor.actor("alice"), consult, consult.start_at + timedelta(hours=1))

    assert missing_before(visit(nora_course, "assessment")) == [consult]


def test_a_visit_that_comes_only_afterwards_is_no_substitute(session, harbor, nora_course):
    consent, infusion = visit(nora_course, "consent"), visit(nora_course, "infusion-1")
    step = nora_course.plan_definition.plan.action("consent")
    booked = booking.book_visit(
        session, harbor.actor("alice"), nora_course.patient, step, consent.start_at + timedelta(days=28), NOW,
        care_plan=nora_course,
    )  # fmt: skip
    assert missing_before(infusion) == []
    visits.cancel(session, harbor.actor("alice"), [consent], NOW, "ill", "patient")

    assert missing_before(infusion) == [booked]
    with pytest.raises(StepMissing, match=r"Consent and plan \(booked on"):
        visits.check_in(session, harbor.actor("nick"), infusion, infusion.start_at)
    assert missing_steps(nora_course)[0] == (booked, infusion)


def test_a_second_visit_of_a_step_takes_nothing_from_the_one_that_was_held(session, harbor, nora_course):
    consult = visit(nora_course, "consult")
    step = nora_course.plan_definition.plan.action("consult")
    visits.check_in(session, harbor.actor("nick"), consult, consult.start_at)
    booking.book_visit(
        session, harbor.actor("alice"), nora_course.patient, step, consult.start_at + timedelta(days=29), NOW,
        care_plan=nora_course,
    )  # fmt: skip

    assert missing_before(visit(nora_course, "infusion-1")) == []


def test_members_of_a_series_do_not_block_each_other(session, harbor, nora_course):
    third = visit(nora_course, "infusion-3")
    visits.cancel(session, harbor.actor("alice"), [third], NOW, "ill", "patient")

    assert missing_before(visit(nora_course, "infusion-4")) == []


def test_a_course_names_what_is_missing_and_the_first_visit_that_it_blocks(session, harbor, course):
    found = missing_steps(course)

    assert [(gone.action, blocked.action) for gone, blocked in found] == [("assessment", "consent")]


def test_the_order_of_the_steps_holds_over_a_canceled_one(session, harbor, nora_course):
    alice = harbor.actor("alice")
    assessment, infusion = visit(nora_course, "assessment"), visit(nora_course, "infusion-1")
    visits.cancel(session, alice, [visit(nora_course, "consent")], NOW, "ill", "patient")
    times = MoveTimes(moves.MovePlanner(session, alice, assessment, NOW, scope="following"))
    tried = times.candidates(outside=False)
    after = next(one for one in sorted((*tried.usual, *tried.costly)) if one > infusion.end_at)

    for scope in ("one", "following"):
        with pytest.raises(RuleBroken) as caught:
            moves.plan_move(session, alice, assessment, after, NOW, scope=scope)
        assert "order" in {one["rule"] for one in caught.value.details["violations"]}
    with pytest.raises(RuleBroken):  # and no page offers it
        times.fit(after, outside=False, costly=True)
    planned = moves.plan_move(session, harbor.prescriber, assessment, after, NOW, override_reason=REASON)
    moves.apply_moves(session, harbor.prescriber, planned, NOW, override_reason=REASON)

    assert assessment in missing_before(infusion)
