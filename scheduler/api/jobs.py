"""Jobs: long work that was asked for, how far it is, and what came out."""

from __future__ import annotations

from typing import Any, Literal

from scheduler import clock
from scheduler.api.fields import At, Id, View, at
from scheduler.api.operations import Answer, call
from scheduler.api.proposals import views
from scheduler.database import db
from scheduler.models.job import Job
from scheduler.services import jobs
from scheduler.services.account.permissions import require
from scheduler.services.actors import Actor
from scheduler.services.planning import improving_jobs


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
    """Show a job: whether it waits for a worker, runs, is done or has failed.

    One that looked for a better course (`improve-course`) shows it to the user who asked, who needs the permission
    `book` too. Its `outcome` is `better`, `same` (what was proposed is proven to be the best), `nothing` (it is proven
    that nothing fits) or `open` (the time was up). `proposal` is the better course with its token, for a quarter of an
    hour and while it has a place on the calendar; `null` otherwise.
    """
    job = jobs.get(db.session(), actor.clinic, job_id)
    if job.kind != improving_jobs.KIND:
        return Answer(view(job))
    require(actor, improving_jobs.MAY)
    return Answer(_improvement(actor, improving_jobs.get(db.session(), actor, job_id)))


def _improvement(actor: Actor, job: Job) -> JobView:
    shown = view(job)
    if job.result is None:
        return shown
    now = clock.now()
    found = improving_jobs.offered(db.session(), actor, job, now)
    offers = views(actor, found[0], [found[1]], now) if found else []
    proposal = offers[0].model_dump(mode="json") if offers else None
    result = {key: job.result[key] for key in ("outcome", "proven", "cost")} | {"proposal": proposal}
    return shown.model_copy(update={"result": result})


def accepted(job: Job) -> Answer:
    """Return the answer to the user who asked for a job: where to look."""
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
