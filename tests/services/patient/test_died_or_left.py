"""Nothing is sent to a patient who died or left, and no link of theirs opens."""

from datetime import date, timedelta

import pytest
from sqlalchemy import select

from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.status import AppointmentStatus, CarePlanStatus
from scheduler.errors import Invalid, WrongStatus
from scheduler.models.message import Message, MessageKind
from scheduler.models.plan_definition import current
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.course import booking, ending, make_ups
from scheduler.services.feed import feeds
from scheduler.services.mail import delivery, due, leases, letters
from scheduler.services.patient import patients
from scheduler.services.visit import moves, visits
from tests.cast import NOW
from tests.engines import both
from tests.services.courses import book, visit

HEAD = letters.Letterhead("https://s.example", ("k" * 40,), "clinic@example.org")
GONE = pytest.mark.parametrize(
    ("fields", "reason"),
    [({"deceased_on": date(2026, 11, 20)}, MessageReason.DECEASED), ({"active": False}, MessageReason.LEFT)],
)


@GONE
def test_reminders_are_skipped_and_ask_for_no_call(session, harbor, nora_course, fields, reason):
    patients.update(session, harbor.actor("alice"), nora_course.patient, fields, NOW)
    first = session.scalars(
        select(Reminder).where(Reminder.state == ReminderState.PENDING).order_by(Reminder.due_at)
    ).first()
    due.collect(session, first.due_at)
    session.refresh(first)

    assert (first.state, first.reason_code) == (ReminderState.SKIPPED, reason)
    assert not reason.needs_call


@both
@GONE
def test_the_sending_check_refuses_what_was_composed_before(session, harbor, nora_course, fields, reason):
    message = session.scalars(select(Message).where(Message.kind == MessageKind.CONFIRMATION)).one()
    now = message.due_at
    [leased] = leases.claim(session, "token", now, 1)
    letter = letters.compose(session, leased, HEAD, now)
    assert leased is message
    assert isinstance(letter, letters.Letter)
    patient = nora_course.patient
    for name, value in fields.items():  # as a restore or another program leaves it: no link epoch is raised
        setattr(patient, name, value)
    session.flush()

    assert not delivery.pass_sending_check(session, letter, now)


@GONE
def test_a_message_that_waits_is_skipped_with_its_reason(session, harbor, nora_course, fields, reason):
    patients.update(session, harbor.actor("alice"), nora_course.patient, fields, NOW)
    message = session.scalars(select(Message).where(Message.kind == MessageKind.CONFIRMATION)).one()

    nothing = letters.compose(session, message, HEAD, NOW)

    assert isinstance(nothing, letters.NoLetter)
    assert nothing.reason is reason


@GONE
def test_private_links_and_calendar_links_end(session, harbor, nora_course, fields, reason):
    patient, alice = nora_course.patient, harbor.actor("alice")
    feed, _ = feeds.create(session, alice, patient.resource_id, "neutral", NOW)
    epoch = patient.link_epoch
    patients.update(session, alice, patient, fields, NOW)

    assert patient.link_epoch == epoch + 1
    assert feed.revoked_at == NOW


def test_a_day_of_death_lies_in_the_past(session, harbor):
    nora = harbor.patients["Nora"]
    with pytest.raises(Invalid, match="deceased_on"):
        patients.update(
            session, harbor.actor("alice"), nora, {"deceased_on": (NOW + timedelta(days=2)).date()}, NOW
        )


@GONE
def test_nothing_is_booked_or_moved_but_what_is_booked_can_be_canceled(
    session, harbor, nora_course, fields, reason
):
    patients.update(session, harbor.actor("alice"), nora_course.patient, fields, NOW)
    last = visit(nora_course, "infusion-6")
    later = last.start_at + timedelta(days=1)
    planned = moves.plan_move(session, harbor.prescriber, last, later, NOW, scope="following")
    with pytest.raises(WrongStatus, match=r"The patient (is recorded as deceased|has left the clinic)"):
        moves.apply_moves(session, harbor.prescriber, planned, NOW)
    session.rollback()
    patients.update(session, harbor.actor("alice"), nora_course.patient, fields, NOW)
    with pytest.raises(WrongStatus):
        book(session, harbor, "therapy-6")
    session.rollback()

    visits.cancel(session, harbor.prescriber, [visit(nora_course, "infusion-6")], NOW)
    assert visit(nora_course, "infusion-6").status.is_off


def test_all_that_is_ahead_is_canceled_quietly(session, harbor, nora_course):
    patient, alice = nora_course.patient, harbor.actor("alice")
    therapy = current(session, harbor.clinic.id, "therapy-6").plan.action("therapy-1")
    single = booking.book_visit(session, alice, patient, therapy, NOW + timedelta(days=42, hours=3), NOW)
    ahead = {one for one in nora_course.appointments if one.start_at > NOW}
    patients.update(session, alice, patient, {"active": False}, NOW)

    with pytest.raises(Invalid):
        ending.cancel_ahead(session, alice, patient, NOW, " ")
    gone = ending.cancel_ahead(session, alice, patient, NOW, "moved away")

    assert set(gone) == ahead | {single}
    assert {one.status for one in gone} == {AppointmentStatus.CANCELLED}
    assert all(one.cancelled_quietly and one.status_reason == "moved away" for one in gone)
    assert nora_course.status is CarePlanStatus.REVOKED
    assert make_ups.to_make_up(session, harbor.clinic) == []
    kinds = session.scalars(select(Message.kind)).all()
    assert MessageKind.CANCELLATION not in kinds
