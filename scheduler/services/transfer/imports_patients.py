"""Patients from a file: checked like those from a form, duplicates found, all added or none.

A large file must not keep the clinic from writing, which on SQLite only one can at a time. So a file is read and
checked without writing anything. Then its patients are stored in small parts (`store`), each a transaction of its own,
under an import key with which no query finds them. At last `publish` clears the key of all of them at once. Until then
nothing is added; what an import leaves that was broken off is discarded.

Who is a duplicate says services/patient/duplicates.py, for the desk too. Duplicates are faults, unless the caller wants
them skipped, or added anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import Any
from uuid import uuid4

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from scheduler.domain.file_dates import DateOrder, read_date, read_time
from scheduler.domain.phones import phone_from_file
from scheduler.domain.text import BadText
from scheduler.errors import Invalid
from scheduler.models.clinic import Clinic
from scheduler.models.columns import new_public_id
from scheduler.models.patient import UNFINISHED_IMPORTS, Patient
from scheduler.models.resource import Resource
from scheduler.services.actors import Actor
from scheduler.services.patient import duplicates, patients
from scheduler.services.patient.duplicates import Identities, Identity
from scheduler.services.patient.patient_fields import CHECKS, checked
from scheduler.services.progress import Progress
from scheduler.services.trail import audit
from scheduler.services.trail.audit_words import LIST
from scheduler.services.transfer import imports_csv, imports_fhir
from scheduler.services.transfer.imports import ImportFault, ImportRefused, Row, stepping

PREFERENCES = ("weekdays", "earliest", "latest")
COLUMNS = frozenset(CHECKS) - {"preferences"} | set(PREFERENCES)
NAMES = ("given_name", "family_name")
DATES = ("birth_date", "deceased_on")
PHONES = frozenset({"phone", "emergency_phone"})
FLAGS = {"yes": True, "y": True, "true": True, "1": True, "no": False, "n": False, "false": False, "0": False}
PART = 250  # patients that are stored in one transaction
ABANDONED = timedelta(days=1)  # an import that began earlier has been broken off
MARGIN = 10_000  # ids below the last one seen, which a transaction may have had without being seen


class Duplicates(StrEnum):
    """What happens to patients who are here already, or twice in the file."""

    REFUSE = "refuse"
    SKIP = "skip"
    ADD = "add"


@dataclass(frozen=True)
class Conventions:
    """How a file is read: the day it is in the clinic, the clinic's country, the order of the file's dates."""

    today: date
    country: str = "US"
    dates: DateOrder = DateOrder.YMD


@dataclass(frozen=True)
class Batch:
    """What a file holds, checked. `unit` is what its places count, `others` resources that are no patients."""

    unit: str
    rows: Sequence[Row]
    others: int = 0


@dataclass(frozen=True)
class PatientsBefore:
    """The patients who were there when the file was checked."""

    patients: Sequence[tuple[int, Identity]]

    @property
    def last_id(self) -> int:
        return self.patients[-1][0] if self.patients else 0


@dataclass(frozen=True)
class Chosen:
    """The patients to add, by the public ids that they will have, and what the user should know of the others.

    `left_out` are the places of duplicates, `similar` those of patients with the phone or address of another one,
    `one_name` those of patients with one name only.
    """

    unit: str
    rows: Mapping[str, Row]
    known: PatientsBefore
    identities: Identities
    duplicates: Duplicates
    others: int
    left_out: Sequence[int]
    similar: Sequence[int]
    one_name: Sequence[int]
    key: str = field(default_factory=lambda: str(uuid4()))


def read_csv(text: str, conventions: Conventions, progress: Progress) -> Batch:
    """Return the patients of a CSV file. Raises ImportRefused with every fault."""
    rows = imports_csv.read(text, COLUMNS, ())
    return Batch(imports_csv.UNIT, _checked(imports_csv.UNIT, rows, _from_cells, conventions, progress))


def read_fhir(text: str, conventions: Conventions, progress: Progress) -> Batch:
    """Return the patients of a FHIR file. Raises ImportRefused with every fault."""
    unit, rows, others = imports_fhir.read(text, progress)
    return Batch(unit, _checked(unit, rows, _from_fhir, conventions, progress), others)


def known(session: Session, clinic: Clinic) -> PatientsBefore:
    """Return the patients of a clinic with whom a file is compared."""
    return PatientsBefore(list(duplicates.known(session, clinic, prefix="patient ")))


def choose(batch: Batch, known: PatientsBefore, wanted: Duplicates) -> Chosen:
    """Return which patients are to be added. Raises ImportRefused for duplicates that are to be refused."""
    everyone, own = Identities(), Identities()
    for _, one in known.patients:
        everyone.add(one)
    rows: dict[str, Row] = {}
    doubles: list[ImportFault] = []
    similar: list[int] = []
    for row in batch.rows:
        one = duplicates.identity(f"{batch.unit} {row.place}", row.fields)
        same = everyone.same(one)
        if same is not None:
            doubles.append(ImportFault(row.place, "duplicate", f"already exists ({same.label})"))
        elif everyone.reached_alike(one):
            similar.append(row.place)
        if same is None or wanted is Duplicates.ADD:
            rows[new_public_id()] = row
            own.add(one)
        everyone.add(one)
    if doubles and wanted is Duplicates.REFUSE:
        raise ImportRefused(batch.unit, doubles)
    left_out = [fault.place for fault in doubles] if wanted is Duplicates.SKIP else []
    one_name = [row.place for row in rows.values() if not row.fields["family_name"]]
    return Chosen(batch.unit, rows, known, own, wanted, batch.others, left_out, similar, one_name)


def parts(chosen: Chosen, clinic_id: int, now: datetime) -> Iterator[Sequence[Patient]]:
    """Yield the patients in the parts in which they are stored, made before anyone has to wait for them."""
    rows = list(chosen.rows.items())
    for at in range(0, len(rows), PART):
        made = []
        for public_id, row in rows[at : at + PART]:
            patient = patients.new(clinic_id, row.fields, now)
            patient.public_id, patient.import_key = public_id, chosen.key
            made.append(patient)
        yield made


def store(session: Session, part: Sequence[Patient]) -> None:
    """Store patients so that no query finds them before `publish`."""
    session.add_all(part)
    session.flush()


def publish(session: Session, actor: Actor, chosen: Chosen, now: datetime) -> None:
    """Add the patients that were stored. Raises ImportRefused when one of them was added by another user meanwhile."""
    if chosen.duplicates is not Duplicates.ADD:
        _require_new(session, actor.clinic, chosen)
    imported: CursorResult[Any] = session.execute(  # type: ignore[assignment]  # what an UPDATE returns
        update(Patient)
        .where(Patient.clinic_id == actor.clinic.id, Patient.import_key == chosen.key)
        .values(import_key=None)
        .execution_options(synchronize_session=False)
    )
    if imported.rowcount != len(chosen.rows):
        raise RuntimeError(f"{imported.rowcount} of {len(chosen.rows)} patients were stored")
    reason, ids = f"{len(chosen.rows)} patients", sorted(chosen.rows)
    for at in range(0, max(len(ids), 1), audit.MOST):
        listed = ids[at : at + audit.MOST]
        session.add(audit.event_of(actor, "patients.imported", LIST, "import", now, listed, reason))
    session.flush()


def discard(session: Session, key: str) -> int:
    """Delete some of the patients that an import stored and did not add; return how many, 0 when none is left."""
    return _discard(session, Patient.import_key == key)


def prune(session: Session, now: datetime) -> int:
    """Delete some of what imports left that were broken off; return how many patients."""
    return _discard(session, Patient.import_key.is_not(None), Patient.created_at <= now - ABANDONED)


def _discard(session: Session, *where: Any) -> int:
    query = select(Patient.id, Patient.resource_id).where(*where).limit(PART)
    found = session.execute(query.execution_options(**{UNFINISHED_IMPORTS: True})).all()
    for kind, ids in ((Patient, [row.id for row in found]), (Resource, [row.resource_id for row in found])):
        session.execute(delete(kind).where(kind.id.in_(ids)).execution_options(synchronize_session=False))
    return len(found)


def _require_new(session: Session, clinic: Clinic, chosen: Chosen) -> None:
    """Look at the patients who were added since the file was checked."""
    seen = {one_id for one_id, _ in chosen.known.patients[-MARGIN:]}
    since = duplicates.known(session, clinic, Patient.id > chosen.known.last_id - MARGIN, prefix="patient ")
    faults = [
        ImportFault(int(same.label.rpartition(" ")[2]), "duplicate", f"was added meanwhile ({one.label})")
        for one_id, one in since
        if one_id not in seen and (same := chosen.identities.same(one))
    ]
    if faults:
        raise ImportRefused(chosen.unit, faults)


Errors = list[tuple[str, str]]
FieldsOf = Callable[[Mapping[str, Any], Conventions, Errors], dict[str, Any]]


def _checked(
    unit: str, rows: Sequence[Row], fields_of: FieldsOf, conventions: Conventions, progress: Progress
) -> list[Row]:
    good: list[Row] = []
    faults: list[ImportFault] = []
    for row in stepping("checked", rows, progress):
        errors: Errors = []
        fields = _named(fields_of(row.fields, conventions, errors), errors)
        try:
            good.append(Row(row.place, checked(fields, conventions.today)))
        except Invalid as refused:
            errors += [(one["field"], one["reason"]) for one in refused.details["errors"]]
        faults += [ImportFault(row.place, name, reason) for name, reason in errors]
    if faults:
        raise ImportRefused(unit, faults)
    return good


def _named(fields: dict[str, Any], errors: Errors) -> dict[str, Any]:
    """Return the fields of a person who may have one name only, which then is the given name."""
    given, family = (str(fields.get(name, "")).strip() for name in NAMES)
    if not given and not family:
        errors.append(("given_name", "is missing, and so is family_name"))
        return {name: value for name, value in fields.items() if name not in NAMES}
    return fields | {"given_name": given or family, "family_name": family if given else ""}


def _from_cells(cells: Mapping[str, Any], conventions: Conventions, errors: Errors) -> dict[str, Any]:
    """Return a line's cells as fields: dates and phones as kept, flags in words, weekdays as numbers."""
    fields = {name: value for name, value in cells.items() if name not in PREFERENCES}
    for name in DATES:
        if name in fields:
            _read(fields, name, lambda text: read_date(text, conventions.dates), errors)
    _read_phone(fields, conventions, errors)
    for name in ("email_ok", "wheelchair", "active"):
        if name in fields:
            fields[name] = FLAGS.get(fields[name].lower(), fields[name])
    wishes = {name: cells[name] for name in PREFERENCES if name in cells}
    for name in ("earliest", "latest"):
        if name in wishes:
            _read(wishes, name, read_time, errors)
    if "weekdays" in wishes:
        days = wishes["weekdays"].replace(",", " ").replace(";", " ").split()
        wishes["weekdays"] = [int(day) if len(day) == 1 and day in "1234567" else day for day in days]
    return fields | ({"preferences": wishes} if wishes else {})


def _from_fhir(fields: Mapping[str, Any], conventions: Conventions, errors: Errors) -> dict[str, Any]:
    read = dict(fields)
    _read_phone(read, conventions, errors)
    return read


def _read_phone(fields: dict[str, Any], conventions: Conventions, errors: Errors) -> None:
    for name in PHONES & fields.keys():
        _read(fields, name, partial(phone_from_file, name, country=conventions.country), errors)


def _read(fields: dict[str, Any], name: str, read: Callable[[str], Any], errors: Errors) -> None:
    """Read a field in place; what cannot be read is an error, and no field."""
    try:
        fields[name] = read(fields[name])
    except BadText as error:
        errors.append((name, error.reason))
        del fields[name]
    except ValueError as error:
        errors.append((name, str(error)))
        del fields[name]
