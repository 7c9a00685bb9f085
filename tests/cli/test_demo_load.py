"""`flask demo load`."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, select

from scheduler import clock
from scheduler.app import create_app
from scheduler.database import db
from scheduler.models import user as users
from scheduler.models.clinic import Clinic
from scheduler.models.message import Message, MessageKind, MessageState
from scheduler.models.patient import Patient
from scheduler.services.account import password_strength
from tests.engines import both, test_settings

NAMES = ("admin", "manager", "desk", "nurse", "prescriber", "readonly")
EMAILS = [f"{name}@demo.seriate.example" for name in NAMES]


def run(app: Flask, *arguments: str) -> Result:
    db.session.remove()
    return app.test_cli_runner().invoke(args=["demo", "load", *arguments])


@both
def test_an_empty_database_becomes_a_clinic_with_accounts(app: Flask) -> None:
    result = run(app, "--patients", "2", "--seed", "3")

    assert result.exit_code == 0
    file = Path(app.instance_path) / "demo-credentials.txt"
    kept = dict(line.split() for line in file.read_text().splitlines())
    assert list(kept) == EMAILS
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    printed = dict(line.split() for line in result.stdout.splitlines() if line.startswith("  "))
    assert printed == kept
    assert result.stdout.splitlines()[-1] == f"These are stored in {file}."
    assert db.session.scalar(select(func.count(Patient.id))) == 2
    for email, password in kept.items():
        user = users.by_email(db.session(), email)
        assert user is not None
        assert user.verify_and_update_password(password)
    waiting = select(Message.kind).where(Message.state == MessageState.PENDING, Message.due_at <= clock.now())
    assert set(db.session.scalars(waiting)) >= {MessageKind.CONFIRMATION, MessageKind.DIGEST}


def test_a_second_load_is_refused_and_changes_nothing(app: Flask, tuesday: Clinic) -> None:
    file = Path(app.instance_path) / "demo-credentials.txt"
    file.write_text("of the first load")
    patients = db.session.scalar(select(func.count(Patient.id)))

    result = run(app, "--patients", "1")

    assert result.stderr == (
        "Error: The database has a clinic already (linden-court); the demo needs an empty one.\n"
    )
    assert result.exit_code == 1
    assert file.read_text() == "of the first load"
    assert db.session.scalar(select(func.count(Clinic.id))) == 1
    assert db.session.scalar(select(func.count(Patient.id))) == patients


def test_the_answer_may_be_json(app: Flask) -> None:
    answer = json.loads(run(app, "--patients", "1", "--json").stdout)

    assert list(answer) == ["clinic", "counts", "passwords", "file"]
    assert (answer["clinic"], answer["counts"]["patients"], list(answer["passwords"])) == (
        "linden-court",
        1,
        EMAILS,
    )


def test_a_load_that_fails_leaves_no_clinic(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password_strength, "SHORTEST", 100)

    result = run(app, "--patients", "1")

    assert result.exit_code == 1
    assert db.session.scalar(select(func.count(Clinic.id))) == 0
    assert not (Path(app.instance_path) / "demo-credentials.txt").exists()


def test_production_has_no_demo(tmp_path: Path, database_url: str) -> None:
    production = {"APP_ENV": "production", "PUBLIC_URL": "https://clinic.example"}
    production |= {"SMTP_URL": "smtp://127.0.0.1:2525", "MAIL_FROM": "desk@clinic.example"}
    app = create_app(test_settings(tmp_path, database_url, **production))
    with app.app_context():
        result = app.test_cli_runner().invoke(args=["demo", "load"])
        made = db.session.scalar(select(func.count(Clinic.id)))
        db.session.remove()
        db.engine.dispose()

    assert result.stderr == "Error: APP_ENV is production: fictional patients are only for demo and test.\n"
    assert (result.exit_code, made) == (1, 0)
