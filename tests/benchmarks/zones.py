"""How long it takes to bring thousands of visits to their time on the wall when the rules of a zone have changed.

    python -m tests.benchmarks.zones [--visits 10000] [--database postgresql://...]

A clinic of 30 chairs has so many visits ahead, back to back from eight in the morning, each with its chair, its nurse
and its patient taken up, and the patient has been told of it by mail. Then New York keeps summer time for ever, and the
clock's own tick finds out. Beside the time stand the queries and the longest writing transaction: so long may a desk
have to wait.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from zoneinfo import ZoneInfo

import flask_migrate
from flask import Flask
from sqlalchemy import event, insert

from scheduler.app import create_app
from scheduler.database import db
from scheduler.domain.localtime import to_local, to_utc
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.message import MessageKind, MessageState
from scheduler.models.patient import Patient
from scheduler.processes.clock_jobs import keep_hours
from scheduler.services.mail import outbox
from tests.cast import Cast, add_patient, add_person, add_place, found
from tests.clocks import StandingClock
from tests.engines import test_settings
from tests.zones import other_rules

ZONE = ZoneInfo("America/New_York")
CHAIRS, NURSES, UNITS = 30, 10, 3
LENGTH = timedelta(hours=2)
SLOTS = ("08:00", "10:00", "12:00", "14:00")
VISITS_EACH = 8
WINTER = date(2026, 11, 9)
NOW = datetime(2026, 11, 6, 12, tzinfo=UTC)
PHASES = [{"name": "infusion", "minutes": 120, "attended": True}]


@dataclass
class Counted:
    """What the database was asked, and the seconds of every writing transaction."""

    queries: int = 0
    writing: list[float] = field(default_factory=list)


@contextmanager
def counted() -> Iterator[Counted]:
    """Count the queries and time the transactions that were begun as writers."""
    count, begun = Counted(), {}

    def ask(*_: object) -> None:
        count.queries += 1

    def begin(connection: object) -> None:
        if connection.get_execution_options().get("writes"):  # type: ignore[attr-defined]
            begun[connection] = perf_counter()

    def end(connection: object) -> None:
        if (at := begun.pop(connection, None)) is not None:
            count.writing.append(perf_counter() - at)

    hooks = (("before_cursor_execute", ask), ("begin", begin), ("commit", end), ("rollback", end))
    for name, hook in hooks:
        event.listen(db.engine, name, hook)
    yield count
    for name, hook in hooks:
        event.remove(db.engine, name, hook)


@contextmanager
def clinic(visits: int, folder: Path, database_url: str) -> Iterator[Flask]:
    """Yield an app whose clinic has so many visits ahead."""
    app = create_app(test_settings(folder, database_url))
    app.extensions["clock"] = StandingClock(NOW)
    logging.disable(logging.INFO)
    with app.app_context():
        flask_migrate.upgrade()
        session = db.session()
        cast = found(session, "bench", "Bench Clinic", ZONE.key)
        for number in range(CHAIRS):
            add_place(session, cast, f"Chair {number + 1}", "chair")
        for number in range(NURSES):
            add_person(session, cast, f"Nurse {number + 1}", "nurse")
        each = [
            add_patient(session, cast, f"Patient {number}", "Bench", email=f"p{number}@example.org")
            for number in range(-(-visits // VISITS_EACH))
        ]
        fill(cast, each, visits)
        session.commit()
        db.session.remove()
        yield app
        db.session.remove()
        db.engine.dispose()


def fill(cast: Cast, each: list[Patient], visits: int) -> None:
    """Write the visits with what they take up, and the mail in which every patient was told of theirs."""
    times = _times(visits)
    rows, taken = [], []
    chairs, nurses = list(cast.places.values()), list(cast.people.values())
    for number, (at, chair) in enumerate(times, 1):
        patient = each[number % len(each)]
        rows.append(_visit(cast, number, patient, chairs[chair].id, at))
        held = [(chairs[chair].resource_id, 0, "chair"), (patient.resource_id, 0, "patient")]
        held.append((nurses[chair // UNITS].resource_id, chair % UNITS, "nurse"))
        taken += [_row(cast, number, resource, unit, role, at) for resource, unit, role in held]
    session = db.session()
    for first in range(0, len(rows), 5000):
        session.execute(insert(Appointment), rows[first : first + 5000])
    for first in range(0, len(taken), 5000):
        session.execute(insert(Allocation), taken[first : first + 5000])
    theirs: dict[int, list[Appointment]] = {}
    for visit in session.query(Appointment):
        theirs.setdefault(visit.patient_id, []).append(visit)
    for patient in each:
        about = theirs.get(patient.id, [])
        told = outbox.enqueue(
            session, cast.clinic, MessageKind.CONFIRMATION, NOW, patient=patient, about=about, flush=False
        )
        told.state, told.data_at, told.ended_at = MessageState.SENT, NOW, NOW
    session.flush()


def _times(visits: int) -> list[tuple[datetime, int]]:
    times: list[tuple[datetime, int]] = []
    on = WINTER
    while len(times) < visits:
        if on.isoweekday() <= 5:
            for slot in SLOTS:
                at = to_utc(datetime.combine(on, time.fromisoformat(slot)), ZONE)
                times += [(at, chair) for chair in range(CHAIRS)]
        on += timedelta(days=1)
    return times[:visits]


def _visit(cast: Cast, number: int, patient: Patient, location_id: int, at: datetime) -> dict:
    return {
        "id": number,
        "clinic_id": cast.clinic.id,
        "public_id": f"bench-{number}",
        "uid": f"bench-{number}",
        "patient_id": patient.id,
        "location_id": location_id,
        "action": "infusion-1",
        "kind": "infusion",
        "title": "Infusion",
        "status": "booked",
        "start_at": at,
        "end_at": at + LENGTH,
        "local_start": to_local(at, ZONE),
        "zone_name": ZONE.key,
        "phases": PHASES,
        "changed_at": NOW,
        "created_at": NOW,
    }


def _row(cast: Cast, number: int, resource: int, unit: int, role: str, at: datetime) -> dict:
    return {
        "clinic_id": cast.clinic.id,
        "resource_id": resource,
        "unit": unit,
        "appointment_id": number,
        "phase": "visit" if role == "patient" else "infusion",
        "role": role,
        "start_at": at,
        "end_at": at + LENGTH,
    }


def measure(visits: int, database_url: str = "") -> str:
    """Return a row of the table: what was done, in how long, by how many queries, in which transactions."""
    with (
        tempfile.TemporaryDirectory() as name,
        clinic(visits, Path(name), database_url or f"sqlite:///{name}/bench.db") as app,
        counted() as count,
    ):
        engine = db.engine.dialect.name
        with counted() as idle:
            begun = perf_counter()
            keep_hours(app)
            quiet = perf_counter() - begun
        count.queries, count.writing = 0, []
        with other_rules(Path(name) / "zones", ZONE.key, "EDT4"):
            begun, worked = perf_counter(), process_time()
            said = keep_hours(app)
            took, processor = perf_counter() - begun, process_time() - worked
        longest, usual = max(count.writing), median(count.writing)
        held = f"{len(count.writing)} | {1000 * usual:.0f} | {1000 * longest:.0f}"
        nothing = f"{1000 * quiet:.0f} ms, {1000 * sum(idle.writing):.0f} of them writing"
        each = count.queries / visits
        return f"| {engine} | {said} | {took:.1f} | {processor:.1f} | {each:.1f} | {held} | {nothing} |"


HEAD = (
    "| engine | what it said | seconds | of processor | queries a visit | transactions | median ms | longest ms "
    "| with nothing to do |\n|---|---|---:|---:|---:|---:|---:|---:|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--visits", type=int, default=10_000)
    parser.add_argument("--database", help="an empty PostgreSQL database, instead of SQLite")
    given = parser.parse_args()
    print(HEAD)
    print(measure(given.visits, given.database or ""))


if __name__ == "__main__":
    main()
