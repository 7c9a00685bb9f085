"""`flask plans check` and `flask plans load`."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

from scheduler.database import db
from scheduler.models.audit_event import AuditEvent
from scheduler.models.clinic import Clinic
from scheduler.models.plan_definition import PlanDefinition
from scheduler.services.clinic.plans import SHIPPED
from tests.engines import both

SHIPPED_FILE = str(SHIPPED / "iv-depression-6.yaml")
CIRCLE = """key: circle
title: Circle
source: ours
visits:
  - {key: talk, title: Talk, phases: [{name: talk, minutes: 50, needs: [room]}]}
actions:
  - {key: start, visit: talk}
  - {key: one, visit: talk, after: {action: two, days: [1, 1, 1]}}
  - {key: two, visit: talk, after: {action: one, days: [1, 1, 1]}}
"""


@pytest.fixture
def clinic(app: Flask) -> Clinic:
    clinic = Clinic(key="north", name="North", zone_name="America/New_York")
    db.session.add(clinic)
    db.session.commit()
    return clinic


def run(app: Flask, *arguments: str) -> Result:
    db.session.remove()
    return app.test_cli_runner().invoke(args=["plans", *arguments])


def stored() -> list[tuple[str, int]]:
    db.session.remove()
    rows = db.session.execute(select(PlanDefinition.key, PlanDefinition.version).order_by(PlanDefinition.id))
    return [(key, version) for key, version in rows]


def test_a_right_file_is_right(app: Flask) -> None:
    result = run(app, "check", SHIPPED_FILE)

    assert result.output == f"{SHIPPED_FILE} is valid: iv-depression-6, 21 visits and 3 proposed.\n"
    assert result.exit_code == 0
    assert stored() == []


def test_check_answers_in_json(app: Flask) -> None:
    result = run(app, "check", SHIPPED_FILE, "--json")

    assert json.loads(result.output) == {"ok": True, "key": "iv-depression-6", "visits": 21, "proposed": 3}


def test_a_wrong_file_is_refused_by_line_and_nothing_is_loaded(
    app: Flask, clinic: Clinic, tmp_path: Path
) -> None:
    file = tmp_path / "circle.yaml"
    file.write_text(CIRCLE)

    for command in ("check", "load"):
        result = run(app, command, str(file))
        assert result.stderr == f"{file}: line 8: actions[1]: the gaps form a cycle: one -> two -> one\n"
        assert (result.stdout, result.exit_code) == ("", 1)
    assert stored() == []


def test_a_wrong_file_is_told_in_json(app: Flask, tmp_path: Path) -> None:
    file = tmp_path / "circle.yaml"
    file.write_text(CIRCLE.replace("minutes: 50", "minutes: 51"))

    result = run(app, "check", str(file), "--json")

    fault = {"line": 5, "where": "visits[0].phases[0].minutes", "reason": "must be a multiple of 5"}
    assert json.loads(result.output) == {"ok": False, "faults": [fault]}
    assert result.exit_code == 1


@both
def test_loading_adds_a_version_only_when_the_plan_changed(
    app: Flask, clinic: Clinic, tmp_path: Path
) -> None:
    changed = tmp_path / "changed.yaml"
    changed.write_text(Path(SHIPPED_FILE).read_text().replace("minutes: 40", "minutes: 45"))

    outputs = [
        run(app, "load", file).output for file in (SHIPPED_FILE, SHIPPED_FILE, str(changed), SHIPPED_FILE)
    ]

    assert outputs == [
        "In north, iv-depression-6 is now version 1: 21 visits and 3 proposed.\n",
        "In north, iv-depression-6 already is version 1: 21 visits and 3 proposed.\n",
        "In north, iv-depression-6 is now version 2: 21 visits and 3 proposed.\n",
        "In north, iv-depression-6 is now version 3: 21 visits and 3 proposed.\n",
    ]
    assert stored() == [("iv-depression-6", 1), ("iv-depression-6", 2), ("iv-depression-6", 3)]
    events = db.session.scalars(select(AuditEvent.event)).all()
    assert events == ["plan-definition.loaded"] * 3


def test_with_several_clinics_one_is_named(app: Flask, clinic: Clinic) -> None:
    db.session.add(Clinic(key="south", name="South", zone_name="Asia/Kolkata"))
    db.session.commit()

    assert run(app, "load", SHIPPED_FILE).stderr == (
        "Error: There are several clinics; say which with --clinic: north, south.\n"
    )
    assert run(app, "load", SHIPPED_FILE, "--clinic", "west").stderr == "Error: There is no clinic west.\n"
    assert run(app, "load", SHIPPED_FILE, "--clinic", "south", "--json").output == (
        '{"ok": true, "clinic": "south", "version": 1, "added": true, '
        '"key": "iv-depression-6", "visits": 21, "proposed": 3}\n'
    )


def test_without_a_clinic_nothing_is_loaded(app: Flask) -> None:
    result = run(app, "load", SHIPPED_FILE)

    assert (result.stderr, result.exit_code) == ("Error: There is no clinic yet.\n", 1)
