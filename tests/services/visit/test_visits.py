"""The steps of a visit, and taking them back."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from scheduler.domain.status import AppointmentStatus, Response
from scheduler.errors import RequirementOpen, SlotTaken, WrongStatus
from scheduler.models.allocation import Allocation
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.course import booking
from scheduler.services.mail import settings_changes
from scheduler.services.visit import undo, visits
from tests.cast import NOW, add_patient
from tests.engines import both
from tests.services.courses import visit, wishes


def taken_up(session, appointment) -> int:
    query = select(Allocation).where(
        Allocation.appointment_id == appointment.id, Allocation.released_at.is_(None)
    )
    return len(session.scalars(query).all())


@pytest.fixture
def therapy(session, harbor, nora_course):
    """A visit without requirements."""
    return visit(nora_course, "therapy-1")


@pytest.fixture
def alice(harbor):
    return harbor.actor("alice")


def test_confirming_touches_neither_calendar_nor_reminders(session, alice, therapy):
    counters = (therapy.sequence, therapy.schedule_version)
    visits.confirm(session, alice, therapy, NOW)

    assert therapy.response is Response.ACCEPTED
    assert (therapy.sequence, therapy.schedule_version) == counters


def test_a_visit_goes_its_way(session, alice, therapy):
    at = therapy.start_at
    visits.arrive(session, alice, therapy, at)
    visits.check_in(session, alice, therapy, at)
    visits.fulfill(session, alice, therapy, therapy.end_at)

    assert therapy.status is AppointmentStatus.FULFILLED


def test_a_done_visit_cannot_be_cancelled(session, alice, therapy):
    visits.check_in(session, alice, therapy, therapy.start_at)
    visits.fulfill(session, alice, therapy, therapy.end_at)

    with pytest.raises(WrongStatus, match="is done: it cannot be canceled"):
        visits.cancel(session, alice, [therapy], therapy.end_at)


def test_an_open_requirement_blocks_check_in_and_names_itself(session, harbor, alice, nora_course):
    infusion = visit(nora_course, "infusion-1")

    with pytest.raises(RequirementOpen) as refused:
        visits.check_in(session, alice, infusion, infusion.start_at)

    assert "consent" in {requirement["key"] for requirement in refused.value.details["requirements"]}


def test_only_a_role_that_may_passes_an_open_requirement(session, harbor, alice, nora_course):
    infusion = visit(nora_course, "infusion-1")

    with pytest.raises(RequirementOpen):
        visits.check_in(session, alice, infusion, infusion.start_at, override_reason="signed on paper")
    visits.check_in(
        session, harbor.prescriber, infusion, infusion.start_at, override_reason="signed on paper"
    )
    assert infusion.status is AppointmentStatus.CHECKED_IN


@both
def test_cancelling_frees_the_time_and_voids_reminders(session, alice, therapy):
    before = therapy.sequence
    visits.cancel(session, alice, [therapy], NOW, "ill", "patient")

    states = session.scalars(select(Reminder.state).where(Reminder.appointment_id == therapy.id)).all()
    assert therapy.status is AppointmentStatus.CANCELLED
    assert therapy.sequence == before + 1
    assert taken_up(session, therapy) == 0
    assert set(states) == {ReminderState.VOID}


@both
def test_taking_a_cancellation_back_takes_up_the_same_again(session, alice, therapy):
    held = taken_up(session, therapy)
    visits.cancel(session, alice, [therapy], NOW)
    undo.undo(session, alice, therapy, "cancel", NOW + timedelta(seconds=30))

    assert therapy.status is AppointmentStatus.BOOKED
    assert taken_up(session, therapy) == held
    pending = select(Reminder).where(
        Reminder.appointment_id == therapy.id, Reminder.state == ReminderState.PENDING
    )
    assert len(session.scalars(pending).all()) == 2


@both
def test_taking_a_cancellation_back_is_refused_once_the_time_is_taken(session, harbor, alice, therapy):
    visits.cancel(session, alice, [therapy], NOW)
    olga = add_patient(session, harbor, "Olga", "Nowak")
    action = wishes(session, harbor, "therapy-6").plan_definition.plan.actions[0]
    booking.book_visit(session, alice, olga, action, therapy.start_at, NOW)

    with pytest.raises(SlotTaken) as refused:
        undo.undo(session, alice, therapy, "cancel", NOW)

    assert {conflict["resource"] for conflict in refused.value.details["conflicts"]} == {"Room A", "Theo"}


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (visits.check_in, "Therapy session is a no-show: the patient cannot be checked in"),
        (visits.confirm, "Therapy session is a no-show: it cannot be confirmed"),
    ],
)
def test_a_refusal_names_the_status_and_the_step_in_words(session, alice, therapy, step, words):
    therapy.title = "Therapy session"
    visits.mark_noshow(session, alice, therapy, therapy.end_at)

    with pytest.raises(WrongStatus) as refused:
        step(session, alice, therapy, therapy.end_at)
    assert refused.value.words == words


def test_only_the_latest_step_is_taken_back(session, alice, therapy):
    visits.arrive(session, alice, therapy, therapy.start_at)
    visits.check_in(session, alice, therapy, therapy.start_at)

    with pytest.raises(WrongStatus, match="last step was not the arrival"):
        undo.undo(session, alice, therapy, "arrive", therapy.start_at)
    undo.undo(session, alice, therapy, "check-in", therapy.start_at)
    undo.undo(session, alice, therapy, "arrive", therapy.start_at)
    assert therapy.status is AppointmentStatus.BOOKED


def test_a_visit_that_has_not_begun_cannot_be_missed(session, alice, therapy):
    with pytest.raises(WrongStatus, match="has not started"):
        visits.mark_noshow(session, alice, therapy, NOW)


def test_a_missed_visit_frees_its_time_and_stays_in_the_calendar_as_it_was(session, alice, therapy):
    before = therapy.sequence
    visits.mark_noshow(session, alice, therapy, therapy.start_at + timedelta(minutes=15))

    assert therapy.status is AppointmentStatus.NOSHOW
    assert therapy.sequence == before
    assert taken_up(session, therapy) == 0


def test_what_is_sent_after_a_visit_waits_again_once_a_missed_visit_was_none(session, alice, therapy):
    settings_changes.change(session, alice, {"reminder_rules": ["after-end 1 days"]}, NOW)
    an_hour_in = therapy.start_at + timedelta(hours=1)
    visits.mark_noshow(session, alice, therapy, an_hour_in)
    undo.undo(session, alice, therapy, "no-show", an_hour_in)

    waiting = select(Reminder.rule).where(
        Reminder.appointment_id == therapy.id, Reminder.state == ReminderState.PENDING
    )
    assert session.scalars(waiting).all() == ["after-1d"]
