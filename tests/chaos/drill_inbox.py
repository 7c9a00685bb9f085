"""Mails of all kinds in a mailbox of dovecot while the clock that reads it is killed again and again.

Each mail ends as one row with the effect of its kind, none is taken in twice, and what was unread stays unread. More
mail comes all the while, every fourth mail lies in the mailbox twice, and some are read by a person before the clock
comes. The control is a clock that marks what it has read, and so takes in what is unread.
"""

import random
import sys
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select

from scheduler.domain.status import Response
from scheduler.ical import Method, invitation
from scheduler.models.appointment import Appointment
from scheduler.models.incoming_mail import InboxPosition, IncomingMail, MailKind
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.patient import Patient
from scheduler.models.patient_request import PatientRequest
from scheduler.models.reminder import Reminder
from scheduler.services.mail import outbox
from scheduler.services.patient.incoming_mail import UNREADABLE, message_key
from tests.cast import NOW
from tests.chaos import crowd
from tests.chaos.dovecot import dovecot
from tests.chaos.report import tell
from tests.chaos.settings import SEED, rounds, short_on
from tests.services.patient.test_incoming_mail import report

BATCH = 20  # mails that come at once
SECONDS = 1  # between two runs of the job
PATIENCE = 600  # seconds for a clock to come up and read, on a machine that has much else to do
ORGANIZER = "Seriate <desk@seriate.example>"
QMAIL = """From: MAILER-DAEMON@mx.example.org
To: {to}
Subject: failure notice

Hi. This is the qmail-send program at mx.example.org.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{patient}>:
Sorry, no mailbox here by that name. (#5.1.1)
"""
COMPLAINT = """From: feedback@isp.example
To: {to}
Subject: complaint
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="x"

--x
Content-Type: text/plain

This is spam.
--x
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: isp/1
Version: 1

--x--
"""


@dataclass
class Incoming:
    """A mail that is delivered, and what must come of it."""

    kind: str
    content: bytes
    patient_id: int
    visit_id: int
    message_id: int | None

    @property
    def key(self):
        return message_key(self.content)


def written(number, kind, session, harbor, patient, visit, rng):
    """Return the mail that a patient, a calendar or a server writes."""
    about = None
    if kind in ("bounce", "qmail", "delay", "complaint"):
        about = outbox.enqueue(
            session, harbor.clinic, MessageKind.CONFIRMATION, NOW, patient=patient, about=[visit]
        )
        about.state, about.rfc_message_id = MessageState.SENT, f"<{about.public_id}@seriate.example>"
        about.address = patient.email
        session.flush()
    to = f"desk+{about.public_id}@seriate.example" if about else "desk@seriate.example"
    values = {"to": to, "patient": patient.email}
    if kind == "bounce":
        content = report("5.1.1", to=to).replace(b"nora@example.org", patient.email.encode())
    elif kind == "delay":
        content = report("4.4.7", "delayed", to=to)
    elif kind in ("qmail", "complaint"):
        content = {"qmail": QMAIL, "complaint": COMPLAINT}[kind].format(**values).encode()
    elif kind in ("accepted", "declined", "counter"):
        content = answered(kind, harbor, patient, visit)
    elif kind == "unreadable":
        content = b"From: " + patient.email.encode() + b"\nSubject: deep\n\n" + b"\n--x" * 400
    else:
        sender = "someone@elsewhere.example" if kind == "stranger" else patient.email
        automatic = "Auto-Submitted: auto-replied\n" * (kind == "vacation")
        text = f"From: {sender}\nTo: {to}\nSubject: {kind}\n{automatic}\nNumber {number}: {rng.random()}\n"
        content = text.encode()
    content = f"Message-ID: <{number}.{kind}@mx.example>\n".encode() + content
    return Incoming(kind, content, patient.id, visit.id, about.id if about else None)


def answered(kind, harbor, patient, visit):
    calendar = invitation(harbor.clinic, visit, patient.email, ORGANIZER, Method.REQUEST)
    method = "COUNTER" if kind == "counter" else "REPLY"
    state = {"accepted": "ACCEPTED", "declined": "DECLINED", "counter": "TENTATIVE"}[kind]
    calendar = calendar.replace(b"METHOD:REQUEST", f"METHOD:{method}".encode())
    calendar = calendar.replace(b"PARTSTAT=NEEDS-ACTION", f"PARTSTAT={state}".encode())
    head = f"From: {patient.email}\nTo: desk@seriate.example\nMIME-Version: 1.0\n"
    return f'{head}Content-Type: text/calendar; method={method}; charset="utf-8"\n\n'.encode() + calendar


KINDS = (
    *("bounce", "qmail", "delay", "complaint", "accepted", "declined", "counter"),
    *("vacation", "letter", "stranger", "unreadable"),
)


def is_right(session, mail, row):
    """Tell whether a mail had the effect of its kind, once."""
    visit, patient = session.get_one(Appointment, mail.visit_id), session.get_one(Patient, mail.patient_id)
    message = session.get(Message, mail.message_id) if mail.message_id else None
    asked = session.scalar(
        select(func.count()).select_from(PatientRequest).where(PatientRequest.appointment_id == visit.id)
    )
    open_kind = row.kind if row.done_at is None else None
    return {
        "bounce": lambda: message.state is MessageState.FAILED and patient.email_bad_at is not None,
        "qmail": lambda: message.state is MessageState.FAILED and patient.email_bad_at is not None,
        "delay": lambda: message.state is MessageState.SENT and patient.email_bad_at is None,
        "complaint": lambda: open_kind is MailKind.COMPLAINT and patient.unsubscribed_at is not None,
        "accepted": lambda: visit.response is Response.ACCEPTED and asked == 0,
        "declined": lambda: visit.response is Response.DECLINED and asked == 1,
        "counter": lambda: open_kind is MailKind.ANSWER and row.appointment_id == visit.id,
        "vacation": lambda: row.kind is MailKind.AUTOMATIC and open_kind is None,
        "letter": lambda: open_kind is MailKind.MESSAGE and row.patient_id == patient.id,
        "stranger": lambda: open_kind is MailKind.MESSAGE and row.patient_id is None,
        "unreadable": lambda: row.reason == UNREADABLE and open_kind is MailKind.MESSAGE,
    }[mail.kind]()


def storm(system, session, mails, server, program, folder, rng):
    """Deliver the mails, and kill the clock again and again until it has read all; return how often."""
    system.environ["INBOX_URL"] = server.url
    system.commands = {"clock": [sys.executable, "-m", program, str(folder), str(SECONDS)]}
    waiting, kills = list(mails), 0
    twice = [mail for number, mail in enumerate(mails) if number % 4 == 0]
    while True:
        for mail in waiting[:BATCH]:
            is_read = rng.random() < 0.1
            server.deliver(mail.content, NOW, is_read=is_read)
            if mail in twice:
                server.deliver(mail.content, NOW, is_read=is_read)
        waiting = waiting[BATCH:]
        system.start("clock")
        wanted = rows(session) + rng.randint(2, 16)
        done = progress(system, session, server, wanted)
        system.kill("clock")
        kills += 1
        if done and not waiting:
            return kills


def progress(system, session, server, wanted):
    """Wait until so many rows are there, or nothing is left to read; tell whether nothing is."""

    def goes_on():
        session.rollback()
        return is_finished(session, server) or rows(session) >= wanted

    system.wait(goes_on, PATIENCE, every=0.01)
    return is_finished(session, server)


def rows(session):
    session.rollback()
    return session.scalar(select(func.count()).select_from(IncomingMail))


def is_finished(session, server):
    position = session.scalar(select(InboxPosition))
    if position is not None:
        return position.uid >= server.delivered
    return server.unread() == 0  # the control keeps no position


def gathered(session, harbor, first, count, rng):
    """Return so many mails of all kinds, each of another patient about another visit."""
    crowd.gather(session, harbor.clinic, count, start=NOW + timedelta(days=3), first=first)
    session.execute(delete(Reminder))
    people = session.scalars(select(Patient).where(Patient.family_name == "Crowd").order_by(Patient.id))
    mails = []
    for number, patient in enumerate(people.all()[first:]):
        visit = session.scalar(select(Appointment).where(Appointment.patient_id == patient.id))
        kind = KINDS[number % len(KINDS)]
        mails.append(written(first + number, kind, session, harbor, patient, visit, rng))
    session.commit()
    return mails


@short_on("sqlite")
def test_inbox(engine_name, system, session, harbor, tmp_path):
    count, rng = rounds(66, 500), random.Random(SEED)
    with dovecot() as server:
        mails = gathered(session, harbor, 0, count, rng)
        kills = storm(system, session, mails, server, "tests.chaos.clock_with_brakes", tmp_path, rng)
        unread, found = server.unread(), outcomes(session, mails)
        in_mailbox, unread_before = server.mails(), server.delivered - server.read_by_people
    session.execute(delete(InboxPosition))
    session.commit()
    with dovecot(1) as server:
        others = gathered(session, harbor, count, max(count // 5, 33), rng)
        marked_kills = storm(system, session, others, server, "tests.chaos.marking_clock", tmp_path, rng)
        control, marked = (
            outcomes(session, others),
            server.delivered - server.read_by_people - server.unread(),
        )
    tell(
        "inbox",
        engine_name,
        {"mails": count, "in the mailbox": in_mailbox, "kinds": len(KINDS), "kills": kills, "lost": found["lost"],
         "taken in twice": found["twice"], "wrong effects": found["wrong"], "unread marked": unread_before - unread},
        {"bug": "what is read is marked", "mails": len(others), "kills": marked_kills, "lost": control["lost"],
         "unread marked": marked},
    )  # fmt: skip

    assert kills >= count // 16
    assert (found["lost"], found["twice"], found["wrong"], unread_before - unread) == (0, 0, 0, 0)
    assert control["lost"] > 0
    assert marked > 0


def outcomes(session, mails):
    """Count what was lost, taken in twice, and had another effect than that of its kind."""
    session.rollback()
    kept = {}
    for row in session.scalars(select(IncomingMail)):
        kept.setdefault(row.message_key, []).append(row)
    found = Counter()
    for mail in mails:
        its_rows = kept.get(mail.key, [])
        found["lost"] += not its_rows
        found["twice"] += max(len(its_rows) - 1, 0)
        found["wrong"] += bool(its_rows) and not is_right(session, mail, its_rows[0])
    return found
