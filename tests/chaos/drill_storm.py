"""A storm of bookings, moves, cancellations and blocked hours: no two visits ever share a chair or a person.

Through the services, over HTTP to the server as it runs in production, and once more at a stated rate, where an attempt
counts from when it was due. In the end every visit that somebody was told of stands where they were told, and no other
does; and whoever blocked an hour was told of every visit in it. The control is a storm whose services see an empty
calendar, over a database without its guard.
"""

import json
from collections import Counter
from datetime import UTC

import pytest
from sqlalchemy import select, text

from scheduler.models.appointment import Appointment
from scheduler.models.schedule import Closure
from scheduler.services.account import accounts
from scheduler.services.clinic import schedules
from scheduler.services.visit import books
from tests.api.test_same_slot import OVERLAPS
from tests.cast import NOW, add_patient, add_person, add_place
from tests.chaos.report import tell
from tests.chaos.settings import FULL, SEED, rounds, seconds, short_on
from tests.forked import Child, ask
from tests.models.test_allocation import GUARDS
from tests.running import open_url

PROCESSES = 8 if FULL else 4
PEOPLE = 40
RATE = 4  # attempts a second, of all programs together: more than the desks of a large clinic make
SHARE = 0.3  # of the attempts must succeed, at least: else the storm tries the calendar little


class Storm:
    """A storm over a clinic's database, and what came of it."""

    def __init__(self, app, session, cast, folder):
        self.session, self.cast, self.folder = session, cast, folder
        for name in ("Room B", "Room C"):
            add_place(session, cast, name, "room")
        add_person(session, cast, "Tess", "therapist")
        patients = [add_patient(session, cast, f"S{n}", "Storm").public_id for n in range(PEOPLE)]
        token = accounts.create_token(session, cast.command, cast.users["mona"], "storm", NOW)[1]
        places = {}
        for place in cast.places.values():
            places.setdefault(place.resource.kind.value, []).append(place.public_id)
        session.commit()
        self.common = {
            "database": app.config["SETTINGS"].database_url,
            "token": token,
            "clinic": cast.clinic.key,
            "user": cast.users["mona"].email,
            "patients": patients,
            "places": places,
        }
        session.rollback()

    def blow(self, way, attempts, count=PROCESSES, days=10, control="", url="", rate=0):
        """Let so many programs make so many attempts together; return what they say."""
        folder = self.folder / f"{way}-{control}-{rate}"
        folder.mkdir()
        plan = self.common | {
            "folder": str(folder),
            "way": way,
            "attempts": attempts,
            "count": count,
            "days": days,
            "control": control,
            "url": url,
            "rate": rate,
            "seconds": seconds(),
            "seed": SEED,
        }
        log = folder / "log"
        code = Child(
            ask("tests.chaos.forked_programs.program", module="storm", plan=plan, log=str(log))
        ).wait()
        self.log = log.read_text()[-3000:]
        assert code == 0, self.log
        return [json.loads(file.read_text()) for file in sorted(folder.glob("storm-*.json"))]

    def lost(self, said):
        """Return the visits that are not where somebody was told, or stand although nobody was told."""
        self.session.rollback()
        told = {visit: start for one in said for visit, start in one["visits"].items()}
        rows = self.session.execute(select(Appointment.public_id, Appointment.start_at, Appointment.status))
        stand = {row[0]: row[1].astimezone(UTC).isoformat() for row in rows if row[2].is_live}
        return len(told.items() ^ stand.items())

    def unnoticed(self, said):
        """Return the visits in blocked hours that whoever blocked them was not told of."""
        self.session.rollback()
        told = {closure: set(visits) for one in said for closure, visits in one["blocks"].items()}
        closures = list(self.session.scalars(select(Closure)))
        assert {one.public_id for one in closures} == set(told)
        touched = {one.public_id: schedules.affected(self.session, self.cast.clinic, one) for one in closures}
        return sum(visit.public_id not in told[key] for key, visits in touched.items() for visit in visits)

    def overlaps(self):
        self.session.rollback()
        found = self.session.scalar(OVERLAPS)
        wrong = books.faults(self.session, self.cast.clinic.id, NOW)
        self.session.rollback()
        return found + wrong.overlapping, wrong.without_time + wrong.with_time_of_others

    def unguarded(self, way="services", url=""):
        """Return the overlaps of a short storm without the guard, with blind services."""
        drops = {**GUARDS, "sqlite": [*GUARDS["sqlite"], "DROP TRIGGER allocation_overlap_update"]}
        for drop in drops[self.session.get_bind().dialect.name]:
            self.session.execute(text(drop))
        self.session.commit()
        self.blow(way, 80 if FULL else 40, count=2, days=1, control="blind", url=url)
        return self.overlaps()[0]


@pytest.fixture
def storm(app, forked, session, harbor, tmp_path):
    return Storm(app, session, harbor, tmp_path)


@short_on("sqlite")
def test_a_storm(engine_name, storm):
    attempts = rounds(60, 1_000_000 if engine_name == "sqlite" else 100_000)
    check(storm, "booking-storm", engine_name, storm.blow("services", attempts), storm.unguarded)


@short_on("postgresql")
def test_a_storm_over_http(engine_name, system, storm):
    serve(system)
    attempts = rounds(40, 20_000)
    said = storm.blow("http", attempts, url=system.url)

    def unguarded():
        system.stop("web")
        serve(system, "tests.chaos.blind_server")
        return storm.unguarded("http", system.url)

    check(storm, "booking-storm-http", engine_name, said, unguarded)


@short_on("sqlite")
def test_at_a_stated_rate(engine_name, system, storm):
    serve(system)
    said = storm.blow("http", rounds(12, 1_200), url=system.url, rate=RATE)
    check(storm, "booking-at-a-rate", engine_name, said, None, RATE)


def check(storm, name, engine_name, said, unguarded, rate=0):
    """Say what was found, with the control, and judge it."""
    found = figures(said, rate, http=name != "booking-storm")
    overlaps, wrong = storm.overlaps()
    lost, unnoticed = storm.lost(said), storm.unnoticed(said)
    log, control = storm.log, {"bug": "none planted; the storm's control is this one's"}
    if unguarded:
        control = {"bug": "blind services, no guard", "overlaps": unguarded()}
    seen = {"overlaps": overlaps, "out of place": lost + wrong, "blocked unnoticed": unnoticed}
    tell(name, engine_name, {"processes": PROCESSES, **found, **seen}, control)

    assert (overlaps, wrong, lost, unnoticed) == (0, 0, 0, 0), log
    assert found["failed"] == 0, log
    assert found["done"] > SHARE * found["attempts"]
    assert control.get("overlaps", 1) > 0


def figures(said, rate, http):
    """Return how many attempts there were, how they ended, and how long they took."""
    ends, times = Counter(), Counter()
    for one in said:
        ends.update(one["ends"])
        times.update({int(ms): count for ms, count in one["times"].items()})
    attempts = sum(ends.values())
    took, thought = max(one["seconds"] for one in said), sum(one["processor"] for one in said)
    return {
        "attempts": attempts,
        "done": sum(count for end, count in ends.items() if end.endswith("done")),
        "refused": sum(count for end, count in ends.items() if end.endswith("refused")),
        "failed": ends["failed"],
        "tried again": sum(one["again"] for one in said),
        **(
            {"stated attempts a second": str(rate)}
            if rate
            else {"attempts a second": str(round(attempts / took))}
        ),
        **({} if http else {"processor ms an attempt": f"{1000 * thought / attempts:.1f}"}),
        "p50 ms": str(percentile(times, 0.5)),
        "p99 ms": str(percentile(times, 0.99)),
    }


def percentile(times, share):
    left = sum(times.values()) * share
    for ms in sorted(times):
        left -= times[ms]
        if left <= 0:
            return ms
    return 0


def serve(system, instead="wsgi"):
    """Start the server as production does, or with another application, and wait until it answers.

    The smoke has it forked by the nursery, which spares it the imports.
    """
    system.travel(NOW)
    if FULL:
        system.commands["web"] = [
            word.replace("wsgi:app", f"{instead}:app") for word in system.commands["web"]
        ]
        system.start("web")
    else:
        log = str(system.log("web"))
        system.processes["web"] = Child(
            ask("tests.chaos.forked_programs.web", module=instead, environ=system.environ, log=log)
        )
    system.wait(lambda: answers(f"{system.url}/login"))


def answers(address):
    try:
        with open_url(address, timeout=10):
            return True
    except OSError:
        return False
