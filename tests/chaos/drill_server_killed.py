"""The server's processes are killed in the middle of bookings: what was answered is there whole, and nothing else.

Bookers ask the web server, as in production, over HTTP; all its processes are killed at once, again and again, and
their parent starts others. Whoever lost an answer asks again with the same key. The control is a server that answers
although it has not written.
"""

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy import select, text

from scheduler.models.appointment import Appointment
from scheduler.models.appointment_event import AppointmentEvent
from scheduler.models.audit_event import AuditEvent
from scheduler.models.reminder import Reminder
from scheduler.services.visit import books
from tests.cast import NOW, add_place
from tests.chaos.bookers import bookers, figures
from tests.chaos.drill_storm import serve
from tests.chaos.own_server import _parent
from tests.chaos.report import tell
from tests.chaos.settings import SEED, rounds, short_on

BOOKERS = 2


@short_on("sqlite")
def test_server_killed(engine_name, forked, app, system, session, harbor, tmp_path):
    number = rounds(1, 20)
    for name in ("Room B", "Room C"):
        add_place(session, harbor, name, "room")
    session.commit()
    serve(system)
    with bookers(app, session, harbor, tmp_path, BOOKERS, SEED, url=system.url) as crew:
        killed = kill_again_and_again(system, crew, number)
        lost, unknown = crew.lost()
        found = figures(crew.answered())
    half, wrong = unfinished(session), books.faults(session, harbor.clinic.id, NOW).any
    damaged = [] if engine_name == "postgresql" else damage(session)
    system.stop("web")
    serve(system, "tests.chaos.forgetful_server")
    (tmp_path / "control").mkdir()
    with bookers(app, session, harbor, tmp_path / "control", BOOKERS, SEED, url=system.url) as crew:
        crew.start_all()
        crew.wait_for(20)
        crew.stop()
        planted = crew.lost()[0]
    tell(
        "server-killed",
        engine_name,
        {
            "times": number,
            "processes killed": killed,
            **found,
            "lost": lost,
            "unanswered": unknown,
            "half bookings": half,
        },
        {"bug": "answers without having written", "lost": planted},
    )

    assert (lost, unknown, half, wrong, damaged) == (0, 0, 0, False, [])
    assert found["done"] > 0
    assert planted > 0


def kill_again_and_again(system, crew, number):
    """Kill the server's workers in the middle of bookings; return how many were killed."""
    chance, killed = random.Random(SEED), 0
    crew.start_all()
    for _ in range(number):
        crew.wait_for(chance.randrange(4, 20))
        time.sleep(chance.uniform(0, 0.05))
        for worker in workers(system):
            with suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
                killed += 1
        crew.wait_for(1)
    crew.stop()
    return killed


def workers(system):
    master = system.processes["web"].pid
    found = [one for one in Path("/proc").iterdir() if one.name.isdigit() and _parent(one) == master]
    return [int(one.name) for one in found]


def unfinished(session):
    """Return how many visits lack a part of what booking one writes."""
    session.rollback()
    whole = (
        select(AppointmentEvent).where(
            AppointmentEvent.appointment_id == Appointment.id, AppointmentEvent.kind == "book"
        ),
        select(Reminder).where(Reminder.appointment_id == Appointment.id),
        select(AuditEvent).where(
            AuditEvent.object_id == Appointment.public_id, AuditEvent.event == "appointment.booked"
        ),
    )
    half = {row for part in whole for row in session.scalars(select(Appointment.id).where(~part.exists()))}
    session.rollback()
    return len(half)


def damage(session):
    found = session.execute(text("PRAGMA integrity_check")).scalars().all()
    session.rollback()
    return [words for words in found if words != "ok"]
