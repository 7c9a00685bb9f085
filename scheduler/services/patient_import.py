"""Patients from another system: a CSV table or a FHIR R4 bundle, all or nothing.

Every line is checked before anything is written, by the same rules as a form; what is wrong is listed by line. A
patient who is there already (same name and birth date, or same given name and mail address) is a duplicate: named, and
left out only when that is asked for.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduler.domain.folding import folded
from scheduler.errors import Invalid
from scheduler.models.clinic import Clinic
from scheduler.models.patient import Patient
from scheduler.services import patients
from scheduler.services.actors import Actor
from scheduler.services.patient_fields import CHECKS, checked

COLUMNS = [name for name in CHECKS if name != "preferences"]
YES = {"yes", "true", "1", "y"}
NO = {"no", "false", "0", "n", ""}
FLAGS = ("email_ok", "wheelchair")


@dataclass(frozen=True)
class Row:
    """A patient to add, and the line or entry that it came from."""

    line: int
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class LineFault:
    """What is wrong on a line."""

    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.field} {self.reason}".replace("  ", " ")


@dataclass
class Report:
    """What an import did or would do."""

    added: int = 0
    left_out: int = 0
    faults: list[LineFault] = field(default_factory=list)


def read(content: bytes, is_json: bool) -> tuple[list[Row], list[LineFault]]:
    """Return the rows of a file and what is wrong with its form."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return [], [LineFault(line, "text", "is not UTF-8")]
    return _read_bundle(text) if is_json else _read_table(text)


def run(
    session: Session,
    actor: Actor,
    rows: list[Row],
    faults: list[LineFault],
    now: datetime,
    *,
    skip_duplicates: bool = False,
    dry_run: bool = False,
) -> Report:
    """Add every row, or none when any is wrong; with `dry_run` none in any case."""
    report = Report(faults=list(faults))
    today = now.astimezone(actor.clinic.zone).date()
    known = _known(session, actor.clinic)
    wanted: list[Row] = []
    for row in rows:
        try:
            values = checked(row.fields, today)
        except Invalid as refusal:
            listed = refusal.details["errors"]
            report.faults += [LineFault(row.line, one["field"], one["reason"]) for one in listed]
            continue
        report.faults += _missing(row, values)
        keys = _keys(values)
        double = next((known[key] for key in keys if key in known), None)
        known |= {key: f"line {row.line}" for key in keys if key not in known}
        if double is None:
            wanted.append(row)
        elif skip_duplicates:
            report.left_out += 1
        else:
            report.faults.append(LineFault(row.line, "patient", f"is there already ({double})"))
    report.faults.sort(key=lambda fault: fault.line)
    if report.faults:
        return report
    if not dry_run:
        for row in wanted:
            patients.create(session, actor, row.fields, now)
    report.added = len(wanted)
    return report


def _read_table(text: str) -> tuple[list[Row], list[LineFault]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    faults: list[LineFault] = []
    try:
        header = [name.strip() for name in next(reader, [])]
        unknown = [name for name in header if name not in COLUMNS]
        if unknown or not header:
            known = ", ".join(COLUMNS)
            return [], [
                LineFault(1, unknown[0] if unknown else "header", f"is not a column; they are: {known}")
            ]
        start = reader.line_num + 1
        for cells in reader:
            line, start = start, reader.line_num + 1
            if not any(cells):
                continue
            if len(cells) != len(header):
                faults.append(LineFault(line, "row", f"has {len(cells)} cells instead of {len(header)}"))
                continue
            rows.append(
                Row(line, {name: _cell(name, cell) for name, cell in zip(header, cells, strict=True)})
            )
    except csv.Error as error:
        faults.append(LineFault(reader.line_num, "row", f"is not CSV: {error}"))
    return rows, faults


def _cell(name: str, cell: str) -> Any:
    if name in FLAGS and cell.strip().lower() in YES | NO:
        return cell.strip().lower() in YES
    if name == "language":
        return cell.strip() or "en"
    return cell


def _read_bundle(text: str) -> tuple[list[Row], list[LineFault]]:
    """Read the Patient resources of a FHIR bundle; a line is an entry's number, from 1."""
    try:
        bundle = json.loads(text)
    except (ValueError, RecursionError) as error:
        return [], [LineFault(getattr(error, "lineno", 1), "file", f"is not JSON: {error}")]
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        return [], [LineFault(1, "file", "is not a FHIR bundle")]
    rows: list[Row] = []
    faults: list[LineFault] = []
    for number, entry in enumerate(bundle.get("entry") or [], start=1):
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict) or resource.get("resourceType") != "Patient":
            continue
        try:
            rows.append(Row(number, dict(_of_fhir(resource))))
        except (AttributeError, TypeError, KeyError) as error:
            faults.append(LineFault(number, "entry", f"is not shaped as FHIR R4 says: {error}"))
    return rows, faults


def _of_fhir(resource: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    names = resource.get("name") or [{}]
    name = next((one for one in names if one.get("use") == "official"), names[0])
    yield "given_name", " ".join(name.get("given") or [])
    yield "family_name", name.get("family") or name.get("text") or ""
    nick = next((one for one in names if one.get("use") in ("nickname", "usual")), None)
    if nick and nick is not name:
        yield "preferred_name", " ".join(nick.get("given") or [])
    if resource.get("birthDate"):
        yield "birth_date", resource["birthDate"]
    for kind, ours in (("phone", "phone"), ("email", "email")):
        told = [
            one["value"]
            for one in resource.get("telecom") or []
            if one.get("system") == kind and one.get("value")
        ]
        if told:
            yield ours, told[0]
    spoken = [one for one in resource.get("communication") or [] if one.get("preferred")]
    for one in (spoken or resource.get("communication") or [])[:1]:
        for coding in (one["language"].get("coding") or [])[:1]:
            yield "language", coding["code"].split("-")[0].lower()


def _missing(row: Row, values: Mapping[str, Any]) -> list[LineFault]:
    return [
        LineFault(row.line, name, "is missing")
        for name in ("given_name", "family_name")
        if name not in values
    ]


def _known(session: Session, clinic: Clinic) -> dict[tuple[str, ...], str]:
    query = select(
        Patient.public_id, Patient.given_name, Patient.family_name, Patient.birth_date, Patient.email
    ).where(Patient.clinic_id == clinic.id, Patient.merged_into_id.is_(None))
    return {key: f"patient {one.public_id}" for one in session.execute(query) for key in _keys(one._asdict())}


def _keys(values: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Return by what a patient is recognised."""
    keys: list[tuple[str, ...]] = []
    if values.get("birth_date"):
        whole = folded(f"{values.get('given_name', '')} {values.get('family_name', '')}")
        keys.append(("name", whole, str(values["birth_date"])))
    if values.get("email"):
        keys.append(("email", str(values["email"]).casefold(), folded(str(values.get("given_name", "")))))
    return keys
