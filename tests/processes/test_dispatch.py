"""The dispatch job against a real SMTP server and a real database, on both engines."""

from contextlib import contextmanager
from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from sqlalchemy import delete, select

from config import MailServer
from scheduler.database import begin_write, db
from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.models.schedule import ScheduleHours
from scheduler.notify.smtp import Connection
from scheduler.processes.dispatch import Outbound, dispatch
from scheduler.services.actors import Actor
from scheduler.services.limits import Limit
from scheduler.services.mail import channels, outbox, reminders
from scheduler.services.mail.leases import STOPS_TOGETHER
from scheduler.services.mail.letters import Letterhead
from scheduler.services.patient import patients
from tests.answering import needing
from tests.cast import NOW, add_patient
from tests.engines import SECRET_KEY, both
from tests.smtp_server import HANG_UP, Script, smtp_server
from tests.visits import add_visit

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
HEAD = Letterhead("https://seriate.example", (SECRET_KEY,), "Seriate <clinic@seriate.example>")


@pytest.fixture(autouse=True)
def never_closed(session, harbor):
    """Visits stand at any hour of any day here; without hours the clinic is always open."""
    session.execute(delete(ScheduleHours))
    session.commit()


class Post:
    """A clock that a test sets, a mail server, and the dispatch job."""

    def __init__(self, app, script, port, policy="resend"):
        self.now = NOW
        self.script = script
        self.beats: list[str] = []
        server = MailServer("127.0.0.1", port, "plain")
        self.out = Outbound(
            app, lambda: Connection(server, 2), HEAD, policy, lambda: self.now, beat=self.beats.append
        )

    def run(self, now=None):
        self.now = now or self.now
        db.session.commit()
        outcome = dispatch(self.out)
        db.session.expire_all()
        return outcome

    def meanwhile(self, visit, change):
        """Change a visit when the dispatch job has claimed its mail and connects."""
        visit_id, plain = visit.id, self.out.connect

        def connect():
            self.out.connect = plain
            with self.out.app.app_context():
                begin_write(db.session())
                change(db.session.get(Appointment, visit_id))
                db.session.commit()
            return plain()

        self.out.connect = connect

    def mails(self):
        return [
            (one.recipient, message_from_bytes(one.content, policy=default)) for one in self.script.accepted
        ]


@contextmanager
def post_office(app, script=None, policy="resend"):
    script = script or Script()
    with smtp_server(script) as port:
        yield Post(app, script, port, policy)


def booked(session, cast, start, patient=None):
    visit = add_visit(session, cast, "Chair 1", start, patient)
    plan(session, cast, visit)
    return visit


def plan(session, cast, visit, now=NOW):
    reminders.plan_for(session, cast.clinic, [visit], now)
    outbox.tell(session, cast.clinic, [visit], now)


def states(session, model=Message):
    return [row.state.value for row in session.scalars(select(model).order_by(model.id))]


@both
def test_a_booking_is_confirmed_once(app, session, harbor):
    booked(session, harbor, NOW + 5 * DAY)
    with post_office(app) as post:
        assert post.run(NOW + MINUTE - timedelta(seconds=1)) == "sent 0"
        assert post.run(NOW + MINUTE) == "sent 1"
        assert post.run(NOW + 2 * MINUTE) == "sent 0"

        [(recipient, mail)] = post.mails()
    assert recipient == "nora@example.org"
    assert mail["Subject"] == "Appointment on Saturday, November 28, 2026, 8:00 AM"
    assert states(session) == ["sent"]


@both
def test_reminders_leave_when_they_fall_due(app, session, harbor):
    visit = booked(session, harbor, NOW + 5 * DAY)
    with post_office(app) as post:
        post.run(NOW + MINUTE)
        before = [
            post.run(visit.start_at - timedelta(hours=hours, seconds=seconds))
            for hours, seconds in ((72, 1), (72, 0), (24, 1), (24, 0))
        ]
    assert before == ["sent 0", "sent 1", "sent 0", "sent 1"]
    assert states(session, Reminder) == ["sent", "sent"]


@both
def test_after_downtime_only_the_newest_reminder_is_sent(app, session, harbor):
    visit = booked(session, harbor, NOW + 5 * DAY)
    with post_office(app) as post:
        post.run(NOW + MINUTE)
        post.run(visit.start_at - timedelta(hours=10))
    assert len(post.script.accepted) == 2
    assert [
        (row.rule, row.state.value) for row in session.scalars(select(Reminder).order_by(Reminder.id))
    ] == [
        ("before-72h", "skipped"),
        ("before-24h", "sent"),
    ]


@both
def test_nothing_is_sent_after_the_start(app, session, harbor):
    visit = booked(session, harbor, NOW + 5 * DAY)
    with post_office(app) as post:
        post.run(NOW + MINUTE)
        post.run(visit.start_at)
    assert len(post.script.accepted) == 1
    assert states(session, Reminder) == ["failed", "failed"]


@both
def test_a_moved_visit_is_reminded_at_its_new_time_only(app, session, harbor):
    visit = booked(session, harbor, NOW + 5 * DAY)
    with post_office(app) as post:
        post.run(NOW + MINUTE)
        visit.start_at += DAY
        visit.end_at += DAY
        visit.schedule_version += 1
        reminders.void_for(session, [visit], MessageReason.MOVED)
        reminders.plan_for(session, harbor.clinic, [visit], NOW)
        outbox.tell(session, harbor.clinic, [visit], NOW)
        post.run(NOW + 5 * MINUTE)
        post.run(visit.start_at - timedelta(hours=23))
        subjects = [mail["Subject"].partition(":")[0] for _, mail in post.mails()]
    assert subjects == ["Appointment on Saturday, November 28, 2026, 8", "New time", "Reminder"]
    assert states(session, Reminder) == ["void", "void", "skipped", "sent"]


@both
def test_a_visit_cancelled_after_the_claim_is_stopped_by_the_sending_check(app, session, harbor):
    visit = booked(session, harbor, NOW + 5 * DAY)
    with post_office(app) as post:

        def cancel(row):
            row.status = AppointmentStatus.CANCELLED
            row.schedule_version += 1

        post.meanwhile(visit, cancel)
        post.run(NOW + MINUTE)
    assert post.script.received == []
    assert states(session) == ["void"]


@both
def test_an_address_corrected_after_the_claim_gets_nothing_and_the_right_one_does(app, session, harbor):
    visit = booked(session, harbor, NOW + 5 * DAY)
    with post_office(app) as post:

        def correct(row):
            actor = Actor(db.session.get_one(Clinic, row.clinic_id), None, None, "staff")
            patients.update(db.session(), actor, row.patient, {"email": "right@example.org"}, post.now)

        post.meanwhile(visit, correct)
        assert post.run(NOW + MINUTE) == "sent 0"
        post.run(NOW + 5 * MINUTE)
        assert [recipient for recipient, _ in post.mails()] == ["right@example.org"]
    assert states(session) == ["void", "sent"]


@both
def test_a_visit_moved_after_the_claim_is_confirmed_with_its_new_time(app, session, harbor):
    visit = booked(session, harbor, NOW + 5 * DAY)
    with post_office(app) as post:

        def move(row):
            row.start_at += DAY
            row.end_at += DAY
            row.schedule_version += 1
            outbox.tell(db.session(), db.session.get(Clinic, row.clinic_id), [row], post.now)

        post.meanwhile(visit, move)
        post.run(NOW + MINUTE)
        post.run(NOW + 5 * MINUTE)
        subjects = [mail["Subject"] for _, mail in post.mails()]
    assert subjects == ["Appointment on Sunday, November 29, 2026, 8:00 AM"]
    assert states(session) == ["void", "sent"]


def failing(step, reply):
    return Script({"nora": (step, reply)})


@both
def test_a_bad_address_is_marked_and_said(app, session, harbor):
    visit = booked(session, harbor, NOW + 5 * DAY)
    with post_office(app, failing("rcpt", b"550 5.1.1 no such user")) as post:
        post.run(NOW + MINUTE)
        post.run(visit.start_at - timedelta(hours=24))
    message, *notices = session.scalars(select(Message).order_by(Message.id))
    assert {(notice.kind, notice.recipient) for notice in notices} == {(MessageKind.NOTICE, "user")}
    assert (message.state, message.reason) == (
        MessageState.FAILED,
        "failed: address (recipient: 550 5.1.1 no such user)",
    )
    assert harbor.patients["Nora"].email_bad_at == NOW + MINUTE
    assert [row.reason for row in session.scalars(select(Reminder).order_by(Reminder.id))] == [
        "replaced by a later reminder",
        "the email address does not work",
    ]


@both
def test_a_busy_mailbox_is_tried_again_later(app, session, harbor):
    booked(session, harbor, NOW + 5 * DAY)
    with post_office(app, failing("rcpt", b"451 4.7.1 greylisted")) as post:
        post.run(NOW + MINUTE)
        [message] = session.scalars(select(Message))
        wait = message.due_at - post.now
        assert (message.state, message.attempts) == (MessageState.PENDING, 1)
        assert timedelta(minutes=5) <= wait <= timedelta(minutes=6)
        post.script.plan.clear()
        assert post.run(message.due_at) == "sent 1"


@both
def test_a_server_that_is_down_costs_no_attempt(app, session, harbor):
    booked(session, harbor, NOW + 5 * DAY)
    with post_office(app, Script(greeting=b"421 4.3.2 not now")) as post:
        assert post.run(NOW + MINUTE) == "sent 0, waiting: connect: 421 4.3.2 not now"
        [message] = session.scalars(select(Message))
        assert (message.state, message.attempts) == (MessageState.PENDING, 0)
        post.script.greeting = b"220 hello"
        assert post.run(NOW + MINUTE) == "sent 0, waiting: connect: 421 4.3.2 not now"
        assert post.run(NOW + MINUTE + timedelta(seconds=5)) == "sent 1"


@both
def test_an_unclear_end_is_sent_once_more_with_the_same_bytes(app, session, harbor):
    booked(session, harbor, NOW + 5 * DAY)
    with post_office(app, failing("content", HANG_UP)) as post:
        post.run(NOW + MINUTE)
    contents = [one.content for one in post.script.received]
    assert len(contents) == 2
    assert contents[0] == contents[1]
    [message] = session.scalars(select(Message))
    assert (message.state, message.resends) == (MessageState.UNCERTAIN, 1)


@both
def test_a_clinic_that_holds_gets_no_second_copy(app, session, harbor):
    booked(session, harbor, NOW + 5 * DAY)
    with post_office(app, failing("content", HANG_UP), policy="hold") as post:
        post.run(NOW + MINUTE)
        post.run(NOW + 2 * MINUTE)
    assert len(post.script.received) == 1
    [message] = session.scalars(select(Message))
    assert (message.state, message.resends) == (MessageState.UNCERTAIN, 0)


@both
def test_two_visits_of_one_day_are_one_reminder(app, session, harbor):
    start = NOW + 5 * DAY
    first = add_visit(session, harbor, "Chair 1", start)
    second = add_visit(session, harbor, "Room A", start + timedelta(minutes=90))
    for visit in (first, second):
        reminders.plan_for(session, harbor.clinic, [visit], NOW)
    with post_office(app) as post:
        post.run(start - timedelta(hours=24))
        [(_, mail)] = post.mails()
    assert mail["Subject"] == "Reminder: 2 appointments from Saturday, November 28, 2026"
    assert states(session, Reminder) == ["skipped", "sent", "skipped", "sent"]


def test_a_patient_without_email_is_on_the_call_list(app, session, harbor):
    harbor.patients["Nora"].email = None
    visit = booked(session, harbor, NOW + 5 * DAY)
    with post_office(app) as post:
        post.run(visit.start_at - timedelta(hours=24))
    assert post.script.received == []
    assert {row.reason for row in session.scalars(select(Message))} == {"no email address"}
    [_late, row] = session.scalars(select(Reminder).order_by(Reminder.id))
    assert (row.state, row.reason) == (ReminderState.SKIPPED, "no email address")


def test_without_consent_a_mail_says_only_that_there_is_a_message(app, session, harbor):
    harbor.patients["Nora"].email_ok = False
    booked(session, harbor, NOW + 5 * DAY)
    with post_office(app) as post:
        post.run(NOW + MINUTE)
        [(_, mail)] = post.mails()
    text = mail.get_body(("plain",)).get_content()
    assert mail["Subject"] == "You have a message"
    assert list(mail.iter_attachments()) == []
    assert [word for word in ("Nora", "November", "2026", "Harbor") if word in text] == []


def test_a_row_that_cannot_be_composed_delays_nobody(app, session, harbor):
    booked(session, harbor, NOW + 5 * DAY)
    [poison] = session.scalars(select(Message))
    poison.values = {**poison.values, "secret": "not encrypted"}
    add_patient(session, harbor, "Paul", "Okafor", email="paul@example.org", email_ok=True)
    booked(session, harbor, NOW + 6 * DAY, harbor.patients["Paul"])
    with post_office(app) as post:
        post.run(NOW + MINUTE)
    assert [
        (row.state.value, row.reason) for row in session.scalars(select(Message).order_by(Message.id))
    ] == [
        ("pending", "cannot be composed: WrongKey"),
        ("sent", ""),
    ]


@both
def test_a_jump_of_the_clock_holds_all_sending_until_somebody_agrees(app, session, harbor):
    booked(session, harbor, NOW + 5 * DAY)
    with post_office(app) as post:
        post.out.jump = lambda: timedelta(hours=-2)
        assert post.run(NOW + MINUTE) == "held: the clock jumped"
        post.out.jump = timedelta
        assert post.run(NOW + MINUTE) == "held: the clock jumped"
        assert channels.troubles(session, NOW)[0].startswith(
            "Sending is paused: the server clock jumped by -2.0 hours"
        )
        session.rollback()

        assert app.test_cli_runner().invoke(args=["clock", "agree"]).output == "sending resumed\n"
        assert post.run(NOW + MINUTE) == "sent 1"


@both
def test_no_more_leave_than_the_channels_rate_allows(app, session, harbor):
    for number in range(3):
        patient = add_patient(
            session, harbor, f"P{number}", "Crowd", email=f"p{number}@example.org", email_ok=True
        )
        outbox.enqueue(session, harbor.clinic, MessageKind.REMINDER, NOW, patient=patient)
    with post_office(app) as post:
        post.out.rate = Limit("mail", 2, timedelta(seconds=6))

        assert post.run(NOW) == "sent 2"
        assert post.run(NOW + timedelta(seconds=3)) == "sent 0"
        assert post.run(NOW + timedelta(seconds=6)) == "sent 1"


@both
def test_what_stops_senders_goes_alone(app, session, harbor):
    for number in range(3):
        patient = add_patient(
            session, harbor, f"P{number}", "Crowd", email=f"p{number}@example.org", email_ok=True
        )
        outbox.enqueue(
            session, harbor.clinic, MessageKind.REMINDER, NOW, patient=patient
        ).stops = STOPS_TOGETHER
    with post_office(app) as post:
        assert post.run(NOW) == "sent 3"

    assert session.scalars(select(Message.attempts)).all() == [1, 1, 1]


@both
def test_others_see_that_the_mail_server_is_away(app, session, harbor):
    booked(session, harbor, NOW + 5 * DAY)
    with post_office(app, Script(greeting=b"421 4.3.2 not now")) as post:
        post.run(NOW + MINUTE)
        assert channels.troubles(session, post.now) == [
            "The mail server is not accepting email (connect: 421 4.3.2 not now), next try 13:01 UTC."
        ]
        session.rollback()
        post.script.greeting = b"220 hello"
        post.run(NOW + 2 * MINUTE)
        assert channels.troubles(session, post.now) == []


def test_an_answer_that_needs_a_person_is_accepted_by_the_mail_server_at_once(app, session, harbor):
    visit = add_visit(session, harbor, "Chair 1", NOW - DAY)
    task = needing(session, Actor(harbor.clinic, None, None, "patient"), visit)
    with post_office(app) as post:
        post.run(NOW)

        first = post.mails()[0]
    assert first[0] == "mona@example.org"
    assert f"/tasks/{task.public_id}" in first[1].get_body(("plain",)).get_content()
