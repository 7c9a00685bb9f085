"""The worker is killed while it plans, accepts and takes back a closed day: no course is moved in part.

After each kill every patient's visits are all where they were or all where the preview showed them, and a message about
the change is there exactly where they moved. The control moves each visit in a transaction of its own.
"""

import random
import time
from collections import Counter
from datetime import timedelta

from sqlalchemy import select, update

from scheduler.database import begin_write
from scheduler.domain.localtime import day_bounds
from scheduler.models.appointment import Appointment
from scheduler.models.job import Job, JobState
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.replan import ReplanState
from scheduler.services.clinic import schedules
from scheduler.services.planning.placement_documents import placement_of
from scheduler.services.replan import accepting, replans, undoing
from tests.cast import NOW, add_patient
from tests.chaos.report import tell
from tests.chaos.settings import SEED, rounds, short_on
from tests.clocks import StandingClock
from tests.forked import Child, ask
from tests.services.course.test_booking import overlaps
from tests.services.courses import book

PATIENTS = 4
LONG_AGO = timedelta(days=1)


@short_on("sqlite")
def test_replan(engine_name, forked, app, session, harbor, tmp_path):
    app.extensions["clock"] = StandingClock(NOW)
    number = rounds(3, 60)
    for n in range(PATIENTS):
        add_patient(session, harbor, f"Kim{n}", "Kato", email=f"kim{n}@example.com")
        book(session, harbor, patient=f"Kim{n}")
    for message in session.scalars(select(Message)):
        message.state, message.data_at, message.ended_at = MessageState.SENT, NOW, NOW
    session.commit()
    drill = Killing(app, session, harbor, tmp_path, random.Random(SEED))
    found = Counter()
    while found["kills"] < number:
        found += drill.close_accept_and_undo()
    planted = drill.close_accept_and_undo(control="visit by visit", kills=8)
    tell(
        "replan",
        engine_name,
        {
            "kills": found["kills"],
            "courses moved and back": found["moved"],
            "half moved": found["half"],
            "told wrongly": found["wrong"],
            "overlaps": overlaps(session),
        },
        {"bug": "each visit moves in a transaction of its own", "half moved": planted["half"]},
    )

    assert (found["half"], found["wrong"], overlaps(session)) == (0, 0, 0)
    assert found["moved"] >= PATIENTS
    assert planted["half"] > 0


class Killing:
    """A clinic whose worker is killed at any moment, and started again."""

    def __init__(self, app, session, harbor, folder, chance):
        self.app, self.session, self.harbor, self.folder, self.chance = app, session, harbor, folder, chance
        self.day = 0

    def close_accept_and_undo(self, control="", kills=None):
        """Close a day, accept what is found and take it back, with kills on the way; return what was counted."""
        found, mona = Counter(), self.harbor.actor("mona")
        course = self.session.scalars(select(Appointment).where(Appointment.action == "infusion-1")).first()
        on = course.local_start.date()
        replan = self._write(self._close, on)
        found += self._work(replan, control, kills)
        before = self._starts()
        self._write(accepting.ask, mona, replan, NOW)
        found += self._work(replan, control, kills, before)
        found["moved"] = sum(
            row.state is ReplanState.ACCEPTED for row in replans.courses(self.session, replan)
        )
        if control:
            return found
        for message in self.session.scalars(select(Message).where(Message.kind == MessageKind.CHANGE)):
            message.state, message.data_at, message.ended_at = MessageState.SENT, NOW, NOW
        self.session.commit()
        self._write(undoing.ask, mona, replan, NOW)
        found += self._work(replan, control, kills)
        found["half"] += before != self._starts()
        return found

    def _close(self, session, on):
        start, end = day_bounds(on, self.harbor.clinic.zone)
        mona = self.harbor.actor("mona")
        closure, _ = schedules.close(session, mona, start, end, NOW, reason="storm")
        return replans.ask(session, mona, NOW, replans.of_closure(closure), closure, closes=True)

    def _work(self, replan, control, kills, before=None):
        """Let workers do what waits; all but the last are killed. Look at the courses after each."""
        found = Counter()
        for number in range(kills or self.chance.randint(1, 3)):
            child = self._start(control)
            if before is not None:
                self._wait_for_a_move(child)
            time.sleep(self.chance.uniform(0, 0.3 if before is not None else 1.5))
            child.kill()
            child.wait()
            found["kills"] += 1
            if before is not None:
                found += self._look(replan, before)
            self._let_go(number)
        child = self._start(control)
        child.wait()
        self.session.rollback()
        if before is not None:
            found += self._look(replan, before)
        if not control:
            left = self.session.scalars(select(Job.state).where(Job.ended_at.is_(None))).all()
            assert left == [], "the last worker does what is left"
        return found

    def _wait_for_a_move(self, child):
        """Wait until the worker has moved something, or is done: then is the time to kill it."""
        before, last = self._starts(), time.monotonic() + 60
        while self._starts() == before and child.poll() is None and time.monotonic() < last:
            time.sleep(0.01)

    def _start(self, control):
        plan = {
            "folder": str(self.folder),
            "database": self.app.config["SETTINGS"].database_url,
            "control": control,
        }
        log = str(self.folder / "planners.log")
        return Child(ask("tests.chaos.forked_programs.program", module="planners", plan=plan, log=log))

    def _let_go(self, _number):
        """End the lease of a worker that was killed, as time would."""
        self.session.rollback()
        begin_write(self.session)
        self.session.execute(
            update(Job).where(Job.state == JobState.RUNNING).values(leased_until=NOW - LONG_AGO, attempts=0)
        )
        self.session.commit()

    def _look(self, replan, before):
        """Count courses that are moved in part, and patients who are told what is not so."""
        self.session.rollback()
        self.session.expire_all()
        found, now = Counter(), self._starts()
        for row in replans.courses(self.session, replan):
            planned = {move["visit"]: placement_of(move["to"]).start for move in row.moves}
            changed = {id_ for id_, start in planned.items() if before[id_] != start}
            gone = {id_ for id_ in changed if now[id_] == planned[id_]}
            found["half"] += 0 < len(gone) < len(changed)
            told = self.session.scalars(
                select(Message.id).where(
                    Message.kind == MessageKind.CHANGE,
                    Message.patient_id == row.appointment.patient_id,
                    Message.state == MessageState.PENDING,
                )
            ).all()
            found["wrong"] += bool(told) != bool(gone) or len(told) > 1
        return found

    def _starts(self):
        self.session.rollback()
        return {row.id: row.start_at for row in self.session.scalars(select(Appointment))}

    def _write(self, service, *arguments):
        self.session.rollback()
        begin_write(self.session)
        answer = service(self.session, *arguments)
        self.session.commit()
        return answer
