"""Canceling a visit of a course: made up for or skipped, with what only follows from it, quietly or not."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.status import AppointmentStatus, CourseEffect
from scheduler.errors import Invalid, RuleBroken
from scheduler.models.audit_event import AuditEvent
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.services.course import make_ups
from scheduler.services.mail import message_ends, outbox
from scheduler.services.planning.courses import missing_before, missing_before_each
from scheduler.services.visit import undo, visits
from scheduler.services.visit.visit_story import record_of
from tests.cast import NOW, add_patient
from tests.engines import both
from tests.services.courses import visit
from tests.visits import single

S = AppointmentStatus
REASON = "the assessment was done in hospital"


@pytest.fixture
def alice(harbor):
    return harbor.actor("alice")


def cancellations(session):
    query = select(Message).where(
        Message.kind == MessageKind.CANCELLATION, Message.state == MessageState.PENDING
    )
    return session.scalars(query).all()


def announced(session, course):
    """Let the confirmation of a course leave, so that the patient must hear of a cancellation."""
    message = session.scalars(select(Message).where(Message.kind == MessageKind.CONFIRMATION)).one()
    message_ends.ended(session, message, MessageState.SENT, MessageReason.NONE, NOW)
    return message


def test_a_canceled_visit_is_to_be_made_up_for_until_it_is(session, harbor, alice, nora_course):
    third = visit(nora_course, "infusion-3")
    visits.cancel(session, alice, [third], NOW, "ill", "patient")
    assert make_ups.to_make_up(session, harbor.clinic) == [third]
    assert third.course_effect is CourseEffect.MAKE_UP

    make_ups.book_make_up(session, alice, make_ups.plan_make_up(session, alice, third, NOW), NOW)

    assert make_ups.to_make_up(session, harbor.clinic) == []


def test_a_skipped_visit_is_not_to_be_made_up_for(session, harbor, nora_course):
    therapy = visit(nora_course, "therapy-3")
    visits.cancel(session, harbor.actor("alice"), [therapy], NOW, course_effect=CourseEffect.SKIP)

    assert make_ups.to_make_up(session, harbor.clinic) == []


def test_the_desk_cannot_skip_a_step_that_later_ones_follow(session, alice, nora_course):
    assessment = visit(nora_course, "assessment")

    with pytest.raises(RuleBroken, match="Consent and plan follows Medical assessment: reschedule it"):
        visits.cancel(
            session, alice, [assessment], NOW, course_effect=CourseEffect.SKIP, override_reason=REASON
        )

    assert assessment.status.is_live


def test_a_no_show_is_not_skipped_by_the_desk_either(session, alice, nora_course):
    third = visit(nora_course, "infusion-3")

    with pytest.raises(RuleBroken, match="follows Infusion 3"):
        visits.mark_noshow(session, alice, third, third.start_at, course_effect=CourseEffect.SKIP)


def test_a_prescriber_skips_a_step_with_a_recorded_reason_and_nothing_is_missing(
    session, harbor, nora_course
):
    assessment, infusion = visit(nora_course, "assessment"), visit(nora_course, "infusion-1")
    visits.cancel(
        session,
        harbor.prescriber,
        [assessment],
        NOW,
        course_effect=CourseEffect.SKIP,
        override_reason=REASON,
    )

    noted = session.scalars(select(AuditEvent).where(AuditEvent.event == "appointment.overridden")).one()
    assert (noted.fields, noted.reason) == (["override:skipped-step:assessment"], REASON)
    assert missing_before(infusion) == []
    assert missing_before_each(session, nora_course.appointments) == {}


def test_what_is_missing_before_many_visits_is_what_is_missing_before_each(session, alice, nora_course):
    visits.cancel(session, alice, [visit(nora_course, "assessment")], NOW)
    session.flush()

    each = {one.id: missing_before(one) for one in nora_course.appointments if one.status.is_expected}
    assert missing_before_each(session, nora_course.appointments) == {k: v for k, v in each.items() if v}
    assert any(each.values())


@both
def test_the_check_in_call_is_canceled_with_its_infusion_and_comes_back_with_it(session, alice, nora_course):
    third, call = visit(nora_course, "infusion-3"), visit(nora_course, "call-3")
    visits.cancel(session, alice, [third], NOW, "ill", "patient")
    assert (call.status, call.course_effect) == (S.CANCELLED, None)

    undo.undo(session, alice, third, "cancel", NOW + timedelta(seconds=30))

    assert third.status.is_live
    assert call.status.is_live
    assert third.course_effect is None


def test_a_no_show_cancels_the_call_and_its_undo_restores_it(session, alice, nora_course):
    third, call = visit(nora_course, "infusion-3"), visit(nora_course, "call-3")
    visits.mark_noshow(session, alice, third, third.start_at)
    assert call.status is S.CANCELLED

    undo.undo(session, alice, third, "no-show", third.start_at + timedelta(minutes=1))

    assert call.status.is_live


def test_a_call_that_was_canceled_before_stays_canceled(session, harbor, nora_course):
    third, call = visit(nora_course, "infusion-3"), visit(nora_course, "call-3")
    visits.cancel(session, harbor.actor("alice"), [call], NOW)
    visits.cancel(session, harbor.actor("alice"), [third], NOW + timedelta(minutes=1))

    undo.undo(session, harbor.actor("alice"), third, "cancel", NOW + timedelta(minutes=2))

    assert call.status is S.CANCELLED


def test_a_make_up_comes_with_its_check_in_call(session, alice, nora_course):
    third, call = visit(nora_course, "infusion-3"), visit(nora_course, "call-3")
    visits.cancel(session, alice, [third], NOW)

    made = make_ups.book_make_up(session, alice, make_ups.plan_make_up(session, alice, third, NOW), NOW)

    session.expire(nora_course)
    stand_in = next(one for one in nora_course.appointments if one.replaces_id == call.id)
    assert stand_in.status.is_live
    assert stand_in.start_at > made.start_at


def test_a_therapy_session_is_not_canceled_with_its_infusion(session, alice, nora_course):
    visits.cancel(session, alice, [visit(nora_course, "infusion-3")], NOW)

    assert visit(nora_course, "therapy-3").status.is_live


def test_a_quiet_cancellation_needs_a_reason(session, alice, nora_course):
    with pytest.raises(Invalid, match="must say why the patient is not notified"):
        visits.cancel(session, alice, [visit(nora_course, "infusion-3")], NOW, " ", notify=False)


@both
def test_a_quiet_cancellation_is_never_written_about(session, harbor, alice, nora_course):
    confirmation, third = announced(session, nora_course), visit(nora_course, "infusion-3")
    visits.cancel(session, alice, [third], NOW, "told by phone", notify=False)
    outbox.tell(session, harbor.clinic, [third], NOW)  # as after a mail that fell through

    assert confirmation.subjects
    assert cancellations(session) == []


def test_any_other_cancellation_is_written_about(session, alice, nora_course):
    announced(session, nora_course)
    visits.cancel(session, alice, [visit(nora_course, "infusion-3")], NOW)

    assert len(cancellations(session)) == 1


def test_a_patients_cancellation_counts_at_once(session, alice, nora_course):
    visits.cancel(session, alice, [visit(nora_course, "infusion-3")], NOW, "ill", "patient")

    assert record_of(session, nora_course.patient, NOW).called_off == 1


def test_a_missed_single_visit_is_listed_until_the_patient_has_a_later_one(session, harbor, alice):
    patient = add_patient(session, harbor, "Olga", "Brandt")
    missed = single(session, harbor, patient, "infusion-1", NOW + timedelta(hours=1), "Chair 1")
    visits.mark_noshow(session, alice, missed, missed.start_at + timedelta(minutes=30), "no answer")
    listed = make_ups.to_make_up(session, harbor.clinic)
    single(session, harbor, patient, "infusion-1", NOW + timedelta(days=8), "Chair 1")

    assert (listed, missed.status_reason) == ([missed], "no answer")
    assert make_ups.to_make_up(session, harbor.clinic) == []


def test_a_missed_single_visit_without_a_follow_up_is_not_listed(session, harbor, alice):
    patient = add_patient(session, harbor, "Olga", "Brandt")
    missed = single(session, harbor, patient, "infusion-1", NOW + timedelta(hours=1), "Chair 1")
    visits.mark_noshow(session, alice, missed, missed.start_at, course_effect=CourseEffect.SKIP)

    assert make_ups.to_make_up(session, harbor.clinic) == []
