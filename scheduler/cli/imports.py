"""`flask import ...`: what another system has, all or nothing."""

from __future__ import annotations

from pathlib import Path

import click
from flask.cli import AppGroup

from scheduler import clock
from scheduler.cli.clinics import chosen, clinic_option, commander
from scheduler.cli.output import json_option, say
from scheduler.database import begin_write, db
from scheduler.services import audit, patient_import

group = AppGroup("import", help="Bring in what another system has.")


@group.command("patients")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--dry-run", is_flag=True, help="Check everything and write nothing.")
@click.option("--skip-duplicates", is_flag=True, help="Leave out patients who are there already.")
@clinic_option
@json_option
def patients(file: Path, dry_run: bool, skip_duplicates: bool, clinic_key: str | None, as_json: bool) -> None:
    """Add the patients of FILE, a CSV table or (.json) a FHIR R4 bundle: all of them, or none."""
    begin_write(db.session())
    actor, now = commander(chosen(db.session(), clinic_key)), clock.now()
    rows, faults = patient_import.read(file.read_bytes(), file.suffix.lower() == ".json")
    report = patient_import.run(
        db.session(), actor, rows, faults, now, skip_duplicates=skip_duplicates, dry_run=dry_run
    )
    if report.faults or dry_run:
        db.session.rollback()
    else:
        audit.record(db.session(), actor, "patients.imported", None, now, [f"count:{report.added}"])
        db.session.commit()
    values = {
        "ok": not report.faults,
        "added": 0 if dry_run else report.added,
        "would_add": report.added,
        "left_out": report.left_out,
        "faults": [{"line": one.line, "field": one.field, "reason": one.reason} for one in report.faults],
    }
    said = "would be added" if dry_run else "added"
    lines = [str(fault) for fault in report.faults]
    if report.faults:
        lines.append(f"{len(report.faults)} faults in {file}; nothing was added")
    else:
        lines.append(f"{report.added} patients {said}, {report.left_out} left out as duplicates")
    say("\n".join(lines), values, as_json=as_json)
    if report.faults:
        raise SystemExit(1)
