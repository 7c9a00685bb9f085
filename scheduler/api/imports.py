"""Imports: a file of patients, checked and written by the worker."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from scheduler import clock
from scheduler.api.fields import Body
from scheduler.api.jobs import JobView, accepted
from scheduler.api.operations import Answer, call
from scheduler.database import db
from scheduler.domain.file_dates import DateOrder
from scheduler.services import jobs
from scheduler.services.actors import Actor
from scheduler.services.transfer import import_jobs
from scheduler.services.transfer.imports_patients import Duplicates

LONGEST_FILE = 20_000_000  # characters


class NewImport(Body):
    """A CSV table, or FHIR R4 (a bundle, a patient or NDJSON), as text.

    `dates` is the order of dates whose year comes last. `duplicates` says what happens to patients who are here already
    or twice in the file. `dry_run` checks everything and writes nothing.
    """

    format: Literal["csv", "fhir"]
    content: Annotated[str, Field(min_length=1, max_length=LONGEST_FILE)]
    dates: DateOrder = DateOrder.YMD
    duplicates: Duplicates = Duplicates.REFUSE
    dry_run: bool = False

    @field_validator("content")
    @classmethod
    def _is_text(cls, content: str) -> str:
        if "\0" in content:
            raise ValueError("must be text, without NUL characters")
        return content


@call("POST", "/imports/patients", may="settings", body=NewImport, gives=JobView, status=202)
def import_patients(actor: Actor, body: NewImport) -> Answer:
    """Import patients, all or none. Answers at once with the job that does it; faults are named there by line."""
    job = jobs.ask(db.session(), actor, import_jobs.KIND, body.model_dump(mode="json"), clock.now())
    return accepted(job)
