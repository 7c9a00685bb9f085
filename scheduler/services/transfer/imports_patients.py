"""Patients from a file: checked like those from a form, duplicates found, all written or none.

A duplicate has the same names (case, accents and punctuation aside) and the same birth date, or none, as an earlier
line or as a patient who is here already; or the same given name and mail address. Duplicates are faults, unless the
caller wants them left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.folding import folded
from scheduler.errors import Invalid
from scheduler.models.clinic import Clinic
from scheduler.models.patient import Patient
from scheduler.services.actors import Actor
from scheduler.services.patient import patients
from scheduler.services.patient.patient_fields import CHECKS, checked
from scheduler.services.progress import Progress
from scheduler.services.trail import audit
from scheduler.services.transfer import imports_csv, imports_fhir
from scheduler.services.transfer.imports import ImportFault, ImportRefused, Row, stepping

PREFERENCES = ("weekdays", "earliest", "latest")
COLUMNS = frozenset(CHECKS) - {"preferences"} | set(PREFERENCES)
REQUIRED = ("given_name", "family_name")
FLAGS = {"yes": True, "y": True, "true": True, "1": True, "no": False, "n": False, "false": False, "0": False}

Key = tuple[object, ...]


@dataclass(frozen=True)
class Batch:
    """What a file holds, checked. `unit` is what its places count, `others` resources that are no patients."""

    unit: str
    rows: Sequence[Row]
    others: int = 0


@dataclass(frozen=True)
class ImportedPatients:
    """How many patients were added, and the places that were left out as duplicates."""

    added: int
    left_out: Sequence[int]


def read_csv(content: bytes, today: date, progress: Progress) -> Batch:
    """Return the patients of a CSV file. Raises ImportRefused with every fault."""
    rows = imports_csv.read(content, COLUMNS, REQUIRED)
    return Batch(imports_csv.UNIT, _checked(imports_csv.UNIT, rows, _from_cells, today, progress))


def read_bundle(content: bytes, today: date, progress: Progress) -> Batch:
    """Return the patients of a FHIR bundle. Raises ImportRefused with every fault."""
    rows, others = imports_fhir.read(content, progress)
    return Batch(imports_fhir.UNIT, _checked(imports_fhir.UNIT, rows, dict, today, progress), others)


def write(
    session: Session, actor: Actor, batch: Batch, now: datetime, progress: Progress, leave_out: bool = False
) -> ImportedPatients:
    """Add every patient of the batch. Raises ImportRefused for duplicates unless they are to be left out."""
    doubles = _duplicates(session, actor.clinic, batch.unit, batch.rows)
    if doubles and not leave_out:
        raise ImportRefused(batch.unit, doubles)
    left_out = sorted({fault.place for fault in doubles})
    chosen = [row for row in batch.rows if row.place not in set(left_out)]
    for row in stepping("written", chosen, progress):
        patients.create(session, actor, row.fields, now)
    audit.record(session, actor, "patients.imported", None, now, reason=f"{len(chosen)} patients")
    session.flush()
    return ImportedPatients(len(chosen), left_out)


def _checked(
    unit: str,
    rows: Sequence[Row],
    fields_of: Callable[[Mapping[str, Any]], dict[str, Any]],
    today: date,
    progress: Progress,
) -> list[Row]:
    good: list[Row] = []
    faults: list[ImportFault] = []
    for row in stepping("checked", rows, progress):
        fields = fields_of(row.fields)
        faults += [ImportFault(row.place, name, "is missing") for name in REQUIRED if name not in fields]
        try:
            good.append(Row(row.place, checked(fields, today)))
        except Invalid as refused:
            faults += [
                ImportFault(row.place, one["field"], one["reason"]) for one in refused.details["errors"]
            ]
    if faults:
        raise ImportRefused(unit, faults)
    return good


def _from_cells(cells: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line's cells as fields: flags in words, weekdays as numbers, wishes together."""
    fields = {name: value for name, value in cells.items() if name not in PREFERENCES}
    for name in ("email_ok", "wheelchair", "active"):
        if name in fields:
            fields[name] = FLAGS.get(fields[name].lower(), fields[name])
    wishes = {name: cells[name] for name in PREFERENCES if name in cells}
    if "weekdays" in wishes:
        days = wishes["weekdays"].replace(",", " ").replace(";", " ").split()
        wishes["weekdays"] = [int(day) if len(day) == 1 and day in "1234567" else day for day in days]
    return fields | ({"preferences": wishes} if wishes else {})


def _duplicates(session: Session, clinic: Clinic, unit: str, rows: Sequence[Row]) -> list[ImportFault]:
    known = _known(session, clinic)
    found: list[ImportFault] = []
    for row in rows:
        keys = _keys(row.fields)
        double = next((known[key] for key in keys if key in known), None)
        if double is not None:
            found.append(ImportFault(row.place, "duplicate", f"already exists ({double})"))
        known.update((key, f"{unit} {row.place}") for key in keys if key not in known)
    return found


def _known(session: Session, clinic: Clinic) -> dict[Key, str]:
    query = select(
        Patient.given_name, Patient.family_name, Patient.birth_date, Patient.email, Patient.public_id
    ).where(Patient.clinic_id == clinic.id, Patient.merged_into_id.is_(None), Patient.erased_at.is_(None))
    rows = session.execute(query)
    return {key: f"patient {row.public_id}" for row in rows for key in _keys(row._asdict())}


def _keys(fields: Mapping[str, Any]) -> list[Key]:
    """Return by what a patient is recognised."""
    given = folded(fields["given_name"])
    keys: list[Key] = [("name", given, folded(fields["family_name"]), fields.get("birth_date"))]
    if fields.get("email"):
        keys.append(("email", given, fields["email"].casefold()))
    return keys
