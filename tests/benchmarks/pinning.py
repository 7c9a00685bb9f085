"""How long a pinned or moved visit takes on the booking page, from the key to the new proposals on the screen.

    python -m tests.benchmarks.pinning [--rounds 30]

A clinic with five chairs and 40 booked courses; a real browser pins a visit, lets it go, and moves it to another day by
the arrow keys (which asks first where it may go, once for each visit). Aim: 150 ms end to end. The clock is the page's
own; beside it stands the processor's time of the server, which a busy machine does not stretch.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import tempfile
import threading
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import flask_migrate
from playwright.sync_api import Page
from werkzeug.serving import make_server

from scheduler.app import create_app
from scheduler.database import db
from scheduler.models.plan_definition import current
from scheduler.models.user import StaffRole
from scheduler.services.account import accounts
from scheduler.services.clinic import plans
from scheduler.services.course import booking
from scheduler.services.planning import proposals
from scheduler.services.planning.wishes import CourseRequest
from tests.cast import PASSWORD, Cast, add_patient, add_person, add_place, found, hire
from tests.engines import test_settings
from tools import chromium, processes

AIM = 150  # milliseconds
COURSES = 40
PLAN = "iv-depression-6"
# Press a key on a visit's button and wait until htmx has put the answer in place.
PRESS = """([action, key]) => new Promise((done) => {
    const chip = document.querySelector(`.offer[open] .chip[data-action="${action}"]`);
    chip.focus();
    document.addEventListener("htmx:afterSettle", () => done(performance.now() - began), { once: true });
    const began = performance.now();
    if (key === "Enter") chip.click();
    else chip.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
})"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="seriate-pinning-") as name:
        port = processes.free_port()
        settings = test_settings(Path(name), f"sqlite:///{name}/seriate.db", PORT=str(port))
        app = create_app(settings)
        with app.app_context():
            flask_migrate.upgrade()
            patient = _fill(datetime.now(UTC))
            server = make_server("127.0.0.1", port, app, threaded=True)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            _measure(f"http://127.0.0.1:{port}", patient, rounds)
            server.shutdown()
            db.engine.dispose()


def _fill(now: datetime) -> str:
    """Return the public id of a patient without a course, at a clinic in which many have one."""
    session = db.session()
    cast: Cast = found(session, "bench", "Bench Clinic", "America/New_York")
    accounts.set_password(session, hire(session, cast, "mona", StaffRole.MANAGER), PASSWORD)
    for number in range(5):
        add_place(session, cast, f"Chair {number + 1}", "chair")
    add_place(session, cast, "Room", "room")
    for name, role in (("Nina", "nurse"), ("Noah", "nurse"), ("Pia", "prescriber"), ("Theo", "therapist")):
        add_person(session, cast, name, role)
    for plan in plans.shipped():
        plans.load(session, cast.command, plan, now)
    session.commit()
    for number in range(COURSES):
        add_patient(session, cast, f"Patient{number}", "Busy")
        _book(session, cast, f"Patient{number}", now.date() + timedelta(days=1 + 3 * (number % 20)), now)
    free = add_patient(session, cast, "Nora", "Free").public_id
    session.commit()
    return free


def _book(session: object, cast: Cast, name: str, first_on: date, now: datetime) -> None:
    definition = current(session, cast.clinic.id, PLAN)  # type: ignore[arg-type]
    wanted = CourseRequest(cast.patients[name], definition, first_on, count=1)
    best = proposals.propose(session, cast.command, wanted, now)[0]  # type: ignore[arg-type]
    booking.book_course(session, cast.command, wanted, best.visits, best.projections, now)  # type: ignore[arg-type]


def _measure(address: str, patient: str, rounds: int) -> None:
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with chromium.playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium.find(), args=flags)
        page = browser.new_page(base_url=address)
        page.goto("/login")
        page.get_by_label("Email").fill("mona@example.org")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("navigation", name="Main").wait_for()
        page.goto(f"/care-plans/new?patient={patient}&plan_definition={PLAN}")
        page.locator(".offer[open] .chip").first.wait_for()
        page.wait_for_load_state("networkidle")
        _report("a visit is pinned or let go", page, "Enter", "Enter", rounds)
        _report("a visit moves to another day", page, "ArrowRight", "ArrowLeft", rounds)
        browser.close()


def _report(what: str, page: Page, there: str, back: str, rounds: int) -> None:
    for key in (there, back):  # what is read the first time only
        page.evaluate(PRESS, ["infusion-3", key])
    times, began = [], time.process_time()
    for _ in range(rounds):
        times += [page.evaluate(PRESS, ["infusion-3", key]) for key in (there, back)]
    spent = (time.process_time() - began) / len(times) * 1000
    middle, late = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    print(
        f"{what}: median {middle:.0f} ms, 95 of 100 within {late:.0f} ms on the page "
        f"({middle / AIM:.2f} of the aim of {AIM}); server and test driver {spent:.0f} ms of processor"
    )


if __name__ == "__main__":
    main()
