"""How fast the day board and the patient search are.

    python -m tests.benchmarks.board [--quick] [--database URL]

The board has 30 chairs and 240 visits in four phases each; the search goes over 100,000 patients (2,000 with --quick).
Pages are asked for through the test client (the server's part) and in a real browser (until it answers keys). On a
machine that is busy with other things, the processor's time says more than the clock: SQLite runs in this process.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import tempfile
import threading
import time
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import flask_migrate
from flask import Flask
from sqlalchemy import event, insert
from werkzeug.serving import make_server

from scheduler.app import create_app
from scheduler.database import db
from scheduler.domain.folding import search_key
from scheduler.domain.status import AppointmentStatus
from scheduler.models.appointment import Appointment
from scheduler.models.clinic import Clinic
from scheduler.models.columns import new_public_id
from scheduler.models.patient import Patient
from scheduler.models.resource import Resource, ResourceKind
from scheduler.models.user import StaffRole
from scheduler.services.account import accounts
from scheduler.services.patient.patient_search import look_up
from tests.cast import NOW, PASSWORD, Cast, add_patient, add_person, add_place, found, hire
from tests.engines import test_settings
from tools import chromium, processes

ON = date(2026, 11, 30)
FIRST = datetime(2026, 11, 30, 13, 0, tzinfo=UTC)  # 08:00 in New York
CHAIRS, EACH, ROUNDS = 30, 8, 30
PHASES = [
    {"name": "set-up", "minutes": 10, "needs": []},
    {"name": "infusion", "minutes": 30, "needs": []},
    {"name": "observation", "minutes": 25, "needs": []},
    {"name": "turnover", "minutes": 5, "needs": [], "attended": False},
]
SYLLABLES = (
    "an",
    "bel",
    "cor",
    "da",
    "el",
    "fi",
    "gu",
    "ha",
    "is",
    "jo",
    "ka",
    "lu",
    "mo",
    "ni",
    "o",
    "pe",
    "ra",
    "sø",
    "tú",
    "vé",
)
AIMS = {"interactive": 1000, "bytes": 300_000, "search": 50}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--database", help="the URL of an empty PostgreSQL database, instead of SQLite")
    asked = parser.parse_args()
    many = 2_000 if asked.quick else 100_000
    with tempfile.TemporaryDirectory(prefix="seriate-board-") as name:
        port = processes.free_port()
        settings = test_settings(Path(name), asked.database or f"sqlite:///{name}/seriate.db", PORT=str(port))
        app = create_app(settings)
        with app.app_context():
            flask_migrate.upgrade()
            clinic = _fill()
            _server_side(app)
            _browser_side(app, port)
            _search(clinic, many)
            db.engine.dispose()


def _fill() -> Clinic:
    session = db.session()
    cast: Cast = found(session, "bench", "Bench Clinic", "America/New_York")
    user = hire(session, cast, "mona", StaffRole.MANAGER)
    accounts.set_password(session, user, PASSWORD)
    for number in range(6):
        add_person(session, cast, f"Nurse {number + 1}", "nurse")
    for chair in range(CHAIRS):
        place = add_place(session, cast, f"Chair {chair + 1}", "chair")
        for number in range(EACH):
            patient = add_patient(session, cast, f"Patient{chair}", f"Number{number}")
            start = FIRST + timedelta(minutes=75 * number + 5 * (chair % 3))
            session.add(_visit(cast.clinic, patient, place, start))
    session.commit()
    return cast.clinic


def _visit(clinic: Clinic, patient: Patient, place: object, start: datetime) -> Appointment:
    return Appointment(
        clinic_id=clinic.id,
        patient=patient,
        location=place,
        action="infusion-1",
        kind="infusion",
        title="Infusion",
        series="infusion",
        position=1,
        series_length=6,
        status=AppointmentStatus.BOOKED,
        start_at=start,
        end_at=start + timedelta(minutes=65),
        local_start=start.astimezone(clinic.zone).replace(tzinfo=None),
        zone_name=clinic.zone_name,
        phases=PHASES,
        changed_at=start,
        created_at=start,
    )


def _server_side(app: Flask) -> None:
    app.config["WTF_CSRF_ENABLED"] = False
    client = app.test_client()
    client.post("/login", data={"email": "mona@example.org", "password": PASSWORD})
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    times, page = [], client.get(f"/board/{ON}")
    for _ in range(ROUNDS):
        statements.clear()
        begun = time.perf_counter()
        page = client.get(f"/board/{ON}")
        times.append(1000 * (time.perf_counter() - begun))
    app.config["WTF_CSRF_ENABLED"] = True
    shown = page.text.count("data-visit=")
    print(f"board, server: {shown} visits on {CHAIRS} chairs, median {statistics.median(times):.0f} ms")
    print(f"board, queries: {sum(one.lstrip().upper().startswith('SELECT') for one in statements)}")
    print(
        f"board, HTML: {len(page.data)} bytes (aim < {AIMS['bytes']}), ratio {len(page.data) / AIMS['bytes']:.2f}"
    )


def _browser_side(app: Flask, port: int) -> None:
    server = make_server(processes.LOOPBACK, port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        _in_browser(port)
    finally:
        server.shutdown()
        thread.join()


def _in_browser(port: int) -> None:
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with chromium.playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.fetch(), args=flags)
        page = browser.new_page(
            base_url=f"http://{processes.LOOPBACK}:{port}", viewport={"width": 1440, "height": 900}
        )
        page.set_default_timeout(10_000)
        page.goto("/login")
        page.get_by_label("Email").fill("mona@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("navigation", name="Main").wait_for()
        times = []
        for _ in range(5):
            page.goto(f"/board/{ON}")
            times.append(
                page.evaluate("() => performance.getEntriesByType('navigation')[0].domContentLoadedEventEnd")
            )
        median = statistics.median(times)
        aim = AIMS["interactive"]
        print(f"board, interactive: median {median:.0f} ms (aim < {aim}), ratio {median / aim:.2f}")
        page.wait_for_load_state("networkidle")
        page.evaluate(
            "async () => { await document.fonts.ready; window.shift = 0;"
            " new PerformanceObserver(list => { for (const one of list.getEntries())"
            " window.shift += one.value; }).observe({type: 'layout-shift'}); }"
        )
        box = page.locator(".visit").nth(40).bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 20, box["y"] + 10)
        page.mouse.down()
        page.mouse.move(box["x"] + 200, box["y"] + 160, steps=30)
        page.keyboard.press("Escape")
        page.mouse.up()
        print(f"board, layout shift while dragging: {page.evaluate('() => window.shift'):.4f} (aim 0)")
        browser.close()


def _search(clinic: Clinic, many: int) -> None:
    rng = random.Random(1)
    session = db.session()
    session.rollback()
    start = 1_000_000
    names = [(_name(rng), _name(rng)) for _ in range(many)]
    for at in range(0, many, 5_000):
        part = list(enumerate(names[at : at + 5_000], start=start + at))
        session.execute(
            insert(Resource),
            [{"id": n, "clinic_id": clinic.id, "kind": ResourceKind.PATIENT, "units": 1} for n, _ in part],
        )
        session.execute(insert(Patient), [_row(clinic, n, given, family) for n, (given, family) in part])
    session.commit()
    taken: dict[str, list[float]] = defaultdict(list)
    for given, family in rng.sample(names, 200):
        misspelled = family[:1] + family[2:3] + family[1:2] + family[3:]
        for text in (family[:4], f"{given[:3]} {family}", family, misspelled, f"{given} {misspelled}"):
            how = "misspelled" if misspelled in text else "as it is written"
            wall, processor = time.perf_counter(), time.process_time()
            look_up(session, clinic, text, NOW, 8)
            taken[f"{how}, by the clock"].append(1000 * (time.perf_counter() - wall))
            taken[f"{how}, of a processor"].append(1000 * (time.process_time() - processor))
            session.rollback()
    for kind, times in taken.items():
        p95, median = statistics.quantiles(times, n=20)[-1], statistics.median(times)
        print(
            f"search over {many} patients, {kind}: median {median:.1f} ms, p95 {p95:.1f} ms"
            f" (aim < {AIMS['search']}), ratio {p95 / AIMS['search']:.2f}"
        )


def _row(clinic: Clinic, number: int, given: str, family: str) -> dict[str, object]:
    return {
        "clinic_id": clinic.id,
        "public_id": new_public_id(),
        "resource_id": number,
        "given_name": given,
        "family_name": family,
        "search_key": search_key((given, family, ""), f"+1 212 {number}", "", None),
        "created_at": FIRST,
    }


def _name(rng: random.Random) -> str:
    return "".join(rng.choice(SYLLABLES) for _ in range(rng.randint(2, 4))).title()


if __name__ == "__main__":
    main()
