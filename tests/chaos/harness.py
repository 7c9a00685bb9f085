"""A delivery drill: a crowd, a counting mail server, senders that can be killed, and the count at the end.

The mail server runs here, in the process that nobody kills, and logs a mail before it answers. So what it has seen can
be compared with what the database says.
"""

import os
import signal
import time
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from threading import Semaphore

from sqlalchemy import and_, func, or_, select

from scheduler.database import db
from scheduler.models.message import Message, MessageState
from scheduler.models.reminder import Reminder, ReminderState
from scheduler.processes.dispatch import BATCH
from tests.cast import NOW
from tests.chaos import crowd
from tests.forked import ask
from tests.smtp_server import Script, smtp_server

VISIBLE = {"sent", "failed", "uncertain", "skipped", "void"}
HOURS = 3600
LATER = range(8, 20, 2)  # hours after the drill's own time, in which what failed is tried again and again


@dataclass
class Count:
    """What a drill found. `lost`: said to be sent, and never seen. `silent`: neither seen nor shown to anybody."""

    mails: int
    copies: int
    lost: int
    silent: int
    duplicates: int
    flagged: int
    unflagged: int
    most_copies: int


class Drill:
    """One database, one mail server, any number of senders."""

    def __init__(self, app, clinic, script, port, folder, policy, control, lease, batch):
        self.app, self.clinic, self.script = app, clinic, script
        self.control, self.log = control, folder / "senders.log"
        self.plan = {
            "folder": str(folder),
            "database": app.config["SETTINGS"].database_url,
            "port": port,
            "policy": policy,
            "lease": lease,
            "batch": batch,
            "log": str(self.log),
        }
        self._steps = 0
        self._started: list[int] = []
        self.first = self.people = 1_000_000 * bool(control)
        self._epoch = time.monotonic()

    def add(self, people, step=timedelta(seconds=1)):
        """Let more reminders fall due."""
        crowd.gather(db.session(), self.clinic, people, first=self.people, step=step)
        self.people += people

    def start(self):
        """Start a sender and return its process id."""
        return self._start(self._epoch, self.control)

    def _start(self, epoch, control):
        self._started.append(
            ask("tests.chaos.forked_programs.sender", plan=self.plan | {"epoch": epoch, "control": control})
        )
        return self._started[-1]

    def end(self, process, how=signal.SIGKILL):
        os.kill(process, how)

    def end_all(self):
        """End what a failed drill has left running."""
        for process in self._started:
            with suppress(FileNotFoundError, ProcessLookupError):
                command = Path(f"/proc/{process}/cmdline").read_bytes()
                if b"tests.nursery" in command:  # else another process has the number now
                    self.end(process)

    def stand_still(self):
        """Take back what turns the mail server has left, so that nothing leaves until it is given others."""
        while self.script.turns.acquire(blocking=False):
            pass

    def wait_for_steps(self, steps, seconds=2):
        """Wait until the mail server has been spoken to so often, or for so long when nobody speaks."""
        wanted = self.script.steps + steps
        last = time.monotonic() + seconds
        while self.script.steps < wanted and time.monotonic() < last:
            time.sleep(0.002)

    def wait_for_connections(self, connections, seconds=60):
        """Wait until somebody has come so often."""
        last = time.monotonic() + seconds
        while self.script.connections < connections and time.monotonic() < last:
            time.sleep(0.01)
        assert self.script.connections >= connections, f"the senders do not come: {self._last_words()}"

    def wait_for_mails(self, mails, seconds=600):
        """Wait until so many have come."""
        last = time.monotonic() + seconds
        while len(self.script.received) < mails and time.monotonic() < last:
            time.sleep(0.02)
        assert len(self.script.received) >= mails, f"the mails do not come: {self._last_words()}"

    def wait_for_silence(self, seconds=60):
        """Wait until somebody waits for an answer that the server does not give."""
        last = time.monotonic() + seconds
        while not self.script.silences and time.monotonic() < last:
            time.sleep(0.01)
        assert self.script.silences, f"nobody waits for an answer: {self._last_words()}"

    def _last_words(self):
        """Return the end of what the senders have complained of."""
        return self.log.read_text(errors="replace")[-500:]

    def is_gone(self, process):
        try:
            status = Path(f"/proc/{process}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            return True
        return status.rpartition(")")[2].split()[0] == "Z"

    def wait_until_gone(self, process, seconds=30):
        last = time.monotonic() + seconds
        while time.monotonic() < last:
            if self.is_gone(process):
                return
            time.sleep(0.01)
        raise AssertionError(f"sender {process} does not end")

    def drain(self, seconds=600):
        """Let a healthy sender work until nothing is due, later and later, so that every backoff ends."""
        last = time.monotonic() + seconds
        for hours in LATER:
            epoch = time.monotonic() - hours * HOURS
            process = self._start(epoch, self.control if self.control == "check-blind" else "")
            self._wait_while_it_goes_on(last, epoch)
            self.end(process, signal.SIGTERM)
            self.wait_until_gone(process)
            if not self.open_rows(time.monotonic() - LATER[-1] * HOURS):
                return

    def _wait_while_it_goes_on(self, last, epoch, patience=6):
        """Wait until nothing is open and due for a sender of that epoch, or nothing has changed for some seconds."""
        rows, since = self.open_rows(epoch), time.monotonic()
        while rows and time.monotonic() < min(last, since + patience):
            time.sleep(0.2)
            now_open = self.open_rows(epoch)
            if now_open != rows or self.script.steps != self._steps:
                rows, since, self._steps = now_open, time.monotonic(), self.script.steps

    def open_rows(self, epoch=None):
        """Return how many reminders or mails still wait; with an epoch, how many for nothing but a sender's hand."""
        wait = [Reminder.state == ReminderState.PENDING, Message.state == MessageState.PENDING]
        if epoch is not None:
            now = NOW + timedelta(seconds=time.monotonic() - epoch)
            wait = [and_(wait[0], Reminder.due_at <= now), and_(wait[1], Message.due_at <= now)]
        mails = or_(wait[1], Message.state == MessageState.LEASED)
        with db.engine.connect() as connection:
            return sum(connection.scalar(select(func.count()).where(one)) for one in (wait[0], mails))

    def count(self):
        """Compare what the server has seen with what the database says."""
        db.session.expire_all()
        ours = {f"p{number}@example.org" for number in range(self.first, self.people)}
        rows = {who: row for who, row in crowd.states(db.session()).items() if who in ours}
        copies = Counter(one.recipient for one in self.script.received)
        result = Count(len(rows), sum(copies.values()), 0, 0, 0, 0, 0, max(copies.values(), default=0))
        for address, (reminder, mail, resends, _reason) in rows.items():
            seen = copies[address]
            flagged = bool(resends) or mail == "uncertain"
            result.lost += mail == "sent" and not seen
            result.silent += not seen and reminder not in VISIBLE
            result.duplicates += max(seen - 1, 0)
            result.flagged += flagged
            result.unflagged += seen > 1 and not flagged
        return result


@contextmanager
def drill(
    app,
    clinic,
    folder,
    policy="resend",
    control="",
    lease=1.0,
    delay=0.01,
    plan=None,
    turns=False,
    batch=BATCH,
):
    """Give a drill with its server running. With `turns` the server waits for the drill at each step."""
    script = Script(delay=delay, plan=plan or {}, turns=Semaphore(0) if turns else None)
    with smtp_server(script) as port:
        running = Drill(app, clinic, script, port, folder, policy, control, lease, batch)
        try:
            yield running
        finally:
            script.let_go()
            running.end_all()
