"""The line is cut after a request was done and before its answer came; whoever asks again with the same key gets it.

Every other time the line is cut as the answer begins, so after the commit; every other time as soon as the request has
been sent, so that the repeat may come before, while or after it is done. The answer must be the one that got lost, and
nothing may be done twice. The control asks again without a key.
"""

import json
import socket
import struct
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from urllib.parse import urlsplit

from sqlalchemy import func, select

from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.patient import Patient
from scheduler.services.account import accounts
from tests.cast import NOW, add_place
from tests.chaos.drill_storm import serve
from tests.chaos.report import tell
from tests.chaos.settings import SEED, rounds, short_on
from tests.races import Rush

ACTS = 4  # a patient, a visit, its move, its end
LINES = 4
RESET = struct.pack("ii", 1, 0)  # closing throws away what is still to be read, and tells the other side


class Line:
    """Asks a server, loses the answer, and asks again."""

    def __init__(self, url, token, *, with_keys=True):
        self.host, self.token, self.with_keys = urlsplit(url).netloc, token, with_keys
        self.asked = 0
        self.found = Counter()

    def ask(self, path, body, key):
        """Return the answer of the repeat."""
        begun = self.asked % 2 == 0
        self.asked += 1
        first = self._lose(path, body, key, begun)
        status, replayed, answer = self._repeat(path, body, key)
        self.found["cut"] += 1
        self.found["cut as the answer began"] += begun
        self.found["replayed"] += replayed
        self.found["wrong answers"] += status >= 300 or (begun and not (replayed and answer == first))
        return json.loads(answer)

    def _lose(self, path, body, key, begun):
        """Ask and cut the line; return the answer that nobody is to know of, if there was one."""
        line = self._send(path, body, key)
        answer = line.getresponse().read() if begun else b""
        if line.sock is not None:
            line.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        line.close()
        return answer

    def _repeat(self, path, body, key):
        while True:
            line = self._send(path, body, key)
            answer = line.getresponse()
            content = answer.read()
            line.close()
            if answer.status != 409 or b"key-in-flight" not in content:
                return answer.status, answer.headers["Idempotency-Replayed"] == "true", content
            self.found["asked while it ran"] += 1
            time.sleep(0.02)

    def _send(self, path, body, key):
        line = HTTPConnection(self.host, timeout=120)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if self.with_keys:
            headers["Idempotency-Key"] = key
        line.request("POST", f"/api/v1{path}", json.dumps(body), headers)
        return line


@short_on("postgresql")
def test_replays(engine_name, forked, system, session, harbor):
    number = rounds(8, 1_000) // ACTS
    rush = Rush(session, harbor, None, count=0)
    other = add_place(session, harbor, "Room B", "room").public_id
    token = accounts.create_token(session, harbor.command, harbor.users["mona"], "replays", NOW)[1]
    session.commit()
    serve(system)
    found = Counter()
    with ThreadPoolExecutor(LINES) as pool:
        for one in pool.map(lambda n: story(Line(system.url, token), rush, other, n), range(number)):
            found += one
    twice = done_twice(session)
    people = session.scalar(select(func.count()).where(Patient.family_name == f"Replay{SEED}"))
    session.rollback()
    control = Line(system.url, token, with_keys=False)
    for n in range(2):
        control.ask("/patients", {"given_name": f"C{n}", "family_name": "Control"}, "")
    planted = session.scalar(select(func.count()).where(Patient.family_name == "Control")) - 2
    tell(
        "replays",
        engine_name,
        {"requests": number * ACTS, **found, "wrong answers": found["wrong answers"], "done twice": twice},
        {"bug": "asks again without a key", "done twice": planted},
    )

    assert found["cut"] == number * ACTS
    assert (found["wrong answers"], twice, people) == (0, 0, number)
    assert planted > 0


def story(line, rush, other, number):
    """Let a patient come, book a visit, move it to another room and end it, each time with the line cut."""
    keys = [f"{SEED}-{number}-{act}" for act in range(ACTS)]
    patient = line.ask("/patients", {"given_name": f"R{number}", "family_name": f"Replay{SEED}"}, keys[0])
    visit = line.ask("/appointments", rush.body(patient["id"], rush.slot(number)), keys[1])
    place = {"start": rush.slot(number).isoformat(), "location_id": other, "reason": "drill"}
    line.ask(f"/appointments/{visit['id']}/time", place, keys[2])
    line.ask(f"/appointments/{visit['id']}/cancellation", {"reason": "drill", "side": "clinic"}, keys[3])
    return line.found


def done_twice(session):
    """Return how many patients, visits or steps there are too many."""
    session.rollback()
    groups = (
        select(func.count()).select_from(Patient).group_by(Patient.given_name, Patient.family_name),
        select(func.count()).select_from(Appointment).group_by(Appointment.patient_id),
        select(func.count()).select_from(AppointmentEvent).group_by(
            AppointmentEvent.appointment_id, AppointmentEvent.kind
        ),
    )  # fmt: skip
    return sum(count - 1 for query in groups for count in session.scalars(query))
