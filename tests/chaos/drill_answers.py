"""Patients answer that they are unwell; the web processes and the senders are killed: every answer reaches a person.

What a patient was thanked for must be an open task and a mail that the server has accepted, and nothing may be there in
part. The control keeps the answer in one transaction and opens the task in the next.
"""

import os
import random
import signal
import time
from contextlib import suppress
from datetime import timedelta
from email import message_from_bytes
from email.policy import default

from sqlalchemy import select

from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.task import Task
from scheduler.models.visit_answer import CheckIn
from scheduler.services import private_links
from scheduler.services.mail import outbox
from tests.cast import NOW
from tests.chaos import crowd
from tests.chaos.harness import drill
from tests.chaos.report import tell
from tests.chaos.settings import SEED, rounds, short_on
from tests.engines import SECRET_KEY
from tests.forked import Child, ask

PER_KILL = 4
SENDERS = 2
AGO = timedelta(hours=24)


@short_on("sqlite")
def test_answers_reach_a_person(engine_name, forked, app, session, harbor, tmp_path):
    number = rounds(3, 200)
    found = kill_again_and_again(app, session, harbor, tmp_path, number)
    planted = kill_again_and_again(app, session, harbor, tmp_path / "control", 2, control="two-transactions")
    tell(
        "answers",
        engine_name,
        {"kills": number, **found},
        {"bug": "the task is opened after the answer is kept", "lost": planted["lost"]},
    )

    assert (found["lost"], found["half"]) == (0, 0)
    assert found["answers"] >= number
    assert planted["lost"] > 0


def kill_again_and_again(app, session, harbor, folder, number, control=""):
    folder.mkdir(exist_ok=True)
    chance = random.Random(SEED)
    pages = of_patients(session, harbor, PER_KILL * (number + 2), first=10_000 * bool(control))
    acks, log = folder / "acks", str(folder / "answerers.log")
    plan = {
        "folder": str(folder),
        "database": app.config["SETTINGS"].database_url,
        "pages": pages,
        "acks": str(acks),
        "control": control,
    }

    def answered():
        return acks.read_text().split() if acks.exists() else []

    with drill(app, harbor.clinic, folder) as running:
        senders = [running.start() for _ in range(SENDERS)]
        for _ in range(number):
            child = Child(ask("tests.chaos.forked_programs.program", module="answerers", plan=plan, log=log))
            wanted, last = len(answered()) + chance.randrange(1, PER_KILL), time.monotonic() + 60
            while len(answered()) < wanted and child.poll() is None and time.monotonic() < last:
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.03))
            child.kill()
            child.wait()
            running.end(senders.pop(chance.randrange(SENDERS)))
            senders.append(running.start())
        for sender in senders:
            with suppress(ProcessLookupError):
                os.kill(sender, signal.SIGTERM)
            running.wait_until_gone(sender)
        running.drain()
        return count(session, answered(), {visit for visit, _ in pages}, running.script.accepted)


def of_patients(session, harbor, count, first):
    """Give so many patients a visit that is over and a link; return (visit, address of the page)."""
    crowd.gather(session, harbor.clinic, count, start=NOW - AGO, first=first)
    visits = session.scalars(
        select(Appointment)
        .order_by(Appointment.id.desc())
        .limit(count)
        .execution_options(populate_existing=True)
    ).all()
    pages = []
    for visit in visits:
        visit.status = AppointmentStatus.FULFILLED
        mail = outbox.enqueue(
            session, harbor.clinic, MessageKind.CONFIRMATION, NOW, patient=visit.patient, about=[visit]
        )
        mail.state, mail.ended_at = MessageState.SENT, NOW
        token = private_links.page_token((SECRET_KEY,), mail, private_links.VISITS)
        pages.append((visit.public_id, f"/visits/{token}/appointments/{visit.public_id}/check-in"))
    session.commit()
    return pages


def count(session, answered, visits, accepted):
    """Compare what patients were thanked for with the tasks, and with what the mail server has accepted."""
    session.rollback()
    query = select(Appointment.public_id, Task.public_id).join(Task, Task.appointment_id == Appointment.id)
    tasks = {visit: task for visit, task in session.execute(query).all() if visit in visits}
    query = select(Appointment.public_id).join(CheckIn, CheckIn.appointment_id == Appointment.id)
    kept = set(session.scalars(query)) & visits
    texts = [
        message_from_bytes(one.content, policy=default).get_body(("plain",)).get_content() for one in accepted
    ]
    mailed = {visit for visit, task in tasks.items() if any(f"/tasks/{task}" in text for text in texts)}
    open_mails = select(Message.id).where(
        Message.kind == MessageKind.NOTICE, Message.state != MessageState.SENT
    )
    return {
        "answers": len(answered),
        "lost": len(set(answered) - mailed),
        "half": len(kept ^ tasks.keys()),
        "unsent": len(session.scalars(open_mails).all()),
    }
