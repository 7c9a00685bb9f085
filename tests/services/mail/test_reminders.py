from datetime import timedelta

from sqlalchemy import select

from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.status import AppointmentStatus
from scheduler.models.reminder import Reminder
from scheduler.services.mail import reminders, settings_changes
from tests.cast import NOW
from tests.engines import both
from tests.visits import add_visit

DAY = timedelta(days=1)


def rows(session):
    query = select(Reminder).order_by(Reminder.schedule_version, Reminder.due_at, Reminder.recipient)
    return [(row.schedule_version, row.rule, row.state.value, row.reason) for row in session.scalars(query)]


def planned(session, harbor, start=NOW + 5 * DAY):
    visit = add_visit(session, harbor, "Chair 1", start)
    reminders.plan_for(session, harbor.clinic, [visit], NOW)
    return visit


@both
def test_a_booked_visit_has_its_rows(session, harbor):
    planned(session, harbor)

    assert rows(session) == [(1, "before-72h", "pending", ""), (1, "before-24h", "pending", "")]


def test_planning_twice_is_planning_once(session, harbor):
    visit = planned(session, harbor)
    reminders.plan_for(session, harbor.clinic, [visit], NOW)

    assert len(rows(session)) == 2


def test_what_is_past_at_booking_says_so(session, harbor):
    planned(session, harbor, NOW + 2 * DAY)

    assert rows(session) == [
        (1, "before-72h", "skipped", "booked too late for this reminder"),
        (1, "before-24h", "pending", ""),
    ]


@both
def test_a_move_makes_the_old_rows_void_and_writes_new_ones(session, harbor):
    visit = planned(session, harbor)
    visit.start_at, visit.end_at, visit.schedule_version = visit.start_at + DAY, visit.end_at + DAY, 2
    reminders.void_for(session, [visit], MessageReason.MOVED)
    reminders.plan_for(session, harbor.clinic, [visit], NOW)

    assert rows(session) == [
        (1, "before-72h", "void", "moved"),
        (1, "before-24h", "void", "moved"),
        (2, "before-72h", "pending", ""),
        (2, "before-24h", "pending", ""),
    ]


def test_a_cancelled_visit_reminds_nobody(session, harbor):
    visit = planned(session, harbor)
    visit.status = AppointmentStatus.CANCELLED
    reminders.void_for(session, [visit], MessageReason.CANCELED)

    assert {row[2] for row in rows(session)} == {"void"}


def test_a_proposed_visit_reminds_nobody(session, harbor):
    visit = add_visit(session, harbor, "Chair 1", NOW + 5 * DAY)
    visit.status = AppointmentStatus.PROPOSED
    reminders.plan_for(session, harbor.clinic, [visit], NOW)

    assert rows(session) == []


def test_who_looks_after_a_patient_is_reminded_too(session, harbor):
    harbor.patients["Nora"].proxy_email = "pat@example.org"
    planned(session, harbor)

    assert len(rows(session)) == 4


def test_a_new_rule_never_sends_late(session, harbor):
    planned(session, harbor, NOW + 2 * DAY)
    settings_changes.change(
        session,
        harbor.command,
        {"reminder_lead_hours": [96, 24, 2], "reminder_rules": ["after-end 1 days"]},
        NOW,
    )

    assert rows(session) == [
        (1, "before-96h", "skipped", "rule added too late for this reminder"),
        (1, "before-72h", "skipped", "booked too late for this reminder"),
        (1, "before-24h", "pending", ""),
        (1, "before-2h", "pending", ""),
        (1, "after-1d", "pending", ""),
    ]


def test_a_rule_that_is_taken_away_and_comes_back(session, harbor):
    planned(session, harbor)
    settings_changes.change(session, harbor.command, {"reminder_lead_hours": [24]}, NOW)
    assert rows(session)[0] == (1, "before-72h", "void", "rule was removed")
    settings_changes.change(session, harbor.command, {"reminder_lead_hours": [72, 24]}, NOW)

    assert rows(session) == [(1, "before-72h", "pending", ""), (1, "before-24h", "pending", "")]
