"""Programs that book, move, cancel and block at random, as fast as they can or at a stated rate.

The nursery forks a process for a storm, which forks so many of them. They go through the services, each attempt
a transaction as an interface makes it, or through the API of a running server. Each knows which visits and closures
of its own must stand in the end, and writes that down with its counts. The first process clears the calendar of what
is long over (see janitor.py). `control` plants a bug.
"""

import json
import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import requests
from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.database import begin_write, db
from scheduler.errors import Refusal
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.location import Location
from scheduler.models.patient import Patient
from scheduler.models.plan_definition import PlanDefinition
from scheduler.models.schedule import Closure
from scheduler.models.user import StaffRole, User
from scheduler.services.actors import Actor
from scheduler.services.clinic import schedules
from scheduler.services.course import booking
from scheduler.services.visit import moves, visits
from tests.cast import NOW
from tests.chaos.blindness import blind
from tests.chaos.janitor import Janitor
from tests.chaos.warm import forked_app
from tests.chaos.writing import as_an_interface
from tests.engines import test_settings

QUARTERS = 36  # starts of a day, from eight; the last ones are too late for a long visit
FULL = 120  # visits: from here on more is cancelled
BLOCKS = 2  # at most, for each program
SWEEP = 5  # seconds
SAVED = 200  # attempts
ZONE = ZoneInfo("America/New_York")  # of the cast's clinic
KINDS = (("therapy-6", "therapy-1", "room"), ("iv-depression-6", "assessment", "chair"))


class Refused(Exception):
    """The answer is no, with a reason: an attempt that ended well."""


class Unanswered(Exception):
    """The server answered what it must not."""


class ThroughServices:
    """Each attempt is a writing transaction, tried again as an interface does when another writer was in the way."""

    def __init__(self, plan):
        self.app = forked_app(test_settings(Path(plan.folder), plan.database))
        self.app.app_context().push()
        self.session = Session(db.engine, expire_on_commit=False)
        self.again = 0
        self.patients = self._by_id(Patient, plan.patients)
        self.places = self._by_id(Location, [one for kind in plan.places.values() for one in kind])
        self.clinic = self.session.scalar(select(Clinic).where(Clinic.key == plan.clinic))
        self.user = self.session.scalar(select(User).where(User.email == plan.user))
        definitions = self.session.scalars(select(PlanDefinition))
        self.plans = {row.key: row.plan for row in definitions}
        self._forget()

    def book(self, patient, plan, action, place, start):
        step, room, who = self.plans[plan].action(action), self.places[place], self.patients[patient]

        def book(actor):
            self.session.add_all([who, room])
            return booking.book_visit(self.session, actor, who, step, start, NOW, room)

        return self._write(book).public_id

    def move(self, visit, start):
        def move(actor):
            row = self._visit(visit)
            planned = moves.plan_move(self.session, actor, row, start, NOW)
            moves.apply_moves(self.session, actor, planned, NOW, "storm")

        self._write(move)

    def cancel(self, visit):
        self._write(
            lambda actor: visits.cancel(self.session, actor, [self._visit(visit)], NOW, "storm", "clinic")
        )

    def block(self, place, start, end):
        room = self.places[place]

        def close(actor):
            self.session.add(room)
            return schedules.close(self.session, actor, start, end, NOW, room.resource)

        closure, touched = self._write(close)
        return closure.public_id, [one.public_id for one in touched]

    def unblock(self, closure):
        def reopen(actor):
            row = self.session.scalar(select(Closure).where(Closure.public_id == closure))
            schedules.reopen(self.session, actor, row, NOW)

        self._write(reopen)

    def _write(self, act):
        return as_an_interface(lambda: self._once(act), self._count_again)

    def _count_again(self):
        self.again += 1

    def _once(self, act):
        """Let what was read before be read again, but for what nobody changes in a storm."""
        try:
            begin_write(self.session)
            self.session.add_all([self.clinic, self.user])
            result = act(Actor(self.clinic, self.user, StaffRole.MANAGER, "staff"))
            self.session.commit()
            return result
        except Refusal as refused:
            raise Refused(str(refused)) from None
        finally:
            self._forget()

    def _forget(self):
        self.session.expunge_all()
        self.session.rollback()

    def _visit(self, public_id):
        return self.session.scalars(select(Appointment).where(Appointment.public_id == public_id)).one()

    def _by_id(self, model, ids):
        rows = self.session.scalars(select(model).where(model.public_id.in_(ids)))
        return {row.public_id: row for row in rows}


class OverHTTP:
    """Each attempt is a request with a key of its own."""

    def __init__(self, plan):
        self.url, self.again = f"{plan.url}/api/v1", 0
        self.line = requests.Session()
        self.line.trust_env = False
        self.line.headers["Authorization"] = f"Bearer {plan.token}"

    def book(self, patient, plan, action, place, start):
        asked = {"patient_id": patient, "plan_definition": plan, "action": action, "location_id": place}
        return self._ask("POST", "/appointments", asked | {"start": start.isoformat()})["id"]

    def move(self, visit, start):
        self._ask("POST", f"/appointments/{visit}/time", {"start": start.isoformat(), "reason": "storm"})

    def cancel(self, visit):
        self._ask("POST", f"/appointments/{visit}/cancellation", {"reason": "storm", "side": "clinic"})

    def block(self, place, start, end):
        times = {"start": start.isoformat(), "end": end.isoformat()}
        closed = self._ask("POST", "/closures", {"scope": "location", "scope_id": place, **times})
        return closed["id"], [one["id"] for one in closed["affected"]]

    def unblock(self, closure):
        self._ask("DELETE", f"/closures/{closure}")

    def _ask(self, method, path, body=None):
        key = {"Idempotency-Key": os.urandom(8).hex()} if method == "POST" else {}
        answer = self.line.request(method, self.url + path, json=body, headers=key, timeout=120)
        if answer.status_code in (409, 422):
            raise Refused(answer.json()["detail"])
        if not answer.ok:
            raise Unanswered(f"{answer.status_code} {method} {path} {answer.text[:300]}")
        return answer.json() if answer.content else {}


WAYS = {"services": ThroughServices, "http": OverHTTP}


@dataclass
class Stormer:
    """One of them."""

    plan: SimpleNamespace
    number: int
    mine: dict[str, str] = field(default_factory=dict)  # visits that must stand, and from when
    blocks: dict[str, list[str]] = field(default_factory=dict)  # closures, and which visits they were told of
    ends: Counter[str] = field(default_factory=Counter)
    times: Counter[int] = field(default_factory=Counter)  # how many attempts took so many milliseconds
    stopping: bool = False

    def work(self):
        signal.signal(signal.SIGTERM, self._stop)
        self.chance = random.Random(f"{self.plan.seed}-{self.number}")
        self.file = Path(self.plan.folder) / f"storm-{self.number}.json"
        self.way = WAYS[self.plan.way](self.plan)
        began, self.thought = time.monotonic(), time.process_time()
        for attempt in range(self.plan.attempts // self.plan.count):
            if self.stopping or time.monotonic() - began > self.plan.seconds:
                break
            due = self._wait(began, attempt)
            self._attempt()
            self.times[round((time.monotonic() - due) * 1000)] += 1
            if attempt % SAVED == 0:
                self._save(began)
        self._save(began)

    def _wait(self, began, attempt):
        """Wait until the attempt is due and return when that is; a late start counts as time taken."""
        if not self.plan.rate:
            return time.monotonic()
        due = began + (attempt + self.number / self.plan.count) * self.plan.count / self.plan.rate
        time.sleep(max(due - time.monotonic(), 0))
        return due

    def _attempt(self):
        what = self._choice()
        try:
            getattr(self, f"_{what}")()
            self.ends[f"{what} done"] += 1
        except Refused:
            self.ends[f"{what} refused"] += 1
        except Exception:  # counted, and the drill fails
            traceback.print_exc()
            self.ends["failed"] += 1

    def _choice(self):
        dice = self.chance.random()
        if dice < 0.04:
            return "unblock" if len(self.blocks) >= BLOCKS else "block"
        if self.mine and dice < 0.24:
            return "move"
        if self.mine and dice < (0.6 if len(self.mine) > FULL / self.plan.count else 0.36):
            return "cancel"
        return "book"

    def _book(self):
        plan, action, kind = KINDS[self.chance.random() < 0.25]
        places = self.plan.places[kind]
        start = self._start()
        visit = self.way.book(
            self.chance.choice(self.plan.patients), plan, action, self.chance.choice(places), start
        )
        self.mine[visit] = self._told(start)

    def _move(self):
        visit, start = self.chance.choice(list(self.mine)), self._start()
        self.way.move(visit, start)
        self.mine[visit] = self._told(start)

    def _cancel(self):
        visit = self.chance.choice(list(self.mine))
        self.way.cancel(visit)
        del self.mine[visit]

    def _block(self):
        place = self.chance.choice(self.plan.places[self.chance.choice(("room", "chair"))])
        start = self._start()
        closure, touched = self.way.block(place, start, start + timedelta(hours=self.chance.randrange(1, 4)))
        self.blocks[closure] = touched

    def _unblock(self):
        closure = next(iter(self.blocks))
        self.way.unblock(closure)
        del self.blocks[closure]

    def _start(self):
        """Return some quarter of an hour of some working day."""
        week, day = divmod(self.chance.randrange(self.plan.days), 5)
        on = date(2026, 11, 30) + timedelta(days=7 * week + day)
        begin = datetime.combine(on, time_of_day(8)) + timedelta(minutes=15 * self.chance.randrange(QUARTERS))
        return begin.replace(tzinfo=ZONE)

    def _told(self, start):
        return start.astimezone(UTC).isoformat()

    def _stop(self, *_):
        self.stopping = True

    def _save(self, began):
        said = {
            "ends": self.ends,
            "times": self.times,
            "visits": self.mine,
            "blocks": self.blocks,
            "again": self.way.again,
            "seconds": time.monotonic() - began,
            "processor": time.process_time() - self.thought,
        }
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(said))
        fresh.replace(self.file)


def run(plan):
    """Let the programs work until all have ended; for the nursery."""
    if plan.control == "blind":
        blind()
    children = [_fork(plan, number) for number in range(plan.count)]
    signal.signal(signal.SIGTERM, lambda *_: [os.kill(child, signal.SIGTERM) for child in children])
    janitor = Janitor(plan.folder, plan.database)
    swept = time.monotonic()
    try:
        while children:
            ended, status = os.waitpid(-1, os.WNOHANG)
            if ended:
                children.remove(ended)
                if status:
                    sys.exit(f"a program of the storm ended with {status}")
            elif time.monotonic() - swept > SWEEP:
                janitor.sweep()
                swept = time.monotonic()
            else:
                time.sleep(0.05)
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)


def _fork(plan, number):
    child = os.fork()
    if child:
        return child
    try:
        Stormer(plan, number).work()
        sys.stderr.flush()
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
