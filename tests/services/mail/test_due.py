from datetime import timedelta

import pytest
from sqlalchemy import event, select

from scheduler.models.message import Message, MessageKind
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.services.mail import call_list, outbox, reminders
from scheduler.services.mail.due import collect
from tests.cast import NOW, add_patient
from tests.chaos.crowd import gather
from tests.engines import both
from tests.visits import add_visit

DAY = timedelta(days=1)


def reminded_before(session, harbor, patient, mails, at=NOW):
    for _ in range(mails):
        outbox.enqueue(session, harbor.clinic, MessageKind.REMINDER, at, patient=patient)


def due_visit(session, harbor, patient=None):
    visit = add_visit(session, harbor, "Chair 1", NOW + DAY, patient)
    reminders.plan_for(session, harbor.clinic, [visit], NOW)
    return visit


def statements_of(session, work):
    executed = []

    def note(*call):
        executed.append(call[2])

    event.listen(session.get_bind(), "before_cursor_execute", note)
    work()
    event.remove(session.get_bind(), "before_cursor_execute", note)
    return len(executed)


def ends(session, visit):
    session.expire_all()
    query = select(Reminder.state, Reminder.reason).where(
        Reminder.appointment_id == visit.id, Reminder.due_at <= NOW
    )
    return [(state, reason) for state, reason in session.execute(query) if "booked too late" not in reason]


@both
def test_nobody_gets_more_reminders_in_a_day_than_the_clinic_says(session, harbor):
    visit = due_visit(session, harbor)
    reminded_before(session, harbor, visit.patient, 6)
    collect(session, NOW)

    reason = "limit of 6 reminders in 24 hours reached"
    assert ends(session, visit) == [(ReminderState.SKIPPED, reason)]
    assert [call.patient for call in call_list.calls(session, harbor.clinic, NOW)] == [visit.patient]


@both
def test_yesterdays_mails_changes_and_other_people_do_not_count(session, harbor):
    visit = due_visit(session, harbor)
    reminded_before(session, harbor, visit.patient, 6, at=NOW - DAY)
    reminded_before(session, harbor, add_patient(session, harbor, "Oscar", "Other"), 6)
    for _ in range(6):
        outbox.enqueue(session, harbor.clinic, MessageKind.CHANGE, NOW, patient=visit.patient)
    collect(session, NOW)

    assert ends(session, visit) == [(ReminderState.QUEUED, "")]


@pytest.mark.parametrize(
    "engine_name", ["postgresql"], indirect=True
)  # where each statement is a way to a server
def test_many_patients_are_collected_in_as_many_statements_as_one(session, harbor):
    counts = []
    for first, people in ((0, 1), (1, 12)):
        gather(session, harbor.clinic, people, first=first)
        counts.append(statements_of(session, lambda: collect(session, NOW)))
        session.commit()

    assert counts[0] == counts[1]
    assert len(session.scalars(select(Message)).all()) == 13


@both
def test_what_comes_too_late_takes_no_other_reminder_with_it(session, harbor):
    late = due_visit(session, harbor)
    soon = add_visit(session, harbor, "Chair 2", NOW + 2 * DAY, late.patient)
    rows = {"clinic_id": harbor.clinic.id, "schedule_version": 1, "recipient": "patient", "created_at": NOW}
    rows |= {"rule": "before-96h", "state": ReminderState.PENDING}
    expired = Reminder(appointment_id=late.id, due_at=NOW - DAY, expires_at=NOW, **rows)
    waiting = Reminder(appointment_id=soon.id, due_at=NOW + DAY / 24, expires_at=NOW + 2 * DAY, **rows)
    for row in session.scalars(select(Reminder)):
        row.state = ReminderState.VOID
    session.add_all([expired, waiting])
    collect(session, NOW)

    assert (expired.state, waiting.state) == (ReminderState.FAILED, ReminderState.PENDING)
