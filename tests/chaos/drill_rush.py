"""Everything falls due at once: the nearest visit goes first, and three bad rows delay nobody else.

One recipient does not exist, one mailbox is full, and one mail kills every sender that composes it. Whoever was booked
last comes first, so that the order of the rows is not the order of the mails.
"""

import time
from collections import Counter
from datetime import timedelta

from sqlalchemy import func, or_, select

from scheduler.database import db
from scheduler.models.appointment import Appointment
from scheduler.models.message import Message, MessageState
from scheduler.models.patient import Patient
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.processes.dispatch import BATCH
from scheduler.services.mail.leases import STOPS_TOGETHER
from tests.cast import NOW
from tests.chaos.harness import drill
from tests.chaos.report import tell
from tests.chaos.settings import FULL, rounds, short_on

DELAYED = NOW + timedelta(minutes=4)  # the shortest wait after a failure is five
LEASE = 3.0 if FULL else 1.0  # seconds that all wait for what the killed sender had in hand
OPEN = (MessageState.PENDING, MessageState.LEASED)


@short_on("sqlite")
def test_a_rush(engine_name, forked, app, harbor, tmp_path):
    number = rounds(120, 10_000)
    killer, nobody, full_up = (f"p{number // 2 + more}@example.org" for more in range(3))
    plan = {nobody: b"550 5.1.1 unknown", full_up: b"552 5.2.2 full"}
    order, rows, starts = rush(app, harbor, tmp_path, number, killer, plan)
    bad = {killer, nobody, full_up}
    struck = {who for who, row in rows.items() if row.resends}
    calm = [who for who in order if not rows[who].stops and who not in struck]  # few, on a slow machine
    by_row = out_of_turn(list(dict.fromkeys(order)), latest_first=False)
    late = {who for who, row in rows.items() if row.due_at > DELAYED}
    planted = control(app, harbor, tmp_path / "control")
    tell(
        "rush",
        engine_name,
        {
            "due at once": number,
            "out of turn": out_of_turn(calm, latest_first=True),
            "delayed by a bad row": len(late - bad),
            "senders started": starts,
        },
        {
            "bug": "the killer always in company",
            "delayed by a bad row": planted,
            "out of turn if by row": by_row,
        },
    )

    assert set(order) == set(rows) - bad
    assert {
        who for who, copies in Counter(order).items() if copies > 1
    } <= struck  # flagged, as after any kill
    assert late == {killer, full_up}
    assert rows[nobody].state is MessageState.FAILED
    assert out_of_turn(calm, latest_first=True) == 0
    assert starts >= STOPS_TOGETHER + 2
    assert planted > 0
    assert by_row > 0


def rush(app, harbor, folder, number, killer, plan, company="", first=0):
    """Let all fall due; return who got a mail in their order, the mails by address, and how many senders began."""
    steps = {who.partition("@")[0]: ("rcpt", reply) for who, reply in plan.items()}
    with drill(
        app,
        harbor.clinic,
        folder,
        control=f"killer{company}={killer}",
        lease=LEASE,
        delay=0,
        plan=steps,
    ) as running:
        running.first = running.people = first
        running.add(number, step=-timedelta(seconds=1))
        starts, process = 0, None
        last = time.monotonic() + 120 + number / 4
        while still_to_do() and time.monotonic() < last:
            if process is None or running.is_gone(process):
                process = running.start()
                starts += 1
            time.sleep(0.2)
        running.end(process)
        running.wait_until_gone(process)
        rows = mails()
        order = [one.recipient for one in running.script.accepted if one.recipient in rows]
    return order, rows, starts  # without what the desk hears of the bad address


def control(app, harbor, folder):
    """The same with a killer that is never claimed alone: return how many others wait for it."""
    folder.mkdir()
    first = 1_000_000
    killer = f"p{first + 20}@example.org"
    _, rows, _ = rush(app, harbor, folder, 40, killer, {}, company="-in-company", first=first)
    others = [row for who, row in rows.items() if len(who) == len(killer) and who != killer]
    return sum(row.due_at > DELAYED for row in others)


def still_to_do():
    db.session.rollback()
    waiting = select(func.count()).where(Reminder.state == ReminderState.PENDING)
    open_mail = or_(Message.state == MessageState.LEASED, Message.due_at <= DELAYED)
    unsent = select(func.count()).where(
        Message.state.in_(OPEN), open_mail, Message.user_id.is_(None)
    )  # what the desk hears of the bad address waits for more of its kind
    return db.session.scalar(waiting) + db.session.scalar(unsent)


def mails():
    """Return the mails by their patient's address."""
    db.session.rollback()
    query = (
        select(Patient.email, Message)
        .join(Appointment, Appointment.patient_id == Patient.id)
        .join(Reminder, Reminder.appointment_id == Appointment.id)
        .join(Message, Message.id == Reminder.message_id)
    )
    return dict(db.session.execute(query).all())


def out_of_turn(order, *, latest_first):
    """Count who came further from their place than two claims; the senders of one process overtake each other."""
    ranked = sorted(order, key=lambda who: int(who.partition("@")[0][1:]), reverse=latest_first)
    place = {who: number for number, who in enumerate(ranked)}
    return sum(abs(place[who] - number) > 2 * BATCH for number, who in enumerate(order))
