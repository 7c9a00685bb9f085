"""The clock as it runs: its own process, real SMTP, and what the mail server was given."""

import email
import email.policy
from datetime import UTC, datetime, timedelta

import dkim

from config import DkimKey
from scheduler.demo.mail_catcher import caught, folder_of
from scheduler.notify.sender_records import public_record
from scheduler.services import signs_of_life
from scheduler.services.mail import outbox, reminders
from tests.cast import NOW
from tests.engines import both
from tests.rsa_keys import rsa_pem
from tests.visits import add_visit

WITHIN = 15  # seconds from due to gone, on a machine that has the time; a slow one is not judged here


def booked(session, cast, start):
    visit = add_visit(session, cast, "Chair 1", start)
    reminders.plan_for(session, cast.clinic, [visit], NOW)
    outbox.tell(session, cast.clinic, [visit], NOW)
    session.commit()
    return visit


def signing(system):
    """Let the system sign its mail; return the key."""
    file = system.folder / "dkim.pem"
    file.write_bytes(rsa_pem())
    file.chmod(0o600)
    system.environ |= {"DKIM_KEY_FILE": str(file), "DKIM_SELECTOR": "seriate"}
    return DkimKey("seriate.invalid", "seriate", rsa_pem())


def received(system, subject):
    """Return when each mail to Nora with this subject was taken."""
    return [
        mail.received_at
        for mail in caught(folder_of(system.folder))
        if "nora@example.org" in mail.recipients and subject_of(mail.content()).startswith(subject)
    ]


def subject_of(content):
    return email.message_from_bytes(content, policy=email.policy.default)["Subject"]


@both
def test_a_reminder_is_in_the_mailbox_soon_after_it_is_due(system, session, harbor):
    due_at = NOW + timedelta(minutes=5)
    booked(session, harbor, due_at + timedelta(hours=24))
    system.travel(NOW)
    key = signing(system)
    system.start("mail", "clock")
    system.wait(lambda: "the clock is running" in system.log("clock").read_text())
    system.travel(due_at - timedelta(seconds=2))

    [at] = system.wait(lambda: received(system, "Reminder"))
    assert at >= due_at
    assert signs_of_life.CLOCK["dispatch"] <= WITHIN / 3
    published = public_record(key).encode()
    sources = [mail.content() for mail in caught(folder_of(system.folder))]
    assert all(dkim.verify(source, dnsfunc=lambda *_, **__: published) for source in sources)


@both
def test_a_clock_that_stood_still_for_an_hour_sends_late_and_once(system, session, harbor):
    due_at = NOW + timedelta(minutes=30)
    booked(session, harbor, due_at + timedelta(hours=24))
    system.travel(NOW + timedelta(minutes=2))
    system.start("mail", "clock")
    assert len(system.wait(lambda: received(system, "Appointment"))) == 1
    system.stop("clock")
    system.travel(NOW + timedelta(hours=1))
    assert received(system, "Reminder") == []

    system.start("clock")
    [at] = system.wait(lambda: received(system, "Reminder"))
    assert at >= due_at + timedelta(minutes=30)
    started = datetime.now(UTC)
    system.wait(lambda: datetime.now(UTC) - started > timedelta(seconds=11))  # two more runs
    assert len(received(system, "Reminder")) == 1


def test_the_clock_ends_when_it_is_told_to(system):
    system.start("mail", "clock")
    system.wait(lambda: "the clock is running" in system.log("clock").read_text())
    clock = system.processes["clock"]
    system.stop("clock")

    assert clock.returncode == 0
