"""How fast calendar feeds are served, beside an empty Flask route, Radicale and the library's own serialising.

    python -m tests.benchmarks.feeds [--quick] [--visits 12 ...]

Requests per second of four clients at once, which keep their connections where the server does: one client alone would
wait for each answer, and its rate would be that of waking two programs in turn. One process each: Seriate and the empty
route under the web server of the product, Radicale under its own server with the same calendar. All are asked in
turns, and the best turn of each counts, so that other work on the machine troubles none more than another. They share
one core and the clients have another, where there are two. "Of its processor" divides by the processor time that the
server took, which leaves the clients out. Many tokens share the load, as many subscribers do. "Cold" is a feed whose
visits were never rendered, beside the same events in one icalendar.Calendar.
"""

from __future__ import annotations

import argparse
import http.client
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path

import flask_migrate
from icalendar import Calendar

from scheduler.app import create_app
from scheduler.database import db
from scheduler.domain.status import AppointmentStatus
from scheduler.ical import events, feed_calendar
from scheduler.ical.calendars import shown
from scheduler.ical.entries import look_of
from scheduler.ical.vtimezone import vtimezone
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.services.actors import Actor
from scheduler.services.feed import feeds
from tests.calendar_cast import NOW, make_clinic, make_patient
from tests.engines import SECRET_KEY, test_settings
from tools.processes import LOOPBACK, free_port

ROOT = Path(__file__).resolve().parents[2]
TOKENS = 200
CLIENTS = 4
CORES = sorted(os.sched_getaffinity(0))  # the first is the clients', the last the servers'
TICKS = os.sysconf("SC_CLK_TCK")
RADICALE = """
[server]
hosts = {host}:{port}
[auth]
type = none
[rights]
type = from_file
file = {folder}.rights
[storage]
filesystem_folder = {folder}
[logging]
level = error
"""


@dataclass
class Served:
    """The feeds of one size: their addresses, their tags and the body."""

    visits: int
    paths: list[str]
    tags: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass
class Runner:
    """What is asked, of whom, how often in a turn, and the best rates seen: by the clock and by the processor."""

    port: int
    pid: int
    paths: Sequence[str]
    requests: int
    tags: dict[str, str] = field(default_factory=dict)
    status: int = 0
    by_clock: float = 0.0
    by_processor: float = 0.0

    def turn(self) -> None:
        if (
            self.tags
        ):  # what is noted at most every ten minutes is noted now: it is not the answer that is measured
            ask(self.port, self.paths, len(self.paths), self.tags)
        before = processor_seconds(self.pid)
        rate, self.status = ask(self.port, self.paths, self.requests, self.tags)
        took = processor_seconds(self.pid) - before
        self.by_clock = max(self.by_clock, rate)
        self.by_processor = max(self.by_processor, self.requests / max(took, 1 / TICKS))

    def __str__(self) -> str:
        return f"{self.status} {self.by_clock:,.0f}/s ({self.by_processor:,.0f}/s of its processor)"

    def over(self, other: Runner) -> tuple[float, float]:
        return self.by_clock / other.by_clock, self.by_processor / other.by_processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer requests")
    parser.add_argument(
        "--visits", type=int, nargs="+", default=[12, 200, 5_000], help="sizes of the calendars"
    )
    asked = parser.parse_args()
    quick = asked.quick
    folder = Path(tempfile.mkdtemp(prefix="seriate-bench-"))
    try:
        for line in report(folder, asked.visits, 500 if quick else 2_000, 2 if quick else 5):
            print(line, flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def report(folder: Path, sizes: Sequence[int], requests: int, turns: int) -> Iterator[str]:
    served = prepare(folder, sizes)
    os.sched_setaffinity(0, {CORES[0]})
    with ExitStack() as servers:
        bare = servers.enter_context(served(folder, "tests.benchmarks.empty_app:app"))
        ours = servers.enter_context(served(folder, "wsgi:app"))
        empty = Runner(*bare, ["/"], requests)
        rows = []
        for size in served:
            size.body = fetch(ours[0], size.paths[0])[1]
            size.tags = {path: fetch(ours[0], path)[2] for path in size.paths}
            radicale_at, path = servers.enter_context(radicale(folder / f"radicale-{size.visits}", size.body))
            full = max(4, min(200, requests // size.visits))
            rows.append(
                (
                    Runner(*ours, size.paths, requests, size.tags),
                    Runner(*ours, size.paths, full),
                    Runner(*radicale_at, [path], full, {path: fetch(radicale_at[0], path)[2]}),
                )
            )
        for _ in range(turns):
            empty.turn()
            for runner in chain(*rows):
                runner.turn()
    yield f"an empty Flask route: {empty}"
    for size, (unchanged, whole, theirs) in zip(served, rows, strict=True):
        share, times = unchanged.over(empty), unchanged.over(theirs)
        yield (
            f"{size.visits:>5} visits, {len(size.body):,} bytes: {unchanged}; {whole}; Radicale {theirs}\n"
            f"      304 is {share[0]:.0%} ({share[1]:.0%}) of the empty route, aim 60%;"
            f" {times[0]:,.1f} x ({times[1]:,.1f} x) Radicale, aim 5 x"
        )
    yield from serialising(5_000)


def prepare(folder: Path, sizes: Sequence[int]) -> list[Served]:
    """Make a database with a patient for each size and many feeds of each."""
    app = create_app(test_settings(folder, f"sqlite:///{folder}/seriate.db"))
    now = datetime.now(UTC)  # the product's own clock will look at these visits
    found = []
    with app.app_context():
        flask_migrate.upgrade()
        clinic = make_clinic(db.session)
        for count in sizes:
            patient = make_patient(db.session, clinic)
            db.session.add_all(visits(clinic.id, patient.id, count, now))
            actor = Actor(clinic, None, None, "command")
            tokens = [
                feeds.create(db.session(), actor, patient.resource_id, "neutral", now)[1]
                for _ in range(TOKENS)
            ]
            found.append(Served(count, [f"/feeds/{token}.ics" for token in tokens]))
        db.session.commit()
        db.engine.dispose()
    return found


def visits(clinic_id: int, patient_id: int, count: int, now: datetime) -> Iterator[Appointment]:
    """Yield visits from tomorrow on, two hours apart."""
    for number in range(count):
        start = now.replace(minute=0, second=0, microsecond=0) + timedelta(days=1, hours=2 * number)
        yield Appointment(
            uid=f"{patient_id}-{number:05}",
            clinic_id=clinic_id,
            patient_id=patient_id,
            action="infusion-1",
            kind="infusion",
            title="Infusion",
            status=AppointmentStatus.BOOKED,
            start_at=start,
            end_at=start + timedelta(minutes=115),
            local_start=start.replace(tzinfo=None),
            zone_name="America/New_York",
            phases=[],
            sequence=0,
            changed_at=now,
            created_at=now,
        )


def serialising(count: int) -> Iterator[str]:
    """Compare a cold and a warm rendering with the library's own, each the best of three."""
    clinic = Clinic(
        id=1, key="harbor", name="Harbor Street", zone_name="America/New_York", phone="", address=""
    )
    clinic.settings_document = {}
    look = look_of(clinic)
    rows = list(visits(1, 1, count, NOW))
    entries = shown(rows, lambda _: "Appointment", look)

    def ours() -> bytes:
        return feed_calendar(clinic.name, look, entries, NOW.year)

    def cold() -> bytes:
        events.rendered.cache_clear()
        return ours()

    def plain() -> bytes:
        calendar = Calendar()
        calendar.add("prodid", "-//plain//")
        calendar.add("version", "2.0")
        zone = vtimezone(clinic.zone_name, NOW.year)
        assert zone
        calendar.add_component(zone)
        for entry in entries:
            calendar.add_component(events.event(entry, clinic.zone_name))
        body: bytes = calendar.to_ical()
        return body

    took = {work.__name__: min(seconds(work) for _ in range(3)) for work in (plain, cold)}
    warm = min(seconds(ours) for _ in range(3))
    yield (
        f"{count:,} visits: icalendar alone {took['plain'] * 1000:,.0f} ms; cold {took['cold'] * 1000:,.0f} ms"
        f" ({took['cold'] / took['plain']:.2f} x, aim at most 1.5 x); warm {warm * 1000:,.0f} ms"
    )


def seconds(work: Callable[[], object]) -> float:
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def ask(port: int, paths: Sequence[str], requests: int, tags: dict[str, str]) -> tuple[float, int]:
    """Return requests per second, and the status that all answers had."""
    clients = [http.client.HTTPConnection(LOOPBACK, port) for _ in range(CLIENTS)]
    statuses = set()
    begin = time.perf_counter()
    for first in range(0, requests, CLIENTS):
        asking = clients[: requests - first]
        for number, client in enumerate(asking, first):
            path = paths[number % len(paths)]
            client.request("GET", path, headers={"If-None-Match": tags[path]} if tags.get(path) else {})
        for client in asking:
            answer = client.getresponse()
            answer.read()
            statuses.add(answer.status)
    took = time.perf_counter() - begin
    for client in clients:
        client.close()
    (status,) = statuses
    return requests / took, status


def processor_seconds(pid: int) -> float:
    """Return what a process and its children have taken of the processor (Linux: /proc)."""
    found = 0
    for file in Path("/proc").glob("[0-9]*/stat"):
        try:
            number, _, rest = file.read_text().partition(" (")
        except FileNotFoundError:
            continue  # it has just ended
        fields = rest.rpartition(") ")[2].split()
        if pid in (int(number), int(fields[1])):
            found += int(fields[11]) + int(fields[12])
    return found / TICKS


def fetch(port: int, path: str) -> tuple[int, bytes, str]:
    connection = http.client.HTTPConnection(LOOPBACK, port)
    connection.request("GET", path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body, answer.headers.get("ETag", "")


@contextmanager
def served(folder: Path, application: str) -> Iterator[tuple[int, int]]:
    port = free_port()
    environ = {
        **os.environ,
        "APP_ENV": "test",
        "INSTANCE_PATH": str(folder),
        "DATABASE_URL": f"sqlite:///{folder}/seriate.db",
        "SECRET_KEY": SECRET_KEY,
        "PORT": str(port),
    }
    module, _, name = application.partition(":")
    served = f"from {module} import {name}; from scheduler.http.server import listen, serve"
    command = [sys.executable, "-c", f"{served}; serve({name}, listen('{LOOPBACK}', {port}), workers=1)"]
    with running(command, environ, port) as pid:
        yield port, pid


@contextmanager
def radicale(folder: Path, body: bytes) -> Iterator[tuple[tuple[int, int], str]]:
    """Serve the calendar with Radicale; give its port, its process and the calendar's path."""
    folder.mkdir()
    port = free_port()
    config = folder / "radicale.conf"
    config.write_text(RADICALE.format(host=LOOPBACK, port=port, folder=folder / "storage"))
    (folder / "storage.rights").write_text("[all]\nuser = .*\ncollection = .*\npermissions = RrWw\n")
    path = "/bench/calendar/"
    with running([sys.executable, "-m", "radicale", "--config", str(config)], dict(os.environ), port) as pid:
        connection = http.client.HTTPConnection(LOOPBACK, port, timeout=600)
        headers = {"Content-Type": "text/calendar; charset=utf-8", "Authorization": "Basic YmVuY2g6YmVuY2g="}
        connection.request("PUT", path, body, headers)
        put = connection.getresponse()
        put.read()
        if put.status != 201:
            raise RuntimeError(f"Radicale did not take the calendar: {put.status}")
        yield (port, pid), path


@contextmanager
def running(command: list[str], environ: dict[str, str], port: int) -> Iterator[int]:
    process = subprocess.Popen(command, cwd=ROOT, env=environ)
    os.sched_setaffinity(process.pid, {CORES[-1]})
    try:
        for _ in range(600):
            try:
                fetch(port, "/")
                break
            except OSError:
                time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
