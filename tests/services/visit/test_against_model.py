"""The services against the clinic in plain Python. `make chaos DRILL=model` takes far more steps."""

import shutil
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import make_url

from scheduler.database import db
from scheduler.services.visit import allocation
from tests.cast import add_patient, add_person, add_place
from tests.engines import both, execute, maintenance
from tests.services.visit.clinic_machine import ClinicMachine


@pytest.fixture
def open_clinic(engine_name, database_url, session, harbor, tmp_path):
    """Return a function that gives a copy of a clinic of two rooms, two therapists and three patients."""
    add_place(session, harbor, "Room B", "room")
    add_person(session, harbor, "Tess", "therapist")
    for name in ("Mia", "Max", "Moe"):
        add_patient(session, harbor, name, "Model")
    session.commit()
    db.session.remove()
    db.engine.dispose()
    number, url = count(), make_url(database_url)

    def copy_file():
        copy = tmp_path / f"copy-{next(number)}.db"
        shutil.copyfile(url.database, copy)
        return f"sqlite:///{copy}", lambda: [one.unlink() for one in tmp_path.glob(f"{copy.name}*")]

    def copy_database():
        name = f"{url.database}_{next(number)}"
        execute(maintenance(database_url), f'CREATE DATABASE "{name}" TEMPLATE "{url.database}"')
        copy = url.set(database=name).render_as_string(hide_password=False)
        return copy, lambda: execute(maintenance(database_url), f'DROP DATABASE "{name}" WITH (FORCE)')

    return copy_file if engine_name == "sqlite" else copy_database


def compare(open_clinic, examples, steps, number=None, **options):
    """Take so many random walks of so many steps; raises what is found to differ. `number` repeats a run."""
    usual = {
        "deadline": None,
        "suppress_health_check": list(HealthCheck),
        "database": None,
        "report_multiple_bugs": False,
        "max_examples": examples,
        "stateful_step_count": steps,
    }

    def machine():
        return ClinicMachine(open_clinic)

    if number is not None:
        machine = seed(number)(machine)
    run_state_machine_as_test(machine, settings=settings(**usual, **options))


@both
def test_the_services_do_what_the_model_says(engine_name, open_clinic):
    # a walk that fails is printed as it was: making it shorter, as the drill does, takes minutes
    compare(open_clinic, 8 if engine_name == "sqlite" else 3, 20, phases=[Phase.generate])


def test_time_that_is_not_let_go_is_noticed(open_clinic, monkeypatch):
    monkeypatch.setattr(allocation, "release", lambda *_: [])

    with pytest.raises(AssertionError):
        compare(open_clinic, examples=40, steps=20, phases=[Phase.generate])
