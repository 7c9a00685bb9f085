"""What the rules page shows a patient would get is what the tick then sends."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import func, select

from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.mail import previews
from scheduler.services.mail.due import collect
from scheduler.services.visit import requirements
from tests.cast import NOW, SETTINGS, add_patient
from tests.engines import both
from tests.services.courses import visit
from tests.visits import add_visit

DAY = timedelta(days=1)
ASKING = (MessageKind.REMINDER, MessageKind.REQUIREMENT_MISSING, MessageKind.DRIVER, MessageKind.BOOSTER)


def shown(session, harbor, **settings):
    settings = replace(harbor.clinic.settings, **settings)
    patient = harbor.patients["Nora"]
    return previews.of_patient(session, harbor.clinic, settings, patient, NOW)


def played(session):
    """Let the clock run until nothing is planned any more; return what the tick made of it."""
    while due_at := session.scalar(
        select(func.min(Reminder.due_at)).where(Reminder.state == ReminderState.PENDING)
    ):
        collect(session, due_at)
    session.flush()
    query = select(Message).where(Message.kind.in_(ASKING)).order_by(Message.due_at, Message.kind)
    return [
        (message.kind, message.due_at, {subject.appointment_id for subject in message.subjects})
        for message in session.scalars(query)
    ]


@both
def test_a_courses_preview_is_what_is_sent(session, harbor, nora_course):
    care_plan = nora_course
    requirements.complete(
        session, harbor.actor("nick"), care_plan, "driver", NOW, visit(care_plan, "infusion-4")
    )
    expected = [(mail.kind, mail.due_at, {one.id for one in mail.visits}) for mail in shown(session, harbor)]

    assert expected == played(session)
    assert {kind for kind, _, _ in expected} == set(ASKING)


def test_other_rules_are_tried_without_being_saved(session, harbor):
    visit = add_visit(session, harbor, "Chair 1", NOW + 5 * DAY)
    tried = shown(session, harbor, reminder_lead_hours=(), reminder_rules=("before-start 2 days",))

    assert [(mail.kind, visit.start_at - mail.due_at) for mail in tried] == [(MessageKind.REMINDER, 2 * DAY)]
    assert (harbor.clinic.settings_document, session.scalar(select(func.count(Reminder.id)))) == (SETTINGS, 0)


def test_what_was_due_before_the_booking_is_shown_as_late(session, harbor):
    add_visit(session, harbor, "Chair 1", NOW + 2 * DAY)

    assert [(mail.late, NOW + 2 * DAY - mail.due_at) for mail in shown(session, harbor)] == [
        (True, 3 * DAY),
        (False, DAY),
    ]


def test_a_patient_without_visits_gets_nothing(session, harbor):
    assert shown(session, harbor) == []


def test_the_example_is_whoever_comes_next(session, harbor, hill):
    later = add_patient(session, harbor, "Liv", "Later")
    add_visit(session, harbor, "Chair 1", NOW + 3 * DAY, later)
    add_visit(session, harbor, "Chair 2", NOW + 2 * DAY)

    assert previews.next_patient(session, harbor.clinic, NOW) == harbor.patients["Nora"]
    assert previews.next_patient(session, hill.clinic, NOW) is None
    assert MessageState.PENDING not in set(session.scalars(select(Message.state)))
