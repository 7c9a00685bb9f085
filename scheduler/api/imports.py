"""Imports: a file of patients, checked and written by the worker."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from scheduler import clock
from scheduler.api.fields import Body
from scheduler.api.jobs import JobView, accepted
from scheduler.api.operations import Answer, call
from scheduler.database import db
from scheduler.services import jobs
from scheduler.services.actors import Actor
from scheduler.services.transfer import import_jobs

LONGEST_FILE = 20_000_000  # characters


class NewImport(Body):
    """A CSV table or a FHIR R4 bundle, as text. `dry_run` checks everything and writes nothing."""

    format: Literal["csv", "fhir"]
    content: Annotated[str, Field(min_length=1, max_length=LONGEST_FILE)]
    skip_duplicates: bool = False
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
    job = jobs.ask(db.session(), actor, import_jobs.KIND, body.model_dump(), clock.now())
    return accepted(job)
