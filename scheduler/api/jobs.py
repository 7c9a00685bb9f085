"""Jobs: long work that was asked for, how far it is, and what came out."""

from __future__ import annotations

from typing import Any, Literal

from scheduler.api.fields import At, Id, View, at
from scheduler.api.operations import Answer, call
from scheduler.database import db
from scheduler.models.job import Job
from scheduler.services import jobs
from scheduler.services.actors import Actor


class FaultView(View):
    """What is wrong at a place of a file: the number of a `line` or an `entry`."""

    unit: str
    place: int
    field: str
    reason: str


class JobProblem(View):
    """Why a job failed; nothing of it was written. `faults` are those of a file."""

    code: str
    title: str
    status: int
    detail: str
    faults: list[FaultView]


class JobView(View):
    """`stage` is what is being done, `progress` of `total` how far that is. What a job is about is forgotten when it
    ends, the job itself a week later."""

    id: Id
    kind: str
    state: Literal["waiting", "running", "done", "failed"]
    stage: str
    progress: int
    total: int
    result: dict[str, Any] | None
    problem: JobProblem | None
    created_at: At
    started_at: At | None
    ended_at: At | None


@call("GET", "/jobs/<job_id>", may="patients", gives=JobView)
def get_job(actor: Actor, job_id: str) -> Answer:
    """Show a job: whether it waits for a worker, runs, is done or has failed."""
    return Answer(view(jobs.get(db.session(), actor.clinic, job_id)))


def accepted(job: Job) -> Answer:
    """Return the answer to whoever asked for a job: where to look."""
    return Answer(view(job), location=f"/api/v1/jobs/{job.public_id}")


def view(job: Job) -> JobView:
    """Return a job as the API shows one."""
    return JobView(
        id=job.public_id,
        kind=job.kind,
        state=job.state.value,
        stage=job.stage,
        progress=job.progress,
        total=job.total,
        result=job.result,
        problem=JobProblem(**job.problem) if job.problem else None,
        created_at=at(job.created_at),
        started_at=at(job.started_at) if job.started_at else None,
        ended_at=at(job.ended_at) if job.ended_at else None,
    )
