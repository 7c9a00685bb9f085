"""The visits behind a figure as a CSV file: asked for, written by the worker part by part, fetched when it is done.

Each part is read and stored in a transaction of its own. The file ends with its job, a week later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete
from sqlalchemy.orm import Session

from scheduler.domain.csv_cells import csv_header
from scheduler.errors import NotFound
from scheduler.models.job import Job, JobState
from scheduler.models.report_file import ReportFilePart, contents
from scheduler.services import jobs
from scheduler.services.actors import Actor
from scheduler.services.progress import Part, Progress
from scheduler.services.reports import behind, catalog
from scheduler.services.reports.catalog import Asked
from scheduler.services.reports.scope import ReportScope
from scheduler.services.trail import audit

KIND, MAY = "report-file", catalog.MAY
AT_ONCE = 1000  # visits of a part


@dataclass(frozen=True)
class ReportFile:
    """What the worker writes: these visits, for this job."""

    clinic_id: int
    job_id: int
    zone: ZoneInfo
    ids: tuple[int, ...]


def ask(session: Session, actor: Actor, report: str, part: str, scope: ReportScope, now: datetime) -> Job:
    """Put a file in line. Raises NotFound for a report or a part that is not known."""
    catalog.part_of(catalog.find(report), part)
    request = {
        "report": report,
        "part": part,
        "first_on": scope.period.first_on.isoformat(),
        "last_on": scope.period.last_on.isoformat(),
        "practitioner": scope.practitioner.public_id if scope.practitioner else "",
        "protocol": scope.protocol,
        "site": scope.site.public_id if scope.site else "",
    }
    job = jobs.ask(session, actor, KIND, request, now)
    job.request = {**request, "job": job.id}
    audit.record(session, actor, "report.exported", job, now, [report, part])
    return job


def find(session: Session, actor: Actor, job_id: str) -> Job:
    """Return the job of a file of the clinic. Raises NotFound."""
    job = jobs.get(session, actor.clinic, job_id)
    if job.kind != KIND:
        raise NotFound
    return job


def require_done(job: Job) -> None:
    """Raise NotFound while there is no whole file."""
    if job.state is not JobState.DONE:
        raise NotFound


def lines(session: Session, job: Job) -> Iterator[str]:
    """Yield the file of a job that is done, part by part."""
    yield from contents(session, job.id)


def read(session: Session, actor: Actor, request: Mapping[str, Any], now: datetime) -> ReportFile:
    """Return which visits the file holds."""
    first, last = (date.fromisoformat(request[key]) for key in ("first_on", "last_on"))
    asked = Asked(first, last, request["practitioner"], request["protocol"], request["site"])
    scope = catalog.read(session, actor.clinic, asked, now)
    part = catalog.part_of(catalog.find(request["report"]), request["part"])
    ids = tuple(behind.all_ids(session, scope, part))
    return ReportFile(actor.clinic.id, request["job"], actor.clinic.zone, ids)


def check(file: ReportFile, _now: datetime, progress: Progress) -> ReportFile:
    progress("reading", 0, len(file.ids))
    return file


def parts(file: ReportFile, _now: datetime) -> Iterator[Part]:
    """Yield what stores the file, so many visits at a time."""
    for number, start in enumerate(range(0, max(len(file.ids), 1), AT_ONCE)):
        ids = file.ids[start : start + AT_ONCE]
        yield Part(start + len(ids), len(file.ids), partial(_store, file=file, number=number, ids=ids))


def _store(session: Session, file: ReportFile, number: int, ids: tuple[int, ...]) -> None:
    head = "" if number else csv_header(behind.FILE_COLUMNS, file.zone)
    again = delete(ReportFilePart).where(
        ReportFilePart.job_id == file.job_id, ReportFilePart.number == number
    )
    session.execute(again)  # a worker that was killed may have stored it
    content = head + "".join(behind.lines(session, ids, file.zone))
    session.add(ReportFilePart(clinic_id=file.clinic_id, job_id=file.job_id, number=number, content=content))


def discard(session: Session, prepared: ReportFile) -> int:
    """Delete what was stored; return how much, 0 when nothing is left."""
    result: Any = session.execute(delete(ReportFilePart).where(ReportFilePart.job_id == prepared.job_id))
    return int(result.rowcount)


def write(
    _session: Session, _actor: Actor, _request: Mapping[str, Any], prepared: ReportFile, _now: datetime
) -> dict[str, Any]:
    """Say how many visits the file holds."""
    return {"visits": len(prepared.ids)}
