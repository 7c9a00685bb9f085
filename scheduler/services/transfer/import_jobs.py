"""Importing patients as a job: read, checked, stored in parts, then added at once (see imports_patients.py)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from scheduler.domain.file_dates import DateOrder
from scheduler.domain.localtime import local_on
from scheduler.services.actors import Actor
from scheduler.services.progress import Part, Progress
from scheduler.services.transfer import imports_patients
from scheduler.services.transfer.imports_patients import Chosen, Conventions, Duplicates, PatientsBefore

KIND = "import-patients"
MAY = "patients"
READERS = {"csv": imports_patients.read_csv, "fhir": imports_patients.read_fhir}


@dataclass(frozen=True)
class File:
    """A file as it was sent, how it is read, and the patients with whom it is compared."""

    format: str
    content: str = field(repr=False)
    dates: DateOrder
    duplicates: Duplicates
    dry_run: bool
    clinic_id: int
    zone: ZoneInfo
    country: str
    known: PatientsBefore = field(repr=False)


@dataclass(frozen=True)
class Prepared:
    """The patients to add, or only to count."""

    chosen: Chosen
    clinic_id: int
    dry_run: bool


def read(session: Session, actor: Actor, request: Mapping[str, Any], _now: datetime) -> File:
    """Return the file of a request, and who is here already."""
    clinic = actor.clinic
    known = imports_patients.known(session, clinic)
    wanted = Duplicates(request["duplicates"])
    return File(
        request["format"],
        request["content"],
        DateOrder(request["dates"]),
        wanted,
        request["dry_run"],
        clinic.id,
        clinic.zone,
        clinic.country,
        known,
    )


def check(file: File, now: datetime, progress: Progress) -> Prepared:
    """Return the patients to add. Raises ImportRefused with every fault."""
    conventions = Conventions(local_on(now, file.zone), file.country, file.dates)
    batch = READERS[file.format](file.content, conventions, progress)
    return Prepared(imports_patients.choose(batch, file.known, file.duplicates), file.clinic_id, file.dry_run)


def parts(prepared: Prepared, now: datetime) -> Iterator[Part]:
    """Yield what stores the patients, part by part; a dry run stores nothing."""
    done, total = 0, len(prepared.chosen.rows)
    if prepared.dry_run:
        return
    for part in imports_patients.parts(prepared.chosen, prepared.clinic_id, now):
        done += len(part)
        yield Part(done, total, partial(imports_patients.store, part=part))


def discard(session: Session, prepared: Prepared) -> int:
    """Delete some of what was stored; return how many, 0 when nothing is left."""
    return imports_patients.discard(session, prepared.chosen.key)


def write(
    session: Session, actor: Actor, _request: Mapping[str, Any], prepared: Prepared, now: datetime
) -> dict[str, Any]:
    """Add the patients that were stored, and say how many. Raises ImportRefused for one who was added meanwhile."""
    chosen = prepared.chosen
    if not prepared.dry_run:
        imports_patients.publish(session, actor, chosen, now)
    return {
        "added": len(chosen.rows),
        "left_out": list(chosen.left_out),
        "similar": list(chosen.similar),
        "one_name": list(chosen.one_name),
        "ignored": chosen.others,
        "dry_run": prepared.dry_run,
    }
