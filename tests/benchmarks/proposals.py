"""Proposals through the API with a long calendar in the database.

    python -m tests.benchmarks.proposals [--appointments 100000] [--requests 40]

A clinic of 30 chairs has so many visits in an SQLite database, a third of them still to come. One client asks
`POST /api/v1/proposals` for a course of infusions again and again; between every two questions a visit is booked
directly in the database, so what the server keeps in memory is never up to date. Beside the wall clock stands the
processor's time, which a busy machine lengthens less, and how much of it is the planner's own.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter, thread_time
from zoneinfo import ZoneInfo

import flask_migrate
from flask import Flask
from sqlalchemy import event, insert

from scheduler.app import create_app
from scheduler.database import begin_write, db
from scheduler.domain import planner
from scheduler.domain.localtime import to_local, to_utc
from scheduler.models import versions
from scheduler.models.allocation import Allocation
from scheduler.models.appointment import Appointment
from scheduler.models.user import StaffRole
from scheduler.services.account import accounts
from scheduler.services.clinic import plans
from tests.cast import Cast, add_patient, add_person, add_place, found, hire, shipped
from tests.engines import Visitor, test_settings

ZONE = ZoneInfo("America/New_York")
CHAIRS, ROOMS, NURSES, PRESCRIBERS, THERAPISTS = 30, 8, 12, 3, 10
SLOTS = ("08:15", "10:30", "12:45", "15:00")
TWO_HOURS = timedelta(minutes=120)
PHASES = [{"name": "infusion", "minutes": 120, "attended": True}]


@contextmanager
def clinic(appointments: int, folder: Path) -> Iterator[tuple[Flask, Cast, str]]:
    """Yield an app with its clinic, its visits and a token."""
    app = create_app(test_settings(folder, f"sqlite:///{folder / 'bench.db'}"))
    logging.disable(logging.INFO)
    with app.app_context():
        flask_migrate.upgrade()
        session, now = db.session(), datetime.now(UTC)
        cast = found(session, "bench", "Bench Clinic", ZONE.key)
        hire(session, cast, "ada", StaffRole.ADMIN)
        for name, number, kind in (("Chair", CHAIRS, "chair"), ("Room", ROOMS, "room")):
            for n in range(number):
                add_place(session, cast, f"{name} {n + 1}", kind)
        for role, number in (("nurse", NURSES), ("prescriber", PRESCRIBERS), ("therapist", THERAPISTS)):
            for n in range(number):
                add_person(session, cast, f"{role} {n + 1}", role)
        add_patient(session, cast, "Nora", "Lindqvist")
        add_patient(session, cast, "Otto", "Ohnesorg")
        for plan in shipped():
            plans.load(session, cast.command, plan, now)
        fill(cast, appointments, now)
        token = accounts.create_token(session, cast.command, cast.users["ada"], "bench", now)[1]
        session.commit()
        yield app, cast, token


def fill(cast: Cast, appointments: int, now: datetime) -> None:
    """Write visits by hand: two thirds in the past, the rest spread over the coming half-year."""
    start = to_local(now, ZONE).date()
    coming = [on for n in range(1, 182) if (on := start + timedelta(days=n)).isoweekday() <= 5]
    past = [on for n in range(1, 12_000) if (on := start - timedelta(days=n)).isoweekday() <= 5]
    places = [place.resource_id for place in cast.places.values()]
    people = [person.resource_id for person in cast.people.values()]
    patient = cast.patients["Otto"].id
    upcoming = min(appointments // 3, len(coming) * 2 * CHAIRS)
    times = _times(coming, upcoming, 2) + _times(past, appointments - upcoming, 4)
    for first in range(0, len(times), 5000):
        visits, taken = [], []
        for number, (at, chair) in enumerate(times[first : first + 5000], first + 1):
            visits.append(_visit(cast, number, patient, at, now))
            nurse = people[chair % NURSES]
            rows = [(places[chair], 0, "chair", at, TWO_HOURS)]
            rows.append((nurse, chair // NURSES, "nurse", at, TWO_HOURS))
            if chair < ROOMS:
                rows.append((places[CHAIRS + chair], 0, "room", at, TWO_HOURS))
                rows.append((people[NURSES + PRESCRIBERS + chair], 0, "therapist", at, TWO_HOURS))
            taken += [_row(cast.clinic.id, number, *row) for row in rows]
        db.session.execute(insert(Appointment), visits)
        db.session.execute(insert(Allocation), taken)


def _times(days: list, number: int, slots: int) -> list[tuple[datetime, int]]:
    times = []
    for on in days:
        for slot in SLOTS[:slots]:
            at = to_utc(datetime.combine(on, time.fromisoformat(slot)), ZONE)
            times += [(at, chair) for chair in range(CHAIRS)]
        if len(times) >= number:
            break
    if len(times) < number:
        raise SystemExit(f"there is room for {len(times)} of {number} visits")
    return times[:number]


def _visit(cast: Cast, number: int, patient: int, at: datetime, now: datetime) -> dict:
    return {
        "id": number,
        "clinic_id": cast.clinic.id,
        "public_id": f"bench-{number}",
        "uid": f"bench-{number}",
        "patient_id": patient,
        "action": "infusion-1",
        "kind": "infusion",
        "title": "Infusion",
        "status": "booked",
        "start_at": at,
        "end_at": at + TWO_HOURS,
        "local_start": to_local(at, ZONE),
        "zone_name": ZONE.key,
        "phases": PHASES,
        "changed_at": now,
        "created_at": now,
    }


def _row(
    clinic_id: int, number: int, resource: int, unit: int, role: str, at: datetime, length: timedelta
) -> dict:
    return {
        "clinic_id": clinic_id,
        "resource_id": resource,
        "unit": unit,
        "appointment_id": number,
        "phase": "infusion",
        "role": role,
        "start_at": at,
        "end_at": at + length,
    }


def book_one(clinic_id: int, chair: int, number: int) -> None:
    """Take up a chair somewhere, as another desk would."""
    now = datetime.now(UTC)
    on = to_local(now, ZONE).date() + timedelta(days=30 + number % 100)
    on += timedelta(days=(8 - on.isoweekday()) % 7 if on.isoweekday() > 5 else 0)
    at = to_utc(datetime.combine(on, time(17, 30)), ZONE)
    session = db.session()
    begin_write(session)
    session.execute(insert(Allocation), [_row(clinic_id, 1, chair, 0, "chair", at, timedelta(minutes=5))])
    versions.raise_versions(session, clinic_id, [chair], now)
    session.commit()


@dataclass
class Spent:
    """Milliseconds of each proposal; the first reads the whole calendar. `queries` are the last one's."""

    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    planner: list[float] = field(default_factory=list)
    queries: int = 0


@contextmanager
def planner_timed(spent: list[float]) -> Iterator[None]:
    """Note how long the planner itself works on each proposal."""
    known = planner.propose

    def propose(*given, **more):
        begun = thread_time()
        try:
            return known(*given, **more)
        finally:
            spent.append(1000 * (thread_time() - begun))

    planner.propose = propose
    try:
        yield
    finally:
        planner.propose = known


@contextmanager
def queries_counted(spent: Spent) -> Iterator[None]:
    """Count the queries of each proposal anew."""

    def count(*_: object) -> None:
        spent.queries += 1

    event.listen(db.engine, "before_cursor_execute", count)
    yield
    event.remove(db.engine, "before_cursor_execute", count)


def ask(appointments: int, requests: int) -> Spent:
    """Ask so many times, and once before that."""
    spent = Spent()
    with tempfile.TemporaryDirectory() as folder, clinic(appointments, Path(folder)) as (app, cast, token):
        body = {
            "patient_id": cast.patients["Nora"].public_id,
            "plan_definition": "iv-depression-6",
            "not_before": (to_local(datetime.now(UTC), ZONE).date() + timedelta(days=3)).isoformat(),
        }
        chairs = [place.resource_id for place in cast.places.values()][:CHAIRS]
        clinic_id = cast.clinic.id
        app.test_client_class = Visitor
        client = app.test_client()
        db.session.rollback()
        headers = {"Authorization": f"Bearer {token}"}
        with planner_timed(spent.planner), queries_counted(spent):
            for number in range(requests + 1):
                spent.queries = 0
                begun, worked = perf_counter(), thread_time()
                answer = client.post("/api/v1/proposals", json=body, headers=headers)
                spent.wall.append(1000 * (perf_counter() - begun))
                spent.processor.append(1000 * (thread_time() - worked))
                if answer.status_code != 200:
                    raise SystemExit(f"{answer.status_code}: {answer.get_data(as_text=True)[:500]}")
                if number < requests:
                    book_one(clinic_id, chairs[number % CHAIRS], number)
    return spent


def report(appointments: tuple[int, ...] = (100_000, 1_000_000), requests: int = 40) -> Iterator[str]:
    yield "Aim: 95 of 100 within 50 ms at 100,000 visits in the database, and within 1.5 times that at 1,000,000.\n"
    heads = ("visits", "first, reading all", "median", "95 of 100 within", "processor, median", "95 of 100")
    yield f"| {' | '.join(heads)} | planner's part | statements |"
    yield "|---|---|---|---|---|---|---|---|"
    for number in appointments:
        spent = ask(number, requests)
        first, *wall = spent.wall
        times = [first, median(wall), high(wall), median(spent.processor[1:]), high(spent.processor[1:])]
        cells = [f"{number:,}", *(f"{time:.0f} ms" for time in times)]
        part = sum(spent.planner[1:]) / sum(spent.processor[1:])
        yield f"| {' | '.join(cells)} | {part:.0%} | {spent.queries} |"


def high(times: list[float]) -> float:
    """Return what 95 of 100 stay within."""
    return quantiles(times, n=20)[-1]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--appointments", type=int, nargs="*", default=[100_000, 1_000_000])
    parser.add_argument("--requests", type=int, default=40)
    given = parser.parse_args()
    for text in report(tuple(given.appointments), given.requests):
        print(text)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
