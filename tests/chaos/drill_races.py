"""Cancelling while it is being sent, senders that are frozen beyond their lease, and several senders at once."""

import random
import signal
import time
from collections import Counter, deque
from dataclasses import asdict
from functools import partial
from itertools import count

from sqlalchemy import select

from scheduler.database import begin_write, db
from scheduler.domain.message_reasons import MessageReason
from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.message import Message, MessageSubject
from scheduler.models.patient import Patient
from scheduler.services.mail import reminders
from tests.chaos.harness import drill
from tests.chaos.report import tell
from tests.chaos.settings import FULL, SEED, rounds, short_on
from tests.chaos.writing import as_an_interface
from tests.engines import both

FROZEN = 4  # at a time
MAILS = 16 if FULL else 10  # due for each that is frozen
SAME = 60 if FULL else 24  # mails that four senders take although others have them
MOST_TURNS = 14  # a mail takes five, so one or two go out for each that is cancelled
CONTROL = 200 if FULL else 20  # races: nine in ten send a stale mail
NEXT = 12  # mails that are on the way or about to be, with four connections: one of these is cancelled
MORE = 300 if FULL else 60  # that fall due when few are left


@both
def test_cancel_against_send(engine_name, forked, app, harbor, tmp_path):
    number = rounds(30, 10_000)
    races, cancelled, stale = race(app, harbor, tmp_path, number, at_most=20 * number)
    _, _, planted = race(app, harbor, tmp_path / "control", min(number, CONTROL), control="check-blind")
    figures = {"races": races, "cancelled in time": cancelled, "stale mails": stale}
    tell(
        "cancel-against-send",
        engine_name,
        figures,
        {"bug": "the sending check is blind", "stale mails": planted},
    )

    assert 0 < cancelled < races
    assert stale == 0
    assert planted > 0


def race(app, harbor, folder, number, at_most=0, control=""):
    """Cancel so many visits while their reminders are on the way, and up to `at_most` until one of them is too late.

    Returns how many were cancelled, how many of them in time, and how many of those were sent after.

    The mail server takes a few steps between two cancellations, so both get through their work side by side on any
    machine; within these steps, sending check and cancellation race.
    """
    folder.mkdir(exist_ok=True)
    with drill(app, harbor.clinic, folder, control=control, delay=0.004, turns=True) as running:
        running.add(MORE)
        process = running.start()
        running.wait_for_connections(1)
        cancelled = list(_cancel_on_sight(app, running, number, at_most))
        in_time = {address for address in cancelled if address}
        running.script.let_go()
        running.end(process, signal.SIGTERM)
        running.wait_until_gone(process, 60)
        running.drain()
        sent = Counter(one.recipient for one in running.script.received)
    return len(cancelled), len(in_time), sum(sent[address] for address in in_time)


def _cancel_on_sight(app, running, number, at_most):
    """Cancel visits whose mails are next; yield the address of each, "" when its mail had passed its sending check."""
    chance = random.Random(SEED)
    waiting = deque(_addresses(running, running.first))
    received, seen, late = running.script.received, set(), False
    for done in count():
        if done >= number and (late or done >= at_most):
            return
        running.script.turns.release(chance.randint(1, MOST_TURNS))
        time.sleep(chance.uniform(0, 0.02))
        seen.update(one.recipient for one in received[len(seen) :])
        while waiting and waiting[0] in seen:
            waiting.popleft()
        if len(waiting) < NEXT:
            last = running.people
            running.add(MORE)
            waiting.extend(_addresses(running, last))
        place = chance.randrange(NEXT)
        address = waiting[place]
        del waiting[place]
        passed = as_an_interface(partial(_cancel, app, address))
        late = late or passed
        yield "" if passed else address


def _addresses(running, first):
    """Return whom a drill writes to, the nearest visit first."""
    return [f"p{who}@example.org" for who in range(first, running.people)]


def _cancel(app, address):
    """Cancel a visit as the services do; tell whether its mail had passed the sending check.

    The visit is locked by the cancellation, so that is a fact when it is read here.
    """
    with app.app_context():
        begin_write(db.session())
        visit = db.session.scalar(
            select(Appointment)
            .join(Patient, Patient.id == Appointment.patient_id)
            .where(Patient.email == address)
            .with_for_update(of=Appointment, key_share=True)
        )
        visit.status = AppointmentStatus.CANCELLED
        visit.schedule_version += 1
        db.session.flush()
        reminders.void_for(db.session(), [visit], MessageReason.CANCELED)
        mails = db.session.scalars(
            select(Message)
            .join(MessageSubject, MessageSubject.message_id == Message.id)
            .where(MessageSubject.appointment_id == visit.id)
        )
        passed = any(mail.data_at is not None for mail in mails)
        db.session.commit()
        db.session.remove()
    return passed


@short_on("postgresql")
def test_frozen_beyond_the_lease(engine_name, forked, app, harbor, tmp_path):
    number = rounds(4, 100)
    found = freezes(app, harbor, tmp_path, number)
    bug = "check-asks-no-lease"
    if FULL:
        planted = freezes(app, harbor, tmp_path / "control", 2 * FROZEN, control=bug)
    else:
        planted = frozen_before_the_check(app, harbor, tmp_path / "control", bug)
    control = {"bug": "the sending check asks for no lease", "unflagged copies": planted.unflagged}
    tell("sigstop", engine_name, {"freezes": number, **asdict(found)}, control)

    assert (found.lost, found.silent, found.unflagged) == (0, 0, 0)
    assert found.most_copies <= 2
    assert planted.unflagged > 0


def freezes(app, harbor, folder, number, control=""):
    """Freeze some senders in the middle of their work, let another take it over, wake them."""
    folder.mkdir(exist_ok=True)
    chance = random.Random(SEED)
    with drill(app, harbor.clinic, folder, control=control, lease=1.0) as running:
        for done in range(0, number, FROZEN):
            frozen = []
            running.add(MAILS * FROZEN)
            for _ in range(min(FROZEN, number - done)):
                frozen.append(running.start())
                running.wait_for_steps(chance.randrange(30))
                running.end(frozen[-1], signal.SIGSTOP)
            other = running.start()
            time.sleep(2)
            for one in frozen:
                running.end(one, signal.SIGCONT)
            time.sleep(0.5)
            for one in (*frozen, other):
                running.end(one, signal.SIGTERM)
            for one in (*frozen, other):
                running.wait_until_gone(one, 60)
        running.drain()
        return running.count()


def frozen_before_the_check(app, harbor, folder, control):
    """Freeze a sender that has claimed mails and waits for a greeting; wake it when another has sent them."""
    folder.mkdir()
    with drill(app, harbor.clinic, folder, control=control, lease=1.0, turns=True) as running:
        running.add(MAILS)
        frozen = running.start()
        running.wait_for_connections(1)
        running.end(frozen, signal.SIGSTOP)
        running.script.let_go()
        other = running.start()
        running.wait_for_mails(MAILS, 120)
        running.end(frozen, signal.SIGCONT)
        running.wait_for_mails(MAILS + 1, 120)
        for one in (frozen, other):
            running.end(one, signal.SIGTERM)
            running.wait_until_gone(one, 60)
        running.drain()
        return running.count()


@short_on("postgresql")
def test_four_senders_at_once(engine_name, forked, app, harbor, tmp_path):
    number = rounds(40, 10_000)
    with drill(app, harbor.clinic, tmp_path, lease=30, delay=0.002) as running:
        running.add(number)
        processes = [running.start() for _ in range(4)]
        last = time.monotonic() + 60 + number / 5
        while running.open_rows() and time.monotonic() < last:
            time.sleep(0.5)
        for process in processes:
            running.end(process, signal.SIGTERM)
        for process in processes:
            running.wait_until_gone(process)
        found = running.count()
    planted = everybody_takes_everything(app, harbor, tmp_path)
    tell("four-senders", engine_name, asdict(found), {"bug": "no claims", "second copies": planted})

    assert (found.lost, found.silent, found.duplicates) == (0, 0, 0)
    assert found.copies == number
    assert planted > 0


def everybody_takes_everything(app, harbor, folder):
    """The same with claims that take what others have claimed."""
    folder = folder / "control"
    folder.mkdir()
    with drill(app, harbor.clinic, folder, control="claims-for-all", delay=0.01, turns=True) as running:
        running.add(SAME)
        processes = [running.start() for _ in range(4)]
        running.wait_for_connections(8)  # two of them at least hold the same mails
        running.script.let_go()
        running.wait_for_steps(400 if FULL else 5 * SAME + 30, 20)
        for process in processes:
            running.end(process)
        running.drain()
        return running.count().duplicates
