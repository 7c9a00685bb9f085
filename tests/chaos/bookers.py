"""Programs that book, move and cancel at random through the API, each in a process of its own; with `url` over HTTP.

A booker that lost the answer to a request repeats it with the same idempotency key until it is answered; only then does
it write the answer down, on a disk that nobody breaks. It ends after so many attempts or at SIGTERM, with the request
in hand answered. `control` plants a bug.
"""

import json
import random
import signal
import sys
import time
from collections import Counter
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from zoneinfo import ZoneInfo

import requests
from flask import Response
from sqlalchemy import select

from scheduler.database import db
from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.services.account import accounts
from tests.api.conftest import Program
from tests.cast import NOW, add_patient
from tests.chaos.blindness import blind
from tests.chaos.warm import forked_app
from tests.clocks import StandingClock
from tests.engines import test_settings
from tests.forked import Child, ask

PEOPLE = 24
QUARTERS = 28  # starts of a day, from nine
ROOMS = ("Room A", "Room B", "Room C")
ZONE = ZoneInfo("America/New_York")  # of the cast's clinic


class Bookers:
    """Some bookers over one database."""

    def __init__(self, app, session, cast, folder, count, seed, attempts=0, control="", days=60, url=""):
        self.folder, self.session, self.count = folder, session, count
        patients = [add_patient(session, cast, f"B{n}", "Booker").public_id for n in range(PEOPLE)]
        token = accounts.create_token(session, cast.command, cast.users["mona"], "bookers", NOW)[1]
        places = [cast.places[name].public_id for name in ROOMS if name in cast.places]
        session.commit()
        self.known = set(session.scalars(select(Appointment.public_id)))
        session.rollback()
        common = {
            "folder": str(folder),
            "database": app.config["SETTINGS"].database_url,
            "token": token,
            "patients": patients,
            "places": places,
            "attempts": attempts // count,
            "control": control,
            "days": days,
            "url": url,
        }
        self.plans = [
            common | {"seed": f"{seed}-{n}", "acks": str(folder / f"acks-{n}")} for n in range(count)
        ]
        self.processes = []

    def start_all(self):
        log = str(self.folder / "bookers.log")
        self.processes = [
            Child(ask("tests.chaos.forked_programs.program", module="bookers", plan=plan, log=log))
            for plan in self.plans
        ]

    def answered(self):
        """Return what the bookers have been answered so far."""
        lines = []
        for plan in self.plans:
            file = Path(plan["acks"])
            whole = file.read_text().rpartition("\n")[0] if file.exists() else ""
            lines += [json.loads(line) for line in whole.splitlines()]
        return lines

    def wait_for(self, answers, seconds=120):
        """Wait until there are so many more answers; return how long that took."""
        began, wanted = time.monotonic(), len(self.answered()) + answers
        while len(self.answered()) < wanted:
            gone = [process for process in self.processes if process.poll()]
            late = time.monotonic() - began > seconds
            assert not gone and not late, (self.folder / "bookers.log").read_text()[-3000:]
            time.sleep(0.05)
        return time.monotonic() - began

    def stop(self):
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        self.join()

    def join(self, seconds=36_000):
        for process in self.processes:
            process.wait(seconds)

    def close(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.wait()

    def lost(self):
        """Return how many answers the database knows nothing of, and how many visits nobody was told of."""
        self.session.rollback()
        rows = dict(self.session.execute(select(Appointment.public_id, Appointment.status)).all())
        answers = self.answered()
        booked = {one["id"] for one in answers if (one["what"], one["status"]) == ("book", 201)}
        off = {one["id"] for one in answers if one["what"] == "cancel" and one["status"] < 300}
        on_again = {one for one in off if one in rows and rows[one] is not AppointmentStatus.CANCELLED}
        return len(booked - set(rows)) + len(on_again), len(set(rows) - booked - self.known)


@contextmanager
def bookers(*arguments, **options):
    """Give bookers, and end them."""
    crew = Bookers(*arguments, **options)
    try:
        yield crew
    finally:
        crew.close()


class Caller:
    """Asks a server as a Program asks an app."""

    def __init__(self, url, token):
        self.url, self.headers = url, {"Authorization": f"Bearer {token}"}

    def post(self, path, body, Idempotency_Key):
        headers = {**self.headers, "Idempotency-Key": Idempotency_Key}
        with requests.Session() as line:
            line.trust_env = False
            answer = line.post(f"{self.url}/api/v1{path}", json=body, headers=headers, timeout=60)
        return Response(answer.text, answer.status_code, content_type=answer.headers.get("Content-Type"))


class Booker:
    """One of them."""

    def __init__(self, plan):
        self.plan = plan
        self.chance = random.Random(plan.seed)
        if plan.url:
            self.program = Caller(plan.url, plan.token)
        else:
            app = forked_app(test_settings(Path(plan.folder), plan.database))
            app.extensions["clock"] = StandingClock(NOW)
            self.program = Program(app.test_client(), plan.token)
        self.acks = Path(plan.acks).open("a")  # noqa: SIM115  (for as long as the process lives)
        self.mine = []
        self.stopping = False
        signal.signal(signal.SIGTERM, self._stop)

    def _stop(self, *_):
        self.stopping = True

    def work(self):
        attempts = 0
        while not self.stopping and attempts < (self.plan.attempts or sys.maxsize):
            self._attempt()
            attempts += 1

    def _attempt(self):
        dice = self.chance.random()
        if self.mine and dice < 0.3:
            self._ask(
                "cancel",
                f"/appointments/{self._one(gone=True)}/cancellation",
                {"reason": "drill", "side": "clinic"},
            )
        elif self.mine and dice < 0.5:
            self._ask(
                "move", f"/appointments/{self._one()}/time", {"start": self._start(), "reason": "drill"}
            )
        else:
            self._ask("book", "/appointments", {
                "patient_id": self.chance.choice(self.plan.patients),
                "plan_definition": "therapy-6",
                "action": "therapy-1",
                "location_id": self.chance.choice(self.plan.places),
                "start": self._start(),
            })  # fmt: skip

    def _one(self, *, gone=False):
        number = self.chance.randrange(len(self.mine))
        return self.mine.pop(number) if gone else self.mine[number]

    def _start(self):
        """Return some quarter of an hour of some working day."""
        week, day = divmod(self.chance.randrange(self.plan.days), 5)
        on = date(2026, 11, 30) + timedelta(days=7 * week + day)
        begin = datetime.combine(on, time_of_day(9)) + timedelta(minutes=15 * self.chance.randrange(QUARTERS))
        return begin.replace(tzinfo=ZONE).isoformat()

    def _ask(self, what, path, body):
        key, lost = f"{self.chance.getrandbits(64):x}", 0
        while True:
            began = time.perf_counter()
            status, answer = self._once(path, body, key)
            if status < 500 and answer.get("type", "").rpartition("#")[2] != "key-in-flight":
                break
            lost += 1
            time.sleep(0.1)
        seconds = time.perf_counter() - began
        visit = answer.get("id") if what == "book" else path.split("/")[2]
        if (what, status) == ("book", 201):
            self.mine.append(visit)
        said = {"what": what, "status": status, "id": visit, "lost": lost, "ms": round(seconds * 1000, 1)}
        self.acks.write(json.dumps(said) + "\n")
        self.acks.flush()

    def _once(self, path, body, key):
        try:
            answer = self.program.post(path, body, Idempotency_Key=key)
        except Exception as trouble:  # as a program that does not know why it got no answer
            print(f"{type(trouble).__name__}: {trouble}"[:200], file=sys.stderr)
            return 599, {}
        if answer.status_code >= 500:
            print(answer.status_code, path, answer.get_data(as_text=True)[:200], file=sys.stderr)
        return answer.status_code, answer.json or {}


def figures(answers):
    """Return how many attempts there were, how they were answered, and the 99th percentile of their time."""
    ends = Counter(one["status"] for one in answers)
    times = sorted(one["ms"] for one in answers)
    return {
        "attempts": len(answers),
        "done": ends[200] + ends[201] + ends[204],
        "refused": ends[409] + ends[422],
        "asked again": sum(one["lost"] for one in answers),
        "p99 ms": times[int(len(times) * 0.99)] if times else 0,
    }


def _plant(control):
    """Put a bug into a booker."""
    if control == "blind":  # the services see an empty calendar
        blind()
    elif control == "forgets":  # one in five commits is none
        chance, commit = random.Random(5), db.session.commit
        db.session.commit = lambda: commit() if chance.random() < 0.8 else db.session.rollback()
    elif control:
        raise SystemExit(f"no bug {control}")


def run(plan):
    """Do what one booker does; for the nursery."""
    _plant(plan.control)
    Booker(plan).work()
