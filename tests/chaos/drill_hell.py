"""A mail server that does everything wrong. Each mail must end as what happened to it deserves."""

import random
import signal
import time
from collections import Counter

from sqlalchemy import and_, func, or_, select

from scheduler.database import db
from scheduler.models.message import Message, MessageState
from scheduler.models.reminder import Reminder
from tests.chaos import crowd
from tests.chaos.harness import drill
from tests.chaos.report import tell
from tests.chaos.settings import SEED, rounds
from tests.engines import both
from tests.smtp_server import HANG_UP

# what the server does to a recipient, and how the mail must stand after one pass
SINS = {
    "nothing": (("", b""), ("sent", 0)),
    "greylists": (("rcpt", b"451 4.7.1 come back"), ("pending", 0)),
    "no such user": (("rcpt", b"550 5.1.1 unknown"), ("failed", 0)),
    "no such user, said the old way": (("rcpt", b"550 unknown"), ("failed", 0)),
    "mailbox full": (("rcpt", b"552 5.2.2 full"), ("pending", 0)),
    "refused by policy": (("rcpt", b"554 5.7.1 no"), ("failed", 0)),
    "hangs up at the recipient": (("rcpt", HANG_UP), ("pending", 0)),
    "refuses DATA for now": (("data", b"451 4.3.0 busy"), ("pending", 0)),
    "hangs up at DATA": (("data", HANG_UP), ("pending", 0)),
    "disk full after the content": (("content", b"452 4.3.1 disk"), ("pending", 0)),
    "content refused": (("content", b"554 5.6.0 bad"), ("failed", 0)),
    # the sender cannot know that nobody listens any more, and had sent the dot already
    "hangs up in the content": (("body", HANG_UP), ("uncertain", 1)),
    "hangs up after the content": (("content", HANG_UP), ("uncertain", 1)),
    "answers nonsense after the content": (("content", b"whatever"), ("uncertain", 1)),
}


@both
def test_the_server_from_hell(engine_name, forked, app, harbor, tmp_path):
    number = rounds(42, 20_000)
    chance = random.Random(SEED)
    names = list(SINS)
    others = [chance.choice(names) for _ in range(number - len(names))]
    drawn = [*names, *others][:number]  # each sin at least once
    done_to = {f"p{who}": sin for who, sin in enumerate(drawn)}
    plan = {who: SINS[sin][0] for who, sin in done_to.items()}
    with drill(app, harbor.clinic, tmp_path, lease=30, delay=0.0005, plan=plan) as running:
        running.add(number)
        processes = [running.start() for _ in range(2)]
        last = time.monotonic() + 60 + number / 5
        while untouched() and time.monotonic() < last:
            time.sleep(0.5)
        time.sleep(2)
        for process in processes:
            running.end(process, signal.SIGTERM)
            running.wait_until_gone(process)
        wrong, found = verdicts(done_to)
    tell(
        "server-from-hell",
        engine_name,
        {"mails": number, "classed wrong": len(wrong), **found},
        control(done_to),
    )

    assert wrong == []


def untouched():
    """Tell whether a mail is still waiting for its first end."""
    db.session.rollback()
    never = or_(Message.resends > 0, Message.reason == "")
    fresh = and_(
        Message.state == MessageState.PENDING, Message.user_id.is_(None), never
    )  # not the desk's own
    waiting = (
        Reminder.message_id.is_(None),
        or_(Message.state == MessageState.LEASED, fresh),
    )
    return any(db.session.scalar(select(func.count()).where(one)) for one in waiting)


def verdicts(done_to):
    db.session.rollback()
    wrong = []
    rows = crowd.states(db.session())
    for who, sin in done_to.items():
        _, mail, resends, reason = rows[f"{who}@example.org"]
        if (str(mail), resends) != SINS[sin][1]:
            wrong.append((sin, str(mail), resends, reason))
    return wrong, dict(Counter(str(row[1]) for row in rows.values()))


def control(done_to):
    """The count must tell when the classes are swapped."""
    swapped = {who: ("nothing" if sin == "greylists" else sin) for who, sin in done_to.items()}
    wrong, _ = verdicts(swapped)
    assert wrong
    return {"bug": "one class swapped", "classed wrong": len(wrong)}
