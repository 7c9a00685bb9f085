"""Importing patients as a job: the file is checked first, line by line; then all of it is written at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.orm import Session

from scheduler.domain.localtime import local_on
from scheduler.services.actors import Actor
from scheduler.services.progress import Progress, silent
from scheduler.services.transfer import imports_patients
from scheduler.services.transfer.imports_patients import Batch

KIND = "import-patients"
MAY = "patients"
READERS = {"csv": imports_patients.read_csv, "fhir": imports_patients.read_bundle}


@dataclass(frozen=True)
class File:
    """A file as it was sent, and the zone in which its days are meant."""

    format: str
    content: str = field(repr=False)
    zone: ZoneInfo


def read(_session: Session, actor: Actor, request: Mapping[str, Any], _now: datetime) -> File:
    """Return the file of a request."""
    return File(request["format"], request["content"], actor.clinic.zone)


def check(file: File, now: datetime, progress: Progress) -> Batch:
    """Return what the file holds. Raises ImportRefused with every fault."""
    reader = READERS[file.format]
    return reader(file.content.encode(), local_on(now, file.zone), progress)


def write(
    session: Session, actor: Actor, request: Mapping[str, Any], batch: Batch, now: datetime
) -> dict[str, Any]:
    """Add the patients and say how many. Raises ImportRefused for duplicates, unless they are to be left out."""
    done = imports_patients.write(session, actor, batch, now, silent, request["skip_duplicates"])
    return {
        "added": done.added,
        "left_out": list(done.left_out),
        "ignored": batch.others,
        "dry_run": request["dry_run"],
    }
